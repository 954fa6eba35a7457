/**
 * One thread of a node: its scheduler, the mesh to the other threads, and, on the system thread, the network. This is the scheduler's `Outside`.
 */
import type { MessagePort } from 'node:worker_threads';
import type { PendingSignal } from '../codec/control.ts';
import { TermReader, type DecodeOptions } from '../codec/term-reader.ts';
import type { Env } from '../env.ts';
import { fromPlainError, toPlainError, type PlainError } from '../errors.ts';
import type { ModuleLoader } from '../process/load-function.ts';
import { createNameTable } from '../process/names.ts';
import { createNoThreadsError, type OffloadWork, type Outside } from '../process/outside.ts';
import { Scheduler } from '../process/scheduler.ts';
import type { Placement, ProcessInfo } from '../process/self.ts';
import type { ModuleTable } from '../process/spawner.ts';
import { isAliveIn } from '../process/table.ts';
import type { Atom } from '../term/atom.ts';
import { nameAtom } from '../term/atom.ts';
import { Exit } from '../term/exit-reason.ts';
import { pidCount, pidThread, type Pid } from '../term/pid.ts';
import type { Ref } from '../term/ref.ts';
import type { Signal } from '../term/signal.ts';
import { ForwardAccounts, ForwardWindow } from './flow.ts';
import type { ThreadHost } from './host.ts';
import { Mesh } from './mesh.ts';
import type { Network } from './network.ts';
import { failedAnswer, readOffloadAnswer, type OffloadAnswer } from './offload-answer.ts';
import { answerTo, ask, OpenQuestions, type Answers, type Question } from './questions.ts';
import { SharedNames } from './shared-names.ts';
import { Placer } from './vitals.ts';

export interface NodeThreadOptions {
  readonly nodeName: Atom;
  readonly creation: number;
  readonly thread: number;
  readonly systemThread: number;
  readonly env: Env;
  readonly implicitSelf: boolean;
  readonly modules?: ModuleTable;
  readonly load: ModuleLoader;
  /** How many worker threads processes are placed on. Higher numbers are threads of isolated processes. */
  readonly workers: number;
  readonly placement: Placement;
  readonly vitals?: SharedArrayBuffer;
  /** On the thread that started the node. */
  readonly host?: ThreadHost;
  /** Only with several threads. */
  readonly tables?: readonly SharedArrayBuffer[];
  readonly names?: SharedArrayBuffer;
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
  readonly #views: Float64Array[];
  readonly #placer: Placer;
  /** Work that other threads have offloaded through this one. */
  readonly #offloaded = new Map<string, AbortController>();
  readonly #nodes = new Set<Atom>();
  readonly #upListeners = new Set<(node: Atom) => void>();
  readonly #losses = new Map<number, Loss>();
  readonly #window = new ForwardWindow();
  readonly #accounts: ForwardAccounts;
  readonly #questions = new OpenQuestions();
  readonly #answers: Answers;

