/**
 * Rules of founding and of the registers that configurations are decided in: not of the cores, so they are switched off in tests
 * of their own.
 */
import type { Control } from './control.ts';

export const FOUNDING_CONTROLS: readonly Control[] = [
  {
    name: 'founding-votes-lost',
    rule: 'votes for the first configuration are durable',
    replacements: [],
    test: 'kv/cluster-founding.test.ts: negative control: founders whose votes are not durable found two clusters',
  },
  {
    name: 'founders-whoever-is-there',
    rule: 'founders are a fixed list',
    replacements: [],
    test: 'kv/cluster-founding.test.ts: negative control: founders that are whoever is there found two clusters',
  },
  {
    name: 'configuration-votes-lost',
    rule: 'votes for later configurations are durable',
    replacements: [],
    test: 'kv/record.test.ts: negative control: records that lose their votes in a restart decide two configurations',
  },
  {
    name: 'missing-member-forgotten',
    rule: 'a bucket begins anew only when all members of its configurations are back, and not when a quorum is',
    replacements: [],
    test: 'kv/cluster-founding.test.ts: negative control: a record that forgets the missing member',
  },
];
