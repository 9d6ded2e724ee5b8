// The live page's plots: the last minutes, which move on.
import { PLANS } from './plans.js';
import { Plot } from './plot.js';

export class Plots {
  constructor() {
    this.quantile = 'p99';
    this.seconds = 300;
    this.marks = [];
    this.plots = Object.entries(PLANS).map(([name, plan]) => new Plot(document.getElementById(`plot-${name}`), plan, this));
    const redraw = () => this.plots.forEach((plot) => plot.build());
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
    new ResizeObserver(() => this.plots.forEach((plot) => plot.resize())).observe(document.body);
  }

  /** Draws these rows, of which the last is the newest. */
  draw(rows, marks) {
    if (!rows.length) return;
    const end = rows[rows.length - 1].elapsed_s;
    let first = rows.findIndex((row) => row.elapsed_s >= end - this.seconds);
    if (first > 0) first -= 1;
    const shown = rows.slice(first);
    this.marks = marks.filter((mark) => mark.elapsed_s >= end - this.seconds);
    // A run that is younger than that has the whole width.
    const from = Math.max(rows[0].elapsed_s, end - this.seconds);
    this.range = [from, Math.max(end, from + Math.min(60, this.seconds))];
    const times = shown.map((row) => row.elapsed_s);
    const column = (name) => shown.map((row) => row[name] ?? null);
    this.plots.forEach((plot) => plot.show(times, plot.plan.lines.map((line) => column(line.column(this.quantile)))));
  }
}
