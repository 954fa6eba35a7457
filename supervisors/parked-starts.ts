/**
 * Functions and classes cannot be sent. A spec that holds one is sent to a supervisor of the same thread with a ticket in its place, which the
 * supervisor exchanges. To one on another thread a class goes as its module; a function cannot go: its ticket is worth nothing there, and the
 * start is refused as `{invalid_mfa, Ticket}`.
 */
import type { Self } from '../runtime/process/self.ts';
import { nameAtom } from '../runtime/term/atom.ts';
import { isPid, pidThread } from '../runtime/term/pid.ts';
import { isRef } from '../runtime/term/ref.ts';
import { isTagged, tuple2 } from '../runtime/term/tuple.ts';
import { resolveServer } from './call.ts';
import type { ChildSpec, ClassStart, Start } from './child-spec.ts';
import type { ServerRef } from './gen-server-types.ts';
import { moduleOf } from './start-class.ts';

const TICKET = nameAtom('$start');
const parked = new Map<string, Start>();

/** The spec as it can be sent, and `release` to take back a ticket that was not used. */
export function parkStart(self: Self, to: ServerRef, spec: ChildSpec): { sent: unknown; release: () => void } {
  const { start } = spec;
  const isClass = isClassStart(start);
  if (isClass && isOnOtherThread(self, to)) {
    return { sent: { ...spec, start: { ...moduleOf(start.server), args: [start.args] } }, release: () => undefined };
  }
  if (typeof start !== 'function' && !isClass) return { sent: spec, release: () => undefined };
  const ref = self.makeRef();
  parked.set(ref.key, start);
  return { sent: { ...spec, start: tuple2(TICKET, ref) }, release: () => void parked.delete(ref.key) };
}

/** The spec with its start in place of the ticket. */
export function takeStart(sent: unknown): unknown {
  if (typeof sent !== 'object' || sent === null) return sent;
  const { start } = sent as { start?: unknown };
  if (!isTagged(start, TICKET, 2) || !isRef(start[1])) return sent;
  const found = parked.get(start[1].key);
  if (found === undefined) return sent;
  parked.delete(start[1].key);
  return { ...sent, start: found };
}

function isClassStart(start: Start): start is ClassStart {
  return typeof start === 'object' && 'server' in start;
}

function isOnOtherThread(self: Self, to: ServerRef): boolean {
  const pid = resolveServer(self, to);
  return isPid(pid) && (pid.node !== self.nodeName || pidThread(pid) !== pidThread(self.pid));
}
