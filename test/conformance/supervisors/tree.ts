/** The supervisors of a scenario, made from its JSON. */
import type { Self } from '../../../runtime/process/self.ts';
import { atom } from '../../../runtime/term/atom.ts';
import {
  startClass,
  Supervisor,
  type ChildSpec,
  type StartResult,
  type SupervisorInit,
} from '../../../supervisors/index.ts';
import { startChild, type Behaviour } from './child.ts';
import type { Log } from './log.ts';
import { termOf, wordOf, type Json } from './terms.ts';

export interface TreeJson {
  readonly [key: string]: Json;
}

interface TreeArgs {
  readonly log: Log;
  readonly id: string;
  readonly count: number;
  readonly tree: TreeJson;
}

/** Named as the kit prints the module of its start functions. */
class $mod extends Supervisor<TreeArgs> {
  override init({ log, id, count, tree }: TreeArgs): SupervisorInit {
    log.add('starting', id, count);
    if (tree['init_return'] !== undefined) return termOf(tree['init_return'], log) as SupervisorInit;
    return { ...flagsOf(tree, log), children: childrenOf(tree, log) } as SupervisorInit;
  }
}

const NAMES = { strategy: 'strategy', intensity: 'intensity', auto_shutdown: 'autoShutdown' } as const;

function flagsOf(tree: TreeJson, log: Log): object {
  const flags: Record<string, unknown> = {};
  for (const [kit, ours] of Object.entries(NAMES)) if (kit in tree) flags[ours] = wordOf(tree[kit], log);
  if ('period' in tree) {
    const period = wordOf(tree['period'], log);
    flags['periodMs'] = typeof period === 'number' ? period * 1000 : period;
  }
  return flags;
}

function childrenOf(tree: TreeJson, log: Log): ChildSpec[] {
  const dynamic = tree['strategy'] === 'simple_one_for_one';
  return ((tree['children'] ?? []) as TreeJson[]).map((child) => specOf(child, log, dynamic));
}

export function specOf(child: TreeJson, log: Log, dynamic = false): ChildSpec {
  if ('raw' in child) return termOf(child['raw'], log) as ChildSpec;
  const id = child['id'] as string;
  const nested = child['supervisor'] as TreeJson | undefined;
  const behaviour = (child['behaviour'] ?? {}) as Behaviour;
  const kitStart: ChildSpec['start'] =
    nested === undefined
      ? (self, ...extra) => startChild(self, log, id, behaviour, dynamic ? extra : undefined)
      : (self) => startTree(self, log, id, nested);
  const spec: Record<string, unknown> = { id: atom(id), start: named(kitStart) };
  for (const field of ['restart', 'shutdown', 'type', 'significant']) {
    if (field in child) spec[field] = wordOf(child[field], log);
  }
  spec['modules'] = 'modules' in child ? wordOf(child['modules'], log) : [atom('$mod')];
  return spec as unknown as ChildSpec;
}

function named<F extends object>(start: F): F {
  return Object.defineProperty(start, 'name', { value: 'kitStart' });
}

const supervisors = new WeakMap<Log, Set<string>>();

/** The names of the supervisors that were started. */
export function supervisorNames(log: Log): ReadonlySet<string> {
  return supervisors.get(log) ?? new Set();
}

async function startTree(self: Self, log: Log, id: string, tree: TreeJson): Promise<StartResult> {
  return startNumbered(self, log, id, log.next(id), tree);
}

export async function startTop(self: Self, log: Log, tree: TreeJson): Promise<StartResult> {
  return startNumbered(self, log, 'sup', 1, tree);
}

async function startNumbered(self: Self, log: Log, id: string, count: number, tree: TreeJson): Promise<StartResult> {
  const name = tree['name'];
  const known = supervisors.get(log) ?? new Set();
  supervisors.set(log, known.add(id === 'sup' ? id : `${id}#${count}`));
  const options = typeof name === 'string' ? { name } : {};
  const result = await startClass(self, $mod, { log, id, count, tree }, options);
  if (result.kind === 'ok') log.started(id, count, result.pid);
  else log.add('not_started', id, count, result.kind);
  return result;
}
