/**
 * One established connection: what comes in becomes signals, what goes out goes through its outbox, and its silence is
 * watched.
 */
import { flagBit } from '../codec/flags.ts';
import type { DistributionOptions, PeerInfo } from './distribution-types.ts';
import { Inbox } from './inbox.ts';
import type { Link, LinkUser } from './link.ts';
import { Outbox } from './outbox.ts';
import { checkPeer, createPeerLife } from './peer.ts';
import type { PeerLife, PeerVerdict } from './peer.ts';
import type { Connection } from '../transport/transport.ts';

const FRAGMENTS = flagBit('FRAGMENTS');

export interface EstablishedLimits {
  readonly frameBytesMax: number;
  readonly highWaterBytes: number;
  readonly backlogBytesMax: number;
  readonly netTicktimeMs: number;
}

export class Established implements LinkUser {
  readonly link: Link;
  readonly info: PeerInfo;
  readonly outbox: Outbox;
  readonly #inbox: Inbox;
  readonly #life: PeerLife;

  constructor(
    link: Link,
    connection: Connection,
    info: PeerInfo,
    options: DistributionOptions,
    limits: EstablishedLimits,
  ) {
    const fragments = (info.flags & FRAGMENTS) !== 0n;
    const { env } = options;
    this.link = link;
    this.info = info;
    this.outbox = new Outbox({
      connection,
      env,
      fragments,
      highWaterBytes: limits.highWaterBytes,
      backlogBytesMax: limits.backlogBytesMax,
      onOverload: () => env.yieldTurn(() => link.fail('overload', null)),
    });
    this.#inbox = new Inbox({ node: info.node, fragments, bytesMax: limits.frameBytesMax, atoms: info.atoms }, (pending, payload) =>
      options.onSignal(info, pending, payload),
    );
    this.#life = createPeerLife(limits.netTicktimeMs, env.now());
  }

  onFrame(frame: Uint8Array): void {
    if (frame.length > 0) this.#inbox.take(frame);
  }

  onDrain(): void {
    this.outbox.onDrain();
  }

  /** A look at the peer: ticks when we were quiet, and says when the peer is gone. */
  check(nowMs: number): PeerVerdict {
    const verdict = checkPeer(this.#life, nowMs, this.link.receivedBytes, this.outbox.sentBytes);
    if (verdict === 'tick') this.outbox.tick();
    return verdict;
  }
}
