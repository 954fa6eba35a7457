/**
 * Epochs and state transfer (register protocol, 9.1): what adopting a decided configuration does to an
 * acceptor, which state it may hand on, and how a member that has to merge becomes active.
 *
 * - Configurations are adopted in order; only a blank acceptor may start in the middle, and a fresh one may be jumped to:
 *   nothing of those before it exists any more.
 * - Adopting seals: requests of older epochs are refused from then on. A snapshot is served only after the
 *   receiver has adopted the configuration it is for.
 * - Only members that were active in the former epoch serve, and nobody votes before its merge is done.
 * - Observations are never transferred: the new member makes its own.
 * - A forced configuration (an operator's reset) goes on with what its own members hold, active or not: of every key the highest acceptance.
 */
import { isZero, isLower, maxBallot, sameBallot, ZERO } from './ballot.ts';
import { setConfig } from './acceptor.ts';
import { choice, placeOf } from './quorum.ts';
import type { Acceptor, AcceptorEffect, SealedState } from './acceptor.ts';
import type { Choice } from './quorum.ts';
import type { Ballot, Config, Entry, Holding, Incarnation, Key, KeyedEntry, Snapshot } from './messages.ts';

export type Adoption =
  /** Nothing to do: it is older than, or the same as, what the acceptor stands at. */
  | { readonly kind: 'known' }
  /** Those between are missing: ask for them first. */
  | { readonly kind: 'lags'; readonly after: number }
  /** Adopted. The acceptor is active, or no member. */
  | { readonly kind: 'adopted' }
  /** Adopted; it votes after `merge` of the states of `need` members of `from` (the own sealed one counts). */
  | { readonly kind: 'merges'; readonly from: Config; readonly need: number };

export function adopt(acceptor: Acceptor, config: Config): Adoption {
  if (config.e <= acceptor.e) return { kind: 'known' };
  if (acceptor.e > 0 && config.e !== acceptor.e + 1 && !mayBeJumpedTo(config))
    return { kind: 'lags', after: acceptor.e };
  const was = acceptor.active;
  setConfig(acceptor, config);
  acceptor.sealed = null;
  if (config.fresh === true || config.e === 1) {
    acceptor.active = acceptor.place >= 0;
    acceptor.keys.clear();
    // What an operation offered before all was lost may have been applied and lost with the rest: its retry must not
    // find that nothing ever happened here.
    acceptor.floor = config.fresh === true ? { e: config.e, r: 0, p: 0 } : ZERO;
    return { kind: 'adopted' };
  }
  if (config.forced === true && acceptor.place >= 0) {
    acceptor.active = false;
    acceptor.sealed = copyState(acceptor);
    return { kind: 'merges', ...sourcesOf(config) };
  }
  if (acceptor.place < 0) {
    acceptor.active = false;
    if (was && config.forced !== true) acceptor.sealed = copyState(acceptor);
    return { kind: 'adopted' };
  }
  if (was && !config.mergeAll) return { kind: 'adopted' };
  acceptor.active = false;
  if (was) acceptor.sealed = copyState(acceptor);
  return { kind: 'merges', ...sourcesOf(config) };
}

function mayBeJumpedTo(config: Config): boolean {
  return config.fresh === true || config.forced === true;
}

/** Whose states make a merge into the configuration, and how many of them. */
export function sourcesOf(config: Config): { readonly from: Config; readonly need: number } {
  if (config.forced === true) return { from: config, need: config.M.length };
  const from = config.prev as Config;
  return { from, need: from.r };
}

/**
 * The acceptor's state for a member that merges into `config`, or null when it must not or cannot serve it: it
 * stands elsewhere, was no member of the former epoch, or was not active in it. The caller adopts `config` first
 * (with what that entails), and keeps the state while its pages are being asked for.
 */
export function serveSnapshot(acceptor: Acceptor, config: Config): SealedState | null {
  if (acceptor.e !== config.e || config.prev === null || placeOf(sourcesOf(config).from, acceptor.me) < 0) return null;
  if (acceptor.active) return copyState(acceptor);
  return acceptor.sealed;
}

