// One connection for all pages of a browser: it has six for an address, and a page that listens by itself would hold one.
import { EVENTS, listen } from './listen.js';

const channel = new BroadcastChannel(EVENTS);
let again = null;

// A page that comes later needs the greeting too. The others know it already and take out of it what is new.
self.onconnect = () => {
  if (again) again();
  else again = listen((kind, data) => channel.postMessage({ kind, data }));
};
