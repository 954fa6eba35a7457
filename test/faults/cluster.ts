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

  private constructor(folder: string, network: Network, settings: ClusterSettings) {
    this.folder = folder;
    this.#network = network;
    this.#settings = settings;
    this.#members = Array.from({ length: settings.nodes }, (_, index) => ({
      number: index + 1,
      name: `n${index + 1}@127.0.0.1`,
      program: null,
      starts: 0,
      isPaused: false,
      isSeated: false,
      isBusy: true,
    }));
  }

  static async create(network: Network, settings: ClusterSettings): Promise<FaultCluster> {
    return new FaultCluster(await mkdtemp(join(tmpdir(), 'quorate-faults-')), network, settings);
  }

  /** Those that have started, are not meant to end, and are not paused. */
  get running(): number[] {
    return this.#members
      .filter(({ program, isPaused, isBusy }) => program !== null && !isPaused && !isBusy)
      .map(({ number }) => number);
  }

  get numbers(): number[] {
    return this.#members.map(({ number }) => number);
  }

  /** Whether no more than a minority will have forgotten what was decided when this one does: so many the store promises to survive. */
  mayForget(victim: number): boolean {
    const forgetful = this.#members.filter(({ number, isSeated }) => number === victim || !isSeated).length;
    return forgetful <= Math.floor((this.#members.length - 1) / 2);
  }

  async start(number: number): Promise<void> {
    const member = this.#member(number);
    member.starts += 1;
    const place = this.#network.placeOf(number);
    const { clusterSize, founders } = {
      clusterSize: this.#members.length,
      founders: this.#members.map(({ name }) => name),
    };
    const { threads, netTicktimeMs, load, seed } = this.#settings;
    const options: NodeOptions = {
      name: member.name,
      clusterSize,
      founders,
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
    this.#network.moved(number, Number(await program.started()));
    member.isBusy = false;
  }

  /** Clients of the node begin. */
  async load(number: number): Promise<void> {
    await this.#program(number).ask('load');
  }

  async kill(number: number): Promise<void> {
    const member = this.#member(number);
    Object.assign(member, { isBusy: true, isSeated: false });
    await this.#program(number).kill();
  }

  /** In order; killed when that takes too long, since a quorum may be missing. Returns how it ended. */
  async stop(number: number): Promise<'stopped' | 'killed'> {
    const member = this.#member(number);
    const program = this.#program(number);
    Object.assign(member, { isBusy: true, isSeated: false });
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => (timer = setTimeout(resolve, STOP_PATIENCE_MS, 'late')));
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

  /** All nodes run and wait for nothing. Rejects, saying what is awaited. */
  async settle(timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const looks = await Promise.all(this.#members.map(({ number }) => this.look(number)));
      if (looks.every(({ isSeated, connected }) => isSeated && connected === this.#members.length)) return;
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
    if (!member.isBusy) this.crashes.push(`${member.name} ended by itself: ${program.stderr.slice(-2000)}`);
    if (member.program !== program) return;
    Object.assign(member, { program: null, isSeated: false, isPaused: false });
    this.#network.moved(member.number, null);
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
