// A report: one view of time for all plots, which one can narrow.
import { PLANS } from './plans.js';
import { Plot } from './plot.js';
import { clock } from './words.js';
import { Strip } from './strip.js';

const data = JSON.parse(document.getElementById('data').textContent);
const find = (id) => document.getElementById(id);
const root = document.documentElement;

/** What is read once in a while stays what it was until then. */
function carried(line) {
  let before = null;
  return { ...line, mean: line.mean.map((value) => (before = value ?? before)) };
}

function begin() {
  if (data.lines.pss_bytes) data.lines.pss_bytes = carried(data.lines.pss_bytes);
  const whole = [Math.min(data.t[0], data.phases[0]?.from ?? 0), data.t.at(-1)];
  // So much time has a few points at least.
  const least = Math.min(whole[1] - whole[0], 5 * (whole[1] - whole[0]) / data.t.length);
  const plots = [];
  // Plans whose windows are not open all the time are shaded when they are.
  const open = data.faults.flatMap((fault) => fault.open);
  const shades = [
    ...data.phases.filter((_, index) => index % 2 === 1).map((phase) => ({ ...phase, kind: 'phase' })),
    ...data.faults.filter((fault) => fault.throughout).map((fault) => ({ ...fault, kind: 'fault', label: fault.plans })),
    ...open.map(({ plan, from, to }) => ({ from, to, kind: 'fault', label: plan })),
  ];
  let quantile = 'p99';
  let strip = null;

  const view = {
    range: whole,
    marks: [
      ...data.phases.slice(1).map((phase) => ({ name: phase.name, elapsed_s: phase.from })),
      ...data.deaths.map((death) => ({ death: true, elapsed_s: death.at })),
    ],
    shades,
    zoom(from, to) {
      const middle = (from + to) / 2;
      const half = Math.max(to - from, least) / 2;
      const width = Math.min(2 * half, whole[1] - whole[0]);
      const start = Math.min(Math.max(whole[0], middle - half), whole[1] - width);
      move([start, start + width]);
    },
    /** At a stretch, with something around it. */
    look(from, to) {
      view.shades = [...shades, { from, to, kind: 'picked' }];
      const around = Math.max((to - from) * 0.08, 2 * least);
      view.zoom(from - around, to + around);
    },
    reset() {
      view.shades = shades;
      move(whole);
    },
    told(at) {
      const text = at == null ? shown() : here(at);
      if (find('cursor').textContent !== text) find('cursor').textContent = text;
    },
  };

  const isWhole = () => view.range[0] === whole[0] && view.range[1] === whole[1];
  const shown = () => `${clock(view.range[0], 1)} to ${clock(view.range[1], 1)}${isWhole() ? ', the whole run' : ''}`;
  const within = (list, at) => list.filter(({ from, to }) => at > from && at <= to);
  const here = (at) => [clock(at, 1), ...within(data.phases, at).map(({ name }) => name), ...within(data.faults, at).map(({ plans }) => `fault plans: ${plans}`)].join(' · ');

  function move(range) {
    view.range = range;
    find('reset').hidden = isWhole();
    plots.forEach((plot) => plot.move());
    strip.draw();
    view.told(null);
  }

  function draw() {
    plots.forEach((plot) => {
      const lines = plot.plan.lines.map((line) => data.lines[line.column(quantile)] ?? { mean: data.t.map(() => null) });
      const nothing = data.t.map(() => null);
      const ranges = lines.map(({ least: low, most: high }) => ({ least: low ?? nothing, most: high ?? nothing }));
      plot.show(data.t, lines.map((line) => line.mean), data.is_merged ? ranges : null);
    });
  }

  const isKnown = (plan) => plan.lines.some((line) => data.lines[line.column(quantile)]?.mean.some((value) => value != null));
  Object.entries(PLANS).filter(([, plan]) => isKnown(plan)).forEach(([name, plan]) => {
    find(`plot-${name}`).hidden = false;
    plots.push(new Plot(find(`plot-${name}`), plan, view));
  });
  strip = new Strip(find('strip'), [
    { name: 'phases', items: data.phases.filter(({ from, to }) => to > from).map((phase) => ({ ...phase, kind: 'phase' })) },
    { name: 'faults', items: data.faults.map(({ plans, from, to }) => ({ name: plans, from, to, kind: 'fault' })) },
    { name: 'open', isPacked: true, items: open.map(({ plan, from, to }) => ({ name: plan, told: `${plan} is open`, from, to, kind: 'fault' })) },
    { name: 'deaths', items: data.deaths.map(({ worker, at }) => ({ name: worker, told: `worker ${worker} died`, from: at, to: at, kind: 'death' })) },
    { name: 'findings', isPacked: true, items: findings() },
  ], view);
  draw();
  strip.draw();
  view.told(null);

  document.querySelectorAll('.when').forEach((link) => link.addEventListener('click', () => view.look(Number(link.dataset.from), Number(link.dataset.to))));
  find('reset').addEventListener('click', view.reset);
  find('quantiles').addEventListener('change', (event) => {
    quantile = event.target.value;
    draw();
  });
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') view.reset();
  });
  document.querySelectorAll('.scripted').forEach((line) => { line.hidden = false; });

  const redraw = () => plots.forEach((plot) => plot.build());
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
  new ResizeObserver(() => {
    plots.forEach((plot) => plot.resize());
    strip.draw();
  }).observe(document.body);
  // Paper is white, and as wide as it is: pictures are drawn again for it.
  addEventListener('beforeprint', () => {
    root.dataset.printed = '';
    redraw();
  });
  addEventListener('afterprint', () => {
    delete root.dataset.printed;
    redraw();
  });
}

/** As the cards tell them; what is as it should be takes no room. */
function findings() {
  const told = [...document.querySelectorAll('#findings article:not(.sound)')].filter((card) => card.querySelector('.when'));
  return told.map((card) => {
    const { from, to } = card.querySelector('.when').dataset;
    const name = card.querySelector('h3').lastChild.textContent.trim();
    return { name, told: card.querySelector('.sentence').textContent, from: Number(from), to: Number(to), kind: card.className };
  });
}

/** What sticks below the header, and what one goes to, begins where the header ends: it takes two lines where it must. */
const header = document.querySelector('header');
new ResizeObserver(() => root.style.setProperty('--under-nav', `${header.offsetHeight}px`)).observe(header);

/** What one goes to is open. */
document.querySelectorAll('nav a').forEach((link) => link.addEventListener('click', () => {
  const details = document.querySelector(`${link.hash} details`);
  if (details) details.open = true;
}));

if (find('plots')) begin();
