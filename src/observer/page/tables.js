// Routes, workers, fault plans and events as rows of the page.
import { element, fill, row, set, setBar } from './dom.js';
import { stands } from './faults.js';
import { bytes, clock, countdown, hour, joined, number, percent, time } from './words.js';

const EVENTS = 60;
/** A worker beats ten times a second. */
const SILENT_MS = 1000;

const part = (selector) => document.querySelector(selector);
const counted = (count) => [number(count), count ? 'n wrong' : 'n zero'];

/** A row's cells: texts, each with a class where it needs one, and `null` where a bar is. */
function setCells(tr, cells) {
  cells.forEach((told, index) => {
    if (told != null) set(tr.children[index], ...[told].flat());
  });
}

const busiest = (rows) => Math.max(...rows.map(({ rps }) => rps ?? 0), 0);

export function workers(rows) {
  const most = busiest(rows);
  const table = part('#workers table');
  // Threads have their memory and their process in common.
  table.classList.toggle('no-memory', rows.every(({ rss_bytes: rss }) => rss == null));
  table.classList.toggle('no-pid', rows.length > 1 && rows.every(({ pid }) => pid === rows[0].pid));
  fill(part('#workers tbody'), rows, makeWorker, (tr, worker) => {
    const isSilent = worker.beat_age_ms > SILENT_MS;
    set(tr.children[1].firstElementChild, isSilent ? `silent for ${Math.round(worker.beat_age_ms / 1000)} s` : worker.state, `tag ${isSilent ? 'silent' : worker.state}`);
    setBar(tr.children[4].firstElementChild, worker.rps, most);
    setCells(tr, [
      worker.slot, null, [worker.generation, worker.generation > 1 ? 'n wait' : 'n'],
      [number(worker.rps), 'n'], null, [percent(worker.cpu_pct), 'n'], [number(worker.inflight), 'n'], [number(worker.connections), 'n'],
      [joined(bytes(worker.rss_bytes || null)), 'n memory'], counted(worker.errors_total), counted(worker.lost_total), [worker.pid, 'n zero pid'],
    ]);
  });
}

function makeWorker() {
  const made = row(12, [4]);
  made.children[1].append(element('span'));
  return made;
}

export function routes({ routes: rows, allRoutes, moreRoutes: more, last }) {
  const known = rows ?? [];
  part('#routes .none').hidden = known.length > 0;
  part('#routes table').hidden = !known.length;
  part('#routes .more').hidden = !more;
  set(part('#routes .more'), `and ${more} more that were less busy`);
  const most = busiest(known);
  // Those that are told are the busiest of this tick; they stand where they stood.
  const sorted = known.toSorted((one, other) => other.requests_total - one.requests_total);
  const make = () => row(9, [2]);
  fill(part('#routes tbody'), sorted, make, (tr, route) => {
    setBar(tr.children[2].firstElementChild, route.rps, most);
    setRoute(tr, `${route.method ?? ''} ${route.route}`.trim(), route);
  });
  // How long requests of all routes took is what the target's row says.
  fill(part('#routes tfoot'), [{ ...last, ...allRoutes }], () => row(9, []), (tr, all) => setRoute(tr, 'all routes', all));
}

function setRoute(tr, name, { rps, requests_total: requests, errors_total: errors, failures, ...figures }) {
  const took = (us) => [joined(time(us)), 'n timed'];
  const byStatus = Object.entries(failures ?? {}).map(([status, count]) => `${status}: ${number(count)}`).join(', ');
  setCells(tr, [
    name, [number(rps), 'n'], null, [number(requests), 'n'], counted(errors), [byStatus, errors ? 'failures wrong' : 'failures'],
    took(figures.lat_p50_us), took(figures.lat_p99_us), took(figures.svc_p99_us),
  ]);
}

export function latencies(tick) {
  const most = tick.lat_max_us ?? 0;
  fill(part('#table-latency tbody'), ['p50', 'p95', 'p99', 'max'], makeLatency, (tr, quantile) => {
    const [latency, service] = [tick[`lat_${quantile}_us`], tick[`svc_${quantile}_us`]];
    const gap = latency == null || service == null ? null : Math.max(0, latency - service);
    setCells(tr, [quantile, joined(time(latency)), joined(time(service))]);
    const [bar, text] = tr.lastElementChild.firstElementChild.children;
    setBar(bar, gap, most);
    set(text, joined(time(gap)));
  });
}

