/**
 * One simulated node: the shell around a proposer, its member (member.ts), what it knows of the others' incarnations and of
 * the configurations, and the sweeps and erasers that work for its member.
 */
import { sameBallot } from '../../kv/paxos/ballot.ts';
import { isBindOver } from '../../kv/paxos/lifetimes.ts';
import { readReplies, readReplyTerm } from '../../kv/bucket/wire.ts';
import { nameAtom } from '../../runtime/term/atom.ts';
import { Pid } from '../../runtime/term/pid.ts';
import { describeCell, describeReply } from './describe.ts';
import { SimulatedMember } from './member.ts';
import { streamOf } from './random.ts';
import { encodeRequest } from './wire-copy.ts';
import type { Outcome } from '../../kv/paxos/decide.ts';
import type { Operation } from '../../kv/paxos/operation.ts';
import type { Ballot, Bind, Config, Incarnation, Key, RegisterRequest } from '../../kv/paxos/messages.ts';
import type { Proposer, ProposerEffect, ProposerLimits } from '../../kv/paxos/proposer-state.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';

const LIMITS: ProposerLimits = {
  attemptMs: 40,
  backOffMsMax: 60,
  slowMsMin: 1,
  slowMsMax: 20,
  cachedKeysMax: 100,
  forgets: false,
  deliversOnce: true,
};
const SWEEP_MS = 150;
const GOSSIP_MS = 60;
const SYSTEM_TIME_MS = 1_000_000;

export class SimulatedNode {
  readonly #world: World;
  readonly index: number;
  readonly random: Random;
  readonly #rate: number;
  readonly #skewMs: number;
  isUp = true;
  boot = 1;
  member: SimulatedMember;
  proposer: Proposer;
  /** By node: the boot that its Hello showed on the present connection; 0 while there is none. */
  readonly peers: number[];
  /** Grows with every start of the proposer: replies to an earlier one are lost. */
  #generation = 0;
  #isTicking = false;
  /** Who sent the reply that is being handled. */
  #heardFrom = 0;
  readonly #busy: Set<string> = new Set();

