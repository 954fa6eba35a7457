/**
 * The node's side of the wire, on its system thread: hands each signal that comes from another node to the thread it is for, and what the
 * threads send to the connection it goes to.
 */
import { distChannel } from '../channels.ts';
import { completeSignal, type PendingSignal } from '../codec/control.ts';
import { TermReader, type DecodeOptions } from '../codec/term-reader.ts';
import type { Distribution, DistributionOptions, PeerInfo } from '../dist/distribution-types.ts';
import { HELLO_WORD_BYTES, QUORATE_HELLO, startDistribution } from '../dist/distribution.ts';
import { WireError, type QuorateError } from '../errors.ts';
import { ELSEWHERE, GONE } from '../process/place.ts';
import type { Scheduler } from '../process/scheduler.ts';
import type { Atom } from '../term/atom.ts';
import { Pid } from '../term/pid.ts';
import { refThread } from '../term/ref.ts';
import type { Signal } from '../term/signal.ts';
import type { Network } from '../thread/network.ts';
import type { NodeThread } from '../thread/node-thread.ts';
import { startNetKernel } from './net-kernel.ts';

export interface NetworkEvents {
  /** A connection was refused or ended, for a reason that somebody should read. */
  onRefused(error: QuorateError): void;
  onNodeUp(node: Atom, hidden: boolean): void;
  onNodeDown(node: Atom, reason: string): void;
  onUnreachable(node: Atom, reason: string): void;
}

/** What `startNetwork` adds to the options itself. */
type Handlers = 'onSignal' | 'onUp' | 'onDown' | 'onUnreachable' | 'onError';

export interface StartedNetwork {
  readonly port: number;
  stop(): Promise<void>;
}

export async function startNetwork(
  thread: NodeThread,
  { keepFloats, ...options }: Omit<DistributionOptions, Handlers> & { readonly keepFloats: boolean },
  events: NetworkEvents,
): Promise<StartedNetwork> {
  const { scheduler } = thread;
  const pid = (found: Pid): Pid => scheduler.canonical(found);
  const decodes = new Map<number, DecodeOptions>();
  const dist: Distribution = await startDistribution({
    ...options,
    onSignal: (peer, pending, payload) =>
      onSignal(thread, decodes.get(peer.connectionId) as DecodeOptions, peer, pending, payload),
    onUp(peer) {
      decodes.set(peer.connectionId, { pid, keepFloats: keepFloats || isOurKind(peer), atoms: peer.atoms });
      thread.onConnected(peer.node);
      events.onNodeUp(peer.node, peer.hidden);
    },
    onDown(peer, reason) {
      decodes.delete(peer.connectionId);
      thread.onNodeLost(peer.node, peer.connectionId);
      events.onNodeDown(peer.node, reason);
    },
    onUnreachable(node, reason) {
      thread.onNodeLost(node);
      events.onUnreachable(node, reason);
    },
    onError(error) {
      const peer = String(error.details['remote'] ?? '');
      distChannel.publish({ node: scheduler.nodeName.name, peer, message: error.message });
      events.onRefused(error);
    },
  });
  thread.network = createNetwork(dist);
  startNetKernel(scheduler);
  return {
    port: dist.port,
    async stop() {
      thread.network = null;
      await dist.stop();
    },
  };
}

/** Of a node of ours a whole float was a `Float`, since its plain numbers are integers when they are whole. */
function isOurKind({ hello }: PeerInfo): boolean {
  return QUORATE_HELLO.every((byte, i) => i >= HELLO_WORD_BYTES || hello[i] === byte);
}

function createNetwork(dist: Distribution): Network {
  return {
    send: (node, signal) => dist.send(node, signal),
    sendEncoded: (node, control, payload) => dist.sendEncoded(node, control, payload),
    isBusy: (node) => dist.isBusy(node),
    drained: (node) => dist.drained(node),
    watch: (node) => void dist.connect(node),
    connect: (node) => dist.connect(node),
    disconnect: (node) => dist.disconnect(node),
    refuse: (connectionId) =>
      dist.refuse(
        connectionId,
        new WireError('a process of another thread got a payload that is no term, or new atoms over the limit', 0),
      ),
    setCookie: (node, cookie) => dist.setCookie(node, cookie),
    connecting: () => dist.connecting(),
  };
}

/** @throws WireError for a payload that is no term: the connection it came on is then closed */
function onSignal(
  thread: NodeThread,
  decode: DecodeOptions,
  peer: PeerInfo,
  pending: PendingSignal,
  payload: Uint8Array | null,
): void {
  const { scheduler } = thread;
  const { signal } = pending;
  const place = threadFor(scheduler, signal);
  if (place !== scheduler.thread) {
    thread.deliver(place, peer.connectionId, pending, payload, decode);
    return;
  }
  if (payload === null) scheduler.onSignal(signal);
  else {
    const reader = new TermReader(payload, 0, payload.length, decode);
    scheduler.onSignal(completeSignal(pending, reader.term()));
  }
}

/** The thread of this node that a signal is for; the system thread when nobody is there, since it must be answered all the same. */
function threadFor(scheduler: Scheduler, signal: Signal): number {
  if (signal.kind === 'sendAlias') {
    const { alias } = signal;
    return scheduler.isOwnNode(alias.node, alias.creation) ? refThread(alias) : scheduler.thread;
  }
  // Modules that other nodes may start are registered with the thread that started the node.
  if (signal.kind === 'spawnRequest') return 0;
  const to = signal.kind === 'sendName' ? signal.name : signal.to;
  const pid = to instanceof Pid ? to : scheduler.whereis(to);
  if (pid === undefined) return scheduler.thread;
  const place = scheduler.locate(pid);
  return place === ELSEWHERE || place === GONE ? scheduler.thread : place;
}
