// A plot: one of uPlot, with a key of our own that shows the values under the cursor, or the newest.
/* global uPlot */
import { clock } from './words.js';

const FONT = '11px system-ui, sans-serif';
// Steps of time as people count it.
const TIMES = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800]
  .concat(Array.from({ length: 12 }, (_, power) => 86400 * 2 ** power));
const POWERS = Array.from({ length: 50 }, (_, power) => 2 ** power);
const KEYS = { work: 'work', wrong: 'wrong-line', wait: 'wait-line', other: 'other' };

/** One of the page's colours. */
export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** So much of it. */
const tint = (name, percent) => `color-mix(in srgb, ${colour(name)} ${percent}%, transparent)`;

/** Marks nearer to one another than this bury what they mark. */
const APART = 14;
const DEATHS_APART = 4;

/** The lane above a plot in which names of phases stand, and the one above that for names of fault plans. */
const LANE = 15;

/** Names of fault plans that begin nearer to one another than this share a place. */
const NAMES_APART = 56;

/** Where values have no neighbour, to which a line could lead: they are points. */
const alone = (values) => [...values.keys()].filter((at) => values[at] != null && values[at - 1] == null && values[at + 1] == null);

/** Marks so many pixels apart: of those that are nearer the newest stands for all. */
function thin(marks, apart) {
  const kept = [];
  marks.toSorted((one, other) => other.left - one.left).forEach((mark) => {
    const next = kept.at(-1);
    if (next && next.left - mark.left < apart) next.more += 1;
    else kept.push({ ...mark, more: 0 });
  });
  return kept.reverse();
}

/** Names in one lane: each has the room up to the next, and those for which there is none are counted. */
function nameFaults(shades, width) {
  const kept = [];
  shades.toSorted((one, other) => one.from - other.from).forEach(({ made, label, from }) => {
    made.classList.add('named');
    const last = kept.at(-1);
    if (last?.names.includes(label)) return;
    if (last && from - last.from < NAMES_APART) last.names.push(label);
    else kept.push({ made, from, names: [label] });
  });
  kept.forEach(({ made, from, names: [name, ...more] }, at) => {
    const room = (kept[at + 1]?.from ?? width) - from;
    if (room < 24) return;
    const label = element('', more.length ? `${name} +${more.length}` : name, 'span');
    label.style.maxWidth = `${room - 4}px`;
    made.append(label);
  });
}

function element(className, textContent = '', name = 'div') {
  return Object.assign(document.createElement(name), { className, textContent });
}

/**
 * In an article with a heading. What all plots of a page have in common is their `view`: the `range` of time, `marks` at
 * moments, `shades` over stretches, and, where one can zoom, what is to be done: `zoom(from, to)`, `reset()`; it is `told`
 * where the cursor is.
 */
export class Plot {
  constructor(article, plan, view) {
    Object.assign(this, { plan, view, data: [[], ...plan.lines.map(() => [])], ranges: null });
    this.title = article.querySelector('h2, h3').textContent;
    this.key = element('key', '', 'p');
    this.values = plan.lines.map((line) => {
      const item = element(`${KEYS[line.colour]}${line.dash ? ' dashed' : ''}`, line.name, 'span');
      const value = element('', '', 'b');
      item.append(value);
      this.key.append(item);
      return value;
    });
    this.place = Object.assign(element('plot'), { tabIndex: 0 });
    this.place.setAttribute('role', 'img');
    this.place.addEventListener('keydown', (event) => this.pressed(event));
    this.place.addEventListener('blur', () => this.chart.setCursor({ left: -10, top: -10 }));
    // What the keyboard has come to, for whoever hears the page.
    this.spoken = element('unseen', '', 'p');
    this.spoken.setAttribute('aria-live', 'polite');
    article.append(this.key, this.place, this.spoken);
    this.build();
  }

