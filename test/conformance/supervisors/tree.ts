/** The supervisors of a scenario, made from its JSON. */
import type { Self } from '../../../runtime/process/self.ts';
import { atom } from '../../../runtime/term/atom.ts';
import {
  startClass,
  Supervisor,
  type ChildSpec,
  type StartReturn,
  type StartResult,
  type SupervisorInit,
} from '../../../supervisors/index.ts';
import { startChild, type Behaviour } from './child.ts';
import type { ServerName } from '../../../supervisors/names.ts';
import type { Starter } from '../../../supervisors/start.ts';
import { reporterOf, reportStart, type LogRef, type Reporter } from './reporter.ts';
import { placeOf } from './spread.ts';
import { termOf, wordOf, type Json, type TermNames } from './terms.ts';

export interface TreeJson {
  readonly [key: string]: Json;
}

/** Can be sent. */
interface TreeArgs {
  readonly log: LogRef;
  readonly id: string;
  readonly count: number;
  readonly tree: TreeJson;
}

/** Named as the kit prints the module of its start functions. */
export class $mod extends Supervisor<TreeArgs> {
  static readonly module: string = import.meta.url;

  /** An init of a supervisor has no use for its process; this one reports. */
  static override runIn(self: Self, args: unknown, starter: Starter, name: ServerName | undefined): Promise<void> {
    return super.runIn(self, { ...(args as TreeArgs), self }, starter, name);
  }

  override async init({ log, id, count, tree, self }: TreeArgs & { readonly self?: Self }): Promise<SupervisorInit> {
    const reporter = reporterOf(self as Self, log);
    reporter.add('starting', id, count);
    const names = await reporter.names();
    if (tree['init_return'] !== undefined) return termOf(tree['init_return'], names) as SupervisorInit;
    return { ...flagsOf(tree, names), children: childrenOf(tree, reporter, names) } as SupervisorInit;
  }
}

const NAMES = { strategy: 'strategy', intensity: 'intensity', auto_shutdown: 'autoShutdown' } as const;

function flagsOf(tree: TreeJson, names: TermNames): object {
  const flags: Record<string, unknown> = {};
  for (const [kit, ours] of Object.entries(NAMES)) if (kit in tree) flags[ours] = wordOf(tree[kit], names);
  if ('period' in tree) {
    const period = wordOf(tree['period'], names);
    flags['periodMs'] = typeof period === 'number' ? period * 1000 : period;
  }
  return flags;
}

function childrenOf(tree: TreeJson, log: Reporter, names: TermNames): ChildSpec[] {
  const dynamic = tree['strategy'] === 'simple_one_for_one';
  return ((tree['children'] ?? []) as TreeJson[]).map((child) => specOf(child, log, names, dynamic));
}

export function specOf(child: TreeJson, log: Reporter, names: TermNames, dynamic = false): ChildSpec {
  if ('raw' in child) return termOf(child['raw'], names) as ChildSpec;
  const spec: Record<string, unknown> = { id: atom(child['id'] as string), start: startOf(child, log, dynamic) };
  for (const field of ['restart', 'shutdown', 'type', 'significant']) {
    if (field in child) spec[field] = wordOf(child[field], names);
  }
  spec['modules'] = 'modules' in child ? wordOf(child['modules'], names) : [atom('$mod')];
  return spec as unknown as ChildSpec;
}

/** A function where all is on one thread, else the same by module: a function cannot go to a supervisor elsewhere. */
function startOf(child: TreeJson, log: Reporter, dynamic: boolean): ChildSpec['start'] {
  if (log.ref.agents.length > 0) {
    return { module: import.meta.url, exported: 'kitStart', args: [log.ref, child, dynamic] };
  }
  const start: ChildSpec['start'] = (self, ...extra) => kitStart(self, log.ref, child, dynamic, ...extra);
  return Object.defineProperty(start, 'name', { value: 'kitStart' });
}

/**
 * Runs in the supervisor.
 *
 * @public
 */
export function kitStart(
  self: Self,
  ref: LogRef,
  child: TreeJson,
  dynamic: boolean,
  ...extra: readonly unknown[]
): Promise<StartReturn> {
  const log = reporterOf(self, ref);
  const id = child['id'] as string;
  const nested = child['supervisor'] as TreeJson | undefined;
  if (nested !== undefined) return startTree(self, log, id, nested);
  return startChild(self, log, id, (child['behaviour'] ?? {}) as Behaviour, dynamic ? extra : undefined);
}

async function startTree(self: Self, log: Reporter, id: string, tree: TreeJson): Promise<StartResult> {
  return startNumbered(self, log, id, await log.next(id, true), tree);
}

export async function startTop(self: Self, log: Reporter, tree: TreeJson): Promise<StartResult> {
  return startNumbered(self, log, 'sup', 1, tree);
}

async function startNumbered(
  self: Self,
  log: Reporter,
  id: string,
  count: number,
  tree: TreeJson,
): Promise<StartResult> {
  const name = tree['name'];
  const options = { ...(typeof name === 'string' ? { name } : {}), ...placeOf(log.ref, id, count) };
  const result = await startClass(self, $mod, { log: log.ref, id, count, tree }, options);
  if (result.kind === 'ok') await reportStart(log, id, count, result.pid);
  else log.add('not_started', id, count, result.kind);
  return result;
}
