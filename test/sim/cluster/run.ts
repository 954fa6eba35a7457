/**
 * One run: the machines start, the cluster is founded, faults and operations happen as planned; then everything heals, and everything must come to
 * its end: every operation is answered, the members settle, what has ended is erased, and the nodes stop without leaving anything behind.
 */
import { History } from '../history.ts';
import { isLower } from '../../../kv/paxos/ballot.ts';
import { Violation } from '../invariants.ts';
import type { ScenarioOptions, ScenarioReport } from '../scenario.ts';
import { Checks } from './checks.ts';
import { Faults } from './faults.ts';
import { Operators } from './operators.ts';
import { describeParameters, type Spec } from './parameters.ts';
import { drawPlan, type Plan } from './plan.ts';
import type { Entry, Key, System } from './system.ts';
import { Workload } from './workload.ts';
import { World } from './world.ts';

/** Virtual time within which a phase must have come to its end. */
const PATIENCE_MS = 60_000;

class Run {
  readonly world: World;
  readonly history: History;
  readonly workload: Workload;
  readonly checks: Checks;
  readonly operators: Operators;
  readonly faults: Faults;
  readonly #plan: Plan;

  constructor(system: System, seed: number, plan: Plan, print: ((line: string) => void) | null) {
    this.#plan = plan;
    const world = new World(system, seed, plan.parameters, print);
    this.world = world;
    this.history = new History();
    this.workload = new Workload(world, this.history);
    this.checks = new Checks(world, () => this.workload.onDataLost());
    this.operators = new Operators(world, this.checks);
    this.faults = new Faults(world, this.checks, this.operators, (site) => this.workload.onSkewed(site));
    world.hooks = {
      onSaved: (site, record) => this.checks.onSaved(site, record),
      onEnded: (site, life) => this.workload.onLifeOver(site, life),
      onLost: (site, other) => this.workload.onLost(site, other),
    };
  }

  async go(): Promise<void> {
    const { world, workload } = this;
    const { startsMs, parameters, faults, operations } = this.#plan;
    for (const site of world.sites)
      world.clockwork.after(startsMs[site.place] ?? 0, () => site.lives === 0 && world.start(site));
    if (!parameters.faultsFromStart) await this.#settle('the founding');
    for (const fault of faults) this.faults.plan(fault);
    for (const operation of operations) workload.plan(operation);
    await world.run(world.nowMs + parameters.busyMs, () => this.#check());
    this.faults.heal();
    await this.#answers();
    await this.#settle('healing');
    workload.endOwners();
    workload.readEverything();
    await this.#answers();
    await this.#until(
      () => this.#leftBehind().length === 0,
      () => `not erased and forgotten: ${this.#leftBehind().join(', ')}`,
    );
    this.history.finish();
    await this.#stop();
  }

  #settle(after: string): Promise<void> {
    return this.#until(
      () => this.checks.isSettled(),
      () => `the cluster did not settle after ${after}:\n${this.checks.describeUnsettled()}`,
    );
  }

  #answers(): Promise<void> {
    return this.#until(
      () => this.workload.openCount + this.operators.openCount === 0,
      () => `without an end: ${this.workload.describeOpen()}, ${this.operators.openCount} requests`,
    );
  }

  async #until(isOver: () => boolean, describe: () => string): Promise<void> {
    const { world } = this;
    await world.run(world.nowMs + PATIENCE_MS, () => {
      this.#check();
      return isOver();
    });
    if (!isOver()) throw new Violation(describe());
  }

  #check(): boolean {
    this.checks.votes();
    return false;
  }

  /** Keys of which something is still in a table although they ended, or were erased, or never came to be. */
  #leftBehind(): readonly string[] {
    const ended = this.workload.ended();
    const newest = new Map<Key, { readonly entry: Entry; readonly name: string }>();
    for (const site of this.world.sites) {
      for (const [key, entry] of this.world.bucketOf(site)?.table.acceptor?.keys ?? []) {
        const known = newest.get(key)?.entry;
        // classic dominates; a member that missed the newest acceptance holds something void
        const isNewer = known === undefined || (known.fast === entry.fast ? isLower(known.ab, entry.ab) : known.fast);
        if (isNewer) newest.set(key, { entry, name: site.name });
      }
    }
    return [...newest].flatMap(([key, { entry, name }]) => {
      const creator = entry.cell?.live === true ? ((entry.cell.value as number[])[0] as number) : null;
      if (creator !== null && !ended.has(creator)) return [];
      return [`${key.slice(-2)}: ${creator === null ? 'a trace' : `the value of ${creator}`} on ${name}`];
    });
  }

  async #stop(): Promise<void> {
    const { world } = this;
    const stopping = world.sites.map((site) => ({ site, life: site.life, node: site.quorate?.node }));
    for (const { site } of stopping) world.stop(site).catch((error: unknown) => world.fail(error as Error));
    await this.#until(
      () => world.sites.every((site) => site.life === null),
      () => 'a node did not stop',
    );
    for (const { site, life, node } of stopping) {
      const processes = node?.scheduler.processCount ?? 0;
      if (processes > 0) throw new Violation(`${site.name} stopped and left ${processes} processes behind`);
      if ((life?.timers ?? 0) > 0) throw new Violation(`${site.name} stopped and left ${life?.timers} timers behind`);
    }
  }
}

export async function runCluster(
  system: System,
  spec: Spec,
  seed: number,
  { print, knobs = {} }: ScenarioOptions,
): Promise<ScenarioReport> {
  const plan = drawPlan(seed, spec, knobs);
  const run = new Run(system, seed, plan, print);
  let violation: string | null = null;
  try {
    await run.go();
  } catch (error) {
    violation = error instanceof Violation ? error.message : `${String(error)}\n${(error as Error).stack ?? ''}`;
  }
  const { world, workload, faults, checks, operators } = run;
  world.end();
  const { events, digest } = world.journal;
  const counts = { ...workload.counts, ...faults.counts, ...checks.counts, ...operators.counts };
  return { violation, parameters: describeParameters(plan.parameters), counts, events, digest };
}
