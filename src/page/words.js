// Numbers as people read them. An unknown is a dash, never a 0.

const NONE = '–';

const grouped = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

/** 3 significant digits, and all digits of what is larger. */
export function number(value) {
  if (value == null || !Number.isFinite(value)) return NONE;
  const size = Math.abs(value);
  if (size >= 100 || Number.isInteger(value)) return grouped.format(value);
  const text = value.toFixed(size >= 10 ? 1 : 2);
  return Number.isInteger(Number(text)) ? String(Number(text)) : text;
}

/** `1.2k` on an axis. */
export function short(value) {
  if (value >= 1e6) return `${trim(value / 1e6)}M`;
  if (value >= 1e4) return `${trim(value / 1e3)}k`;
  return trim(value);
}

/** Microseconds as [number, unit]. */
export function time(us) {
  if (us == null || !Number.isFinite(us)) return [NONE, ''];
  if (us === 0) return ['0', 'µs'];
  if (us < 1000) return [us < 10 ? us.toFixed(1) : us.toFixed(0), 'µs'];
  if (us < 1e6) return [digits(us / 1e3), 'ms'];
  return [digits(us / 1e6), 's'];
}

/** Bytes as [number, unit]. */
export function bytes(count) {
  if (count == null || !Number.isFinite(count)) return [NONE, ''];
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let size = count;
  let unit = 0;
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return [unit === 0 ? String(Math.round(size)) : digits(size), units[unit]];
}

export function percent(value) {
  return value == null ? NONE : `${value >= 10 ? value.toFixed(0) : value.toFixed(1)} %`;
}

export const joined = ([figure, unit]) => (unit ? `${figure} ${unit}` : figure);

/** Seconds as `1:02:03`, or with so many decimals. */
export function clock(seconds, decimals = 0) {
  const scale = 10 ** decimals;
  // A sum of tenths may be a hair below the next one.
  const parts = Math.max(0, Math.floor(seconds * scale + 1e-6));
  const whole = Math.floor(parts / scale);
  const pad = (part) => String(part).padStart(2, '0');
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const rest = decimals ? `.${String(parts % scale).padStart(decimals, '0')}` : '';
  return `${h ? `${h}:${pad(m)}` : m}:${pad(s)}${rest}`;
}

/** What is left, as `12 s` or `3:04`. */
export function countdown(seconds) {
  return seconds < 100 ? `${Math.ceil(seconds)} s` : clock(seconds);
}

/** The time of day here. */
export const hour = (epochMs) => new Date(epochMs).toLocaleTimeString('en-GB');

const digits = (value) => (value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2));
const trim = (value) => String(Number(value.toPrecision(3)));
