// Listens to the target's events, and tells what they say and what becomes of the connection.

// Beside the page, wherever a proxy has put that: a worker's own address is another than the page's.
export const EVENTS = new URL('../events', import.meta.url).href;

const KINDS = ['hello', 'tick', 'event', 'end'];
const AGAIN_MS = 2000;

/**
 * Tells `hello`, `tick`, `event` and `end`, each with its data as text, `lost` whenever there is no connection, and
 * `refused` with a sentence. What it returns listens anew, which has the target say hello again.
 */
export function listen(tell) {
  let source = null;
  let waiting = null;
  function begin() {
    clearTimeout(waiting);
    source?.close();
    const opened = new EventSource(EVENTS);
    source = opened;
    KINDS.forEach((kind) => opened.addEventListener(kind, ({ data }) => tell(kind, data)));
    opened.onerror = async () => {
      tell('lost', '');
      // The browser tries again by itself, unless it was answered something else than events.
      if (opened.readyState !== EventSource.CLOSED) return;
      const sentence = await refusal();
      if (source !== opened) return;
      if (sentence) tell('refused', sentence);
      waiting = setTimeout(begin, AGAIN_MS);
    };
  }
  begin();
  return begin;
}

/** What the target answers instead of events: an EventSource keeps that to itself. */
async function refusal() {
  const ending = new AbortController();
  setTimeout(() => ending.abort(), 5000);
  try {
    const answer = await fetch(EVENTS, { signal: ending.signal });
    if (answer.ok) return '';
    const told = await answer.json().catch(() => ({}));
    return told.error ?? `status ${answer.status}`;
  } catch {
    return '';
  } finally {
    ending.abort();
  }
}
