// Fault plans: when their windows are open, by the page's own clock, since ticks may be far apart.

/** The same plan in two ticks: each tick tells its begin to a millisecond. */
const same = (one) => (other) => one.plan.name === other.plan.name && Math.abs(one.began_s - other.began_s) < 0.05;

/** So many stretches at most are shaded one by one. */
const SHADES = 60;

export class Faults {
  constructor() {
    // Nothing is known of them before the first message.
    Object.assign(this, { current: null, past: [] });
  }

  begin(current, past, elapsed) {
    this.past = past.map((fault) => ({ ...fault, seen: this.past.find(same(fault))?.seen }));
    this.tick(current, elapsed);
  }

  tick(plans, elapsed) {
    const before = this.current ?? [];
    this.current = plans.map((fault) => ({ ...fault, told: elapsed, seen: watch(fault, before.find(same(fault))?.seen, elapsed) }));
    const gone = before.filter((fault) => ![...plans, ...this.past].some(same(fault)));
    this.past.push(...gone.map((fault) => ({ ...fault, ended_s: elapsed })));
  }

  /** The stretches within a range of time in which plans were open, for the plots to shade. */
  shades(range, now) {
    return named([...this.past, ...(this.current ?? [])].flatMap((fault) => {
      const stretches = open(fault, range, Math.min(fault.ended_s ?? now, now));
      // A plan that opens and shuts many times: where it does.
      const shown = stretches.length > SHADES ? [[stretches[0][0], stretches.at(-1)[1]]] : stretches;
      return shown.map(([from, to]) => ({ from, to, kind: 'fault', label: fault.plan.name }));
    }));
  }
}

/** Those that begin together would have their names one over the other: the longest names them all. */
function named(shades) {
  const groups = Map.groupBy(shades, ({ from }) => from.toFixed(1));
  return [...groups.values()].flatMap((group) => {
    const [longest, ...others] = group.toSorted((one, other) => other.to - one.to);
    return [{ ...longest, label: [...new Set(group.map(({ label }) => label))].join(', ') }, ...others.map((shade) => ({ ...shade, label: null }))];
  });
}

/** A window in requests is open when a tick says so. */
function watch({ plan, began_s: began, open: isOpen, window_s: window }, seen = [], elapsed) {
  if (window || !plan.window) return undefined;
  const last = seen.at(-1);
  if (isOpen && (!last || last[1] != null)) return [...seen, [plan.window.after ? elapsed : began, null]];
  if (!isOpen && last && last[1] == null) return [...seen.slice(0, -1), [last[0], elapsed]];
  return seen;
}

function open({ began_s: began, window_s: window, seen }, [from, to], end) {
  const until = Math.min(end, to);
  let stretches = seen?.map(([opened, shut]) => [opened, shut ?? end]) ?? [[began, end]];
  if (window?.every != null) {
    const first = Math.max(0, Math.floor((from - began) / window.every));
    const count = Math.max(0, Math.ceil((until - began) / window.every - first));
    stretches = Array.from({ length: count }, (_, index) => began + (first + index) * window.every).map((opens) => [opens, opens + window.for]);
  } else if (window) {
    stretches = [[began + window.from, window.to == null ? end : began + window.to]];
  }
  return stretches.map(([opens, shuts]) => [Math.max(opens, from), Math.min(shuts, until)]).filter(([opens, shuts]) => shuts > opens);
}

/** How a plan stands: open, shut or over, and in how many seconds or requests that changes. */
export function stands({ plan, began_s: began, window_s: window, open: isOpen, over }, now) {
  const age = now - began;
  if (!window) {
    if (over) return { word: 'over' };
    const { after = 0, count } = plan.window ?? {};
    if (!isOpen) return { word: 'shut', requests: after - plan.matched };
    return { word: 'open', requests: count == null ? null : after + count - plan.matched };
  }
  if (window.every != null) {
    const at = age % window.every;
    const word = at < window.for ? 'open' : 'shut';
    return { word, seconds: window.for >= window.every ? null : (word === 'open' ? window.for : window.every) - at };
  }
  if (age < window.from) return { word: 'shut', seconds: window.from - age };
  if (window.to == null) return { word: 'open' };
  return age < window.to ? { word: 'open', seconds: window.to - age } : { word: 'over' };
}