function makeLatency() {
  const bar = element('progress', { ariaHidden: 'true', className: 'bar gap' });
  return element('tr', {}, element('th', { scope: 'row' }), element('td'), element('td'),
    element('td', {}, element('div', { className: 'gapped' }, bar, element('span'))));
}

export function plans(list, now) {
  const none = part('#faults .none');
  none.hidden = list?.length > 0;
  set(none, list ? 'None: the target does its work as asked.' : '–');
  fill(part('#faults ul'), list ?? [], makePlan, (li, fault) => {
    const { plan } = fault;
    // After the end nothing opens or shuts.
    const { word, seconds, requests } = now == null ? { word: '' } : stands(fault, now);
    const when = [word];
    const [opens, shuts] = ['opens', 'shuts'].map((verb) => word === (verb === 'opens' ? 'shut' : 'open') && verb);
    if (seconds != null) when.push(`${opens || shuts} in ${countdown(seconds)}`);
    if (requests != null) when.push(`${opens || shuts} after ${number(requests)} requests`);
    if (fault.expires_in_s != null && now != null) when.push(`ends in ${countdown(Math.max(0, fault.expires_in_s - (now - fault.told)))}`);
    if (li.className !== word) li.className = word;
    const [[name, moment], [what, done]] = [...li.children].map((line) => line.children);
    set(name.firstElementChild, plan.name ?? 'fault');
    set(name.lastElementChild, ` on ${plan.method ? `${plan.method} ` : ''}${plan.route ?? '*'}`);
    set(moment, when.join(', '));
    set(what, [kinds(plan), span(plan.window)].filter(Boolean).join('; '));
    set(done, carriedOut(plan));
  });
}

const makePlan = () => element('li', {},
  element('div', {}, element('span', {}, element('b'), element('span')), element('span', { className: 'when' })),
  element('div', { className: 'what' }, element('span'), element('span')));

const kinds = ({ kinds: all }) => all.map(({ kind, code, delay, bytes: size, rate }) =>
  [kind, code, delay, size != null && joined(bytes(size)), rate != null && `${number(rate * 100)} %`].filter(Boolean).join(' ')).join(', ');

/** Its window as it was written. */
function span(window) {
  if (!window) return '';
  if (window.every) return `for ${window.for} of every ${window.every}`;
  if (window.from || window.to) return [window.from && `from ${window.from}`, window.to && `to ${window.to}`].filter(Boolean).join(' ');
  return [window.count != null ? `${number(window.count)} requests` : 'all requests', window.after && `after ${number(window.after)}`].filter(Boolean).join(' ');
}

const sum = (counts) => Object.values(counts).reduce((all, count) => all + count, 0);

function carriedOut({ kinds: [{ kind }], executed, planned, matched }) {
  const done = sum(executed);
  // They concern the listeners, of which each worker has one: no request draws them.
  if (kind === 'freeze' || kind === 'refuse') return `listeners stopped ${done === 1 ? 'once' : `${number(done)} times`}`;
  return `${number(done)} done${planned ? ` of ${number(sum(planned))} planned` : ''}, ${number(matched)} drawn`;
}

const MOODS = {
  implausible: 'bad', refused: 'bad', gap: 'bad', 'observer-respawn': 'bad',
  failure: 'bad', 'start-failed': 'bad', 'reload-failed': 'bad', abandon: 'bad',
  ready: 'good', respawn: 'good', 'worker-added': 'good',
  mark: 'named', 'fault plan': 'careful', drain: 'careful', reload: 'careful', 'worker-retired': 'careful',
};

const mood = (event) => (event.death ? 'bad' : MOODS[event.kind] ?? '');

export function events(list) {
  const none = part('#events .none');
  none.hidden = list.length > 0;
  set(none, 'Nothing has happened yet.');
  const make = () => element('li', {}, element('time'), element('b'), element('span'));
  fill(part('#events ol'), list.slice(-EVENTS).reverse(), make, (li, event) => {
    const who = event.slot == null ? '' : `worker ${event.slot}${event.generation == null ? '' : `.${event.generation}`}`;
    if (li.className !== mood(event)) li.className = mood(event);
    const [when, kind, detail] = li.children;
    if (when.title !== hour(event.epoch_ms)) when.title = hour(event.epoch_ms);
    set(when, clock(event.elapsed_s));
    set(kind, event.kind);
    set(detail, [who, event.detail].filter(Boolean).join(': '));
  });
}
