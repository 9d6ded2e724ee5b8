// The live page: hears the target's events and keeps the figures, plots and lists up to date.
import { set } from './dom.js';
import { figures } from './figures.js';
import { EVENTS, listen } from './listen.js';
import { marking } from './marking.js';
import { Plots } from './plots.js';
import { reach } from './reach.js';
import { Run } from './run.js';
import { Connection, show } from './state.js';
import { events, latencies, plans, routes, workers } from './tables.js';
import { clock, hour, number } from './words.js';

// Not more often than one can read, and for about a twenty-fifth of the time: the machine has a target to run. On a busy
// machine a single drawing may take a second because others had the CPU: what is on the page still stays recent.
const DRAW_EVERY_MS = 900;
const DRAW_WITHIN_MS = 3000;
const SHARE = 25;

const find = (id) => document.getElementById(id);
const root = document.documentElement;
const run = new Run();
const connection = new Connection();
const plots = new Plots(run, (at) => cursor(at));

let pause = DRAW_EVERY_MS;
let drawnAt = 0;
let shownAt = 0;
// The tick of which all figures on the page are, the title's too.
let drawn = null;
let summed = null;
let wanted = false;

const HEARD = {
  hello(hello) {
    const { columns, database, instance, mode, profile, version } = hello;
    run.begin(hello);
    find('mode').textContent = instance ? `${mode}, instance ${instance}` : mode;
    // Of a path the name says enough, and leaves room.
    Object.assign(find('profile'), { textContent: profile.split('/').at(-1), title: profile });
    find('version').textContent = `quintain ${version}`;
    find('rows').hidden = !hello.run_directory;
    const target = reach(hello.addrs, hello.admin_addrs, location);
    find('target').textContent = target ? target.split('/')[2] : hello.addrs[0];
    if (target) find('target').href = target;
    root.dataset.database = database ? 'some' : 'none';
    root.dataset.times = columns.includes('lat_p99_us') ? 'some' : 'none';
  },
  tick(row) {
    run.tick(row);
  },
  event(event) {
    run.happened(event);
  },
  end({ elapsed_s: elapsed }) {
    run.ended = elapsed;
  },
};

function tell(kind, data) {
  if (kind === 'lost') connection.lost();
  else if (kind === 'refused') connection.refused(data);
  else {
    connection.heard();
    HEARD[kind](JSON.parse(data));
  }
  // At ticks as well: the timers of a hidden page stand still, and its title is all that one sees of it.
  if (kind !== 'tick' || root.dataset.state !== 'live' || (document.hidden && Date.now() - shownAt >= 1000)) showState();
  draw();
}

function showState() {
  shownAt = Date.now();
  show(connection, run, document.hidden ? run.last : drawn);
}

/** Whether nothing goes on any more, as far as one knows. */
const isOver = () => ['gone', 'ended'].includes(root.dataset.state);

/** With other pages of this browser, or alone where there is no such thing. */
function begin() {
  if (!('SharedWorker' in self)) {
    listen(tell);
    return;
  }
  new BroadcastChannel(EVENTS).onmessage = ({ data: { kind, data } }) => tell(kind, data);
  new SharedWorker('page/shared.js', { type: 'module' }).onerror = () => listen(tell);
}

/** Draws soon, and all of it at once: one tick is one moment. A page that is hidden draws nothing. */
function draw() {
  if (wanted) return;
  wanted = true;
  setTimeout(() => requestAnimationFrame(() => {
    wanted = false;
    const began = performance.now();
    if (run.last) {
      drawn = run.last;
      figures(run);
      plots.draw();
      lists();
      showState();
    }
    beat();
    drawnAt = performance.now();
    pause = Math.min(DRAW_WITHIN_MS, Math.max(DRAW_EVERY_MS, SHARE * (drawnAt - began)));
  }), Math.max(0, drawnAt + pause - performance.now()));
}

function lists() {
  latencies(run.last);
  routes(run);
  workers(run.workers ?? []);
  events(run.events);
  plans(run.faults.current, isOver() ? null : run.now());
}

/** The point beside the state is pale for a moment when something was heard: two pictures, where an animation is sixty a second. */
function beat() {
  if (root.dataset.state !== 'live') return;
  const point = find('beat');
  point.className = 'pale';
  setTimeout(() => { point.className = ''; }, 120);
}

/** What goes on between ticks, and without them. */
setInterval(() => {
  showState();
  if (!run.last) return;
  if (document.hidden) return;
  set(find('uptime'), clock(isOver() ? run.ended ?? run.last.elapsed_s : run.now()));
  plans(run.faults.current, isOver() ? null : run.now());
}, 1000);

/** The time under the cursor, or else what has happened in this phase. */
function cursor(at) {
  const place = find('cursor');
  // Every plot tells that there is none.
  if (at == null && summed === run.last) return;
  summed = at == null ? run.last : null;
  let text = '\u00a0';
  if (at != null) text = [clock(at, run.interval < 1 ? 1 : 0), hour(run.began + at * 1000), run.phaseAt(at)].filter(Boolean).join(' · ');
  else {
    const since = run.sinceMark();
    if (since) text = `${since.name}, since ${clock(since.from)}: ${number(since.requests)} requests, ${number(since.rate)}/s, ${number(since.errors)} errors`;
  }
  place.classList.toggle('at', at != null);
  if (place.textContent !== text) place.textContent = text;
}

find('windows').addEventListener('change', (event) => {
  plots.seconds = Number(event.target.value);
  draw();
});
find('quantiles').addEventListener('change', (event) => {
  if (event.target.id === 'log') plots.setLog(event.target.checked);
  else plots.quantile = event.target.value;
  draw();
});

marking(run);
begin();