/** One page of a state, `entriesMax` entries each; pages count from 0, an empty state has one. */
export function snapshotPage(from: Incarnation, state: SealedState, page: number, entriesMax: number): Snapshot {
  const entries = state.entries.slice(page * entriesMax, (page + 1) * entriesMax);
  const last = (page + 1) * entriesMax >= state.entries.length;
  return { kind: 'snapshot', from, e: state.e, floor: state.floor, clock: state.clock, entries, page, last };
}

/**
 * Takes over what `prev.r` or more sealed members of the former epoch (of a forced configuration: all its members) hold, and makes the
 * acceptor active. `states` are whole (all pages), one per member, the own sealed one among them if there is one.
 */
export function merge(
  acceptor: Acceptor,
  states: readonly SealedState[],
  from: Config,
  effects: AcceptorEffect[],
): void {
  const isForced = acceptor.config?.forced === true;
  const need = isForced ? from.M.length : from.r;
  if (states.length < need) {
    throw new Error(`a merge needs the states of ${need} members, these are ${states.length}`);
  }
  for (const state of states) acceptor.floor = maxBallot(acceptor.floor, state.floor);
  // What was offered before and is not here may have been applied and lost with the others: its retry must not find that it never was.
  if (isForced) acceptor.floor = maxBallot(acceptor.floor, { e: acceptor.e, r: 0, p: 0 });
  const tables = states.map((state) => new Map(state.entries));
  const keys = new Set<Key>();
  for (const table of tables) for (const key of table.keys()) keys.add(key);
  for (const key of keys) mergeKey(acceptor, key, tables, isForced);
  let clock = Math.max(acceptor.clock, acceptor.floor.r);
  for (const entry of acceptor.keys.values()) clock = Math.max(clock, entry.p.r);
  acceptor.clock = clock;
  acceptor.sealed = null;
  acceptor.active = true;
  watchAll(acceptor, effects);
}

/** Asks for monitors of everything that live cells are bound to: after a merge, and on a restarted shell. */
export function watchAll(acceptor: Acceptor, effects: AcceptorEffect[]): void {
  for (const [key, { cell }] of acceptor.keys) {
    if (cell !== null && cell.live && cell.bind !== null) effects.push({ kind: 'watch', key, cell });
  }
}

function mergeKey(acceptor: Acceptor, key: Key, tables: readonly Map<Key, Entry>[], isForced: boolean): void {
  const held = tables.map((table): Holding => table.get(key) ?? NOTHING);
  const chosen = choice(held) ?? (isForced ? highestFast(held) : null);
  const own = acceptor.keys.get(key);
  if (chosen === null) return;
  if (own !== undefined && !isZero(own.ab) && !isForced) {
    if (chosen.fast || (!own.fast && !isLower(own.ab, chosen.ab))) return;
  }
  acceptor.keys.set(key, inherit(own, chosen, held, acceptor.floor));
}

function inherit(own: Entry | undefined, chosen: Choice, held: readonly Holding[], floor: Ballot): Entry {
  const { ab, fast, cell } = chosen;
  let fl = own === undefined ? floor : maxBallot(own.fl, floor);
  for (const holding of held) fl = maxBallot(fl, holding.fl);
  return {
    p: own === undefined ? ab : maxBallot(own.p, ab),
    ab,
    fast,
    cell,
    chosen: held.some((h) => h.chosen && h.fast === fast && sameBallot(h.ab, ab)),
    ae: 0,
    fl,
    seen: [],
  };
}

/** Fast values that were not taken by all prove nothing; the survivors of a reset by force keep the highest all the same. */
function highestFast(held: readonly Holding[]): Choice | null {
  let best: Holding | null = null;
  for (const one of held) {
    if (one.fast && (best === null || isLower(best.ab, one.ab))) best = one;
  }
  return best === null || best.cell === null ? null : { fast: true, ab: best.ab, cell: best.cell };
}

const NOTHING: Holding = { ab: ZERO, fast: false, cell: null, chosen: false, ae: 0, fl: ZERO };

/** The entries are copied, as the acceptor changes its own; cells and ballots never change. */
function copyState(acceptor: Acceptor): SealedState {
  const entries: KeyedEntry[] = [];
  for (const [key, entry] of acceptor.keys) entries.push([key, { ...entry, seen: [] }]);
  return { e: acceptor.e, floor: acceptor.floor, clock: acceptor.clock, entries };
}
