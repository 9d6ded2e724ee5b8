// The live page: listens to the target's events and keeps the figures, plots and lists up to date.
import { Plots } from './plots.js';
import { died, events, faults, latencies, workers } from './tables.js';
import { bytes, clock, hour, joined, number, percent, time } from './words.js';

const ROWS = 20000;
const EVENTS = 500;
const DRAW_EVERY_MS = 200;

const find = (id) => document.getElementById(id);
const root = document.documentElement;
const plots = new Plots();

const run = { rows: [], events: [], marks: [], interval: 1, heard: 0, cpus: 1 };
let drawn = 0;
let wanted = false;

function listen() {
  const source = new EventSource('/events');
  source.addEventListener('hello', (message) => begin(JSON.parse(message.data)));
  source.addEventListener('tick', (message) => tick(JSON.parse(message.data)));
  source.addEventListener('event', (message) => happened(JSON.parse(message.data)));
  source.onerror = () => {
    show('gone');
    // The browser tries again by itself, unless it was answered something else than events.
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, 2000);
  };
}

/** The first message of every connection: what a page that was not there yet has missed. */
function begin(hello) {
  const { columns, rows, events: past, mode, profile, version, interval_s: interval, cpus } = hello;
  const recent = rows.map((cells) => Object.fromEntries(columns.map((name, index) => [name, cells[index]])));
  // Another run, or the same after a while without us.
  const same = run.began != null && recent.length && Math.abs(began(recent[0]) - run.began) < 2000;
  if (!same) Object.assign(run, { rows: [], events: [], marks: [] });
  Object.assign(run, { interval, cpus, heard: Date.now() });
  if (recent.length) run.began = began(recent[0]);
  past.filter((event) => !run.events.some((known) => known.elapsed_s === event.elapsed_s && known.kind === event.kind)).forEach(note);
  recent.forEach(keep);
  find('mode').textContent = mode;
  find('profile').textContent = profile;
  find('version').textContent = `quintain ${version}`;
  document.title = `quintain · ${mode} · ${profile}`;
  root.dataset.times = columns.includes('lat_p99_us') ? 'some' : 'none';
  show('live');
  events(run.events);
  draw();
}

const began = (row) => row.epoch_ms - row.elapsed_s * 1000;

function tick(row) {
  run.heard = Date.now();
  keep(row);
  Object.assign(run, { workers: row.workers, faults: row.faults });
  show('live');
  draw();
}

/** Keeps a row, with what follows from it and the one before. */
function keep(row) {
  const before = run.rows.at(-1);
  if (before && row.elapsed_s <= before.elapsed_s) return;
  const rate = (name) => (before && row.interval_s ? (row[name] - before[name]) / row.interval_s : null);
  row.errors_per_s = rate('errors_total');
  // Read every 10 s.
  row.pss_bytes ??= before?.pss_bytes ?? null;
  const marked = run.marks.some((mark) => mark.name === row.phase && mark.elapsed_s > (before?.elapsed_s ?? 0) - 1);
  if (before && row.phase !== before.phase && !marked) run.marks.push({ name: row.phase, elapsed_s: row.elapsed_s });
  run.rows.push(row);
  if (run.rows.length > ROWS) run.rows.splice(0, ROWS / 10);
}

function happened(event) {
  note(event);
  events(run.events);
  draw();
}

function note(event) {
  run.events.push(event);
  run.events.sort((one, other) => one.elapsed_s - other.elapsed_s);
  if (run.events.length > EVENTS) run.events.shift();
  const { kind, elapsed_s, detail } = event;
  if (kind === 'mark') run.marks.push({ name: detail, elapsed_s });
  if (died(event)) run.marks.push({ death: true, elapsed_s });
}

/** Draws soon, and not more often than one can see; a page that is hidden draws nothing. */
function draw() {
  if (wanted) return;
  wanted = true;
  setTimeout(() => requestAnimationFrame(() => {
    wanted = false;
    drawn = Date.now();
    const row = run.rows.at(-1);
    if (!row) return;
    plots.draw(run.rows, run.marks);
    figures(row);
    workers(run.workers ?? []);
    faults(run.faults ?? []);
    latencies(row);
  }), Math.max(0, drawn + DRAW_EVERY_MS - Date.now()));
}

