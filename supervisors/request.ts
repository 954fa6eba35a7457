/**
 * Calls whose reply is fetched later: `sendRequest` now, `receiveResponse` when it suits, several outstanding at once; and calls of one name
 * on many nodes. Each request has its own monitor and alias, as a call has.
 */
import { BadArgumentError } from '../runtime/errors.ts';
import { ProcessExit } from '../runtime/process/exit.ts';
import type { Self } from '../runtime/process/self.ts';
import type { Atom } from '../runtime/term/atom.ts';
import { Exit } from '../runtime/term/exit-reason.ts';
import type { Pid } from '../runtime/term/pid.ts';
import type { Ref } from '../runtime/term/ref.ts';
import { tuple2, type Tuple } from '../runtime/term/tuple.ts';
import { GEN_CALL, GEN_CAST } from './atoms.ts';
import { isAnswerTo, replyTo, requestReply, resolveServer, sendRequestTo, serverTerm } from './call.ts';
import type { From, ServerRef } from './gen-server-types.ts';

declare const replyType: unique symbol;

/** A request that is under way. Only the process that sent it can fetch its response. */
export interface RequestId<Reply = unknown> {
  /** Null when there was nobody to send it to. */
  readonly ref: Ref | null;
  /** The server as it was named. */
  readonly server: unknown;
  /** @internal a process of ours stands for the server */
  readonly isRelayed?: true;
  readonly [replyType]?: Reply;
}

/** `failed`: the server ended or could not be reached; `server` is its pid, or its name if nobody had it. */
export type Response<Reply = unknown> =
  | { readonly kind: 'reply'; readonly reply: Reply }
  | { readonly kind: 'failed'; readonly reason: unknown; readonly server: unknown };

export function sendRequestFrom(self: Self, server: ServerRef, request: unknown): RequestId {
  const target = resolveServer(self, server);
  if (target instanceof Promise) {
    const relay = self.spawn((own) => relayRequest(own, target));
    return { ref: sendRequestTo(self, relay, GEN_CALL, request), server: serverTerm(server), isRelayed: true };
  }
  const ref = target === undefined ? null : sendRequestTo(self, target, GEN_CALL, request);
  return { ref, server: serverTerm(server) };
}

/**
 * Stands for a server whose registry does not answer at once, since a request has its monitor from the beginning: passes one call on, and its
 * answer back, or ends with the server's reason.
 */
async function relayRequest(own: Self, target: Promise<Pid | undefined>): Promise<void> {
  const [, from, request] = (await own.receive()) as readonly [Atom, From, unknown];
  const pid = await target;
  if (pid === undefined) own.exit(Exit.noproc);
  replyTo(own, from, await requestReply(own, pid, GEN_CALL, request, Infinity, ({ why }) => new ProcessExit(why)));
}

/** The response that `message` is to that request, or undefined. */
export function checkResponse<Reply>(message: unknown, id: RequestId<Reply>): Response<Reply> | undefined {
  if (id.ref === null || !isAnswerTo(id.ref, message)) return undefined;
  if (message.length === 2) return { kind: 'reply', reply: message[1] as Reply };
  return { kind: 'failed', reason: message[4], server: id.isRelayed === true ? id.server : message[3] };
}

/** Waits for the response; undefined when the time is up, and the request goes on. */
export async function waitResponseIn<Reply>(
  self: Self,
  id: RequestId<Reply>,
  timeoutMs: number,
): Promise<Response<Reply> | undefined> {
  const { ref } = id;
  if (ref === null) return { kind: 'failed', reason: Exit.noproc, server: id.server };
  const isAnswer = (message: unknown): message is Tuple => isAnswerTo(ref, message);
  const answer = await self.receive(isAnswer, { timeoutMs, otherwise: null });
  return answer === null ? undefined : checkResponse(answer, id);
}