  build() {
    this.chart?.destroy();
    const { plan, view } = this;
    const quiet = colour('quiet');
    const points = { show: false, size: 4, filter: (chart, line) => alone(chart.data[line]) };
    const lines = plan.lines.map((line) => ({
      stroke: colour(line.colour), width: this.ranges ? 1.25 : 1.75, points: { ...points, fill: colour(line.colour) }, spanGaps: false, dash: line.dash,
      fill: line.fill ? tint(line.colour, 14) : undefined,
    }));
    const bands = plan.gap ? [{ series: [1, 2], fill: colour(plan.gap) }] : [];
    // Where a point stands for several rows, the most and the least of each line come after all lines.
    const edges = this.ranges ? plan.lines.flatMap(() => [{ points: { show: false } }, { points: { show: false } }]) : [];
    edges.forEach((_, index) => {
      const upper = 1 + lines.length + index;
      if (index % 2 === 0) bands.push({ series: [upper, upper + 1], fill: tint(plan.lines[index / 2].colour, 22) });
    });
    const drag = { x: Boolean(view.zoom), y: false, setScale: false, dist: 6 };
    this.chart = new uPlot({
      ...this.extent(),
      legend: { show: false },
      padding: [plan.namesFaults ? 2 * LANE : LANE, 18, 0, 0],
      cursor: { sync: { key: 'elapsed' }, y: false, drag, points: { size: 6 }, bind: { dblclick: () => () => view.reset?.() } },
      scales: { x: { time: false, range: () => view.range ?? [0, 1] }, y: this.isLog() ? { distr: 3, range: (_, low, high) => this.decades(low, high) } : { range: (_, __, high) => [0, this.top(high)] } },
      series: [{}, ...lines, ...edges],
      bands,
      axes: [
        { stroke: quiet, font: FONT, grid: { show: false }, ticks: { show: false }, size: 24, gap: 4, space: 70, incrs: TIMES,
          values: (_, marks, __, ___, step) => marks.map((mark) => (mark < 0 ? '' : clock(mark, step < 0.1 ? 2 : step < 1 ? 1 : 0))) },
        { stroke: quiet, font: FONT, grid: { stroke: colour('grid'), width: 1 }, ticks: { show: false }, size: 58, gap: 4, space: 34,
          incrs: plan.binary ? POWERS : undefined,
          values: (_, marks) => marks.map((mark) => (mark == null ? '' : mark === 0 ? '0' : plan.axis(mark))) },
      ],
      hooks: { draw: [() => this.drawAround()], setCursor: [() => this.tell()], setSelect: [() => this.selected()] },
    }, this.data, this.place);
  }

  extent() {
    return { width: Math.max(200, this.place.clientWidth), height: Math.max(100, this.place.clientHeight) };
  }

  resize() {
    const { width, height } = this.extent();
    if (width !== this.chart.width || height !== this.chart.height) this.chart.setSize({ width, height });
  }

  /** Some air above the highest value, and no plot of nothing. */
  top(high) {
    if (this.plan.most) return this.plan.most;
    return Math.max(high * 1.12, this.plan.least ?? 0) || (this.plan.empty ?? 1);
  }

  /** Whether the axis is one of powers, on which what is ten times as much is one step higher. */
  isLog() {
    return Boolean(this.view.isLog && this.plan.canBeLog);
  }

  /** The decades around all values. */
  decades(low, high) {
    const [from, to] = [Math.floor(Math.log10(Math.max(low || 1, 1))), Math.ceil(Math.log10(Math.max(high || 1, 1) * 1.12))];
    return [10 ** from, 10 ** Math.max(to, from + 1)];
  }

  /** Shows these columns, one a line, and the ranges in which each point's rows lay, where it stands for several. */
  show(times, columns, ranges = null) {
    const rebuild = Boolean(ranges) !== Boolean(this.ranges);
    this.ranges = ranges;
    this.data = [times, ...columns, ...(ranges ?? []).flatMap(({ most, least }) => [most, least])];
    if (rebuild) this.build();
    else this.chart.setData(this.data);
    this.tell();
    this.describe();
  }

  describe() {
    this.place.setAttribute('aria-label', `${this.title}: ${this.said(null)}. Arrow keys move along.`);
  }

  /** Shows another range of the same. */
  move() {
    const [min, max] = this.view.range;
    this.chart.setScale('x', { min, max });
    this.tell();
    this.describe();
  }

  said(at) {
    return this.plan.lines.map((line, index) => `${line.name} ${this.value(index, at)}`).join(', ');
  }

  /** At a point; else the most that one sees, where all is there already, or the newest. */
  value(line, at) {
    if (at == null) return this.view.zoom ? this.most(line) : this.value(line, this.data[0].length - 1);
    const { unit } = this.plan;
    const mean = unit(this.data[line + 1][at]);
    const range = this.ranges?.[line];
    if (range?.most[at] == null || range.most[at] === range.least[at]) return mean;
    return `${mean} (${unit(range.least[at])} … ${unit(range.most[at])})`;
  }

  most(line) {
    const [first, last] = this.visible();
    const most = this.ranges?.[line].most;
    const seen = this.data[line + 1].map((value, at) => most?.[at] ?? value).slice(first, last + 1).filter((value) => value != null);
    return seen.length ? `up to ${this.plan.unit(Math.max(...seen))}` : this.plan.unit(null);
  }

