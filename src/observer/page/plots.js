// The plots: one of uPlot each, with a key of our own that shows the values under the cursor, or the newest.
/* global uPlot */
import { bytes, clock, joined, number, percent, short, time } from './words.js';

const us = (value) => joined(time(value));
const size = (value) => joined(bytes(value));

// What each plot shows; a line whose column the target doesn't have is left out.
const PLOTS = {
  rate: {
    unit: number, axis: short, least: 4,
    lines: [
      { name: 'requests/s', of: (row) => row.rps, colour: 'work', fill: true },
      { name: 'errors/s', of: (row) => row.errors_per_s, colour: 'wrong' },
    ],
  },
  latency: {
    unit: us, axis: us, times: true,
    lines: [
      { name: 'latency', of: (row, q) => row[`lat_${q}_us`], colour: 'wait' },
      { name: 'service', of: (row, q) => row[`svc_${q}_us`], colour: 'work', fill: true },
    ],
    // Latency lies above service: what is between them is the waiting.
    bands: [{ series: [1, 2], colour: 'wait-fill' }],
  },
  cpu: {
    unit: percent, axis: (value) => `${value} %`, most: 104,
    lines: [
      { name: 'everything', of: (row) => row.host_cpu_pct, colour: 'other' },
      { name: 'the target', of: (row) => row.cpu_host_pct, colour: 'work', fill: true },
    ],
  },
  memory: {
    unit: size, axis: size, binary: true,
    lines: [
      { name: 'resident', of: (row) => row.rss_bytes, colour: 'work', fill: true },
      { name: 'shared counted once', of: (row) => row.pss_last, colour: 'other' },
    ],
  },
  load: {
    unit: number, axis: short, least: 4,
    lines: [
      { name: 'connections', of: (row) => row.connections, colour: 'other' },
      { name: 'in flight', of: (row) => row.inflight, colour: 'work', fill: true },
      { name: 'accept queue', of: (row) => row.acceptq_depth, colour: 'wait' },
    ],
  },
};

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const KEYS = { work: 'work', wrong: 'wrong-line', wait: 'wait-line', other: 'other' };

export class Plots {
  constructor() {
    this.quantile = 'p99';
    this.seconds = 300;
    this.marks = [];
    this.plots = Object.entries(PLOTS).map(([name, plan]) => new Plot(name, plan, this));
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
    this.plots.forEach((plot) => plot.draw(shown));
  }
}

class Plot {
  constructor(name, plan, all) {
    Object.assign(this, { plan, all, data: [[], ...plan.lines.map(() => [])] });
    const article = document.getElementById(`plot-${name}`);
    this.title = article.querySelector('h2').textContent;
    this.key = document.createElement('p');
    this.key.className = 'key';
    this.values = plan.lines.map((line) => {
      const item = document.createElement('span');
      item.className = KEYS[line.colour];
      const value = document.createElement('b');
      item.append(line.name, value);
      this.key.append(item);
      return value;
    });
    this.place = document.createElement('div');
    Object.assign(this.place, { className: 'plot', tabIndex: 0 });
    this.place.setAttribute('role', 'img');
    this.place.addEventListener('keydown', (event) => this.step(event));
    this.place.addEventListener('blur', () => this.chart.setCursor({ left: -10, top: -10 }));
    article.append(this.key, this.place);
    this.build();
  }

  build() {
    this.chart?.destroy();
    const { plan } = this;
    const [quiet, grid] = [colour('quiet'), colour('grid')];
    const font = '11px system-ui, sans-serif';
    const lines = plan.lines.map((line) => ({
      stroke: colour(line.colour), width: 1.75, points: { show: false }, spanGaps: false,
      fill: line.fill ? `color-mix(in srgb, ${colour(line.colour)} 14%, transparent)` : undefined,
    }));
    this.chart = new uPlot({
      ...this.extent(),
      legend: { show: false },
      padding: [8, 18, 0, 0],
      cursor: { sync: { key: 'elapsed' }, y: false, drag: { x: false, y: false }, points: { size: 6 } },
      scales: { x: { time: false, range: () => this.all.range ?? [0, 1] }, y: { range: (_, __, high) => [0, this.top(high)] } },
      series: [{}, ...lines],
      bands: (plan.bands ?? []).map((band) => ({ series: band.series, fill: colour(band.colour) })),
      axes: [
        { stroke: quiet, font, grid: { show: false }, ticks: { show: false }, size: 22, gap: 2, space: 70, values: (_, marks) => marks.map(label) },
        { stroke: quiet, font, grid: { stroke: grid, width: 1 }, ticks: { show: false }, size: 58, gap: 4, space: 34,
          incrs: plan.binary ? Array.from({ length: 50 }, (_, power) => 2 ** power) : undefined,
          values: (_, marks) => marks.map((mark) => (mark === 0 ? '0' : plan.axis(mark))) },
      ],
      hooks: { draw: [() => this.drawMarks()], setCursor: [() => this.tell()] },
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
    return Math.max(high * 1.12, this.plan.least ?? 0) || 1;
  }

  draw(rows) {
    const { quantile } = this.all;
    const column = (line) => rows.map((row) => line.of(row, quantile) ?? null);
    this.data = [rows.map((row) => row.elapsed_s), ...this.plan.lines.map(column)];
    this.chart.setData(this.data);
    this.tell();
    const newest = this.plan.lines.map((line, index) => `${line.name} ${this.plan.unit(this.data[index + 1].at(-1))}`);
    this.place.setAttribute('aria-label', `${this.title}: ${newest.join(', ')}. Arrow keys move along.`);
  }

  /** The values at the cursor, or the newest. */
  tell() {
    if (!this.chart) return;
    const at = this.chart.cursor.idx ?? this.data[0].length - 1;
    this.values.forEach((value, index) => {
      const text = this.plan.unit(this.data[index + 1][at]);
      if (value.textContent !== text) value.textContent = text;
    });
  }

  step(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -1e9, End: 1e9 }[event.key];
    if (!by || !this.data[0].length) return;
    event.preventDefault();
    const last = this.data[0].length - 1;
    const at = Math.min(last, Math.max(0, (this.chart.cursor.idx ?? last) + by));
    this.chart.setCursor({ left: this.chart.valToPos(this.data[0][at], 'x'), top: 10 });
  }

  drawMarks() {
    if (!this.chart) return;
    const width = this.chart.over.clientWidth;
    const lines = this.all.marks.map((mark) => {
      const left = this.chart.valToPos(mark.elapsed_s, 'x');
      const line = document.createElement('div');
      line.className = `mark ${mark.death ? 'death' : ''} ${left > width * 0.75 ? 'leftward' : ''}`;
      line.style.left = `${left}px`;
      if (mark.name) line.append(Object.assign(document.createElement('span'), { textContent: mark.name }));
      return line;
    });
    this.chart.over.querySelectorAll('.mark').forEach((line) => line.remove());
    this.chart.over.append(...lines);
  }
}

const label = (seconds) => (seconds < 0 ? '' : clock(seconds));
