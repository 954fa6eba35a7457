/** Every message of the simulation travels as the term that the real shells send, and is read from it again. */
import { entryTerm, readEntry, roundMaxOf } from '../../kv/bucket/wire-fields.ts';
import { pushReply, pushRequest, readRequests, readRequestTerm, replyTerm, requestTerm } from '../../kv/bucket/wire.ts';
import type { Pid } from '../../runtime/term/pid.ts';
import type { RegisterReply, RegisterRequest, Snapshot } from '../../kv/paxos/messages.ts';

export function encodeRequest(from: Pid, message: RegisterRequest): unknown {
  const list: unknown[] = [];
  pushRequest(list, message);
  return requestTerm(from, 0, message.e, message.b.p, list);
}

export function encodeReply(message: RegisterReply): unknown {
  const list: unknown[] = [];
  pushReply(list, message);
  return replyTerm(message.from, message.e, message.clock, list);
}

export function decodeRequest(term: unknown, clock: number, take: (message: RegisterRequest) => void): void {
  const batch = readRequestTerm(term);
  if (batch === null) throw new Error('a request is not one on the wire');
  readRequests(batch, clock, take);
}

export function copySnapshot(page: Snapshot, clock: number): Snapshot {
  const roundMax = roundMaxOf(clock);
  return { ...page, entries: page.entries.map(([key, entry]) => readEntry(entryTerm(key, entry), roundMax)) };
}