  constructor(options: NodeThreadOptions) {
    const { nodeName, creation, thread, env, tables, names } = options;
    this.#options = options;
    this.#views = (tables ?? []).map((table) => new Float64Array(table));
    this.#answers = this.#createAnswers();
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
      load: options.load,
    });
    this.scheduler.outside = this;
    this.#accounts = new ForwardAccounts(
      (source, node, bytes, large) => void this.mesh.accept(source, node, bytes, large),
    );
    this.#placer = new Placer(options.vitals ?? null, options.workers);
    this.scheduler.spawner.place = (placement) => this.#place(placement ?? options.placement);
    this.mesh = new Mesh(
      this.scheduler,
      env,
      {
        onForward: (source, bytes, node, control, payload) => this.#forwarded(source, bytes, node, control, payload),
        onAccepted: (node, bytes, large) => this.#window.accepted(node, bytes, large),
        onWatch: (node) => this.watchNode(node),
        onMalformed: (connectionId) => this.#onMalformed(connectionId),
        onNodeUp: (node) => this.#addNode(node),
        onNodeLost: (node, connectionId) => this.onNodeLost(node, connectionId),
        onQuestion: (from, id, question) => {
          void answerTo(question, this.#answers).then((answer) => this.mesh.answer(from, id, answer));
        },
        onAnswer: (id, answer) => this.#questions.answer(id, answer),
        onClosed: (lost) => this.#onClosed(lost),
      },
      options.atomsMax,
    );
  }

  get #isSystem(): boolean {
    return this.#options.thread === this.#options.systemThread;
  }

  // Outside

  toThread(thread: number, signal: Signal): void {
    if (!this.mesh.sendSignal(thread, signal)) this.#answerForDead(signal);
    else if (this.#isIsolated(thread) && signal.kind === 'exit' && signal.reason === Exit.kill) {
      this.#enforceKill(signal.to);
    }
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

  async askAlive(pid: Pid): Promise<boolean> {
    return (await this.#ask(pidThread(pid), ask.alive(pid))) === true;
  }

  async processInfo(pid: Pid): Promise<ProcessInfo | undefined> {
    return (await this.#ask(pidThread(pid), ask.info(pid))) as ProcessInfo | undefined;
  }

  watchNode(node: Atom): void {
    if (this.network !== null) this.network.watch(node);
    else if (this.#isSystem || !this.mesh.watchNode(this.#options.systemThread, node)) this.#loseLater(node);
  }

  async connect(node: Atom): Promise<boolean> {
    return (await this.#askSystem(ask.connect(node))) === true;
  }

  /** After everything that this thread has sent to the node. */
  async disconnect(node: Atom): Promise<boolean> {
    return (await this.#askSystem(ask.disconnect(node))) === true;
  }

  async setCookie(node: Atom, cookie: string | null): Promise<void> {
    await this.#askSystem(ask.setCookie(node, cookie));
  }

  /** The nodes to or from which a connection is being made. */
  async connecting(): Promise<readonly Atom[]> {
    return ((await this.#askSystem(ask.connecting())) ?? []) as readonly Atom[];
  }

  nodes(): readonly Atom[] {
    return [...this.#nodes];
  }

  onNodeUp(listener: (node: Atom) => void): () => void {
    this.#upListeners.add(listener);
    return () => void this.#upListeners.delete(listener);
  }

  #addNode(node: Atom): void {
    this.#nodes.add(node);
    for (const listener of this.#upListeners) listener(node);
  }

  // Threads of isolated processes, and offloaded work

  /** A thread joins: a worker that was replaced, or one for an isolated process. */
  attach(thread: number, port: MessagePort, table: SharedArrayBuffer): void {
    this.#views[thread] = new Float64Array(table);
    this.mesh.attach(thread, port);
  }

  #isIsolated(thread: number): boolean {
    return thread > this.#options.workers;
  }

  #place(placement: Placement): number {
    if (typeof placement === 'number') return placement;
    if (placement === 'caller' || this.#options.workers === 0) return this.scheduler.thread;
    return placement === 'roundRobin' ? this.#placer.roundRobin() : this.#placer.leastLoaded();
  }

  #enforceKill(pid: Pid): void {
    const { host } = this.#options;
    if (host !== undefined) host.enforceKill(pid);
    else void this.#ask(0, ask.enforceKill(pid));
  }

  async isolate(memoryLimitMb: number | undefined): Promise<number> {
    const { host } = this.#options;
    if (host !== undefined) return host.isolate(memoryLimitMb);
    const answer = await this.#ask(0, ask.isolate(memoryLimitMb));
    if (typeof answer === 'number') return answer;
    throw fromPlainError(answer as PlainError);
  }

  explainRefusal(thread: number, ref: Ref, error: PlainError): void {
    if (thread === this.scheduler.thread) this.scheduler.spawner.explainRefusal(ref, error);
    else void this.#ask(thread, ask.explain(ref, { ...error }));
  }

  async offload(work: OffloadWork, signal: AbortSignal): Promise<unknown> {
    const { host } = this.#options;
    if (host !== undefined) return readOffloadAnswer(await host.offload(work, signal));
    const id = this.scheduler.makeRef();
    const abort = (): void => void this.#ask(0, ask.abort(id));
    signal.addEventListener('abort', abort, { once: true });
    try {
      const asked = this.#ask(0, ask.offload(id, { ...work }));
      if (signal.aborted) abort();
      return readOffloadAnswer((await asked) as OffloadAnswer);
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  async #offloadFor(id: Ref, work: OffloadWork): Promise<OffloadAnswer> {
    const { host } = this.#options;
    if (host === undefined) return failedAnswer(createNoThreadsError('offload'));
    const controller = new AbortController();
    this.#offloaded.set(id.key, controller);
    const answer = await host.offload(work, controller.signal).catch(failedAnswer);
    this.#offloaded.delete(id.key);
    return answer;
  }

  // From the network, on the system thread

  /** Gives a signal from another node to the thread it is for. The payload is decoded there. */
  deliver(
    thread: number,
    connectionId: number,
    pending: PendingSignal,
    payload: Uint8Array | null,
    decode: DecodeOptions,
  ): void {
    if (!this.mesh.passOn(thread, connectionId, pending, payload, decode.keepFloats === true))
      this.#answerForDead(pending.signal);
    else if (this.#isIsolated(thread) && pending.signal.kind === 'exit') {
      const reason =
        payload === null ? pending.signal.reason : new TermReader(payload, 0, payload.length, decode).term();
      if (reason === Exit.kill) this.#enforceKill(pending.signal.to);
    }
  }

  onConnected(node: Atom): void {
    this.#addNode(node);
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

  #askSystem(question: Question): Promise<unknown> {
    return this.#isSystem ? answerTo(question, this.#answers) : this.#ask(this.#options.systemThread, question);
  }

  #ask(thread: number, question: Question): Promise<unknown> {
    return this.#questions.ask(thread, (id) => this.mesh.ask(thread, id, question));
  }

  #createAnswers(): Answers {
    return {
      info: (pid) => this.scheduler.find(pid)?.info(),
      alive: (pid) => this.scheduler.find(pid) !== undefined,
      connect: (node) => this.network?.connect(node) ?? Promise.resolve(false),
      disconnect: (node) => this.network?.disconnect(node) ?? false,
      setCookie: (node, cookie) => this.network?.setCookie(node, cookie),
      connecting: () => this.network?.connecting() ?? [],
      isolate: (memoryLimitMb) => this.isolate(memoryLimitMb).catch(toPlainError),
      enforceKill: (pid) => this.#options.host?.enforceKill(pid),
      explain: (ref, error) => this.scheduler.spawner.explainRefusal(ref, error as PlainError),
      offload: (id, work) => this.#offloadFor(id, work as OffloadWork),
      abort: (id) => this.#offloaded.get(id.key)?.abort(),
    };
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
    this.#questions.onThreadLost(thread);
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

/** The processes of a thread, without what is in their mailboxes: a summary, for lists. */
export function processList(scheduler: Scheduler): ProcessInfo[] {
  return Array.from(scheduler.processes(), (process) => ({ ...process.info(), messages: [] }));
}
