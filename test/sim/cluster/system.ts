/**
 * The program that is simulated: the compiled library as it is, or a copy in which something is replaced. Everything that the simulation uses
 * of it is taken from there, since a copy has classes and tables of its own.
 *
 * A negative control is a list of text replacements in the compiled modules (../replace.ts).
 */
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type * as KvModule from '../../../kv/index.ts';
import type * as LocalModule from '../../../kv/bucket/local.ts';
import type * as AtomModule from '../../../runtime/term/atom.ts';
import type * as ExitModule from '../../../runtime/term/exit-reason.ts';
import { repositoryRoot } from '../../tooling/repository.ts';
import { replaceOnce } from '../replace.ts';

export type { BootRecord } from '../../../kv/cluster/record.ts';
export type { Quorate, QuorateOptions, RecordStorage } from '../../../kv/index.ts';
export type { Config, Entry, Key } from '../../../kv/paxos/messages.ts';
export type { Env, TimerHandle } from '../../../runtime/env.ts';
export type { Pid } from '../../../runtime/term/pid.ts';
export type { Self } from '../../../runtime/process/self.ts';
export type { BucketShared } from '../../../kv/bucket/table.ts';
export type {
  Address,
  CloseReason,
  Connection,
  ConnectionEvents,
  Transport,
} from '../../../runtime/transport/transport.ts';

export type System = Pick<typeof KvModule, 'startQuorate' | 'PaxosKV' | 'CASPaxos' | 'Cluster' | 'DEFAULT_BUCKET'> &
  Pick<typeof LocalModule, 'localBucket'> &
  Pick<typeof AtomModule, 'nameAtom'> &
  Pick<typeof ExitModule, 'Exit'>;

export interface ModuleReplacement {
  /** Path of the compiled module below `dist/`, as in `kv/paxos/acceptor`. */
  readonly module: string;
  readonly from: string;
  readonly to: string;
}

const MODULES = ['kv/index', 'kv/bucket/local', 'runtime/term/atom', 'runtime/term/exit-reason'] as const;
const PARTS = ['runtime', 'supervisors', 'kv'] as const;
const COMPILED = fileURLToPath(new URL('../../../', import.meta.url));

export async function loadSystem(replacements: readonly ModuleReplacement[] = []): Promise<System> {
  if (replacements.length === 0) return importFrom(COMPILED);
  const folder = mkdtempSync(join(tmpdir(), 'quorate-system-'));
  try {
    for (const part of PARTS) cpSync(join(COMPILED, part), join(folder, part), { recursive: true });
    symlinkSync(join(repositoryRoot, 'node_modules'), join(folder, 'node_modules'));
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    for (const { module, from, to } of replacements) replaceOnce(join(folder, `${module}.js`), from, to);
    return await importFrom(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function importFrom(folder: string): Promise<System> {
  const system: Record<string, unknown> = {};
  for (const name of MODULES) Object.assign(system, await import(pathToFileURL(join(folder, `${name}.js`)).href));
  return system as unknown as System;
}