function figures(row) {
  put('rps', [number(row.rps), ''], `${number(row.requests_total)} in all`);
  put('errors', [number(row.errors_per_s), ''], `${number(row.errors_total)} in all, ${number(row.lost_total)} lost`, row.errors_per_s > 0 ? 'wrong' : 'zero');
  const beside = (quantile) => `service ${joined(time(row[`svc_${quantile}_us`]))}`;
  const waits = (quantile) => (row[`lat_${quantile}_us`] > 2 * row[`svc_${quantile}_us`] ? 'wait' : '');
  put('p50', time(row.lat_p50_us), beside('p50'), waits('p50'));
  put('p99', time(row.lat_p99_us), beside('p99'), waits('p99'));
  put('cpu', [row.cpu_pct == null ? '–' : number(row.cpu_pct / 100), run.cpus === 1 ? 'of 1 core' : `of ${run.cpus} cores`], `machine ${percent(row.host_cpu_pct)} busy`);
  put('memory', bytes(row.rss_bytes), `${joined(bytes(row.host_mem_avail_bytes))} left here`);
  put('inflight', [number(row.inflight), ''], `${number(row.connections)} connections`);
  put('queue', [number(row.acceptq_depth), ''], `${number(row.listen_drops_total)} dropped`, row.acceptq_depth > 0 ? 'wait' : 'zero');
  find('uptime').textContent = clock(row.elapsed_s);
  find('phase').textContent = row.phase;
}

function put(id, [figure, unit], also, mood = '') {
  const place = find(`now-${id}`);
  place.className = mood;
  place.textContent = figure;
  if (unit) place.append(Object.assign(document.createElement('span'), { textContent: unit }));
  find(`also-${id}`).textContent = also;
}

/** `live`, `late` or `gone`, and a sentence where one helps. */
function show(state) {
  if (root.dataset.state !== state) {
    root.dataset.state = state;
    find('state-word').textContent = state;
    if (state === 'live') say('');
  }
  const ago = Math.round((Date.now() - run.heard) / 1000);
  const last = run.heard ? `Last heard of at ${hour(run.heard)}, ${ago} s ago. ` : '';
  if (state === 'gone') say(`The target is gone. ${last}Looking for it again; this page goes on by itself.`);
  if (state === 'late') say(`No tick for ${ago} s. The target is there, and its observer does not say anything.`);
}

function say(sentence, mild = false) {
  const notice = find('notice');
  notice.hidden = !sentence;
  notice.className = mild ? 'mild' : '';
  if (notice.textContent !== sentence) notice.textContent = sentence;
}

setInterval(() => {
  const { state } = root.dataset;
  const patience = Math.max(3, 3 * run.interval) * 1000;
  if (state === 'gone') show('gone');
  else if (run.heard && Date.now() - run.heard > patience) show('late');
}, 1000);

find('marking').addEventListener('submit', async (event) => {
  event.preventDefault();
  const [name, token] = [find('mark-name'), find('mark-token')];
  const phase = name.value.trim() || `mark ${run.marks.filter((mark) => !mark.death).length + 1}`;
  const headers = { 'Content-Type': 'application/json' };
  if (token.value) headers.Authorization = `Bearer ${token.value}`;
  try {
    const answer = await fetch('/marks', { method: 'POST', headers, body: JSON.stringify({ phase }) });
    if (answer.ok) {
      name.value = '';
      say('');
      return;
    }
    if (answer.status === 401) {
      token.hidden = false;
      token.focus();
    }
    const told = await answer.json().catch(() => ({}));
    say(`No mark was put: ${told.error ?? `status ${answer.status}`}`, true);
  } catch {
    say('No mark was put: the target does not answer.');
  }
});

find('windows').addEventListener('change', (event) => {
  plots.seconds = Number(event.target.value);
  draw();
});
find('quantiles').addEventListener('change', (event) => {
  plots.quantile = event.target.value;
  draw();
});
document.addEventListener('keydown', (event) => {
  if (event.key === 'm' && !event.ctrlKey && !event.metaKey && !event.altKey && !event.target.matches('input')) {
    event.preventDefault();
    find('mark-name').focus();
  }
});

listen();
