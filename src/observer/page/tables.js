// Workers, fault plans and events as rows of the page.
import { bytes, clock, countdown, hour, joined, number, percent, time } from './words.js';

const EVENTS = 60;

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

const cell = (text, className = 'n') => element('td', { className, textContent: text });

const bar = (value, most, className) =>
  element('progress', { className: `bar ${className}`, max: Math.max(most, 1e-9), value: Math.min(value ?? 0, Math.max(most, 1e-9)) });

export function workers(rows) {
  const busiest = Math.max(...rows.map((row) => row.rps ?? 0), 0);
  const made = rows.map((row) => element('tr', {},
    element('th', { scope: 'row', textContent: row.slot }),
    element('td', {}, element('span', { className: `tag ${row.state}`, textContent: row.state })),
    cell(row.generation, row.generation > 1 ? 'n wait' : 'n'),
    cell(number(row.rps)),
    element('td', {}, bar(row.rps, busiest, '')),
    cell(percent(row.cpu_pct)),
    cell(number(row.inflight)),
    cell(number(row.connections), 'n wide'),
    cell(joined(bytes(row.rss_bytes)), 'n wide'),
    cell(number(row.errors_total), row.errors_total ? 'n wide wrong' : 'n wide zero'),
    cell(number(row.lost_total), row.lost_total ? 'n wide wrong' : 'n wide zero'),
    cell(row.pid, 'n wide zero')));
  document.querySelector('#workers tbody').replaceChildren(...made);
}

export function latencies(row) {
  const most = row.lat_max_us ?? 0;
  const made = ['p50', 'p95', 'p99', 'max'].map((quantile) => {
    const [latency, service] = [row[`lat_${quantile}_us`], row[`svc_${quantile}_us`]];
    const gap = latency == null || service == null ? null : Math.max(0, latency - service);
    return element('tr', {},
      element('th', { scope: 'row', textContent: quantile }),
      cell(joined(time(latency))),
      cell(joined(time(service))),
      element('td', {}, element('div', { className: 'gapped' }, bar(gap, most, 'gap'), joined(time(gap)))));
  });
  document.querySelector('#table-latency tbody').replaceChildren(...made);
}

export function faults(plans) {
  document.querySelector('#faults .none').hidden = plans.length > 0;
  const made = plans.map(({ plan, open, changes_in_s: changes, expires_in_s: expires }) => {
    const kinds = plan.kinds.map((kind) => [kind.kind, kind.code, kind.delay, kind.rate != null && `${number(kind.rate * 100)} %`].filter(Boolean).join(' '));
    const executed = Object.values(plan.executed).reduce((sum, count) => sum + count, 0);
    const when = [open ? 'open' : 'shut'];
    if (changes != null) when.push(`${open ? 'shuts' : 'opens'} in ${countdown(changes)}`);
    if (expires != null) when.push(`ends in ${countdown(expires)}`);
    return element('li', { className: open ? 'open' : 'shut' },
      element('span', {}, element('b', { textContent: plan.name ?? 'fault' }), ` on ${plan.method ? `${plan.method} ` : ''}${plan.route ?? '*'}`),
      element('span', { className: 'when', textContent: when.join(', ') }),
      element('span', { className: 'what', textContent: kinds.join(', ') }),
      element('span', { className: 'what', textContent: `${number(executed)} done of ${number(plan.matched)} drawn` }));
  });
  document.querySelector('#faults ul').replaceChildren(...made);
}

const MOODS = {
  implausible: 'bad', refused: 'bad', gap: 'bad', 'observer-respawn': 'bad',
  failure: 'bad', 'start-failed': 'bad', 'reload-failed': 'bad', abandon: 'bad',
  ready: 'good', respawn: 'good', 'worker-added': 'good',
  mark: 'named', 'fault plan': 'careful', drain: 'careful', reload: 'careful', 'worker-retired': 'careful',
};

/** Whether a worker ended otherwise than by an order. */
export const died = ({ kind, detail }) => kind === 'worker-ended' && !detail.startsWith('exit status 0');

const mood = (event) => (died(event) ? 'bad' : MOODS[event.kind] ?? '');

export function events(list) {
  document.querySelector('#events .none').hidden = list.length > 0;
  const made = list.slice(-EVENTS).reverse().map((event) => {
    const who = event.slot == null ? '' : `worker ${event.slot}${event.generation == null ? '' : `.${event.generation}`}`;
    return element('li', { className: mood(event) },
      element('time', { textContent: clock(event.elapsed_s), title: hour(event.epoch_ms) }),
      element('b', { textContent: event.kind }),
      element('span', { textContent: [who, event.detail].filter(Boolean).join(': ') }));
  });
  document.querySelector('#events ol').replaceChildren(...made);
}
