/**
 * The protocol cores a run is made with: the compiled ones, or a copy in which one rule is switched off.
 *
 * A negative control is a list of text replacements in the compiled modules (replace.ts).
 */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type * as ConfigModule from '../../kv/cluster/config.ts';
import type * as AcceptorModule from '../../kv/paxos/acceptor.ts';
import type * as LifetimesModule from '../../kv/paxos/lifetimes.ts';
import type * as OperationModule from '../../kv/paxos/operation.ts';
import type * as ProposerModule from '../../kv/paxos/proposer.ts';
import type * as TransferModule from '../../kv/paxos/transfer.ts';
import { replaceOnce } from './replace.ts';

export type Cores = typeof AcceptorModule &
  typeof LifetimesModule &
  typeof OperationModule &
  typeof ProposerModule &
  typeof TransferModule &
  Pick<typeof ConfigModule, 'nextConfig' | 'stepRefusal'>;

export interface Replacement {
  /** Of `kv/paxos`, or `config` of `kv/cluster`. */
  readonly module: string;
  readonly from: string;
  readonly to: string;
}

const MODULES = [
  'paxos/acceptor',
  'paxos/lifetimes',
  'paxos/operation',
  'paxos/proposer',
  'paxos/transfer',
  'cluster/config',
] as const;
const COMPILED = fileURLToPath(new URL('../../kv/', import.meta.url));
const RUNTIME = new URL('../../runtime/', import.meta.url);

export async function loadCores(replacements: readonly Replacement[] = []): Promise<Cores> {
  if (replacements.length === 0) return importFrom(COMPILED);
  const folder = mkdtempSync(join(tmpdir(), 'quorate-sim-'));
  try {
    cpSync(join(COMPILED, 'paxos'), join(folder, 'paxos'), { recursive: true });
    mkdirSync(join(folder, 'cluster'));
    // The runtime is not copied: the copy's imports of it lead to the original.
    const config = readFileSync(join(COMPILED, 'cluster/config.js'), 'utf8');
    writeFileSync(join(folder, 'cluster/config.js'), config.replaceAll("'../../runtime/", `'${RUNTIME.href}`));
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    for (const { module, from, to } of replacements) {
      replaceOnce(join(folder, module === 'config' ? 'cluster' : 'paxos', `${module}.js`), from, to);
    }
    return await importFrom(`${folder}/`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function importFrom(folder: string): Promise<Cores> {
  const cores: Record<string, unknown> = {};
  for (const name of MODULES) Object.assign(cores, await import(pathToFileURL(`${folder}${name}.js`).href));
  return cores as unknown as Cores;
}
