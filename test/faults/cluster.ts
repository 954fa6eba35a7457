/**
 * The nodes of a run, each an OS process with clients in it. Knows which of them hold what was decided: in-memory nodes that were stopped or killed have
 * forgotten it, and count until they say that they wait for nothing. All processes, files and links are gone after `end`.
 */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ClusterStatus } from '../../kv/index.ts';
import { NodeProgram } from '../kv/kit/cluster-program.ts';
import type { LoadOptions } from './clients.ts';
import type { Network } from './network.ts';
import type { Command, NodeOptions } from './node-program.ts';

const PROGRAM = new URL('./node-program.js', import.meta.url);
const STOP_PATIENCE_MS = 10_000;
/** Agreed changes wait for a quorum, which other faults may take away for a while. */
const AGREED_PATIENCE_MS = 60_000;
const START_PATIENCE_MS = 30_000;
const RESIZE_TRY_MS = 5_000;

export interface ClusterSettings {
  readonly nodes: number;
  readonly threads: number;
  readonly netTicktimeMs: number;
  readonly load: Omit<LoadOptions, 'prefix' | 'seed'>;
  readonly seed: number;
}

interface Look {
  readonly isSeated: boolean;
  readonly connected: number;
  readonly waits: string;
}

interface Member {
  readonly number: number;
  readonly name: string;
  program: NodeProgram<Command> | null;
  starts: number;
  isPaused: boolean;
  /** It belongs to the cluster; one more is kept for when that grows. */
  isPart: boolean;
  /** It is up and waits for nothing: it has all that was decided. */
  isSeated: boolean;
  /** It is being started, or is meant to end. */
  isBusy: boolean;
}

export class FaultCluster {
  readonly folder: string;
  readonly #settings: ClusterSettings;
  readonly #network: Network;
  readonly #members: readonly Member[];
  /** Nodes that ended without being told to. */
  readonly crashes: string[] = [];
  readonly notes: string[] = [];
  /** From when it begins to grow until it has shrunk again. */
  isResizing = false;

