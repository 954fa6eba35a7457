/**
 * One run on the pure cores: nodes with members and proposers, a workload, faults and a membership drawn from the seed,
 * then healing, after which everything must settle: every operation finished, every member active in the newest
 * configuration, everything ended erased and every erased key forgotten everywhere.
 */
import { sameBallot, ZERO } from '../../kv/paxos/ballot.ts';
import { choice, quorumSize } from '../../kv/paxos/quorum.ts';
import { describeCell } from './describe.ts';
import { Digest } from './digest.ts';
import { Faults } from './faults.ts';
import { Histories } from './histories.ts';
import { Invariants, Violation } from './invariants.ts';
import { Links } from './links.ts';
import { Membership } from './membership.ts';
import { Network } from './network.ts';
import { SimulatedNode } from './node.ts';
import { Owners } from './owners.ts';
import { describeParameters } from './parameters.ts';
import { streamOf } from './random.ts';
import { Schedule } from './schedule.ts';
import { Talk } from './talk.ts';
import { Workload } from './workload.ts';
import type { Pid } from '../../runtime/term/pid.ts';
import type { Outcome } from '../../kv/paxos/decide.ts';
import type { Operation } from '../../kv/paxos/operation.ts';
import type { Cell, Holding, Key, RegisterRequest } from '../../kv/paxos/messages.ts';
import type { ShellRule } from './controls/control.ts';
import type { Cores } from './cores.ts';
import type { Parameters } from './parameters.ts';
import type { Knobs, ScenarioReport } from './scenario.ts';

const NOTHING: Holding = { ab: ZERO, fast: false, cell: null, chosen: false, ae: 0, fl: ZERO };

/** After healing everything must be settled by then; a run of which progress is not asked ends after a while. */
const SETTLED_MS = 20_000;
const UNSETTLED_MS = 1_500;

export interface WorldSettings {
  readonly parameters: Parameters;
  /** Planned things that are left out: those whose value is 0 (`op3`). */
  readonly knobs: Knobs;
  /** Rules of the shell, not of the cores, that are switched off. */
  readonly off: readonly ShellRule[];
  readonly print: ((line: string) => void) | null;
}

export class World {
  readonly cores: Cores;
  readonly seed: number;
  readonly parameters: Parameters;
  readonly schedule: Schedule = new Schedule();
  readonly network: Network;
  readonly invariants: Invariants = new Invariants();
  readonly histories: Histories;
  readonly owners: Owners;
  readonly links: Links;
  readonly talk: Talk;
  readonly membership: Membership;
  readonly nodes: SimulatedNode[] = [];
  readonly keys: readonly Key[];
  isHealed = false;
  readonly #settings: WorldSettings;
  readonly #workload: Workload;
  readonly #digest = new Digest();
  readonly #counts: Record<string, number> = { answered: 0, unknown: 0, no_quorum: 0, erased: 0, forgotten: 0 };
  readonly #erases: Set<string> = new Set();
  readonly #indexes: Map<string, number> = new Map();
  #proposers = 0;
  #events = 0;

  constructor(cores: Cores, seed: number, settings: WorldSettings) {
    const { parameters } = settings;
    this.cores = cores;
    this.seed = seed;
    this.#settings = settings;
    this.parameters = parameters;
    this.keys = Array.from({ length: parameters.keys }, (_, i) => `k${i}`);
    this.network = new Network(seed, this.schedule, parameters);
    this.histories = new Histories(this.invariants);
    this.owners = new Owners(this);
    this.links = new Links(this, streamOf(seed, 'links'));
    this.talk = new Talk(this);
    this.membership = new Membership(this);
    this.#workload = new Workload(this);
    const count = parameters.members + parameters.surplus;
    for (let i = 0; i < count; i++) {
      const node = new SimulatedNode(this, i, count);
      this.nodes.push(node);
      this.#indexes.set(node.name, i);
    }
  }

