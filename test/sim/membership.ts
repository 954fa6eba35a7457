/**
 * The oracle of the configurations: decides each one, a legal step from the one before, at any time it likes. (That there is
 * one configuration per epoch is the business of the system registers, which are not simulated here.)
 *
 * A careful oracle takes a step only when that cannot leave too few members with state (register protocol, 9.1), and
 * replaces members that lost theirs; a reckless one steps whenever a step is legal. Both must be safe.
 */
import { quorumSize, sameIncarnation } from '../../kv/paxos/quorum.ts';
import { describeConfig } from '../../kv/cluster/config.ts';
import { incarnationKey } from './describe.ts';
import { Violation } from './invariants.ts';
import { streamOf } from './random.ts';
import type { ConfigStep } from '../../kv/cluster/config.ts';
import type { Config, Incarnation } from '../../kv/paxos/messages.ts';
import type { Called } from './histories.ts';
import type { SimulatedNode } from './node.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';

const REPAIR_MS = 25;
/** A merge that waits longer than this while nobody can serve it is given up for a new boot. */
const STUCK_MS = 200;

export class Membership {
  readonly #world: World;
  readonly #random: Random;
  /** Incarnations that were members: those do not come back into M. */
  readonly #used: Set<string> = new Set();
  #lost: readonly Called[] | null = null;

  constructor(world: World) {
    this.#world = world;
    this.#random = streamOf(world.seed, 'membership');
  }

  get newest(): Config {
    return this.#world.invariants.configs.at(-1) as Config;
  }

  found(config: Config): void {
    this.#decided(config);
    for (const node of this.#world.nodes) node.learn(config, node.index);
    if (this.#needsRepair) this.#world.schedule.after(REPAIR_MS, () => this.#repairSoon());
  }

  get #needsRepair(): boolean {
    const { steps, amnesia, blackouts, filled, members } = this.#world.parameters;
    return steps + amnesia + blackouts > 0 || filled < members;
  }

  /** Whether the loss of what this node holds leaves enough to go on with. */
  canLose(node: SimulatedNode): boolean {
    if (this.#isReckless) return true;
    const left = this.#activeMembers().filter((one) => one !== node);
    return left.length >= Math.max(quorumSize(this.newest.N), this.newest.r);
  }

  hadSeat(node: SimulatedNode): boolean {
    return this.#used.has(incarnationKey(node.incarnation));
  }

  onBlackout(): void {
    this.#lost ??= this.#world.histories.beginLoss(this.#world.keys);
  }

  get isSettled(): boolean {
    const { M, e } = this.newest;
    const members = M.map((m) => this.#ownerOf(m));
    const nodes = this.#world.nodes;
    return members.every((node) => node !== null && this.#isActive(node)) && nodes.every((n) => n.proposerEpoch === e);
  }

  describe(): string {
    const states = this.#world.nodes.map((node) => `${node.isUp ? '' : 'down: '}${node.member.toString()}`);
    return `${describeConfig(this.newest)}; ${states.join('; ')}`;
  }

  /** One step of a random kind. */
  drawStep(random: Random): void {
    const kinds = this.#possibleSteps(random);
    if (kinds.length > 0) this.#take(random.pick(kinds));
  }

  #possibleSteps(random: Random): ConfigStep[] {
    const { newest } = this;
    const { seatsMin, seatsMax, flux } = this.#world.parameters;
    const spares = this.#spares();
    const spare = spares.length === 0 ? null : random.pick(spares).incarnation;
    const vacant = newest.N - newest.M.length;
    const leaving = random.pick(newest.M).name;
    const steps: ConfigStep[] = [];
    if (newest.N < seatsMax) {
      if (spare !== null) steps.push({ kind: 'grow', member: spare });
      if (flux === 0 && newest.M.length >= quorumSize(newest.N + 1)) steps.push({ kind: 'grow', member: null });
    }
    if (newest.N > seatsMin) steps.push({ kind: 'shrink', name: vacant > 0 && random.chance(0.7) ? null : leaving });
    if (vacant > 0 && spare !== null) steps.push({ kind: 'fill', member: spare });
    if (flux === 1) return steps;
    if (spare !== null && random.chance(0.7)) steps.push({ kind: 'replace', member: spare, leaving });
    if (newest.M.length > quorumSize(newest.N)) steps.push({ kind: 'vacate', name: leaving });
    return steps;
  }

  /** Nodes that are up, hold no seat, and whose incarnation never had one. */
  #spares(): SimulatedNode[] {
    const { M } = this.newest;
    return this.#world.nodes.filter((node) => node.isUp && !this.hadSeat(node) && M.every((m) => m.name !== node.name));
  }

  /** True when the step was decided. */
  #take(step: ConfigStep): boolean {
    const { newest } = this;
    let next: Config;
    try {
      next = this.#world.cores.nextConfig(newest, step);
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'bad_step') return false;
      throw error;
    }
    if (step.kind !== 'fresh' && !this.#isReckless && !this.#canGoOn(next)) return false;
    const refusal = this.#world.cores.stepRefusal(newest, next);
    if (refusal !== null)
      throw new Violation(`the step ${step.kind} from ${describeConfig(newest)} is refused: ${refusal}`);
    this.#decided(next);
    this.#tellSomebody(next);
    return true;
  }

  #canGoOn(next: Config): boolean {
    const { newest } = this;
    const active = this.#activeMembers();
    if (active.length < Math.max(quorumSize(newest.N), newest.r)) return false;
    const inReach = next.M.filter((m) => {
      const node = this.#ownerOf(m);
      if (node === null) return false;
      return active.includes(node) || newest.M.every((old) => !sameIncarnation(old, m));
    });
    return inReach.length >= quorumSize(next.N);
  }

