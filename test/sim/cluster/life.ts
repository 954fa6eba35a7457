/**
 * One run of a node's program on a simulated machine: its `Env`, its record's storage, and the ways in which it ends or stands still. When it
 * has ended nothing of it runs any more, and nothing that it still tries reaches the world.
 */
import type { BootRecord, RecordStorage, Env, TimerHandle } from './system.ts';
import { Random } from '../random.ts';
import type { Clockwork } from './clockwork.ts';
import type { Journal } from './journal.ts';

/** Shortest wait: a timer for a fraction that the clock cannot show would stand still for ever. */
const LEAST_MS = 0.001;
export const EPOCH_MS = 1_700_000_000_000;
const NO_TIMER: TimerHandle = { cancel: () => undefined };

/** What outlives a program: the disk, and the clock. */
export interface Machine {
  readonly name: string;
  readonly place: number;
  disk: BootRecord | null;
  /** Of the system's clock against true time. */
  skewMs: number;
  /** How fast the machine's clocks run. */
  readonly rate: number;
}

export interface LifeOptions {
  readonly machine: Machine;
  readonly clockwork: Clockwork;
  readonly journal: Journal;
  readonly seed: number;
  /** How long the disk takes. */
  readonly saveMs: () => number;
  readonly onSaved: (record: BootRecord) => void;
}

export class Life {
  readonly machine: Machine;
  readonly env: Env;
  readonly storage: RecordStorage;
  /** Timers that keep the program alive, and neither ran nor were cancelled. */
  timers = 0;
  isOver = false;
  #isFrozen = false;
  readonly #options: LifeOptions;
  readonly #random: Random;
  #held: (() => void)[] = [];

  constructor(options: LifeOptions) {
    this.#options = options;
    this.machine = options.machine;
    this.#random = new Random(options.seed);
    this.env = this.#createEnv();
    this.storage = this.#createStorage();
  }

  get isFrozen(): boolean {
    return this.#isFrozen;
  }

  /** Runs `fn` in that life, when it is its turn and unless it is over. */
  after(delayMs: number, what: string, fn: () => void): void {
    this.#options.clockwork.after(delayMs, () => this.do(what, fn));
  }

  /** What happens to the program now: held back while it stands still. */
  do(what: string, fn: () => void): void {
    if (this.isOver) return;
    if (this.#isFrozen) {
      this.#held.push(() => this.do(what, fn));
      return;
    }
    const { clockwork, journal } = this.#options;
    if (what !== '') journal.note(clockwork.nowMs, this.machine.place, what);
    fn();
  }

  freeze(): void {
    this.#isFrozen = true;
  }

  thaw(): void {
    this.#isFrozen = false;
    const held = this.#held;
    this.#held = [];
    for (const fn of held) this.#options.clockwork.after(0, fn);
  }

  end(): void {
    this.isOver = true;
    this.#held = [];
  }

  #createEnv(): Env {
    const { clockwork, machine } = this.#options;
    const random = this.#random;
    return {
      now: () => clockwork.nowMs * machine.rate,
      systemTime: () => EPOCH_MS + Math.floor(clockwork.nowMs * machine.rate + machine.skewMs),
      random: () => random.precise(),
      randomBytes: (size) => Uint8Array.from({ length: size }, () => random.below(256)),
      setTimer: (delayMs, fn, unref = false) => this.#setTimer(delayMs, fn, unref ? 0 : 1),
      yieldTurn: (fn) => this.after(0, 'turn', fn),
      defer: (fn) => queueMicrotask(() => this.isOver || fn()),
      endOfTurn: (fn) => clockwork.endOfTurn(() => this.isOver || fn()),
    };
  }

  #setTimer(delayMs: number, fn: () => void, keeps: number): TimerHandle {
    if (this.isOver) return NO_TIMER;
    let isPending = true;
    this.timers += keeps;
    const settle = (): boolean => {
      if (!isPending) return false;
      isPending = false;
      this.timers -= keeps;
      return true;
    };
    const ring = (): void => {
      if (!isPending || this.isOver) return;
      this.do('timer', () => settle() && fn());
    };
    this.#options.clockwork.after(Math.max(LEAST_MS, delayMs / this.machine.rate), ring);
    return { cancel: () => void settle() };
  }

  #createStorage(): RecordStorage {
    const { machine, saveMs, onSaved } = this.#options;
    return {
      place: `the disk of ${machine.name}`,
      load: () => Promise.resolve(machine.disk),
      save: (record) =>
        new Promise((resolve) => {
          this.after(saveMs(), 'saved', () => {
            machine.disk = record;
            onSaved(record);
            resolve();
          });
        }),
      release: () => Promise.resolve(),
    };
  }
}
