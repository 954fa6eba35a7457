/**
 * The roles of Paxos one by one, for tests, teaching and tools: acceptors in memory, their handlers, the two phases of a proposer, and both together.
 * They are the very steps that the store runs, without its network and without its fast path.
 *
 * `acceptors` are those in reach. A phase needs more than half of all that were started together; what they hold decides, not who calls.
 */
import { createAcceptor, stepAcceptor, type Acceptor, type AcceptorEffect } from './paxos/acceptor.ts';
import { isLower, isZero, maxBallot, ZERO } from './paxos/ballot.ts';
import { EMPTY, makeCell } from './paxos/change.ts';
import { choice, quorumSize } from './paxos/quorum.ts';
import { adopt } from './paxos/transfer.ts';
import type { Accepted, Ballot, Cell, Config, Entry, Nack, Promised, RegisterRequest } from './paxos/messages.ts';
import { encodeKey } from './key.ts';
import { StoreError } from './errors.ts';

export type { Acceptor, Accepted, Ballot, Nack, Promised };

/** Fewer than a quorum agreed: `highest` is the highest ballot that one of them has promised, to be raised above. */
export interface NotEnough {
  readonly ok: false;
  readonly highest: Ballot;
}

/** `found`: the value that has to be proposed, when one may be chosen already. */
export type Phase1Result = { readonly ok: true; readonly found: { readonly value: unknown } | null } | NotEnough;
export type Phase2Result = { readonly ok: true } | NotEnough;

/** What one replica knows of an instance: nothing, a value taken from its proposer at once (`fast`) or by ballot, or that it is chosen. */
export type InstanceStatus =
  | { readonly kind: 'nil' }
  | { readonly kind: 'accepted'; readonly ballot: Ballot; readonly fast: boolean; readonly value: unknown }
  | { readonly kind: 'committed'; readonly ballot: Ballot; readonly value: unknown };

const ANSWERS: readonly string[] = ['promise', 'accepted', 'nack'];

/** So many acceptors that vote together, with nothing in them. @throws `invalid_value` */
function startAcceptors(count: number): Acceptor[] {
  if (!Number.isInteger(count) || count < 1)
    throw refused(`cannot start ${count} acceptors: give a whole number from 1`);
  const M = Array.from({ length: count }, (_, i) => ({ name: `acceptor${i + 1}`, id: `${i + 1}`, boot: 1 }));
  const r = count - quorumSize(count) + 1;
  const config: Config = { cluster: 'roles', e: 1, N: count, M, r, uniform: true, mergeAll: false, prev: null };
  return M.map((me) => {
    const acceptor = createAcceptor(me, false);
    adopt(acceptor, config);
    return acceptor;
  });
}

/** A proposer's ballot: `round` is compared first. */
function ballotOf(round: number, proposer: number): Ballot {
  return { e: 1, r: round, p: proposer };
}

/** The acceptor's answer to Prepare: it promises to take nothing lower any more, and says what it has accepted; or it refuses. */
function prepare(acceptor: Acceptor, key: unknown, ballot: Ballot): Promised | Nack {
  return ask(acceptor, { kind: 'prepare', e: ballot.e, key: encoded(key), b: ballot, fast: null }) as Promised | Nack;
}

/** The acceptor's answer to Accept: it takes the value over what it had, unless it has promised a higher ballot. */
function accept(acceptor: Acceptor, key: unknown, ballot: Ballot, value: unknown): Accepted | Nack {
  const cell = makeCell({ live: true, value, bind: null }, null, ballot);
  return ask(acceptor, { kind: 'accept', e: ballot.e, key: encoded(key), b: ballot, cell, next: null }) as
    Accepted | Nack;
}

/** Prepare with all of them. */
function phase1(acceptors: readonly Acceptor[], key: unknown, ballot: Ballot): Phase1Result {
  const replies = acceptors.map((acceptor) => prepare(acceptor, key, ballot));
  const promises = replies.filter((reply) => reply.kind === 'promise');
  if (!isQuorum(acceptors, promises.length)) return notEnough(replies);
  const cell = choice(promises)?.cell ?? null;
  return { ok: true, found: cell?.live === true ? { value: cell.value } : null };
}

