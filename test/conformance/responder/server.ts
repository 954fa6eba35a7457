/** The server of the interoperability contract: `echo`, `delay` (which holds up nobody), `notes`, `crash`, and the cast `note`. */
import { Atom, atom, isTuple, type Self } from '../../../runtime/index.ts';
import {
  GenServer,
  Next,
  replyTo,
  type CallResult,
  type CastResult,
  type From,
  type InitResult,
} from '../../../supervisors/index.ts';
import type { Pid } from '../../../runtime/index.ts';

type Notes = readonly unknown[];

export class ConformanceServer extends GenServer<Notes> {
  override init(): InitResult<Notes> {
    return Next.ok([]);
  }

  override handleCall(request: unknown, from: From, notes: Notes): CallResult<Notes, unknown> {
    if (request === atom('notes')) return Next.reply(notes, notes);
    if (!isTuple(request) || !(request[0] instanceof Atom)) return Next.noreply(notes);
    const [what, first, second] = request as readonly [Atom, unknown, unknown];
    switch (what.name) {
      case 'echo':
        return Next.reply(first, notes);
      case 'delay':
        this.self.spawn((self) => answerLater(self, from, Number(first), second), { implicitSelf: false });
        return Next.noreply(notes);
      case 'crash':
        return Next.stop(first, notes);
      default:
        return Next.noreply(notes);
    }
  }

  override handleCast(message: unknown, notes: Notes): CastResult<Notes> {
    const isNote = isTuple(message) && message[0] === atom('note');
    return Next.noreply(isNote ? [...notes, message[1]] : notes);
  }
}

async function answerLater(self: Self, from: From, delayMs: number, answer: unknown): Promise<void> {
  await self.receive(() => false, { timeoutMs: delayMs, otherwise: null });
  replyTo(self, from, answer);
}

/** Starts a server that is linked to nobody. */
export async function startServer(self: Self, name?: string): Promise<Pid> {
  return ConformanceServer.start(undefined, { self, ...(name === undefined ? {} : { name }) });
}
