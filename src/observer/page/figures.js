// The figures of now, the largest on the page.
import { set } from './dom.js';
import { bytes, joined, number, percent, short, time } from './words.js';

/** Latency is called waiting when it is twice the service, and by so much that it matters. */
const GAP_US = 1000;

const find = (id) => document.getElementById(id);

export function figures({ last: row, cpus }) {
  const { errors_per_s: errors, turned_away_per_s: turnedAway } = row;
  put('rps', [number(row.rps), ''], `${number(row.requests_total)} in all`);
  const failures = [`${number(row.errors_total)} in all`, `${number(row.lost_total)} lost`];
  if (row.refused_total) failures.push(`${short(row.refused_total)} refused`);
  if (row.rate_limited_total) failures.push(`${short(row.rate_limited_total)} rate-limited`);
  if (row.rejected_total) failures.push(`${short(row.rejected_total)} rejected`);
  put('errors', [number(errors), ''], failures.join(', '), errors > 0 ? 'wrong' : 'zero', turnedAway > 0 ? 'wrong' : '');
  const beside = (quantile) => `service ${joined(time(row[`svc_${quantile}_us`]))}`;
  const waits = (quantile) => {
    const [latency, service] = [row[`lat_${quantile}_us`], row[`svc_${quantile}_us`]];
    return latency > 2 * service && latency - service >= GAP_US ? 'wait' : '';
  };
  put('p50', time(row.lat_p50_us), beside('p50'), waits('p50'));
  put('p99', time(row.lat_p99_us), beside('p99'), waits('p99'));
  put('cpu', [row.cpu_pct == null ? '–' : number(row.cpu_pct / 100), cpus == null ? 'cores' : cpus === 1 ? 'of 1 core' : `of ${cpus} cores`], `machine ${percent(row.host_cpu_pct)} busy`);
  // Resident memory counts what processes share once for each of them.
  put('memory', bytes(row.rss_bytes), row.pss_bytes == null ? '' : `${joined(bytes(row.pss_bytes))} but for sharing`);
  find('also-memory').title = `shared pages counted once: ${joined(bytes(row.pss_bytes))}; left on the machine: ${joined(bytes(row.host_mem_avail_bytes))}`;
  put('inflight', [number(row.inflight), ''], `${number(row.connections)} connections`);
  put('unread', [number(row.unread_connections), ''], `${number(row.acceptq_depth)} to accept, ${number(row.listen_drops_total)} dropped`, row.unread_connections > 0 ? 'wait' : 'zero');
  const also = [`${number(row.db_waiting)} waiting`, `${number(row.db_timeouts_total)} timed out`];
  if (row.db_failures_total) also.push(`${number(row.db_failures_total)} failed`);
  put('database', [number(row.db_in_use), 'in use'], also.join(', '), row.db_waiting > 0 ? 'wait' : 'zero', row.db_unanswered_per_s > 0 ? 'wrong' : '');
  put('acquire', time(row.db_acquire_p99_us), `median ${joined(time(row.db_acquire_p50_us))}`, row.db_acquire_p99_us >= GAP_US ? 'wait' : '');
  set(find('phase'), row.phase);
}

function put(id, [figure, unit], also, mood = '', alsoMood = '') {
  const place = find(`now-${id}`);
  if (place.said !== `${figure} ${unit}`) {
    place.said = `${figure} ${unit}`;
    place.textContent = figure;
    if (unit) place.append(Object.assign(document.createElement('span'), { textContent: unit }));
  }
  if (place.className !== mood) place.className = mood;
  set(find(`also-${id}`), also, alsoMood);
}
