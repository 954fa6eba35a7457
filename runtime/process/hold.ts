/**
 * Back-pressure on processes. A process that sends to a node whose connection is over its high-water mark is held back: the send is done,
 * but its next `receive` waits until the connection has drained or ended, as the BEAM suspends it in the send. Signals of other
 * kinds (exits, DOWN, links) are always taken and hold nobody back. Source: erlang(3) on `send_nosuspend` and `process_flag(async_dist, ...)`.
 */
import type { Atom } from '../term/atom.ts';
import { Pid } from '../term/pid.ts';
import { Ref } from '../term/ref.ts';
import type { Signal } from '../term/signal.ts';
import { isTuple } from '../term/tuple.ts';
import type { Process } from './process.ts';
import type { Receiver } from './receiver.ts';
import type { Destination } from './self.ts';

/** The node is over its mark after this signal: if it is a message, its sender is held back. */
export function holdBack(signal: Signal, node: Atom): void {
  if (signal.kind !== 'send' && signal.kind !== 'sendName' && signal.kind !== 'sendAlias') return;
  const process = signal.from instanceof Pid ? (signal.from.target as Process | null) : null;
  if (process === null || process.asyncDist || !process.alive) return;
  process.heldBy ??= new Set();
  process.heldBy.add(node);
}

/** As `send`, unless it would hold the process back: then nothing is sent and the answer is false. */
export function sendNosuspend(process: Process, to: Destination, message: unknown): boolean {
  const { scheduler } = process;
  const node = nodeOf(to);
  if (node !== null && node !== scheduler.nodeName && scheduler.outside.isBusy(node)) return false;
  const before = process.asyncDist;
  process.asyncDist = true;
  try {
    scheduler.send(process.pid, to, message);
  } finally {
    process.asyncDist = before;
  }
  return true;
}

/** The node that a destination names; null for a name of this node. */
function nodeOf(to: Destination): Atom | null {
  if (to instanceof Pid || to instanceof Ref) return to.node;
  return isTuple(to) ? (to[1] as Atom) : null;
}

/** Resolves when no node holds the process back, and never when the process ends meanwhile. */
export async function whenReleased(process: Receiver): Promise<void> {
  const nodes = process.heldBy;
  if (nodes === null) return;
  // A set is walked to its end, with what is added on the way.
  for (const node of nodes) await process.scheduler.outside.drained(node);
  if (process.heldBy === nodes) process.heldBy = null;
  if (!process.alive) await new Promise(() => undefined);
}

/** `receive` of a process that is held back. The timeout begins when it goes on. */
export async function receiveHeld<T>(process: Receiver, receive: () => Promise<T>): Promise<T> {
  await whenReleased(process);
  return receive();
}
