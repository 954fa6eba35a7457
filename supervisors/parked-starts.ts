/**
 * How a child spec with a function or a class gets to a supervisor. To one of the same thread a ticket goes in its place (see `parked.ts`). To one on
 * another thread a class goes as its module; a function cannot go: its ticket is worth nothing there, and the start is refused as
 * `{invalid_mfa, Ticket}`.
 */
import type { Self } from '../runtime/process/self.ts';
import { isPid, pidThread } from '../runtime/term/pid.ts';
import { resolveServer } from './call.ts';
import { placeOf, type ChildSpec, type ClassStart, type Start } from './child-spec.ts';
import type { ServerRef } from './gen-server-types.ts';
import { packName } from './names.ts';
import { park, takeParked } from './parked.ts';
import { moduleOf } from './start-class.ts';

/** The spec as it can be sent, and `release` to take back a ticket that was not used. */
export function parkStart(self: Self, to: ServerRef, spec: ChildSpec): { sent: unknown; release: () => void } {
  const { start } = spec;
  const isClass = isClassStart(start);
  if (isClass && isOnOtherThread(self, to)) {
    const { server, args } = start;
    const { name, ...place } = placeOf(start);
    const named = name === undefined ? {} : { name: packName(name) };
    const placed = { ...moduleOf(server), args: [args], ...place, ...named };
    return { sent: { ...spec, start: placed }, release: () => undefined };
  }
  if (typeof start !== 'function' && !isClass) return { sent: spec, release: () => undefined };
  const { ticket, release } = park(self, start);
  return { sent: { ...spec, start: ticket }, release };
}

/** The spec with its start in place of the ticket. */
export function takeStart(sent: unknown): unknown {
  if (typeof sent !== 'object' || sent === null) return sent;
  const found = takeParked((sent as { start?: unknown }).start);
  return found === undefined ? sent : { ...sent, start: found };
}

function isClassStart(start: Start): start is ClassStart {
  return typeof start === 'object' && 'server' in start;
}

/** Whether the supervisor is known to be elsewhere. */
export function isOnOtherThread(self: Self, to: ServerRef): boolean {
  const pid = resolveServer(self, to);
  return isPid(pid) && (pid.node !== self.nodeName || pidThread(pid) !== pidThread(self.pid));
}
