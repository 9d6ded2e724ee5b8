// The live page's plots: the last minutes, which move on.
import { LIVE } from './lines.js';
import { Plot } from './plot.js';

/** Of the times that something is drawn. */
const ALL_EVERY = 20;

export class Plots {
  /** Of a run; tells the time under the cursor. */
  constructor(run, told) {
    Object.assign(this, { run, told, quantile: 'p99', seconds: 300, marks: [], shades: [], seen: new Set(), turn: 0 });
    this.plots = Object.entries(LIVE).map(([name, plan]) => new Plot(document.getElementById(`plot-${name}`), plan, this));
    const redraw = () => this.plots.forEach((plot) => plot.build());
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
    new ResizeObserver(() => this.plots.forEach((plot) => plot.resize())).observe(document.body);
    this.watch();
  }

  /** What is not on the screen is drawn when it comes there, and now and then for whoever prints or hears the page. */
  watch() {
    const by = new Map(this.plots.map((plot) => [plot.place, plot]));
    const watcher = new IntersectionObserver((entries) => {
      entries.forEach(({ target, isIntersecting }) => this.seen[isIntersecting ? 'add' : 'delete'](by.get(target)));
      this.draw();
    });
    by.forEach((_, place) => watcher.observe(place));
  }

  setLog(isLog) {
    this.isLog = isLog;
    this.plots.filter(({ plan }) => plan.canBeLog).forEach((plot) => plot.build());
  }

  draw() {
    const { rows, marks, deaths, faults } = this.run;
    if (!rows.length) return;
    const end = rows.at(-1).elapsed_s;
    const shown = rows.slice(Math.max(0, rows.findLastIndex((row) => row.elapsed_s < end - this.seconds)));
    // A run that is younger than that has the whole width.
    const from = Math.max(rows[0].elapsed_s, end - this.seconds);
    this.range = [from, Math.max(end, from + Math.min(60, this.seconds))];
    this.marks = [...marks, ...deaths].filter((mark) => mark.elapsed_s >= from);
    this.shades = faults.shades(this.range, end);
    const times = shown.map((row) => row.elapsed_s);
    const column = ({ column: name, isRare }) => {
      const values = shown.map((row) => row[name(this.quantile)] ?? null);
      return isRare && !values.some((value) => value > 0) ? values.fill(null) : values;
    };
    // What a run has not is not on the page.
    const plots = (this.turn % ALL_EVERY === 0 ? this.plots : [...this.seen]).filter(({ place }) => place.checkVisibility());
    this.turn += 1;
    plots.forEach((plot) => plot.show(times, plot.plan.lines.map(column)));
  }
}
