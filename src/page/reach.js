// Whether a browser that shows a page of one of the target's listeners reaches another of them, and where.

const LOOPBACK = /^(localhost|127\.[\d.]+|\[::1\])$/i;

/** An address as `host:port`; nothing for a unix socket. */
const tcp = (address) => /^(?<host>.+):(?<port>\d+)$/.exec(address)?.groups;

/**
 * The URL of the first of these addresses that a browser reaches which has opened `place` on a listener at one of `own`.
 * `null` where that can't be known: behind a proxy or a forwarded port the others are anywhere.
 */
export function reach(addresses, own, place) {
  const port = place.port || '80';
  const isDirect = place.protocol === 'http:' && place.pathname === '/' && own.some((address) => tcp(address)?.port === port);
  if (!isDirect) return null;
  const isHere = LOOPBACK.test(place.hostname);
  for (const address of addresses.map(tcp)) {
    if (!address) continue;
    const isEvery = address.host === '0.0.0.0' || address.host === '[::]';
    if (!isHere && LOOPBACK.test(address.host)) continue;
    return `${place.protocol}//${isEvery ? place.hostname : address.host}:${address.port}/`;
  }
  return null;
}