/** Accept with all of them. After it the value is chosen. */
function phase2(acceptors: readonly Acceptor[], key: unknown, ballot: Ballot, value: unknown): Phase2Result {
  const replies = acceptors.map((acceptor) => accept(acceptor, key, ballot, value));
  const count = replies.filter(({ kind }) => kind === 'accepted').length;
  return isQuorum(acceptors, count) ? { ok: true } : notEnough(replies);
}

/**
 * Both phases, with higher ballots of the same proposer when others have promised higher ones: the value that is chosen, the own one if none was.
 * Null when fewer than a quorum are in reach.
 */
function runPaxos(
  acceptors: readonly Acceptor[],
  key: unknown,
  ballot: Ballot,
  value: unknown,
): { readonly value: unknown; readonly ballot: Ballot } | null {
  if (!isQuorum(acceptors, acceptors.length)) return null;
  for (let own = ballot; ;) {
    const first = phase1(acceptors, key, own);
    const chosen = first.ok && first.found !== null ? first.found.value : value;
    const second = first.ok ? phase2(acceptors, key, own, chosen) : first;
    if (second.ok) return { value: chosen, ballot: own };
    own = { ...own, r: second.highest.r + 1 };
  }
}

/** Tells them that the value accepted at this ballot is chosen; whoever has another one is not changed by it. */
function commit(acceptors: readonly Acceptor[], key: unknown, ballot: Ballot): void {
  for (const acceptor of acceptors) {
    stepAcceptor(acceptor, { kind: 'chosen', e: ballot.e, key: encoded(key), b: ballot, fast: false }, []);
  }
}

function statusOf(acceptor: Acceptor, key: unknown): InstanceStatus {
  return entryStatus(acceptor.keys.get(encoded(key)));
}

export const PaxosRoles: {
  readonly startAcceptors: typeof startAcceptors;
  readonly ballotOf: typeof ballotOf;
  readonly prepare: typeof prepare;
  readonly accept: typeof accept;
  readonly phase1: typeof phase1;
  readonly phase2: typeof phase2;
  readonly runPaxos: typeof runPaxos;
  readonly commit: typeof commit;
  readonly statusOf: typeof statusOf;
} = { startAcceptors, ballotOf, prepare, accept, phase1, phase2, runPaxos, commit, statusOf };

/** A key that is erased is an instance without a value. */
export function entryStatus(entry: Pick<Entry, 'ab' | 'fast' | 'cell' | 'chosen'> | undefined): InstanceStatus {
  const cell: Cell = entry?.cell ?? EMPTY;
  if (entry === undefined || isZero(entry.ab) || !cell.live) return { kind: 'nil' };
  const { ab: ballot, fast, chosen } = entry;
  const { value } = cell;
  return chosen ? { kind: 'committed', ballot, value } : { kind: 'accepted', ballot, fast, value };
}

function ask(acceptor: Acceptor, request: RegisterRequest): unknown {
  const effects: AcceptorEffect[] = [];
  stepAcceptor(acceptor, request, effects);
  for (const effect of effects) {
    if (effect.kind === 'reply' && ANSWERS.includes(effect.message.kind)) return effect.message;
  }
  throw refused('the acceptor did not answer: its ballot must be of ballotOf');
}

function isQuorum([first]: readonly Acceptor[], count: number): boolean {
  return first?.config !== undefined && first.config !== null && count >= quorumSize(first.config.N);
}

function notEnough(replies: readonly (Promised | Accepted | Nack)[]): NotEnough {
  let highest = ZERO;
  for (const reply of replies) {
    if (reply.kind === 'nack' && isLower(highest, reply.p)) highest = maxBallot(highest, reply.p);
  }
  return { ok: false, highest };
}

function encoded(key: unknown): string {
  const checked = encodeKey(key);
  if (!checked.ok) throw refused(checked.message);
  return checked.value;
}

function refused(message: string): StoreError {
  return new StoreError('invalid_value', 'not-applied', message);
}
