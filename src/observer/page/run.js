// What the page knows of a run: rows, marks, events and fault plans, as far back as it can show them.
import { Faults } from './faults.js';
import { LIVE } from './lines.js';

const ROWS = 20000;
const EVENTS = 500;

/** Of a row of thousands what is shown of it later, not what was shown of it once. */
const KEPT = [
  'elapsed_s', 'requests_total', 'errors_total',
  ...new Set(Object.values(LIVE).flatMap(({ lines }) => lines).flatMap(({ column }) => ['p50', 'p95', 'p99', 'max'].map(column))),
];

const sameEvent = (one) => (other) => one.elapsed_s === other.elapsed_s && one.kind === other.kind && one.slot === other.slot;

export class Run {
  constructor() {
    Object.assign(this, { rows: [], last: null, events: [], marks: [], deaths: [], faults: new Faults(), workers: null, routes: null, allRoutes: null });
    Object.assign(this, { moreRoutes: 0, directory: null, began: null, ended: null, interval: 1, cpus: null, clock: { elapsed: 0, at: 0 } });
  }

  /** The first message of every connection: what a page that was not there yet has missed. */
  begin(hello) {
    const { columns, rows, cpus, interval_s: interval, elapsed_s: elapsed } = hello;
    const recent = rows.map((cells) => Object.fromEntries(columns.map((name, index) => [name, cells[index]])));
    const began = recent.length ? recent[0].epoch_ms - recent[0].elapsed_s * 1000 : null;
    // Another run, or the same after a while without us.
    if (this.began == null || began == null || Math.abs(began - this.began) > 2000) Object.assign(this, new Run());
    Object.assign(this, { interval, cpus, directory: hello.run_directory, ended: null, began: this.began ?? began });
    this.marks = hello.marks.map(({ phase, elapsed_s: at }) => ({ name: phase, elapsed_s: at }));
    hello.events.filter((event) => !this.events.some(sameEvent(event))).forEach((event) => this.happened(event));
    recent.forEach((row) => this.keep(row));
    this.faults.begin(hello.faults, hello.ended_faults, elapsed);
    this.parts(hello);
    this.setClock(elapsed);
  }

  tick(row) {
    this.keep(row);
    this.faults.tick(row.faults, row.elapsed_s);
    this.parts(row);
    this.setClock(row.elapsed_s);
  }

  parts({ workers, routes, all_routes: allRoutes, more_routes: more }) {
    if (workers) Object.assign(this, { workers, routes, allRoutes, moreRoutes: more });
  }

  /** Keeps a row, with what follows from it and the one before. */
  keep(row) {
    const before = this.last;
    if (before && row.elapsed_s <= before.elapsed_s) return;
    // Rows may be missing before it, about which nothing is known: not even that a line leads over them.
    const isNext = before && row.interval_s && Math.abs(row.elapsed_s - before.elapsed_s - row.interval_s) < 0.001;
    if (before && !isNext) this.rows.push({ elapsed_s: (before.elapsed_s + row.elapsed_s) / 2 });
    const rate = (...names) => (isNext ? names.reduce((sum, name) => sum + row[name] - before[name], 0) / row.interval_s : null);
    row.errors_per_s = rate('errors_total');
    row.turned_away_per_s = rate('refused_total', 'rejected_total');
    row.db_unanswered_per_s = rate('db_timeouts_total', 'db_failures_total');
    // Read every 10 s.
    row.pss_bytes ??= before?.pss_bytes ?? null;
    this.last = row;
    this.rows.push(Object.fromEntries(KEPT.map((name) => [name, row[name] ?? null])));
    if (this.rows.length > ROWS) this.rows.splice(0, ROWS / 10);
  }

  happened(event) {
    const { kind, elapsed_s, detail, death } = event;
    this.events.push(event);
    this.events.sort((one, other) => one.elapsed_s - other.elapsed_s);
    if (this.events.length > EVENTS) this.events.shift();
    // The greeting may have told it already.
    if (kind === 'mark' && !this.marks.some((mark) => mark.elapsed_s === elapsed_s)) this.marks.push({ name: detail, elapsed_s });
    if (death) this.deaths.push({ death: true, elapsed_s });
  }

  /** Why the run ends, as soon as it does. */
  get drain() {
    return this.events.findLast(({ kind }) => kind === 'drain' || kind === 'abandon') ?? null;
  }

  setClock(elapsed) {
    this.clock = { elapsed, at: performance.now() };
  }

  /** The time of the run now, as it goes on between two ticks. */
  now() {
    return this.clock.elapsed + (performance.now() - this.clock.at) / 1000;
  }

  /** Which phase it was at a time; nothing before the first. */
  phaseAt(elapsed) {
    return this.marks.findLast((mark) => mark.elapsed_s <= elapsed)?.name ?? '';
  }

  /** What was counted since the last mark, from the first row after it, where that row is still known. */
  sinceMark() {
    const mark = this.marks.at(-1);
    if (!mark || !this.rows.length || this.rows[0].elapsed_s > mark.elapsed_s) return null;
    const first = this.rows.find((row) => row.elapsed_s >= mark.elapsed_s && row.requests_total != null);
    if (!first || first.elapsed_s === this.last.elapsed_s) return null;
    const seconds = this.last.elapsed_s - first.elapsed_s;
    const requests = this.last.requests_total - first.requests_total;
    return { name: mark.name, from: first.elapsed_s, requests, rate: requests / seconds, errors: this.last.errors_total - first.errors_total };
  }
}