  #decided(config: Config): void {
    this.#world.trace(0, 'decided', config.e, () => `${describeConfig(config)} (r ${config.r})`);
    this.#world.count('configurations');
    this.#world.invariants.onConfig(config);
    for (const m of config.M) this.#used.add(incarnationKey(m));
  }

  /** Who decided it knows it at once and tells everybody; the network decides who hears. */
  #tellSomebody(config: Config): void {
    const up = this.#world.nodes.filter((node) => node.isUp);
    if (up.length === 0) return;
    const decider = this.#random.pick(up);
    const after = Math.max(decider.member.acceptor.e, 1) - 1;
    for (const one of this.#world.invariants.configs.slice(after)) decider.learn(one, decider.index);
    for (let to = 0; to < this.#world.nodes.length; to++) this.#world.talk.tell(decider.index, to, config.e - 1);
  }

  #repairSoon(): void {
    this.#world.schedule.after(REPAIR_MS * this.#random.between(0.5, 1.5), () => this.#repairSoon());
    const { newest } = this;
    const dead = newest.M.find((m) => this.#ownerOf(m) === null);
    if (dead !== undefined) return this.#replaceDead(dead);
    this.#renewOne();
    const [spare] = this.#spares();
    const isRoom = newest.M.length < newest.N && (this.#world.isHealed || this.#random.chance(0.2));
    if (isRoom && spare !== undefined) this.#take({ kind: 'fill', member: spare.incarnation });
  }

  #replaceDead(dead: Incarnation): void {
    if (this.#isAllLost() || (this.#world.isOff('fresh-by-all') && this.#isQuorumLost())) return this.#startFresh();
    const node = this.#world.nodes[this.#world.indexOf(dead.name)] as SimulatedNode;
    if (node.isUp && !this.hadSeat(node)) this.#take({ kind: 'replace', member: node.incarnation });
  }

  /** Every incarnation of the newest configuration, and of those before it back to a complete one, is gone (9.5). */
  #isAllLost(): boolean {
    const { configs } = this.#world.invariants;
    for (let e = configs.length; e >= 1; e--) {
      if (this.#world.invariants.configAt(e).M.some((m) => this.#ownerOf(m) !== null)) return false;
      if (this.#world.invariants.isComplete(e)) return true;
    }
    return true;
  }

  #isQuorumLost(): boolean {
    const { M, N } = this.newest;
    return M.filter((m) => this.#ownerOf(m) === null).length >= quorumSize(N);
  }

  #startFresh(): void {
    const { newest } = this;
    const members: Incarnation[] = [];
    for (const { name } of newest.M) {
      const node = this.#world.nodes[this.#world.indexOf(name)] as SimulatedNode;
      if (node.isUp && !this.hadSeat(node)) members.push(node.incarnation);
    }
    if (members.length < newest.M.length && !this.#world.isOff('fresh-by-all')) return;
    const isLost = this.#isAllLost();
    const lost = isLost ? (this.#lost ?? this.#world.histories.beginLoss(this.#world.keys)) : [];
    this.#world.count('fresh');
    if (!this.#take({ kind: 'fresh', members }) || !isLost) return;
    this.#lost = null;
    this.#world.histories.endLoss(lost);
  }

  /** A removed member that nobody needs any more, or one whose merge nobody can serve, takes a new boot. */
  #renewOne(): void {
    const { newest } = this;
    const isComplete = newest.M.every((m) => this.#isActiveOwner(m));
    for (const node of this.#world.nodes) {
      if (!node.isUp) continue;
      const { member } = node;
      const isRemoved =
        this.#used.has(incarnationKey(member.me)) && !newest.M.some((m) => sameIncarnation(m, member.me));
      if (isRemoved && (isComplete || (this.#isReckless && this.#random.chance(0.1)))) return this.#renew(node);
      const { joining } = member;
      if (joining === null || this.#world.nowMs - joining.sinceMs < STUCK_MS || member.acceptor.e !== newest.e)
        continue;
      if (member.countServers(this.#living()) >= joining.need) continue;
      this.#world.count('stuck merges');
      return this.#renew(node);
    }
  }

  #renew(node: SimulatedNode): void {
    node.renewMember();
    this.#world.links.announce(node.index);
    this.#world.talk.ask(node.index, this.#random.below(this.#world.nodes.length), 0);
  }

  get #isReckless(): boolean {
    return this.#world.parameters.reckless === 1 || this.#world.isOff('careful');
  }

  #living(): SimulatedNode['member'][] {
    return this.#world.nodes.filter((node) => node.isUp).map((node) => node.member);
  }

  /** The node that is this incarnation now; null when it is gone. */
  #ownerOf(m: Incarnation): SimulatedNode | null {
    const node = this.#world.nodes[this.#world.indexOf(m.name)] as SimulatedNode;
    return node.isUp && node.boot === m.boot ? node : null;
  }

  #isActive(node: SimulatedNode): boolean {
    return node.member.isActive && node.member.acceptor.e === this.newest.e;
  }

  #isActiveOwner(m: Incarnation): boolean {
    const node = this.#ownerOf(m);
    return node !== null && this.#isActive(node);
  }

  #activeMembers(): SimulatedNode[] {
    return this.newest.M.flatMap((m) => {
      const node = this.#ownerOf(m);
      return node !== null && this.#isActive(node) ? [node] : [];
    });
  }
}
