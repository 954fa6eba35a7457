/**
 * One thread of a node: its scheduler, the mesh to the other threads, and, on the system thread, the network. This is the scheduler's `Outside`.
 */
import { decodeTerm, encodeTerm } from '../codec/terms.ts';
import type { PendingSignal } from '../codec/control.ts';
import type { Env } from '../env.ts';
import { createNameTable } from '../process/names.ts';
import type { Outside } from '../process/outside.ts';
import { Scheduler } from '../process/scheduler.ts';
import type { ProcessInfo } from '../process/self.ts';
import type { ModuleTable } from '../process/spawner.ts';
import { isAliveIn } from '../process/table.ts';
import { Atom, nameAtom } from '../term/atom.ts';
import { Exit } from '../term/exit-reason.ts';
import { pidCount, pidThread, type Pid } from '../term/pid.ts';
import type { Signal } from '../term/signal.ts';
import { ForwardAccounts, ForwardWindow } from './flow.ts';
import { Mesh } from './mesh.ts';
import { SharedNames } from './shared-names.ts';

/** The connections to other nodes, where they are: on the system thread. */
export interface Network {
  /** False: taken, and the connection is over its high-water mark. */
  send(node: Atom, signal: Signal): boolean;
  sendEncoded(node: Atom, control: Uint8Array, payload: Uint8Array | null): boolean;
  isBusy(node: Atom): boolean;
  drained(node: Atom): Promise<void>;
  /** Connects if need be; a failure is reported as a lost node. */
  watch(node: Atom): void;
  connect(node: Atom): Promise<boolean>;
  disconnect(node: Atom): boolean;
  /** What came over that connection is no term. */
  refuse(connectionId: number): void;
}

/** Calls that another thread has to answer. */
export interface FarCalls {
  processInfo(pid: Pid): Promise<ProcessInfo | undefined>;
  connect(node: Atom): Promise<boolean>;
  disconnect(node: Atom): Promise<boolean>;
}

export interface NodeThreadOptions {
  readonly nodeName: Atom;
  readonly creation: number;
  readonly thread: number;
  readonly systemThread: number;
  readonly env: Env;
  readonly implicitSelf: boolean;
  readonly modules?: ModuleTable;
  /** Only with several threads. */
  readonly tables?: readonly SharedArrayBuffer[];
  readonly names?: SharedArrayBuffer;
  readonly far: FarCalls;
  /** New atoms that one connection may make this thread hold. */
  readonly atomsMax?: number;
}

interface Loss {
  closed: boolean;
  reason: unknown;
  hasReason: boolean;
  readonly done: (() => void)[];
}

export class NodeThread implements Outside {
  readonly scheduler: Scheduler;
  readonly mesh: Mesh;
  /** Set on the system thread of a distributed node. */
  network: Network | null = null;
  readonly #options: NodeThreadOptions;
  readonly #views: readonly Float64Array[];
  readonly #nodes = new Set<Atom>();
  readonly #losses = new Map<number, Loss>();
  readonly #window = new ForwardWindow();
  readonly #accounts: ForwardAccounts;

  constructor(options: NodeThreadOptions) {
    const { nodeName, creation, thread, env, tables, names } = options;
    this.#options = options;
    this.#views = (tables ?? []).map((table) => new Float64Array(table));
    const isAlive = (pid: Pid): boolean => this.isAlive(pid);
    const sharedTable = tables?.[thread];
    this.scheduler = new Scheduler({
      nodeName,
      creation,
      thread,
      env,
      implicitSelf: options.implicitSelf,
      names:
        names === undefined
          ? createNameTable()
          : new SharedNames({ shared: names, nodeName, creation, thread, isAlive }),
      ...(sharedTable === undefined ? {} : { sharedTable }),
      ...(options.modules === undefined ? {} : { modules: options.modules }),
    });
    this.scheduler.outside = this;
    this.#accounts = new ForwardAccounts((source, node, bytes, large) => void this.mesh.accept(source, node, bytes, large));
    this.mesh = new Mesh(this.scheduler, env, {
      onForward: (source, bytes, node, control, payload) => this.#forwarded(source, bytes, node, control, payload),
      onAccepted: (node, bytes, large) => this.#window.accepted(node, bytes, large),
      onWatch: (node) => this.watchNode(node),
      onMalformed: (connectionId) => this.#onMalformed(connectionId),
      onNodeUp: (node) => void this.#nodes.add(node),
      onNodeLost: (node, connectionId) => this.onNodeLost(node, connectionId),
      onClosed: (lost) => this.#onClosed(lost),
    }, options.atomsMax);
  }

