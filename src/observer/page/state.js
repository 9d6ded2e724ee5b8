// How the target stands, as far as a page can know that, and how it is said: by a word, a notice, the tab's title and icon.
import { clock, hour, joined, number, short, time } from './words.js';

/** A dead observer has a successor within 2 s, to which the browser comes within another. */
const PATIENCE_MS = 4000;
/** As long as the browser tries again every second and fails. */
const FAILED_MS = 2500;
const THANKS_MS = 4000;

const find = (id) => document.getElementById(id);
const root = document.documentElement;

/** When something was last heard, when the connection was lost, and when it last could not be made. */
export class Connection {
  constructor() {
    Object.assign(this, { heardAt: null, lostAt: null, failedAt: null, refusal: '' });
  }

  heard() {
    Object.assign(this, { heardAt: Date.now(), lostAt: null, failedAt: null, refusal: '' });
  }

  lost() {
    const now = Date.now();
    if (this.lostAt != null) this.failedAt = now;
    this.lostAt ??= now;
  }

  refused(sentence) {
    this.refusal = sentence;
  }

  /** One word, and a sentence where one helps. */
  stands(run, now = Date.now()) {
    if (run.ended != null || (run.drain && this.lostAt != null)) return ['ended'];
    if (this.refusal) return ['refused', `The target tells this page nothing: ${this.refusal}. It will be asked again.`];
    const silent = this.heardAt == null ? Infinity : now - this.heardAt;
    if (this.lostAt == null) {
      if (this.heardAt == null) return ['waiting'];
      if (silent > Math.max(3, 3 * run.interval) * 1000) return ['late', 'Nothing has been heard of the target for a while, though it has not hung up.'];
      return [run.drain ? 'ending' : 'live'];
    }
    if (now - this.lostAt < PATIENCE_MS) return ['reconnecting'];
    if (this.failedAt != null && now - this.failedAt < FAILED_MS) return ['gone', 'The target is gone: nobody answers at its address. This page looks for it again and goes on by itself.'];
    return ['late', 'The connection was lost. Its address takes a new one, but nothing is heard.'];
  }
}

let thanks = null;
let isSaid = false;

/** Says something that the state does not, as long as it may be of interest. */
export function say(sentence, isGood = false) {
  clearTimeout(thanks);
  isSaid = Boolean(sentence);
  notice(sentence, isGood ? 'good' : 'mild');
  if (isGood) thanks = setTimeout(say, THANKS_MS, '');
}

function notice(sentence, className) {
  const place = find('notice');
  place.hidden = !sentence;
  place.className = className;
  // It is read aloud when it changes, so what counts seconds stands beside it.
  const text = find('notice-text');
  if (text.textContent !== sentence) text.textContent = sentence;
}

/** Shows how the target stands, and in the title the figures of a tick. */
export function show(connection, run, row) {
  const [word, sentence = ''] = connection.stands(run);
  const changes = root.dataset.state !== word;
  if (changes) {
    root.dataset.state = word;
    find('state-word').textContent = word;
    find('icon').href = word === 'gone' ? 'page/gone.svg' : 'page/icon.svg';
    ended(word === 'ended' ? run : null);
  }
  if (sentence) {
    isSaid = false;
    notice(sentence, word === 'gone' || word === 'refused' ? 'bad' : 'mild');
  } else if (changes && !isSaid) notice('', '');
  const ago = Math.round((Date.now() - connection.heardAt) / 1000);
  find('notice-ago').textContent = sentence && connection.heardAt ? `Last heard of at ${hour(connection.heardAt)}, ${ago} s ago.` : '';
  const title = titled(word, row);
  if (document.title !== title) document.title = title;
}

function titled(word, last) {
  if (word === 'waiting') return 'quintain';
  if (word !== 'live' && word !== 'ending') return `${{ gone: '✕', ended: '■' }[word] ?? '…'} ${word} · quintain`;
  if (last?.rps == null) return 'quintain';
  const parts = [`● ${short(Math.round(last.rps))}/s`];
  if (last.errors_per_s > 0) parts.push(`${number(last.errors_per_s)} errors/s`);
  if (last.lat_p99_us != null) parts.push(`p99 ${joined(time(last.lat_p99_us))}`);
  return `${parts.join(' · ')} · quintain`;
}

/** How a run came out: nothing is wrong with an end. */
function ended(run) {
  find('ended').hidden = !run;
  if (!run) return;
  const { directory, last, drain } = run;
  find('ended-report').hidden = !directory;
  find('ended-report').lastElementChild.textContent = `quintain report ${directory}`;
  const why = drain?.detail ? ` (${drain.detail})` : '';
  find('ended-word').textContent = `The run has ended${why}`;
  if (!last) return;
  const { elapsed_s: seconds, requests_total: requests, errors_total: errors, lost_total: lost, refused_total: refused, rejected_total: rejected } = last;
  const some = (count, what) => `${number(count)} ${what}${count === 1 ? '' : 's'}`;
  const sums = [clock(seconds), some(requests, 'request'), `${number(requests / seconds)}/s on average`, some(errors, 'error'), `${number(lost)} lost`];
  if (refused) sums.push(`${some(refused, 'connection')} refused`);
  if (rejected) sums.push(`${number(rejected)} rejected`);
  sums.push(`${number(last.cpu_seconds_total)} s of CPU`);
  find('ended-sums').textContent = sums.join(' · ');
}
