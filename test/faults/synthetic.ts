/**
 * Histories of a register that is correct by construction, or wrong in one chosen way: clients whose operations overlap, each of which takes effect at
 * a random instant between call and answer. To show that the checker passes what is right and catches what is not.
 */
import { Random } from '../sim/random.ts';
import { isRead, type Action, type Operation, type Result } from './history.ts';
import type { KeyKind } from './registers.ts';

/** What the register does wrong, now and then. */
export type Fault = 'none' | 'lost' | 'twice' | 'stale';

export interface SyntheticOptions {
  readonly kind: KeyKind;
  readonly clients: number;
  readonly operations: number;
  readonly fault: Fault;
  /** How many of the operations get no answer; half of these take effect. */
  readonly unknown: number;
}

interface Pending {
  readonly client: number;
  readonly id: string;
  readonly action: Action;
  readonly calledAt: number;
  readonly effectAt: number;
  readonly answeredAt: number;
  readonly isApplied: boolean;
}

interface State {
  list: readonly string[];
}

const FAULT_CHANCE = 0.05;
const ERASE_CHANCE = 0.15;

export function makeHistory(seed: number, options: SyntheticOptions): Operation[] {
  const random = new Random(seed);
  const pending: Pending[] = [];
  for (let client = 0; client < options.clients; client++) {
    let at = random.between(0, 10);
    for (let i = 0; i < options.operations / options.clients; i++) {
      const calledAt = at + random.between(0.1, 5);
      const effectAt = calledAt + random.between(0, 10);
      const answeredAt = effectAt + random.between(0, 10);
      const isUnknown = random.chance(options.unknown);
      pending.push({
        client,
        id: `${client}.${i}`,
        action: chooseAction(options.kind, random),
        calledAt,
        effectAt,
        answeredAt: isUnknown ? Infinity : answeredAt,
        isApplied: !isUnknown || random.chance(0.5),
      });
      at = isUnknown ? calledAt + 10 : answeredAt;
    }
  }
  return carryOut(pending, random, options);
}

function chooseAction(kind: SyntheticOptions['kind'], random: Random): Action {
  switch (kind) {
    case 'once':
      return random.chance(0.3) ? { kind: 'put' } : { kind: 'get' };
    case 'bound':
      return random.chance(0.5) ? { kind: 'putBound' } : { kind: 'get' };
    case 'cas':
      return random.chance(0.5) ? { kind: 'casWrite', ver: -1 } : { kind: 'casRead' };
    case 'list':
      return { kind: 'append' };
  }
}

/** A register of any kind is the list of its writers; what it shows is the kind's. */
function carryOut(pending: readonly Pending[], random: Random, { kind, fault }: SyntheticOptions): Operation[] {
  const state: State = { list: [] };
  const former: (readonly string[])[] = [[]];
  /** Of each client: the version that it saw last. */
  const known = new Map<number, number>();
  const done: Operation[] = [];
  for (const operation of [...pending].sort((a, b) => a.effectAt - b.effectAt)) {
    const { client, id, calledAt, answeredAt, isApplied } = operation;
    if (kind === 'bound' && random.chance(ERASE_CHANCE)) state.list = [];
    const action = withVersion(operation.action, known.get(client) ?? 0);
    const base = { id, key: `${kind.charAt(0)}0`, action, calledAt, answeredAt };
    if (!isApplied) {
      if (!isRead(action)) done.push({ ...base, result: null });
      continue;
    }
    const writes = isAccepted(action, state.list);
    const isWrong = fault !== 'none' && random.chance(FAULT_CHANCE);
    const after = writes ? [...state.list, id] : state.list;
    if (!(writes && isWrong && fault === 'lost')) state.list = after;
    if (writes && isWrong && fault === 'twice') state.list = [...after, id];
    const isStale = isWrong && fault === 'stale' && !writes;
    const shown = isStale ? (former[Math.max(0, former.length - 4)] ?? []) : after;
    former.push(state.list);
    const result = show(kind, shown, writes);
    if ('ver' in result) known.set(client, result.ver);
    if (answeredAt !== Infinity) done.push({ ...base, result });
    else if (!isRead(action)) done.push({ ...base, result: null });
  }
  return done;
}

function withVersion(action: Action, ver: number): Action {
  return action.kind === 'casWrite' ? { kind: 'casWrite', ver } : action;
}

function isAccepted(action: Action, list: readonly string[]): boolean {
  switch (action.kind) {
    case 'put':
    case 'putBound':
      return list.length === 0;
    case 'casWrite':
      return action.ver === list.length;
    case 'append':
      return true;
    case 'get':
    case 'casRead':
    case 'readList':
      return false;
  }
}

function show(kind: SyntheticOptions['kind'], list: readonly string[], written: boolean): Result {
  switch (kind) {
    case 'once':
    case 'bound':
      return { value: list[0] ?? null };
    case 'cas':
      return { ver: list.length, value: list.at(-1) ?? null, written };
    case 'list':
      return { list };
  }
}
