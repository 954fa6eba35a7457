/**
 * Negative controls: one rule of the protocol switched off each (register protocol, section 12). The simulation
 * must catch every one within `seedsMax` seeds from 1 on; the true rules pass the same seeds. Rules whose breach
 * takes thousands of seeds to show (only the exact tombstone is forgotten, and nothing newer promised; an empty
 * result must be known chosen) are tested one by one in test/kv/paxos/rules.test.ts instead.
 */
import type { Replacement } from './cores.ts';

export interface Control {
  readonly name: string;
  readonly rule: string;
  readonly seedsMax: number;
  /** Whose seeds find it; one-configuration if absent. */
  readonly scenario?: string;
  readonly replacements: readonly Replacement[];
  /** Rules of the shell around the cores. */
  readonly shell?: readonly string[];
}

function one(module: string, from: string, to: string): readonly Replacement[] {
  return [{ module, from, to }];
}

export const CONTROLS: readonly Control[] = [
  {
    name: 'fast-by-quorum',
    rule: 'a fast value needs all members',
    seedsMax: 100,
    replacements: one(
      'attempt',
      'operation.okCount === config.M.length) {',
      'operation.okCount >= quorumSize(config.N)) {',
    ),
  },
  {
    name: 'unanimous-ignored',
    rule: 'choice honours a unanimous fast value',
    seedsMax: 100,
    replacements: one('quorum', 'return unanimous ?', 'return false ?'),
  },
  {
    name: 'highest-dominates',
    rule: 'classic dominates fast, whatever the ballots',
    seedsMax: 300,
    replacements: [
      {
        module: 'quorum',
        from: 'if (reply.fast) {',
        to: 'if (reply.fast && replies.every((x) => x.fast || isZero(x.ab))) {',
      },
      { module: 'quorum', from: 'return { fast: false, ab: best.ab', to: 'return { fast: best.fast, ab: best.ab' },
    ],
  },
  {
    name: 'no-promise-check',
    rule: 'an Accept below the promise is refused',
    seedsMax: 100,
    replacements: one('acceptor', 'if (isLower(m.b, entry.p))', 'if (false)'),
  },
  {
    name: 'erase-on-one',
    rule: 'an erase needs the observations of a quorum',
    seedsMax: 100,
    replacements: one(
      'decide',
      'countObservations(operation.ver, replies) < quorumSize(config.N)',
      'countObservations(operation.ver, replies) < 1',
    ),
  },
  {
    name: 'read-without-write-back',
    rule: 'a read writes back what is not known chosen',
    seedsMax: 300,
    replacements: one('read', 'return knownChosen(chosen, replies, config) ?', 'return true ?'),
  },
  {
    name: 'fast-known-by-quorum',
    rule: 'a fast value is known chosen by all members, not by a quorum',
    seedsMax: 300,
    replacements: one(
      'quorum',
      'count >= (chosen.fast ? config.M.length : quorumSize(config.N))',
      'count >= quorumSize(config.N)',
    ),
  },
  {
    name: 'retry-forgets-its-ballots',
    rule: 'a retry recognises its ballots in the history',
    seedsMax: 100,
    replacements: one('decide', 'historyOf(cell).findIndex((h) => isMine(h, operation))', '-1'),
  },
  {
    name: 'retry-sees-newest-only',
    rule: 'a retry recognises its ballots below later changes too',
    seedsMax: 300,
    replacements: one(
      'decide',
      'historyOf(cell).findIndex((h) => isMine(h, operation))',
      'historyOf(cell).slice(0, 1).findIndex((h) => isMine(h, operation))',
    ),
  },
  {
    name: 'retry-answers-unsealed',
    rule: 'a retry answers without writing only when nothing of its own can still win',
    seedsMax: 1000,
    replacements: one('decide', 'const clear = isClear(offers, chosen);', 'const clear = true;'),
  },
  {
    name: 'no-floor',
    rule: 'ballots below the floor are refused for unknown keys (Accept)',
    seedsMax: 1000,
    replacements: [
      {
        module: 'acceptor',
        from: 'if (isLower(m.b, acceptor.floor))\n            return nack(acceptor, m.b, acceptor.floor, effects);\n        entry =',
        to: 'entry =',
      },
    ],
  },
  {
    name: 'floor-unknown-to-retries',
    rule: 'a retry that meets a forgotten key answers unknown',
    seedsMax: 1000,
    replacements: one('decide', 'replies.some((reply) => isLower(oldest.b, reply.fl))', 'false'),
  },
  {
    name: 'forget-after-quorum',
    rule: 'a key is forgotten only after all members accepted the tombstone',
    seedsMax: 1000,
    replacements: one(
      'attempt',
      'operation.acceptedCount === config.M.length',
      'operation.acceptedCount >= quorumSize(config.N)',
    ),
  },
  {
    name: 'fast-in-retries',
    rule: 'a fast value goes only with the first attempt',
    seedsMax: 1500,
    scenario: 'forgetting',
    replacements: one('attempt', "if (isFirst && operation.kind === 'put'", "if (operation.kind === 'put'"),
  },
  {
    name: 'no-floor-fast',
    rule: 'ballots below the floor are refused for unknown keys (Prepare)',
    seedsMax: 1000,
    replacements: [
      {
        module: 'acceptor',
        from: 'if (isLower(m.b, acceptor.floor))\n            return nack(acceptor, m.b, acceptor.floor, effects);\n        const entry =',
        to: 'const entry =',
      },
    ],
  },
];

export function findControl(name: string): Control | undefined {
  return CONTROLS.find((control) => control.name === name);
}
