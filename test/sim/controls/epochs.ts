/** Rules of epochs, state transfer, configurations and restarts, switched off one by one. */
import { one } from './control.ts';
import type { Control } from './control.ts';

/** The place that the acceptor had in the epoch of the request, as far as it knows. */
const PLACE_THEN =
  '(m.e === acceptor.e ? acceptor.place : (acceptor.config?.prev?.M.findIndex((x) => x.name === acceptor.me.name) ?? -1))';

export const EPOCH_CONTROLS: readonly Control[] = [
  {
    name: 'no-epoch-check',
    rule: 'requests of another epoch are refused',
    seeds: { scenario: 'everything', most: 300 },
    replacements: [
      {
        module: 'acceptor',
        from: 'if (message.e !== acceptor.e || !acceptor.active) {',
        to: 'if (message.e === acceptor.e && !acceptor.active) {',
      },
      {
        module: 'acceptor',
        from: "kind: 'accepted',\n        from: acceptor.place,\n        e: acceptor.e,",
        to: `kind: 'accepted',\n        from: ${PLACE_THEN},\n        e: m.e,`,
      },
      {
        module: 'acceptor',
        from: "{ kind: 'taken', from, e, b: m.b, clock }\n        : { kind: 'promise', from, e, b: m.b,",
        to: `{ kind: 'taken', from: ${PLACE_THEN}, e: m.e, b: m.b, clock }\n        : { kind: 'promise', from: ${PLACE_THEN}, e: m.e, b: m.b,`,
      },
    ],
  },
  {
    name: 'round-leads-ballot',
    rule: 'the epoch leads the ballot',
    replacements: [
      {
        module: 'ballot',
        from: 'if (a.e !== b.e)\n        return a.e - b.e;\n    if (a.r !== b.r)\n        return a.r - b.r;',
        to: 'if (a.r !== b.r)\n        return a.r - b.r;\n    if (a.e !== b.e)\n        return a.e - b.e;',
      },
      {
        module: 'ballot',
        from: 'if (a.e !== b.e)\n        return a.e < b.e;\n    if (a.r !== b.r)\n        return a.r < b.r;',
        to: 'if (a.r !== b.r)\n        return a.r < b.r;\n    if (a.e !== b.e)\n        return a.e < b.e;',
      },
    ],
  },
  {
    name: 'floor-by-round',
    rule: 'a floor is a whole ballot and not a round',
    replacements: [
      { module: 'decide', from: 'isLower(oldest.b, reply.fl)', to: 'oldest.b.r < reply.fl.r' },
      {
        module: 'acceptor',
        from: 'if (isLower(m.b, acceptor.floor))\n            return nack(acceptor, m.b, acceptor.floor, effects);\n        entry =',
        to: 'if (m.b.r < acceptor.floor.r)\n            return nack(acceptor, m.b, acceptor.floor, effects);\n        entry =',
      },
      {
        module: 'acceptor',
        from: 'if (isLower(m.b, acceptor.floor))\n            return nack(acceptor, m.b, acceptor.floor, effects);\n        const entry =',
        to: 'if (m.b.r < acceptor.floor.r)\n            return nack(acceptor, m.b, acceptor.floor, effects);\n        const entry =',
      },
    ],
  },
  {
    name: 'joiner-votes-blank',
    rule: 'a joiner merges before it votes',
    seeds: { scenario: 'membership/c2p2k2.outside', most: 300 },
    replacements: one(
      'transfer',
      "if (was && !config.mergeAll)\n        return { kind: 'adopted' };",
      "if (!config.mergeAll) {\n        acceptor.active = true;\n        return { kind: 'adopted' };\n    }",
    ),
  },
  {
    name: 'merges-from-one',
    rule: 'a merge takes the states of r members',
    seeds: { scenario: 'membership/c2p2k2.outside', most: 100 },
    replacements: [
      {
        module: 'transfer',
        from: 'return { from, need: from.r };',
        to: 'return { from, need: 1 };',
      },
      { module: 'transfer', from: 'if (states.length < need) {', to: 'if (false) {' },
    ],
  },
  {
    name: 'serves-unsealed',
    rule: 'who serves its state has sealed the former epoch',
    shell: ['seal'],
    seeds: { scenario: 'membership/c2p2k2.outside', most: 100 },
    replacements: one(
      'transfer',
      'if (acceptor.e !== config.e || config.prev === null ||',
      'if (config.prev === null ||',
    ),
  },
  {
    name: 'serves-though-skipped',
    rule: 'who serves its state was active in the former epoch, or has merged since',
    seeds: { scenario: 'membership/c2p2k2.outside', most: 300 },
    replacements: one(
      'transfer',
      'if (acceptor.active)\n        return copyState(acceptor);\n    return acceptor.sealed;',
      'return copyState(acceptor);',
    ),
  },
  {
    name: 'few-merge-always',
    rule: 'merges take fewer states only while the configurations are uniform',
    replacements: one('config', '(uniform ? members : N) - quorumSize(N)', 'members - quorumSize(N)'),
  },
  {
    name: 'no-merge-after-vacate',
    rule: 'all members merge after a vacate that leaves a quorum',
    seeds: { scenario: 'membership/c2p2k2.outside', most: 1000 },
    replacements: one('config', 'leavesQuorum ? { uniform: true, mergeAll: true }', 'leavesQuorum ? { uniform: true }'),
  },
  {
    name: 'no-merge-after-shrink',
    rule: 'all members merge after a seat went',
    replacements: one('config', 'm.name !== step.name), { mergeAll: true });', 'm.name !== step.name), {});'),
  },
  {
    name: 'inherited-counts',
    rule: 'reads count acceptances of the present epoch only',
    replacements: one('quorum', 'if (reply.ae === config.e && chosen.ab.e === config.e)', 'if (true)'),
  },
  {
    name: 'amnesiac-keeps-seat',
    rule: 'who lost its state is a new incarnation',
    seeds: { scenario: 'amnesia/c2p3k2', most: 100 },
    shell: ['new-boot'],
    replacements: [],
  },
  {
    name: 'fresh-forgets-retries',
    rule: 'an operation begun before all state was lost ends unknown when it is retried after',
    seeds: { scenario: 'amnesia/c2p4k2.all', most: 300 },
    replacements: one('transfer', 'config.fresh === true ? { e: config.e, r: 0, p: 0 } : ZERO', 'ZERO'),
  },
  {
    name: 'fresh-by-quorum',
    rule: 'everything starts anew only when all members lost their state, not when a quorum did',
    seeds: { scenario: 'amnesia/c2p3k2', most: 100 },
    shell: ['fresh-by-all', 'careful'],
    replacements: [],
  },
];
