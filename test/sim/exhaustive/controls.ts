/**
 * Negative controls of the exhaustive checker: one rule of the protocol switched off each (register protocol, section 12), and the
 * scenario in which that is found. Those that the simulation has too are taken from there.
 */
import { findControl } from '../controls.ts';
import type { Replacement } from '../cores.ts';

export interface ExhaustiveControl {
  readonly name: string;
  readonly rule: string;
  /** Where it is caught. */
  readonly scenario: string;
  readonly replacements: readonly Replacement[];
  /** Members hand on their state without adopting the configuration first: that rule is the caller's, not in the cores. */
  readonly servesUnsealed?: true;
}

/** One that the simulation has too. */
function shared(name: string, scenario: string): ExhaustiveControl {
  const control = findControl(name);
  if (control === undefined) throw new Error(`no control is called '${name}'`);
  return { name, rule: control.rule, scenario, replacements: control.replacements };
}

function one(
  name: string,
  rule: string,
  scenario: string,
  module: string,
  from: string,
  to: string,
): ExhaustiveControl {
  return { name, rule, scenario, replacements: [{ module, from, to }] };
}

export const EXHAUSTIVE_CONTROLS: readonly ExhaustiveControl[] = [
  shared('fast-by-quorum', 'put-put'),
  shared('unanimous-ignored', 'put-put'),
  shared('highest-dominates', 'put-put'),
  shared('no-promise-check', 'put-change'),
  shared('erase-on-one', 'put-erase'),
  shared('read-without-write-back', 'classic-read-read'),
  shared('fast-known-by-quorum', 'put-read-read'),
  one(
    'empty-read-unsettled',
    'a plain read answers a tombstone only when it is known to be chosen',
    'erase-read-read',
    'read',
    'return knownChosen(chosen, replies, config) ?',
    'return !chosen.cell.live || knownChosen(chosen, replies, config) ?',
  ),
  one(
    'empty-answer-unsettled',
    'an empty result must be known to be chosen',
    'erase-read-read',
    'decide',
    'if (isSettled || (cell === null && clear))',
    'if (isSettled || ((cell === null || !cell.live) && clear))',
  ),
  shared('retry-forgets-its-ballots', 'change-retry'),
  shared('retry-sees-newest-only', 'erase-retry'),
  one(
    'cut-ignored',
    'a retry whose ballot may have fallen out of the history answers unknown',
    'erase-retry-short-history',
    'decide',
    'if (cell !== null && !isLower(cell.cut, oldest.b))',
    'if (false)',
  ),
  shared('floor-unknown-to-retries', 'forget-retry'),
  shared('retry-answers-unsealed', 'extend-read'),
  one(
    'next-on-one-promise',
    'the next ballot is used only with the promises of a quorum',
    'next-ballot',
    'attempt',
    "if (operation.phase === 'accepting' && operation.acceptedCount >= quorumSize(config.N)) {",
    'if (next !== null) rememberPrepared(proposer, key, { next, cell });\n' +
      "    if (operation.phase === 'accepting' && operation.acceptedCount >= quorumSize(config.N)) {",
  ),
  shared('no-floor', 'forget-retry'),
  shared('no-floor-fast', 'forget-retry'),
  shared('forget-after-quorum', 'erase-forget-change'),
  shared('fast-in-retries', 'forget-retry'),
  {
    name: 'fast-put-reads',
    rule: 'a put that has sent a fast value does not finish by a plain read',
    scenario: 'late-fast-value',
    replacements: [
      {
        module: 'attempt',
        from: "if (isFirst && operation.kind === 'read' && !operation.startsClassic) {",
        to: "if ((isFirst && operation.kind === 'read' && !operation.startsClassic) || (!isFirst && operation.kind === 'put')) {",
      },
    ],
  },
  one(
    'forget-any-tombstone',
    'only the exact tombstone is forgotten',
    'two-lives',
    'acceptor',
    'if (!sameBallot(entry.ab, m.b) || !sameBallot(entry.p, entry.ab))',
    'if (!sameBallot(entry.p, entry.ab))',
  ),
  one(
    'forget-promised',
    'a key is not forgotten while anything newer is promised',
    'forget-promised',
    'acceptor',
    'if (!sameBallot(entry.ab, m.b) || !sameBallot(entry.p, entry.ab))',
    'if (!sameBallot(entry.ab, m.b))',
  ),
  {
    name: 'lives-by-counter',
    rule: 'incarnations are told apart by ballot, not by a counter of the key that forgetting resets',
    scenario: 'late-end',
    replacements: [
      {
        module: 'change',
        from: 'before.ver : b;',
        to: 'before.ver : { e: 1, r: 1 + (before?.hist.length ?? 0), p: 0 };',
      },
      { module: 'change', from: 'hist: live ? NO_HISTORY : [b]', to: 'hist: [b]' },
    ],
  },
  {
    name: 'fast-by-three-of-four',
    rule: 'with forgetting, three quarters of the members are not enough for a fast value',
    scenario: 'four-members',
    replacements: [
      {
        module: 'attempt',
        from: 'operation.okCount === config.M.length) {',
        to: 'operation.okCount >= Math.ceil((3 * config.N) / 4)) {',
      },
      {
        module: 'attempt',
        from: 'return operation.okCount === operation.answeredCount && operation.okCount + rest === config.M.length;',
        to: 'return operation.okCount + rest >= Math.ceil((3 * config.N) / 4);',
      },
      {
        module: 'quorum',
        from: 'return unanimous ? { fast: true, ab: first.ab, cell: first.cell } : null;',
        to:
          'const fasts = replies.filter((x) => x.fast);\n' +
          'const most = fasts.find((x) => fasts.filter((y) => sameBallot(x.ab, y.ab)).length >= replies.length - 1);\n' +
          'return most === undefined ? null : { fast: true, ab: most.ab, cell: most.cell };',
      },
    ],
  },
  one(
    'no-epoch-check',
    'a request of an older epoch is refused',
    'replace',
    'acceptor',
    'if (message.e !== acceptor.e || !acceptor.active) {',
    'if (!acceptor.active) {',
  ),
  {
    name: 'rounds-lead',
    rule: 'the epoch leads the ballot',
    scenario: 'low-rounds',
    replacements: [
      { module: 'ballot', from: 'if (a.e !== b.e)\n        return a.e - b.e;', to: '' },
      { module: 'ballot', from: 'if (a.e !== b.e)\n        return a.e < b.e;', to: '' },
    ],
  },
  one(
    'floors-by-round',
    'floors are compared as whole ballots, not by round',
    'low-floors',
    'decide',
    'isLower(oldest.b, reply.fl)',
    'oldest.b.r < reply.fl.r',
  ),
  one(
    'joiner-votes-at-once',
    'a joiner merges before it votes',
    'replace',
    'transfer',
    'if (was && !config.mergeAll)\n        return',
    'acceptor.active ||= !config.mergeAll;\n    if (!config.mergeAll)\n        return',
  ),
  {
    name: 'merge-from-one',
    rule: 'a joiner merges from r members',
    scenario: 'replace',
    replacements: [
      { module: 'transfer', from: 'return { from, need: from.r };', to: 'return { from, need: 1 };' },
      { module: 'transfer', from: 'if (states.length < need)', to: 'if (false)' },
    ],
  },
  {
    name: 'merge-from-unsealed',
    rule: 'a joiner merges from members that are sealed',
    scenario: 'replace',
    replacements: [
      { module: 'transfer', from: 'acceptor.e !== config.e || config.prev === null', to: 'config.prev === null' },
    ],
    servesUnsealed: true,
  },
  one(
    'merge-from-inactive',
    'a joiner merges from members that were active in the epoch before',
    'skipped-decrease',
    'transfer',
    'if (acceptor.active)\n        return copyState(acceptor);',
    'if (true)\n        return copyState(acceptor);',
  ),
  {
    name: 'uniform-always',
    rule: 'r is #M - q + 1 only while uniform',
    scenario: 'grow-replace',
    replacements: [
      {
        module: 'transfer',
        from: 'return { from, need: from.r };',
        to: 'return { from, need: from.M.length - Math.floor(from.N / 2) };',
      },
      { module: 'transfer', from: 'if (states.length < need)', to: 'if (false)' },
    ],
  },
  one(
    'no-merge-after-vacate',
    'all merge after a vacate that leaves q',
    'vacate-fill',
    'transfer',
    'if (was && !config.mergeAll)',
    'if (was)',
  ),
  one(
    'no-merge-after-decrease',
    'all merge after N-1',
    'three-two-one',
    'transfer',
    'if (was && !config.mergeAll)',
    'if (was)',
  ),
  one(
    'inherited-counts',
    'reads count acceptances of the present epoch only',
    'inherited-read',
    'quorum',
    'if (reply.ae === config.e && chosen.ab.e === config.e)',
    'if (true)',
  ),
];

export function findExhaustiveControl(name: string): ExhaustiveControl | undefined {
  return EXHAUSTIVE_CONTROLS.find((control) => control.name === name);
}