  /** The values at the cursor, or as without one. */
  tell() {
    if (!this.chart) return;
    const at = this.chart.cursor.idx ?? null;
    this.values.forEach((value, index) => {
      const text = this.value(index, at);
      if (value.textContent !== text) value.textContent = text;
      // What hardly ever happens is not named before it does.
      if (this.plan.lines[index].isRare) value.parentElement.hidden = !this.data[index + 1].some((one) => one > 0);
    });
    this.view.told?.(at == null ? null : this.data[0][at]);
  }

  /** The first and the last point that one sees. */
  visible() {
    const [times, range] = [this.data[0], this.view.range];
    const last = times.length - 1;
    if (!range || last < 0) return [0, last];
    const first = times.findIndex((time) => time >= range[0]);
    return [Math.max(0, first), Math.max(0, times.findLastIndex((time) => time <= range[1]))];
  }

  pressed(event) {
    const closer = { '+': 0.5, '=': 0.5, '-': 2 }[event.key];
    if (closer && this.view.zoom && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      this.zoomBy(closer);
    }
    const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -1e9, End: 1e9 }[event.key];
    if (!by || !this.data[0].length) return;
    event.preventDefault();
    const [first, last] = this.visible();
    const at = Math.min(last, Math.max(first, (this.chart.cursor.idx ?? last) + by));
    this.chart.setCursor({ left: this.chart.valToPos(this.data[0][at], 'x'), top: 10 });
    this.spoken.textContent = `${clock(this.data[0][at], 1)}: ${this.said(at)}`;
  }

  /** About the cursor, or the middle. */
  zoomBy(factor) {
    const [from, to] = this.view.range;
    const { idx } = this.chart.cursor;
    const centre = idx == null ? (from + to) / 2 : this.data[0][idx];
    this.view.zoom(centre - (centre - from) * factor, centre + (to - centre) * factor);
  }

  /** What was dragged over. */
  selected() {
    const { select } = this.chart;
    if (!select.width || !this.view.zoom) return;
    const [from, to] = [select.left, select.left + select.width].map((left) => this.chart.posToVal(left, 'x'));
    this.chart.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    this.view.zoom(from, to);
  }

  drawAround() {
    if (!this.chart) return;
    const { over } = this.chart;
    const width = over.clientWidth;
    const left = (seconds) => this.chart.valToPos(seconds, 'x');
    const isSeen = (mark) => mark.left >= -1 && mark.left <= width + 1;
    const all = (this.view.marks ?? []).map((mark) => ({ ...mark, left: left(mark.elapsed_s) })).filter(isSeen);
    const [named, deaths] = [thin(all.filter((mark) => !mark.death), APART), thin(all.filter((mark) => mark.death), DEATHS_APART)];
    const marks = [...named, ...deaths];
    // Phases of a few pixels each would leave nothing else to see.
    const isCrowded = named.some((mark) => mark.more > 0);
    const lines = marks.map((mark) => {
      const line = element(`mark ${mark.death ? 'death' : ''}`);
      line.style.left = `${mark.left}px`;
      if (mark.name) this.label(line, mark, named, width);
      return line;
    });
    over.querySelectorAll('.mark').forEach((line) => line.remove());
    over.append(...lines);
    const shown = (this.view.shades ?? []).filter(({ kind }) => kind !== 'phase' || !isCrowded).map((shade) => {
      const [from, to] = [shade.from, shade.to].map((seconds) => Math.min(width, Math.max(0, left(seconds))));
      // What shades most of a plot sets nothing apart in it: an edge is enough.
      const made = element(`shade ${shade.kind}${to - from > width / 2 ? ' long' : ''}`);
      Object.assign(made.style, { left: `${from}px`, width: `${to - from}px` });
      return { made, label: shade.label, from, to };
    });
    if (this.plan.namesFaults) nameFaults(shown.filter(({ label, from, to }) => label && to > from), width);
    const shades = shown.map(({ made }) => made);
    over.querySelectorAll('.shade').forEach((shade) => shade.remove());
    // What lies below the canvas is not printed.
    over.prepend(...shades);
  }

  /** A mark's name, right of its line or left of it: where there is room for it. */
  label(line, mark, named, width) {
    const at = named.indexOf(mark);
    const text = mark.more ? `${mark.name} +${mark.more}` : mark.name;
    const right = (named[at + 1]?.left ?? width) - mark.left;
    const left = mark.left - (named[at - 1]?.left ?? 0);
    const leftward = at === named.length - 1 && right < Math.max(40, 7 * text.length + 10) && left > right;
    const room = leftward ? left : right;
    if (room < 40) return;
    if (leftward) line.classList.add('leftward');
    const label = element('', text, 'span');
    label.style.maxWidth = `${room - 8}px`;
    line.append(label);
  }
}