  constructor(world: World, index: number, peers: number) {
    this.#world = world;
    this.index = index;
    this.random = streamOf(world.seed, 'node', index);
    const { rateError, skewMs, durable } = world.parameters;
    this.#rate = 1 + this.random.between(-rateError, rateError);
    this.#skewMs = this.random.between(-skewMs, skewMs);
    this.peers = new Array<number>(peers).fill(1);
    this.member = new SimulatedMember(world, this, this.incarnation, this.random.chance(durable));
    this.proposer = this.#createProposer();
    world.schedule.after(this.random.between(0, SWEEP_MS), () => this.#sweep());
    world.schedule.after(this.random.between(0, GOSSIP_MS), () => this.#gossip());
  }

  get name(): string {
    return `n${this.index}@sim`;
  }

  get incarnation(): Incarnation {
    return { name: this.name, id: `record${this.index}`, boot: this.boot };
  }

  /** The node's own monotonic clock. */
  get nowMs(): number {
    return this.#world.nowMs * this.#rate;
  }

  get systemMs(): number {
    return SYSTEM_TIME_MS + this.#world.nowMs + this.#skewMs;
  }

  get proposerEpoch(): number {
    return this.proposer.config?.e ?? 0;
  }

  /** Something of this node that keys may be bound to. */
  pid(id: number): Pid {
    return new Pid(nameAtom(this.name), id, 0, this.boot);
  }

  startOperation(operation: Operation): void {
    this.#hearClock();
    this.#propose((out) => this.#world.cores.startOperation(this.proposer, operation, this.nowMs, out));
  }

  /** A new proposer: what the old one was doing gets no answer. */
  crashProposer(): void {
    this.#world.trace(this.index, 'proposer crashes');
    const { config } = this.proposer;
    this.#dropProposer();
    if (config !== null) this.#stepConfig(config);
  }

  /** A boot of its own, with an empty table: a new incarnation. The proposer goes on. */
  renewMember(): void {
    if (!this.#world.isOff('new-boot')) this.boot += 1;
    this.#world.trace(this.index, 'takes a new boot', this.boot);
    this.member = new SimulatedMember(this.#world, this, this.incarnation, this.member.isDurable);
    this.#refreshConnections();
  }

  /** The whole node goes, with all that it held in memory. */
  crash(): void {
    this.#world.trace(this.index, 'crashes');
    this.isUp = false;
    this.#dropProposer();
  }

  comeBack(): void {
    this.isUp = true;
    this.renewMember();
  }

  #dropProposer(): void {
    this.#generation += 1;
    for (const operation of this.proposer.running.values()) this.#world.onLost(operation);
    this.proposer = this.#createProposer();
    this.#busy.clear();
  }

  #createProposer(): Proposer {
    const { cores, parameters } = this.#world;
    const deliversOnce = parameters.duplication === 0;
    const limits = { ...LIMITS, forgets: parameters.forgets === 1, deliversOnce };
    return cores.createProposer(this.#world.nextProposerId(), limits);
  }

  /** The Hello of another node came (its boot), or the connection to it broke (0). */
  onPeer(other: number, boot: number): void {
    const before = this.peers[other];
    this.peers[other] = boot;
    this.#refreshConnections();
    if (boot !== before) this.member.judge(({ bind }) => bind !== null && this.#concernsNode(bind, other));
  }

  onPidEnded(pid: Pid): void {
    this.member.judge(({ bind }) => bind !== null && bind.pid !== null && bind.pid.key === pid.key);
  }

  #concernsNode(bind: Bind, other: number): boolean {
    const name = `n${other}@sim`;
    return bind.node === name || bind.pid?.node.name === name;
  }

  /** Whether what a cell is bound to has ended, as this node can tell. */
  isOver(bind: Bind | null): boolean {
    if (bind === null) return false;
    if (bind.pid !== null && (this.#world.hasEnded(bind.pid) || this.#isCutFrom(bind.pid.node.name))) return true;
    if (bind.node !== null && this.#isCutFrom(bind.node)) return true;
    return isBindOver(this.member.acceptor, bind, this.systemMs);
  }

  #isCutFrom(name: string): boolean {
    const other = this.#world.indexOf(name);
    return other !== this.index && this.peers[other] === 0;
  }

  /** A configuration that is decided: for the member in order, for the proposer whatever is newest. */
  learn(config: Config, teller: number): void {
    const isNews = this.member.adopt(config, (after) => this.#world.talk.ask(this.index, teller, after));
    if (config.e > this.proposerEpoch) this.#stepConfig(config);
    if (isNews) this.askForStates();
  }

  /** Asks for the states that its member's merge still lacks. */
  askForStates(): void {
    const { joining } = this.member;
    if (joining === null) return;
    for (const m of joining.from.M) {
      const other = this.#world.indexOf(m.name);
      if (other === this.index || joining.has(m)) continue;
      this.#world.talk.askForState(this.index, other, joining.config);
    }
  }

  #stepConfig(config: Config): void {
    const connected = this.#connectedTo(config);
    this.#propose((out) => this.#world.cores.stepConfig(this.proposer, config, connected, this.nowMs, out));
  }

  #connectedTo(config: Config): number {
    let mask = 0;
    config.M.forEach((m, place) => {
      const other = this.#world.indexOf(m.name);
      const boot = other === this.index ? this.boot : this.peers[other];
      if (boot === m.boot) mask |= 1 << place;
    });
    return mask;
  }

  #refreshConnections(): void {
    const { config } = this.proposer;
    if (config === null) return;
    const now = this.#connectedTo(config);
    for (let place = 0; place < config.M.length; place++) {
      const bit = 1 << place;
      if ((now & bit) === (this.proposer.connected & bit)) continue;
      const isUp = (now & bit) !== 0;
      this.#propose((out) => this.#world.cores.stepConnected(this.proposer, place, isUp, this.nowMs, out));
      if (this.proposer.config !== config) return;
    }
  }

  eraseSoon(key: Key, ver: Ballot): void {
    const { schedule, cores } = this.#world;
    const { config, place } = this.member.acceptor;
    if (config === null) return;
    schedule.after(cores.eraseDelayMs(config, place, key, this.random.unit()), () => {
      const cell = this.member.acceptor.keys.get(key)?.cell;
      if (!this.isUp || cell === undefined || cell === null || !cell.live || !sameBallot(cell.ver, ver)) return;
      this.#world.onErase(key, (cell.value as readonly number[])[0] as number);
      const settings = this.#backgroundSettings();
      this.#background(`erase ${key} ${ver.e}.${ver.r}.${ver.p}`, cores.createErase(key, ver, settings));
    });
  }

  /** Does what lost messages left undone: erases, collects what is not live, resolves what is not known chosen. */
  #sweep(): void {
    const { schedule, cores, parameters } = this.#world;
    schedule.after(SWEEP_MS * this.random.between(0.8, 1.2), () => this.#sweep());
    if (!this.isUp || !this.member.isActive) return;
    for (const [key, { cell, chosen }] of this.member.acceptor.keys) {
      const isLive = cell !== null && cell.live;
      if (isLive && this.isOver(cell.bind)) this.member.observeSoon(key, cell.ver, 3);
      if (!isLive && parameters.forgets === 1) {
        if (this.random.chance(0.4)) this.#collectSoon(key);
      } else if (cell !== null && !chosen && this.random.chance(0.2)) {
        this.#background(`resolve ${key}`, cores.createSettle(key, this.#backgroundSettings()));
      }
    }
  }

  /** Says now and then what it knows of the configurations, and asks again for states that did not come. */
  #gossip(): void {
    this.#world.schedule.after(GOSSIP_MS * this.random.between(0.5, 1), () => this.#gossip());
    if (!this.isUp) return;
    this.#world.talk.say(this.index, this.random.below(this.peers.length));
    this.askForStates();
  }

  #collectSoon(key: Key): void {
    const { schedule, cores, parameters } = this.#world;
    if (parameters.forgets !== 1) return;
    schedule.after(this.random.between(0, 20), () => {
      if (this.isUp) this.#background(`collect ${key}`, cores.createCollect(key, this.#backgroundSettings()));
    });
  }

  #backgroundSettings(): { deadlineMs: number; tag: string } {
    return { deadlineMs: this.nowMs + 300, tag: 'background' };
  }

