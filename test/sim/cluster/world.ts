/**
 * A whole cluster in one thread: real nodes with their processes, distribution, cluster servers and buckets, on simulated machines under virtual
 * time. This file starts and ends programs; what happens to them is planned in `faults.ts`, what is asked of them in `workload.ts`, and
 * what must hold is in `checks.ts`.
 */
import { Violation } from '../invariants.ts';
import { Random } from '../random.ts';
import { Clockwork } from './clockwork.ts';
import { Journal } from './journal.ts';
import { EPOCH_MS, Life, type Machine } from './life.ts';
import { SimulatedNetwork } from './network.ts';
import type { Parameters } from './parameters.ts';
import type { BootRecord, BucketShared, Quorate, System } from './system.ts';

/** A machine with the program that runs on it now. */
export interface Site extends Machine {
  life: Life | null;
  /** Null while it starts. */
  quorate: Quorate | null;
  /** It was asked to end. */
  isStopping: boolean;
  /** How many programs have run on it. */
  lives: number;
  log: string[];
}

export interface WorldHooks {
  onSaved(site: Site, record: BootRecord): void;
  /** A program ended, or will not know what it knew. */
  onEnded(site: Site, life: Life): void;
  /** A node noticed that another is gone, or could not reach it. */
  onLost(site: Site, other: string): void;
}

export class World {
  readonly system: System;
  readonly parameters: Parameters;
  readonly clockwork: Clockwork = new Clockwork();
  readonly journal: Journal;
  readonly network: SimulatedNetwork;
  /** For what the simulation itself decides. */
  readonly random: Random;
  readonly sites: Site[] = [];
  hooks: WorldHooks = { onSaved: idle, onEnded: idle, onLost: idle };
  readonly #seeds: Random;
  #failure: Error | null = null;

  constructor(system: System, seed: number, parameters: Parameters, print: ((line: string) => void) | null) {
    this.system = system;
    this.parameters = parameters;
    this.journal = new Journal(print);
    this.random = new Random(seed);
    this.#seeds = new Random(this.random.word());
    this.network = new SimulatedNetwork({
      clockwork: this.clockwork,
      journal: this.journal,
      random: new Random(this.random.word()),
      latencyMs: parameters.latencyMs,
      kernelBytes: 131_072,
    });
    for (let place = 0; place < parameters.machines; place++) {
      const skewMs = this.random.between(-parameters.skewMs, parameters.skewMs);
      const rate = 1 + this.random.between(-0.01, 0.01);
      const name = `n${place + 1}@127.0.0.1`;
      this.sites.push({
        name,
        place,
        disk: null,
        skewMs,
        rate,
        life: null,
        quorate: null,
        isStopping: false,
        lives: 0,
        log: [],
      });
    }
  }

  get nowMs(): number {
    return this.clockwork.nowMs;
  }

  /** Stops the run at the next event. */
  fail(error: Error): void {
    this.#failure ??= error;
  }

  async run(untilMs: number, isOver: () => boolean = () => false): Promise<void> {
    await this.clockwork.run(untilMs, () => this.#failure !== null || isOver());
    if (this.#failure !== null) throw this.#failure;
  }

  note(place: number, what: string, detail = ''): void {
    this.journal.note(this.nowMs, place, what, detail);
  }

  /** Starts the program of a machine on which none runs. */
  start(site: Site): void {
    if (site.life !== null) return;
    site.lives += 1;
    site.isStopping = false;
    this.note(site.place, 'starts');
    const life = new Life({
      machine: site,
      clockwork: this.clockwork,
      journal: this.journal,
      seed: this.#seeds.word(),
      saveMs: () => this.random.between(...this.parameters.saveMs),
      onSaved: (record) => this.hooks.onSaved(site, record),
    });
    site.life = life;
    const { clusterSize, netTicktimeMs } = this.parameters;
    const started = this.system.startQuorate({
      name: site.name,
      cookie: 'simulated',
      threads: 0,
      clusterSize,
      join: this.sites.filter(({ name }) => name !== site.name).map(({ name }) => name),
      env: life.env,
      storage: life.storage,
      transport: this.network.transport(life),
      resolve: (name) => ({ host: name.split('@')[0] as string, port: 1 }),
      netTicktimeMs,
      logger: (level, text) => {
        if (!life.isOver) this.note(site.place, level, text);
      },
    });
    started.then(
      (quorate) => this.#onStarted(site, life, quorate),
      (error: unknown) => {
        if (!life.isOver) this.fail(new Violation(`${site.name} did not start: ${String(error)}`));
      },
    );
  }

  /** The program ends at once: what it knew is gone, what it saved is there. */
  crash(site: Site, isTold: boolean): void {
    const { life, quorate } = site;
    if (life === null) return;
    this.note(site.place, 'crashes', isTold ? '' : 'unnoticed');
    this.#over(site, life);
    this.network.onLifeOver(life, isTold);
    if (quorate === null) return;
    quorate.node.scheduler.stop(this.system.Exit.kill);
    void quorate.node.stop();
  }

  /** The program is asked to end, as by SIGTERM. */
  async stop(site: Site): Promise<void> {
    const { life, quorate } = site;
    if (life === null || quorate === null) return;
    this.note(site.place, 'stops');
    site.isStopping = true;
    try {
      await quorate.stop();
    } catch (error) {
      if (!life.isOver) throw error;
    }
    if (life.isOver) return;
    this.note(site.place, 'stopped', `${quorate.node.scheduler.processCount} processes left`);
    this.#over(site, life);
    this.network.onLifeOver(life, true);
  }

  /** The tables of a bucket on a machine, when it runs there. */
  bucketOf(site: Site, bucket: string = this.system.DEFAULT_BUCKET): BucketShared | undefined {
    const { localBucket, nameAtom } = this.system;
    return site.quorate === null ? undefined : localBucket(nameAtom(site.name), bucket);
  }

  /** What the clock of a machine shows, before it is cut to whole milliseconds. */
  systemTimeOf(site: Site): number {
    return EPOCH_MS + this.nowMs * site.rate + site.skewMs;
  }

  isUp(site: Site): boolean {
    return site.quorate !== null;
  }

  /** Ends everything that still runs. */
  end(): void {
    for (const site of this.sites) this.crash(site, false);
  }

  #onStarted(site: Site, life: Life, quorate: Quorate): void {
    if (life.isOver) {
      void quorate.node.stop();
      return;
    }
    this.note(site.place, 'started');
    site.quorate = quorate;
    quorate.node.on('nodedown', (name) => life.isOver || this.hooks.onLost(site, name));
    quorate.node.on('unreachable', (name) => life.isOver || this.hooks.onLost(site, name));
  }

  #over(site: Site, life: Life): void {
    life.end();
    site.life = null;
    site.quorate = null;
    this.hooks.onEnded(site, life);
  }
}

function idle(): void {
  // nobody looks
}
