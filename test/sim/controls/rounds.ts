/**
 * Rules of rounds, reads, retries, erasing and forgetting, switched off one by one: what holds within one configuration.
 */
import { one } from './control.ts';
import type { Control } from './control.ts';

export const ROUND_CONTROLS: readonly Control[] = [
  {
    name: 'fast-by-quorum',
    rule: 'a fast value needs all members',
    seeds: { scenario: 'one-configuration', most: 100 },
    replacements: one(
      'attempt',
      'operation.okCount === config.M.length) {',
      'operation.okCount >= quorumSize(config.N)) {',
    ),
  },
  {
    name: 'unanimous-ignored',
    rule: 'choice honours a unanimous fast value',
    seeds: { scenario: 'one-configuration', most: 100 },
    replacements: one('quorum', 'return unanimous ?', 'return false ?'),
  },
  {
    name: 'highest-dominates',
    rule: 'classic dominates fast, whatever the ballots',
    seeds: { scenario: 'one-configuration', most: 300 },
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
    seeds: { scenario: 'one-configuration', most: 100 },
    replacements: one('acceptor', 'if (isLower(m.b, entry.p))', 'if (false)'),
  },
  {
    name: 'erase-on-one',
    rule: 'an erase needs the observations of a quorum',
    seeds: { scenario: 'one-configuration', most: 100 },
    replacements: one(
      'decide',
      'countObservations(operation.ver, replies) < quorumSize(config.N)',
      'countObservations(operation.ver, replies) < 1',
    ),
  },
  {
    name: 'read-without-write-back',
    rule: 'a read writes back what is not known chosen',
    seeds: { scenario: 'one-configuration', most: 300 },
    replacements: one('read', 'return knownChosen(chosen, replies, config) ?', 'return true ?'),
  },
  {
    name: 'fast-known-by-quorum',
    rule: 'a fast value is known chosen by all members, not by a quorum',
    seeds: { scenario: 'one-configuration', most: 300 },
    replacements: one(
      'quorum',
      'count >= (chosen.fast ? config.M.length : quorumSize(config.N))',
      'count >= quorumSize(config.N)',
    ),
  },
  {
    name: 'retry-forgets-its-ballots',
    rule: 'a retry recognises its ballots in the history',
    seeds: { scenario: 'one-configuration', most: 100 },
    replacements: one('decide', 'historyOf(cell).findIndex((h) => isMine(h, operation))', '-1'),
  },
  {
    name: 'retry-sees-newest-only',
    rule: 'a retry recognises its ballots below later changes too',
    seeds: { scenario: 'one-configuration', most: 300 },
    replacements: one(
      'decide',
      'historyOf(cell).findIndex((h) => isMine(h, operation))',
      'historyOf(cell).slice(0, 1).findIndex((h) => isMine(h, operation))',
    ),
  },
  {
    name: 'retry-answers-unsealed',
    rule: 'a retry answers without writing only when nothing of its own can still win',
    seeds: { scenario: 'one-configuration', most: 1500 },
    replacements: one('decide', 'const clear = isClear(offers, chosen);', 'const clear = true;'),
  },
  {
    name: 'no-floor',
    rule: 'ballots below the floor are refused for unknown keys (Accept)',
    seeds: { scenario: 'one-configuration', most: 1000 },
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
    seeds: { scenario: 'one-configuration', most: 1500 },
    replacements: one('decide', 'replies.some((reply) => isLower(oldest.b, reply.fl))', 'false'),
  },
  {
    name: 'forget-after-quorum',
    rule: 'a key is forgotten only after all members accepted the tombstone',
    seeds: { scenario: 'one-configuration', most: 1000 },
    replacements: one(
      'attempt',
      'operation.acceptedCount === config.M.length',
      'operation.acceptedCount >= quorumSize(config.N)',
    ),
  },
  {
    name: 'fast-in-retries',
    rule: 'a fast value goes only with the first attempt',
    replacements: one('attempt', "if (isFirst && operation.kind === 'put'", "if (operation.kind === 'put'"),
  },
  {
    name: 'no-floor-fast',
    rule: 'ballots below the floor are refused for unknown keys (Prepare)',
    seeds: { scenario: 'one-configuration', most: 1000 },
    replacements: [
      {
        module: 'acceptor',
        from: 'if (isLower(m.b, acceptor.floor))\n            return nack(acceptor, m.b, acceptor.floor, effects);\n        const entry =',
        to: 'const entry =',
      },
    ],
  },
  {
    name: 'forgets-any-tombstone',
    rule: 'only the exact tombstone that all members accepted is forgotten',
    replacements: one(
      'acceptor',
      'if (!sameBallot(entry.ab, m.b) || !sameBallot(entry.p, entry.ab))',
      'if (!sameBallot(entry.p, entry.ab))',
    ),
  },
  {
    name: 'forgets-over-promise',
    rule: 'a tombstone is forgotten only when nothing newer is promised',
    replacements: one(
      'acceptor',
      'if (!sameBallot(entry.ab, m.b) || !sameBallot(entry.p, entry.ab))',
      'if (!sameBallot(entry.ab, m.b))',
    ),
  },
  {
    name: 'empty-unsealed',
    rule: 'an empty result must be known chosen',
    seeds: { scenario: 'forgetting', most: 300 },
    replacements: [
      { module: 'read', from: 'return knownChosen(', to: 'return !chosen.cell.live || knownChosen(' },
      {
        module: 'decide',
        from: 'if (isSettled || (cell === null && clear))',
        to: 'if (isSettled || ((cell === null || !cell.live) && clear))',
      },
    ],
  },
  {
    name: 'cut-ignored',
    rule: 'a retry that the bounded history does not reach back to answers unknown',
    seeds: { scenario: 'losing/c6p2k2', most: 1000 },
    replacements: [
      { module: 'change', from: 'HISTORY_MAX = 16', to: 'HISTORY_MAX = 1' },
      { module: 'decide', from: 'if (cell !== null && !isLower(cell.cut, oldest.b))', to: 'if (false)' },
    ],
  },
  {
    name: 'put-finishes-by-read',
    rule: 'a put that went fast does not finish by a plain read',
    replacements: [
      {
        module: 'attempt',
        from: "if (isFirst && operation.kind === 'read' && !operation.startsClassic) {",
        to: "if (operation.kind === 'put' ? operation.attempts === 2 : isFirst && operation.kind === 'read' && !operation.startsClassic) {",
      },
      {
        module: 'attempt',
        from: "if (decision.kind === 'done') {\n        const result = operation.change(decision.cell",
        to: "if (decision.kind === 'done' && (operation.kind !== 'put' || decision.cell?.live)) {\n        const result = operation.change(decision.cell",
      },
    ],
  },
  {
    name: 'next-by-one-ack',
    rule: 'the next ballot is used only when a quorum promised it with its Accept',
    replacements: [
      {
        module: 'attempt',
        from: 'if (next !== null)\n            rememberPrepared(proposer, key, { next, cell: cell });',
        to: '',
      },
      {
        module: 'attempt',
        from: 'const { key, b, cell, next } = operation;',
        to:
          'const { key, b, cell, next } = operation;\n' +
          'if (next !== null && operation.acceptedCount === 1) rememberPrepared(proposer, key, { next, cell });',
      },
    ],
  },
  {
    name: 'versions-by-counter',
    rule: 'incarnations are named by ballots, not by a counter per key',
    seeds: { scenario: 'lifetimes', most: 100 },
    replacements: one(
      'change',
      'before !== null && before.live ? before.ver : b;',
      'before !== null && before.live ? before.ver : { e: 1, r: before === null ? 1 : historyOf(before).length + 1, p: 1 };',
    ),
  },
  {
    name: 'fast-by-three-quarters',
    rule: 'a fast value needs all members, also of four',
    seeds: { scenario: 'lifetimes', most: 100 },
    replacements: one(
      'attempt',
      'operation.okCount === config.M.length) {',
      'operation.okCount >= Math.ceil((3 * config.N) / 4)) {',
    ),
  },
  {
    name: 'read-across-forgetting',
    rule: 'a read does not answer what a member that knows nothing may have forgotten since',
    replacements: one('read', 'if (mayBeForgotten(chosen, replies, config))', 'if (false)'),
  },
];
