// What is plotted, on the live page and in a report: lines by the names of their columns in `resources.csv`.
import { bytes, joined, number, percent, short, time } from './words.js';

const us = (value) => joined(time(value));
const size = (value) => joined(bytes(value));

export const PLANS = {
  rate: {
    // Of all plots this one names the fault plans: its axis of time is that of the others.
    unit: number, axis: short, least: 4, namesFaults: true,
    lines: [
      { name: 'requests/s', column: () => 'rps', colour: 'work', fill: true },
      { name: 'errors/s', column: () => 'errors_per_s', colour: 'wrong' },
    ],
  },
  latency: {
    unit: us, axis: us, empty: 1000, canBeLog: true,
    lines: [
      { name: 'latency', column: (quantile) => `lat_${quantile}_us`, colour: 'wait' },
      { name: 'service', column: (quantile) => `svc_${quantile}_us`, colour: 'work', fill: true },
    ],
    // Latency lies above service: what is between them is the waiting, before the request was read and for the loop.
    gap: 'wait-fill',
  },
  cpu: {
    unit: percent, axis: (value) => `${value} %`, most: 104,
    lines: [
      { name: 'everything', column: () => 'host_cpu_pct', colour: 'other' },
      { name: 'the target', column: () => 'cpu_host_pct', colour: 'work', fill: true },
    ],
  },
  memory: {
    unit: size, axis: size, binary: true,
    lines: [
      { name: 'resident', column: () => 'rss_bytes', colour: 'work', fill: true },
      { name: 'shared counted once', column: () => 'pss_bytes', colour: 'other' },
    ],
  },
  load: {
    unit: number, axis: short, least: 4,
    lines: [
      { name: 'connections', column: () => 'connections', colour: 'other' },
      { name: 'in flight', column: () => 'inflight', colour: 'work', fill: true },
      { name: 'unread', column: () => 'unread_connections', colour: 'wait', dash: [4, 3] },
      { name: 'accept queue', column: () => 'acceptq_depth', colour: 'wait' },
    ],
  },
};
