// What is plotted on the live page: what a report plots, too, and what only this page does.
import { PLANS } from './plans.js';
import { joined, number, short, time } from './words.js';

const us = (value) => joined(time(value));

export const LIVE = {
  ...PLANS,
  // Connections and requests that were turned away are no requests of the target, and no errors: they have a line of their own.
  rate: { ...PLANS.rate, lines: [...PLANS.rate.lines, { name: 'turned away/s', column: () => 'turned_away_per_s', colour: 'wrong', dash: [4, 3], isRare: true }] },
  database: {
    unit: number, axis: short, least: 4,
    lines: [
      { name: 'waiting', column: () => 'db_waiting', colour: 'wait' },
      { name: 'in use', column: () => 'db_in_use', colour: 'work', fill: true },
      { name: '503/s', column: () => 'db_unanswered_per_s', colour: 'wrong', dash: [4, 3], isRare: true },
    ],
  },
  acquire: {
    unit: us, axis: us, empty: 1000,
    lines: [
      { name: 'p99', column: () => 'db_acquire_p99_us', colour: 'wait' },
      { name: 'p50', column: () => 'db_acquire_p50_us', colour: 'work', fill: true },
    ],
  },
};