  #background(name: string, operation: Operation): void {
    if (this.#busy.has(name)) return;
    this.#busy.add(name);
    this.#world.schedule.after(100, () => this.#busy.delete(name));
    this.startOperation(operation);
  }

  #hearClock(): void {
    if (this.#world.parameters.sharedClock === 1) {
      this.#world.cores.stepClock(this.proposer, this.member.acceptor.clock);
    }
  }

  #propose(step: (out: ProposerEffect[]) => void): void {
    const out: ProposerEffect[] = [];
    step(out);
    for (const effect of out) this.#carryOut(effect);
    this.#tick();
  }

  #carryOut(effect: ProposerEffect): void {
    const config = this.proposer.config;
    switch (effect.kind) {
      case 'send':
        this.#sendTo(effect.to, effect.message);
        break;
      case 'hint':
        this.#world.onHint(effect.message);
        this.#sendTo((1 << (config?.M.length ?? 0)) - 1, effect.message);
        break;
      case 'backOff': {
        const { operation, leastMs, mostMs } = effect;
        operation.wakeAtMs = this.nowMs + this.random.between(leastMs, mostMs);
        break;
      }
      case 'answer':
        this.#onAnswer(effect.operation, effect.outcome);
        break;
      case 'litter':
        this.#collectSoon(effect.key);
        break;
      case 'adopt':
        this.learn(effect.config, this.#heardFrom);
        break;
      case 'teach':
        this.#world.talk.tell(this.index, this.#heardFrom, effect.e);
        break;
    }
  }

  #onAnswer(operation: Operation, outcome: Outcome): void {
    this.#world.trace(this.index, 'answers', outcome.kind.length, () => {
      const cell = outcome.kind === 'ok' ? describeCell(outcome.cell) : '';
      return `${operation.kind} ${operation.key} (${String(operation.tag)}): ${outcome.kind} ${cell}`;
    });
    this.#world.onAnswer(operation, outcome);
  }

  #sendTo(places: number, message: RegisterRequest): void {
    const world = this.#world;
    const running = this.proposer.running.get(message.b.r);
    if (running !== undefined && running.b === message.b) world.onSent(message, running);
    const generation = this.#generation;
    const request = encodeRequest(new Pid(nameAtom(this.name), generation, 0, 1), message);
    for (const [place, m] of (this.proposer.config as Config).M.entries()) {
      if ((places & (1 << place)) === 0) continue;
      const to = world.indexOf(m.name);
      world.network.send(this.index, to, () => {
        const other = world.nodes[to] as SimulatedNode;
        if (!other.isUp) return;
        other.member.onRequest(request, (reply) =>
          world.network.send(to, this.index, () => {
            if (generation === this.#generation) this.#onReply(reply, to);
          }),
        );
      });
    }
  }

  #onReply(term: unknown, from: number): void {
    const batch = readReplyTerm(term, this.proposer.clock);
    if (batch === null) throw new Error('a reply is not one on the wire');
    this.#world.cores.stepClock(this.proposer, batch.clock);
    this.#heardFrom = from;
    readReplies(batch, this.proposer.running, (reply) => {
      this.#world.trace(this.index, 'hears', reply.b.r, () => `${describeReply(reply)} from ${from}`);
      this.#propose((out) => this.#world.cores.stepReply(this.proposer, reply, this.nowMs, out));
    });
  }

  #tick(): void {
    if (this.#isTicking || this.proposer.running.size === 0) return;
    this.#isTicking = true;
    this.#world.schedule.after(1, () => {
      this.#isTicking = false;
      this.#propose((out) => this.#world.cores.stepTime(this.proposer, this.nowMs, out));
    });
  }
}