/** As `waitResponseIn`, but when the time is up the request is given up: its reply never shows. */
export async function receiveResponseIn<Reply>(
  self: Self,
  id: RequestId<Reply>,
  timeoutMs: number,
): Promise<Response<Reply> | undefined> {
  const response = await waitResponseIn(self, id, timeoutMs);
  if (response !== undefined || id.ref === null) return response;
  self.demonitor(id.ref, { flush: true });
  return waitResponseIn(self, id, 0);
}

/** Requests under labels of the program's own, answered in any order. */
export class RequestCollection<Label = unknown, Reply = unknown> {
  readonly #requests = new Map<RequestId<Reply>, Label>();

  get size(): number {
    return this.#requests.size;
  }

  add(id: RequestId<Reply>, label: Label): void {
    if (this.#requests.has(id)) throw new BadArgumentError('this request is in the collection already');
    this.#requests.set(id, label);
  }

  ids(): RequestId<Reply>[] {
    return [...this.#requests.keys()];
  }

  /**
   * The next response to any of the requests, which leaves the collection unless `keep`; undefined when the time is up. `giveUp`: then all are
   * given up.
   */
  async next(
    self: Self,
    timeoutMs: number,
    options: { readonly keep?: boolean; readonly giveUp?: boolean } = {},
  ): Promise<{ readonly response: Response<Reply>; readonly label: Label } | undefined> {
    const found = this.#nobody() ?? (await this.#receive(self, timeoutMs));
    if (found === undefined) {
      if (options.giveUp === true) this.#giveUp(self);
      return undefined;
    }
    const label = this.#requests.get(found.id) as Label;
    if (options.keep !== true) this.#requests.delete(found.id);
    return { response: found.response, label };
  }

  #nobody(): { id: RequestId<Reply>; response: Response<Reply> } | undefined {
    for (const id of this.#requests.keys()) {
      if (id.ref === null) return { id, response: { kind: 'failed', reason: Exit.noproc, server: id.server } };
    }
    return undefined;
  }

  async #receive(
    self: Self,
    timeoutMs: number,
  ): Promise<{ id: RequestId<Reply>; response: Response<Reply> } | undefined> {
    let found: { id: RequestId<Reply>; response: Response<Reply> } | undefined;
    const isAny = (message: unknown): message is Tuple => {
      for (const id of this.#requests.keys()) {
        const response = checkResponse(message, id);
        if (response === undefined) continue;
        found = { id, response };
        return true;
      }
      return false;
    };
    await self.receive(isAny, { timeoutMs, otherwise: null });
    return found;
  }

  #giveUp(self: Self): void {
    for (const { ref } of this.#requests.keys()) if (ref !== null) self.demonitor(ref, { flush: true });
  }
}

export interface MultiCallResult<Reply = unknown> {
  readonly replies: readonly (readonly [node: Atom, reply: Reply])[];
  /** Nodes without that server, that are lost, or that did not answer in time. */
  readonly bad: readonly Atom[];
}

/** Calls the server of that name on each node. All are asked at once and share the time. */
export async function multiCallFrom(
  self: Self,
  nodes: readonly Atom[],
  name: Atom,
  request: unknown,
  timeoutMs: number,
  now: () => number,
): Promise<MultiCallResult> {
  const endsAt = now() + timeoutMs;
  const asked = nodes.map((node) => ({ node, id: sendRequestFrom(self, tuple2(name, node), request) }));
  const replies: [Atom, unknown][] = [];
  const bad: Atom[] = [];
  for (const { node, id } of asked) {
    const left = timeoutMs === Infinity ? Infinity : Math.max(0, endsAt - now());
    const response = await receiveResponseIn(self, id, left);
    if (response?.kind === 'reply') replies.push([node, response.reply]);
    else bad.push(node);
  }
  return { replies, bad };
}

/** Casts to the server of that name on each node. Never fails for want of one. */
export function abcastFrom(self: Self, nodes: readonly Atom[], name: Atom, message: unknown): void {
  for (const node of nodes) self.send(tuple2(name, node), tuple2(GEN_CAST, message));
}