  get #isSystem(): boolean {
    return this.#options.thread === this.#options.systemThread;
  }

  // Outside

  toThread(thread: number, signal: Signal): void {
    if (!this.mesh.sendSignal(thread, signal)) this.#answerForDead(signal);
  }

  toNode(node: Atom, signal: Signal): boolean {
    if (this.network !== null) return this.network.send(node, signal);
    const bytes = this.#isSystem ? 0 : this.mesh.forward(this.#options.systemThread, node, signal);
    if (bytes > 0) return this.#window.forwarded(node, bytes);
    this.#loseLater(node);
    return true;
  }

  isBusy(node: Atom): boolean {
    return this.network === null ? this.#window.isBusy(node) : this.network.isBusy(node);
  }

  drained(node: Atom): Promise<void> {
    return this.network === null ? this.#window.drained(node) : this.network.drained(node);
  }

  isAlive(pid: Pid): boolean {
    const thread = pidThread(pid);
    if (thread === this.#options.thread) return this.scheduler.find(pid) !== undefined;
    const view = this.#views[thread];
    return view !== undefined && isAliveIn(view, pidCount(pid));
  }

  processInfo(pid: Pid): Promise<ProcessInfo | undefined> {
    return this.#options.far.processInfo(pid);
  }

  watchNode(node: Atom): void {
    if (this.network !== null) this.network.watch(node);
    else if (this.#isSystem || !this.mesh.watchNode(this.#options.systemThread, node)) this.#loseLater(node);
  }

  connect(node: Atom): Promise<boolean> {
    if (this.network !== null) return this.network.connect(node);
    return this.#isSystem ? Promise.resolve(false) : this.#options.far.connect(node);
  }

  async disconnect(node: Atom): Promise<boolean> {
    if (this.network !== null) return this.network.disconnect(node);
    return this.#isSystem ? false : this.#options.far.disconnect(node);
  }

  nodes(): readonly Atom[] {
    return [...this.#nodes];
  }

  // From the network, on the system thread

  /** Gives a signal from another node to the thread it is for. The payload is decoded there. */
  deliver(thread: number, connectionId: number, pending: PendingSignal, payload: Uint8Array | null): void {
    if (!this.mesh.passOn(thread, connectionId, pending, payload)) this.#answerForDead(pending.signal);
  }

  onNodeUp(node: Atom): void {
    this.#nodes.add(node);
    if (this.#isSystem) this.mesh.announce(node, true, 0);
  }

  /** @param connectionId the connection that ended; 0 when there was none */
  onNodeLost(node: Atom, connectionId = 0): void {
    this.#nodes.delete(node);
    this.#window.lost(node);
    this.mesh.forgetConnection(connectionId);
    this.scheduler.relations.onNodeLost(node);
    this.scheduler.spawner.onLost(node);
    if (this.#isSystem) this.mesh.announce(node, false, connectionId);
  }

  #onMalformed(connectionId: number): void {
    if (this.network !== null) this.network.refuse(connectionId);
    else this.mesh.reportMalformed(this.#options.systemThread, connectionId);
  }

  #loseLater(node: Atom): void {
    this.#options.env.defer(() => this.onNodeLost(node));
  }

  #forwarded(source: number, bytes: number, node: Atom, control: Uint8Array, payload: Uint8Array | null): void {
    const { network } = this;
    const hasRoom = network?.sendEncoded(node, control, payload) ?? true;
    this.#accounts.took(source, node, bytes, hasRoom ? null : (network as Network).drained(node));
    if (network === null) this.onNodeLost(node);
  }

  // Lost threads

  /** A thread ended, with that reason for its processes. Resolves when every link and monitor to them has fired. */
  threadLost(thread: number, reason: unknown): Promise<void> {
    const loss = this.#lossOf(thread);
    loss.reason = reason;
    loss.hasReason = true;
    if (!this.mesh.threads.includes(thread)) loss.closed = true;
    return new Promise((resolve) => {
      loss.done.push(resolve);
      this.#settleLoss(thread, loss);
    });
  }

  #onClosed(thread: number): void {
    const loss = this.#lossOf(thread);
    loss.closed = true;
    this.#settleLoss(thread, loss);
  }

  #lossOf(thread: number): Loss {
    let loss = this.#losses.get(thread);
    if (loss === undefined) {
      loss = { closed: false, reason: undefined, hasReason: false, done: [] };
      this.#losses.set(thread, loss);
    }
    return loss;
  }

  /** Acts when all that the thread had sent has come, and it is known why it ended. */
  #settleLoss(thread: number, loss: Loss): void {
    if (!loss.closed || !loss.hasReason) return;
    this.#losses.delete(thread);
    this.scheduler.relations.onThreadLost(thread, loss.reason);
    this.scheduler.spawner.onLost(thread);
    if (thread === this.#options.systemThread) this.#window.lostAll();
    if (thread === this.#options.systemThread) for (const node of [...this.#nodes]) this.onNodeLost(node);
    for (const done of loss.done) done();
  }

  /** Whoever waits for an answer from a thread that is not there gets the one that a dead process gives. */
  #answerForDead(signal: Signal): void {
    const { scheduler } = this;
    if (signal.kind === 'link') {
      scheduler.route(signal.from, { kind: 'linkExit', from: signal.to, to: signal.from, reason: Exit.noproc });
    } else if (signal.kind === 'monitor') {
      const { from, to, ref } = signal;
      scheduler.route(from, { kind: 'down', from: to, to: from, ref, reason: Exit.noproc });
    } else if (signal.kind === 'unlink' && signal.id !== null) {
      scheduler.route(signal.from, { kind: 'unlinkAck', id: signal.id, from: signal.to, to: signal.from });
    } else if (signal.kind === 'spawnRequest') {
      const { ref, from } = signal;
      const result = nameAtom('noconnection');
      scheduler.route(from, { kind: 'spawnReply', ref, to: from, linked: false, monitored: false, result });
    }
  }
}

/** The info of a process as bytes for the control plane, and back. */
export function encodeInfo(info: ProcessInfo | undefined): Uint8Array | null {
  return info === undefined ? null : encodeTerm({ ...info });
}

export function decodeInfo(bytes: Uint8Array | null): ProcessInfo | undefined {
  return bytes === null ? undefined : (decodeTerm(bytes) as ProcessInfo);
}