  run(): ScenarioReport {
    let violation: string | null = null;
    try {
      this.#found();
      this.#workload.plan();
      new Faults(this).plan();
      while (this.schedule.step(this.parameters.faultsMs));
      this.#heal();
      if (this.parameters.reckless === 1) this.#runOn();
      else this.#settle();
      this.invariants.finish();
      this.histories.finish();
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      violation = error.message;
    }
    const parameters = describeParameters(this.parameters);
    const counts = { ...this.#counts, messages: this.network.delivered };
    this.#digest.addText(violation ?? '');
    return { violation, parameters, counts, events: this.#events, digest: this.#digest.toString() };
  }

  get nowMs(): number {
    return this.schedule.nowMs;
  }

  /** An event: always counted and digested, put in words only when somebody reads it. */
  trace(index: number, what: string, number = 0, describe?: () => string): void {
    this.#events += 1;
    this.#digest.addNumber(this.nowMs);
    this.#digest.addNumber(index * 65_536 + number);
    this.#digest.addText(what);
    const { print } = this.#settings;
    print?.(`${this.nowMs.toFixed(2).padStart(9)} ${index} ${what} ${describe?.() ?? ''}`.trimEnd());
  }

  count(name: string): void {
    this.#counts[name] = (this.#counts[name] ?? 0) + 1;
  }

  isDropped(item: string): boolean {
    return this.#settings.knobs[item] === 0;
  }

  isOff(rule: ShellRule): boolean {
    return this.#settings.off.includes(rule);
  }

  indexOf(name: string): number {
    return this.#indexes.get(name) ?? 0;
  }

  hasEnded(pid: Pid): boolean {
    return this.owners.hasEnded(pid);
  }

  nextProposerId(): number {
    // Not in order of creation: a later proposer's ballots are not always the higher ones.
    this.#proposers += 1;
    return ((this.#proposers * 7919) % 99_991) + 1;
  }

  onSent(message: RegisterRequest, operation: Operation): void {
    if (message.kind === 'prepare' || message.kind === 'accept') {
      this.invariants.onBallot(message.key, message.b, operation);
    }
    if (message.kind === 'prepare' && message.fast !== null) {
      this.invariants.onOffer(message.key, message.b, true, message.fast);
    }
    if (message.kind !== 'accept') return;
    this.invariants.onOffer(message.key, message.b, false, message.cell);
    if (operation.kind !== 'erase' || message.cell.live || operation.offer === null || operation.ver === null) return;
    this.invariants.onEraseProposed(message.key, operation.ver, message.e);
  }

  onHint(message: RegisterRequest): void {
    if (message.kind !== 'forget') return;
    this.count('forgotten');
    this.invariants.onForget(message.key, message.b);
  }

  /** An erase may take effect from its first attempt on, at most once per incarnation. */
  onErase(key: Key, creator: number): void {
    const name = `${key} ${creator}`;
    if (this.#erases.has(name)) return;
    this.#erases.add(name);
    this.histories.call(key, -1, 'erase', { target: creator });
  }

  onLost(operation: Operation): void {
    this.#workload.onLost(operation);
  }

  onAnswer(operation: Operation, outcome: Outcome): void {
    if (operation.kind === 'erase' && outcome.kind === 'ok') this.count('erased');
    this.#workload.onAnswer(operation, outcome);
  }

  checkResult(operation: Operation, outcome: Outcome & { kind: 'ok' }): void {
    if (operation.kind !== 'put' && operation.kind !== 'change') return;
    const { cell, result } = outcome;
    if (result === null) return;
    if (cell === null || !cell.live || String(cell.value) !== String(result)) {
      throw new Violation(`${operation.kind} of ${operation.key} answered [${String(result)}] with another cell`);
    }
  }

  #found(): void {
    const { members: N, filled } = this.parameters;
    const M = this.nodes.slice(0, filled).map((node) => node.incarnation);
    const r = filled - quorumSize(N) + 1;
    this.membership.found({ cluster: 'sim', e: 1, N, M, r, uniform: true, mergeAll: false, prev: null });
  }

  #heal(): void {
    this.trace(0, 'everything heals');
    this.isHealed = true;
    this.network.heal();
    this.links.heal();
  }

  #runOn(): void {
    const untilMs = this.nowMs + UNSETTLED_MS;
    while (this.schedule.step(untilMs));
  }

  #settle(): void {
    const untilMs = this.nowMs + SETTLED_MS;
    const isWhole = (): boolean => this.nodes.every((node) => node.isUp) && this.membership.isSettled;
    this.#runUntil(untilMs, isWhole, () => `membership: ${this.membership.describe()}`);
    const isDone = (): boolean => this.#workload.isDone;
    this.#runUntil(untilMs, isDone, () => this.#workload.describeOpen());
    this.#workload.readAll();
    this.#runUntil(untilMs, isDone, () => this.#workload.describeOpen());
    this.#runUntil(
      untilMs,
      () => this.#leftovers().length === 0,
      () => `left behind: ${this.#leftovers().join(', ')}`,
    );
  }

  /**
   * Keys whose owner has ended and, when the cluster forgets, keys that are not live but not forgotten. Judged by what
   * all members together hold: one that missed a key's last write may well keep an older cell.
   */
  #leftovers(): string[] {
    const cells = this.#chosenCells();
    const left: string[] = [];
    for (const [key, cell] of cells) {
      const isLive = cell !== null && cell.live;
      const isOver = isLive ? this.#isOver(cell, cells) : this.parameters.forgets === 1;
      if (isOver) left.push(`${key} ${describeCell(cell)}`);
    }
    return left;
  }

  #chosenCells(): Map<Key, Cell | null> {
    const tables = this.nodes.filter(({ member }) => member.isActive).map(({ member }) => member.acceptor.keys);
    const cells = new Map<Key, Cell | null>();
    for (const key of new Set(tables.flatMap((table) => [...table.keys()]))) {
      cells.set(key, choice(tables.map((table) => table.get(key) ?? NOTHING))?.cell ?? null);
    }
    return cells;
  }

  #isOver(cell: Cell, cells: ReadonlyMap<Key, Cell | null>): boolean {
    if (this.owners.isOver(cell)) return true;
    const bound = cell.bind?.key ?? null;
    if (bound === null) return false;
    const other = cells.get(bound.key) ?? null;
    return other === null || !other.live || !sameBallot(other.ver, bound.ver);
  }

  #runUntil(untilMs: number, isSettled: () => boolean, describe: () => string): void {
    while (!isSettled()) {
      for (let i = 0; i < 20; i++) {
        if (!this.schedule.step(untilMs)) {
          throw new Violation(`not settled ${SETTLED_MS} ms after healing: ${describe()}`);
        }
      }
    }
  }
}
