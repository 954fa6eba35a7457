/**
 * The life of one established connection, as far as silence goes: when to tick, when to give it up. Pure: counters and
 * times come in. Source: kernel(6) `net_ticktime`, distribution protocol guide on ticks.
 *
 * The connection is looked at four times per tick time. Nothing sent since the last look: send a tick. Nothing received,
 * not one byte, for a whole tick time: the peer is gone. What was received between two looks counts as received at the
 * later one, so a silent peer is given up after 1 to 1.25 tick times.
 */

export const CHECKS_PER_TICK_TIME = 4;

export interface PeerLife {
  readonly netTicktimeMs: number;
  /** When it was last looked at. */
  checkedAtMs: number;
  /** At the last look at which bytes had come. */
  heardAtMs: number;
  receivedBytes: number;
  sentBytes: number;
}

export type PeerVerdict = 'fine' | 'tick' | 'silent';

export function createPeerLife(netTicktimeMs: number, nowMs: number): PeerLife {
  return { netTicktimeMs, checkedAtMs: nowMs, heardAtMs: nowMs, receivedBytes: 0, sentBytes: 0 };
}

/** How often to call `checkPeer`. */
export function checkIntervalMs(netTicktimeMs: number): number {
  return netTicktimeMs / CHECKS_PER_TICK_TIME;
}

/**
 * A look at the peer.
 *
 * @param receivedBytes all bytes ever received, @param sentBytes all bytes ever given to the socket.
 */
export function checkPeer(peer: PeerLife, nowMs: number, receivedBytes: number, sentBytes: number): PeerVerdict {
  const intervalMs = checkIntervalMs(peer.netTicktimeMs);
  if (receivedBytes !== peer.receivedBytes) peer.heardAtMs = nowMs;
  // This look is late because we were held up ourselves (a blocked loop, a laptop that slept): what the peer
  // sent meanwhile has not been read yet. It gets one more interval.
  else if (nowMs - peer.checkedAtMs > 2 * intervalMs) {
    peer.heardAtMs = Math.max(peer.heardAtMs, nowMs - peer.netTicktimeMs + intervalMs);
  }
  const quiet = sentBytes === peer.sentBytes;
  peer.checkedAtMs = nowMs;
  peer.receivedBytes = receivedBytes;
  peer.sentBytes = sentBytes;
  if (nowMs - peer.heardAtMs >= peer.netTicktimeMs) return 'silent';
  return quiet ? 'tick' : 'fine';
}
