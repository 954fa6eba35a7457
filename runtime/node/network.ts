/**
 * The node's side of the wire, on its system thread: hands each signal that comes from another node to the thread it is for, and what the
 * threads send to the connection it goes to. A peer may speak only for its own processes: links and monitors in the name of others are dropped and reported.
 */
import { distChannel } from '../channels.ts';
import { completeSignal, type PendingSignal } from '../codec/control.ts';
import { TermReader, type DecodeOptions } from '../codec/term-reader.ts';
import type { Distribution, DistributionOptions, PeerInfo } from '../dist/distribution-types.ts';
import { HELLO_WORD_BYTES, QUORATE_HELLO, startDistribution } from '../dist/distribution.ts';
import { ELSEWHERE, GONE } from '../process/place.ts';
import type { Scheduler } from '../process/scheduler.ts';
import type { Atom } from '../term/atom.ts';
import { Pid } from '../term/pid.ts';
import { refThread } from '../term/ref.ts';
import type { Signal } from '../term/signal.ts';
import type { Network, NodeThread } from '../thread/node-thread.ts';
import { startNetKernel } from './net-kernel.ts';

export interface NetworkEvents {
  onNodeUp(node: Atom, hidden: boolean): void;
  onNodeDown(node: Atom, reason: string): void;
  onUnreachable(node: Atom, reason: string): void;
}

/** What `startNetwork` adds to the options itself. */
type Handlers = 'onSignal' | 'onUp' | 'onDown' | 'onUnreachable';

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
  const plain: DecodeOptions = { pid, keepFloats };
  const keeping: DecodeOptions = { pid, keepFloats: true };
  const dist: Distribution = await startDistribution({
    ...options,
    onSignal: (peer, pending, payload) => onSignal(thread, isOurKind(peer) ? keeping : plain, peer, pending, payload),
    onUp(peer) {
      thread.onConnected(peer.node);
      events.onNodeUp(peer.node, peer.hidden);
    },
    onDown(peer, reason) {
      thread.onNodeLost(peer.node);
      events.onNodeDown(peer.node, reason);
    },
    onUnreachable(node, reason) {
      thread.onNodeLost(node);
      events.onUnreachable(node, reason);
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
    send: (node, signal) => void dist.send(node, signal),
    sendEncoded: (node, control, payload) => void dist.sendEncoded(node, control, payload),
    watch: (node) => void dist.connect(node),
    connect: (node) => dist.connect(node),
    disconnect: (node) => dist.disconnect(node),
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
  if (!speaksForItself(signal, peer.node)) {
    const message = `${signal.kind} in the name of a process of another node dropped`;
    distChannel.publish({ node: scheduler.nodeName.name, peer: peer.node.name, message });
    return;
  }
  const place = threadFor(scheduler, signal);
  if (place !== scheduler.thread) {
    thread.deliver(place, pending, payload, decode.keepFloats === true);
    return;
  }
  if (payload === null) scheduler.onSignal(signal);
  else {
    const reader = new TermReader(payload, 0, payload.length, decode);
    scheduler.onSignal(completeSignal(pending, reader.term()));
  }
}

function speaksForItself(signal: Signal, peer: Atom): boolean {
  switch (signal.kind) {
    case 'link':
    case 'unlink':
    case 'monitor':
    case 'demonitor':
      return signal.from.node === peer;
    default:
      return true;
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
