/**
 * Negative controls of whole clusters: something that a node must do is not done, by a change in the compiled library. The scenario that is named
 * must catch it within `seedsMax` seeds from 1 on; the true library passes the same seeds.
 */
import type { ModuleReplacement } from './system.ts';

export interface ClusterControl {
  readonly name: string;
  readonly rule: string;
  /** Whose seeds find it. */
  readonly scenario: string;
  readonly seedsMax: number;
  readonly replacements: readonly ModuleReplacement[];
}

const READ_RECORD = 'const record = (await storage.load()) ?? (await this.#firstRecord(name));';

export const CLUSTER_CONTROLS: readonly ClusterControl[] = [
  {
    name: 'record-forgets-votes',
    rule: 'votes on configurations are in the boot record',
    scenario: 'cluster/founders',
    seedsMax: 60,
    replacements: [
      {
        module: 'kv/cluster/cluster-server',
        from: READ_RECORD,
        to:
          'const saved = await storage.load(); const record = saved === null ? await this.#firstRecord(name) : ' +
          '{ ...createRecord(name, saved.id), boots: saved.boots };',
      },
    ],
  },
  {
    name: 'record-saved-late',
    rule: 'a vote leaves only when the record that has it is durable',
    scenario: 'cluster/founders',
    seedsMax: 1000,
    replacements: [
      {
        module: 'kv/cluster/cluster-server',
        from: 'await storage.save(record);\n            this.#saved',
        to: 'void storage.save(record);\n            this.#saved',
      },
    ],
  },
  {
    name: 'old-seat',
    rule: 'a node that lost its memory is a new incarnation',
    scenario: 'cluster/restarts',
    seedsMax: 20,
    replacements: [{ module: 'kv/cluster/record', from: 'boots: record.boots + 1', to: 'boots: 1' }],
  },
  {
    name: 'votes-by-name',
    rule: 'a member is an incarnation, not a name: votes of another boot do not count',
    scenario: 'cluster/restarts',
    seedsMax: 20,
    replacements: [
      {
        module: 'kv/paxos/quorum',
        from: 'return a === b || (a.boot === b.boot && a.name === b.name && a.id === b.id);',
        to: 'return a === b || a.name === b.name;',
      },
    ],
  },
  {
    name: 'joiner-votes-unmerged',
    rule: 'a joiner merges before it votes',
    scenario: 'cluster/founding',
    seedsMax: 20,
    replacements: [
      {
        module: 'kv/paxos/transfer',
        from: "if (was && !config.mergeAll)\n        return { kind: 'adopted' };",
        to: "acceptor.active = true;\n    return { kind: 'adopted' };",
      },
    ],
  },
  {
    name: 'promises-forgotten',
    rule: 'an acceptor process that was killed goes on with the table that it had',
    scenario: 'cluster/lifetimes',
    seedsMax: 60,
    replacements: [
      {
        module: 'kv/bucket/acceptor-server',
        from: 'this.#engine = new AcceptorEngine(',
        to: 'table.acceptor.keys.clear();\n        this.#engine = new AcceptorEngine(',
      },
    ],
  },
];

/** The replacements of a control. @throws for a name that none has */
export function replacementsOf(off: string | undefined): readonly ModuleReplacement[] {
  if (off === undefined) return [];
  const control = CLUSTER_CONTROLS.find(({ name }) => name === off);
  if (control === undefined) throw new Error(`no control of whole clusters is called '${off}'; --controls lists them`);
  return control.replacements;
}