  private constructor(folder: string, network: Network, settings: ClusterSettings) {
    this.folder = folder;
    this.#network = network;
    this.#settings = settings;
    this.#members = Array.from({ length: settings.nodes + 1 }, (_, index) => ({
      number: index + 1,
      name: `n${index + 1}@127.0.0.1`,
      program: null,
      starts: 0,
      isPaused: false,
      isPart: index < settings.nodes,
      isSeated: false,
      isBusy: true,
    }));
  }

  static async create(network: Network, settings: ClusterSettings): Promise<FaultCluster> {
    return new FaultCluster(await mkdtemp(join(tmpdir(), 'quorate-faults-')), network, settings);
  }

  /** The numbers of all nodes that there may be. */
  static numbersOf(nodes: number): number[] {
    return Array.from({ length: nodes + 1 }, (_, index) => index + 1);
  }

  /** Those that have started, are not meant to end, and are not paused. */
  get running(): number[] {
    return this.#members
      .filter(({ program, isPaused, isBusy }) => program !== null && !isPaused && !isBusy)
      .map(({ number }) => number);
  }

  get numbers(): number[] {
    return this.#parts.map(({ number }) => number);
  }

  /** The one that comes when the cluster grows. */
  get spare(): number {
    return this.#settings.nodes + 1;
  }

  /** Whether no more than a minority will have forgotten what was decided when this one does: so many the store promises to survive. */
  mayForget(victim: number): boolean {
    const forgetful = this.#parts.filter(({ number, isSeated }) => number === victim || !isSeated).length;
    return forgetful <= Math.floor((this.#parts.length - 1) / 2);
  }

  async start(number: number): Promise<void> {
    const member = this.#member(number);
    member.starts += 1;
    const place = this.#network.placeOf(number);
    const { nodes, threads, netTicktimeMs, load, seed } = this.#settings;
    const options: NodeOptions = {
      name: member.name,
      clusterSize: nodes,
      founders: this.#members.slice(0, nodes).map((founder) => founder.name),
      threads,
      netTicktimeMs,
      listen: place.listen,
      routes: Object.fromEntries([...place.routes].map(([other, route]) => [this.#member(other).name, route])),
      folder: this.folder,
      load: { ...load, seed: seed * 100 + number * 10 + member.starts, prefix: `${number}.${member.starts}` },
    };
    const program = new NodeProgram<Command>(options, { program: PROGRAM, ...place });
    member.program = program;
    member.isBusy = true;
    void program.ended.then(() => this.#ended(member, program));
    this.#network.moved(number, await this.#started(member.name, program));
  }

  /** Clients of the node begin; from then on it may be broken. */
  async load(number: number): Promise<void> {
    await this.#program(number).ask('load');
    this.#member(number).isBusy = false;
  }

  async kill(number: number): Promise<void> {
    const member = this.#member(number);
    Object.assign(member, { isBusy: true, isSeated: false });
    await this.#program(number).kill();
  }

  /** In order; killed when that takes too long, since a quorum may be missing. Returns how it ended. */
  async stop(number: number, patienceMs: number = STOP_PATIENCE_MS): Promise<'stopped' | 'killed'> {
    const member = this.#member(number);
    const program = this.#program(number);
    Object.assign(member, { isBusy: true, isSeated: false });
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => (timer = setTimeout(resolve, patienceMs, 'late')));
    const how = await Promise.race([program.ask('stop').then(() => 'stopped' as const), late]);
    clearTimeout(timer);
    await program.kill();
    return how === 'late' ? 'killed' : 'stopped';
  }

  pause(number: number): void {
    this.#member(number).isPaused = true;
    this.#program(number).signal('SIGSTOP');
  }

  resume(number: number): void {
    this.#member(number).isPaused = false;
    this.#program(number).signal('SIGCONT');
  }

  /** Looks whether the node has all that was decided; remembers that it has. */
  async look(number: number): Promise<Look> {
    const member = this.#member(number);
    const { program } = member;
    if (program === null || member.isPaused)
      return { isSeated: false, connected: 0, waits: `${member.name} does not run` };
    const [status, isUp] = (await Promise.all([program.ask('status'), program.ask('isUp')])) as [
      ClusterStatus,
      boolean,
    ];
    const isSeated = isUp && status.hasQuorum && status.waits.length === 0;
    if (member.program === program && !member.isBusy && isSeated) member.isSeated = true;
    return {
      isSeated,
      connected: status.connected,
      waits: `${member.name}: up ${isUp}, connected ${status.connected}, waits: ${status.waits.join('; ')}`,
    };
  }

  /** A seat more, and the node that fills it. */
  async grow(): Promise<void> {
    const member = this.#member(this.spare);
    this.isResizing = true;
    await this.#resize(this.#parts.length + 1);
    member.isPart = true;
    await this.start(member.number);
    await this.load(member.number);
  }

  /** That node leaves in order, and then its seat goes. */
  async shrink(): Promise<void> {
    const member = this.#member(this.spare);
    await this.stop(member.number, AGREED_PATIENCE_MS);
    member.isPart = false;
    await this.#resize(this.#parts.length);
    this.isResizing = false;
  }

  /** The port where it listens. Rejects when that takes too long. */
  async #started(name: string, program: NodeProgram<Command>): Promise<number> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      const text = (): string => `${name} has not started within ${START_PATIENCE_MS} ms: ${program.stderr}`;
      timer = setTimeout(() => reject(new Error(text())), START_PATIENCE_MS);
    });
    try {
      return Number(await Promise.race([program.started(), late]));
    } finally {
      clearTimeout(timer);
    }
  }

  /** Asks one node after the other, for any of them may be paused, cut off or away. */
  async #resize(size: number): Promise<void> {
    const deadline = performance.now() + AGREED_PATIENCE_MS;
    for (let attempt = 0; ; attempt++) {
      const running = this.running.filter((number) => number !== this.spare);
      const number = running[attempt % Math.max(1, running.length)];
      const asked =
        number === undefined
          ? Promise.reject(new Error('no node runs'))
          : this.#program(number).ask('resize', size, RESIZE_TRY_MS);
      const failed = await asked.then(
        () => null,
        (error: unknown) => error as Error,
      );
      if (failed === null) return;
      if (performance.now() > deadline) throw failed;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** All nodes run and wait for nothing. Rejects, saying what is awaited. */
  async settle(timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const looks = await Promise.all(this.#parts.map(({ number }) => this.look(number)));
      if (looks.every(({ isSeated, connected }) => isSeated && connected === this.#parts.length)) return;
      if (performance.now() > deadline) {
        throw new Error(`after ${timeoutMs} ms nothing is broken, but: ${looks.map(({ waits }) => waits).join(' | ')}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** Clients finish what they do. */
  async halt(): Promise<void> {
    await Promise.all(this.running.map((number) => this.#program(number).ask('halt')));
  }

  /** Every node reads all of these keys. */
  async readAll(keys: readonly string[]): Promise<void> {
    await Promise.all(this.running.map((number) => this.#program(number).ask('read', keys)));
  }

  async histories(): Promise<string[]> {
    const files = await readdir(this.folder);
    return files.filter((file) => file.endsWith('.history')).map((file) => join(this.folder, file));
  }

  async end(): Promise<void> {
    for (const member of this.#members) {
      member.isBusy = true;
      await member.program?.kill();
    }
    await this.#network.close();
    await rm(this.folder, { recursive: true, force: true });
  }

  #ended(member: Member, program: NodeProgram<Command>): void {
    for (const line of program.stderr.split('\n'))
      if (line.includes('DATA LOST')) this.notes.push(`${member.name}: ${line}`);
    if (!member.isBusy)
      this.crashes.push(`${member.name} ended by itself (${program.exit}): ${program.stderr.slice(-2000)}`);
    if (member.program !== program) return;
    Object.assign(member, { program: null, isSeated: false, isPaused: false });
    this.#network.moved(member.number, null);
  }

  get #parts(): readonly Member[] {
    return this.#members.filter(({ isPart }) => isPart);
  }

  #member(number: number): Member {
    const member = this.#members[number - 1];
    if (member === undefined) throw new Error(`there is no node ${number}`);
    return member;
  }

  #program(number: number): NodeProgram<Command> {
    const { program, name } = this.#member(number);
    if (program === null) throw new Error(`${name} does not run`);
    return program;
  }
}
