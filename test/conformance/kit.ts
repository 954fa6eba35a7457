/**
 * The conformance kits beside the checkout (`../shared/conformance`, or the folder in QUORATE_CONFORMANCE): scenarios, recordings of OTP 25, and
 * the program that compares. They are not part of this repository.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { repositoryRoot } from '../tooling/repository.ts';
import { appliesTo, type Placement } from './signals/placements.ts';
import type { Scenario } from './signals/scenario.ts';
import type { SupervisorsScenario } from './supervisors/runner.ts';

export type KitName = 'signals' | 'supervisors';

export interface ScenarioFile<S extends NamedScenario = Scenario> {
  readonly path: string;
  readonly scenario: S;
}

export interface Kit<S extends NamedScenario = NamedScenario> {
  readonly name: KitName;
  readonly folder: string;
  readonly files: readonly ScenarioFile<S>[];
}

export type SignalsKit = Kit<Scenario>;
export type SupervisorsKit = Kit<SupervisorsScenario>;

interface NamedScenario {
  readonly name: string;
}

export interface Comparison {
  readonly passed: number;
  /** Names of the scenarios that failed. */
  readonly failed: readonly string[];
  /** What was expected and what came. */
  readonly report: string;
}

/** The kit of signals, or why there is none. */
export function findSignalsKit(): SignalsKit | string {
  return findKit<Scenario>('signals');
}

/** The kit of supervisors and servers, or why there is none. */
export function findSupervisorsKit(): SupervisorsKit | string {
  return findKit<SupervisorsScenario>('supervisors');
}

function findKit<S extends NamedScenario>(name: KitName): Kit<S> | string {
  const folder = join(process.env['QUORATE_CONFORMANCE'] ?? join(repositoryRoot, '..', 'shared', 'conformance'), name);
  if (!existsSync(join(folder, 'compare.mjs'))) return `no conformance kit in ${folder}`;
  const files = readdirSync(join(folder, 'scenarios'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => readJson<S>(join(folder, 'scenarios', file)));
  return { name, folder, files };
}

function readJson<S extends NamedScenario>(path: string): ScenarioFile<S> {
  return { path, scenario: JSON.parse(readFileSync(path, 'utf8')) as S };
}

export function readScenario(path: string): ScenarioFile {
  return readJson<Scenario>(path);
}

export function filesFor(kit: SignalsKit, placement: Placement): readonly ScenarioFile[] {
  return kit.files.filter(({ scenario }) => appliesTo(placement, scenario));
}

/** Runs scenarios in a program of its own; resolves to its traces, one per line. */
export async function runInProgram(
  kit: KitName,
  placement: string,
  files: readonly { readonly path: string }[],
): Promise<string> {
  const main = join(repositoryRoot, 'dist', 'test', 'conformance', 'main.js');
  const args = [main, kit, '--placement', placement, ...files.map(({ path }) => path)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let traces = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (traces += text));
  await once(child, 'close');
  return traces;
}

/** Holds traces against the recordings of these files, with the kit's own program. A file without a trace has failed. */
export function compareTraces(kit: Kit, files: readonly { readonly path: string }[], traces: string): Comparison {
  const folder = mkdtempSync(join(tmpdir(), 'conformance-'));
  try {
    for (const { path } of files) {
      const file = relative(join(kit.folder, 'scenarios'), path);
      cpSync(path, join(folder, 'scenarios', file));
      cpSync(join(kit.folder, 'golden', file), join(folder, 'golden', file));
    }
    const given = join(folder, 'traces.jsonl');
    writeFileSync(given, traces);
    const compare = join(kit.folder, 'compare.mjs');
    const { stdout } = spawnSync(process.execPath, [compare, join(folder, 'golden'), given], { encoding: 'utf8' });
    const failed = [...stdout.matchAll(/^FAIL (\S+)$/gm)].map(([, name = '']) => name);
    return { passed: Number(/^(\d+) passed/m.exec(stdout)?.[1] ?? 0), failed, report: stdout };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
