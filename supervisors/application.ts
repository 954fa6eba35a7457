/**
 * Starting a program's trees in order, and ending them in reverse when the program is told to stop.
 *
 * ```ts
 * const application = await Application.start([
 *   { name: 'store', children: [Store.childSpec('data')] },
 *   { name: 'web', children: [Server.childSpec(8080)], prepareStop: () => closeIdleConnections() },
 * ]);
 * await application.ended; // after SIGTERM or SIGINT, application.stop(), or when a tree gave up
 * ```
 *
 * On the first SIGTERM or SIGINT the trees drain: of the last started first `prepareStop`, then its children in reverse order of their start, each
 * within its `shutdown` time, the tree within `stopTimeoutMs`; what is left then is killed. A second signal ends the program at once.
 *
 * Exit codes: 0 drained after a signal; 1 a tree ended by itself, or something had to be killed, or failed on the way down; 128 + the signal's
 * number after a second signal. `application.stop()` leaves the program running.
 *
 * Source: OTP 25, application(3), of a permanent application.
 */
import { constants } from 'node:os';
import { scheduler } from '../runtime/node/default.ts';
import type { Scheduler } from '../runtime/process/scheduler.ts';
import type { Self } from '../runtime/process/self.ts';
import { nameAtom, type Atom } from '../runtime/term/atom.ts';
import { describeTerm } from '../runtime/term/describe.ts';
import { ApplicationTrees, type ApplicationSpec } from './application-trees.ts';

export interface ApplicationOptions {
  /** Which signals drain and end the program. Default SIGTERM and SIGINT; an empty list for none. */
  readonly signals?: readonly NodeJS.Signals[];
  /** After the trees: for example `() => node.stop()`. Its failure makes the exit code 1. */
  readonly afterStop?: () => unknown;
  /** Ends the program; default `process.exit`. */
  readonly exit?: (code: number) => void;
  /** Told what happens, one line each; default: to stderr. */
  readonly log?: (line: string) => void;
}

/** How it ended. */
export interface ApplicationEnd {
  /** `signal`, `stop` (it was told to), `tree` (one ended by itself). */
  readonly cause: 'signal' | 'stop' | 'tree';
  /** The signal's name, or the tree's exit reason. */
  readonly reason: unknown;
  /** The trees that could not be ended in time and were killed. */
  readonly killed: readonly string[];
  readonly exitCode: number;
}

type Cause = Pick<ApplicationEnd, 'cause' | 'reason'>;

const STOP: Atom = nameAtom('$stop');
const SIGNALS: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT'];
/** What a program exits with that ended with an error. */
const FAILED = 1;
const SIGNAL_BASE = 128;

export class Application {
  /** Settles when all trees are down. Never rejects. */
  readonly ended: Promise<ApplicationEnd>;
  readonly #trees: ApplicationTrees;
  readonly #options: ApplicationOptions;
  readonly #scheduler: Scheduler;
  #self: Self | null = null;
  #cause: Cause | null = null;
  #signalled = false;
  readonly #onSignal = (signal: NodeJS.Signals): void => this.#signal(signal);

  private constructor(trees: ApplicationTrees, options: ApplicationOptions, started: (error: unknown) => void) {
    this.#trees = trees;
    this.#options = options;
    this.#scheduler = scheduler();
    this.ended = new Promise((resolve) => {
      const run = async (self: Self): Promise<void> => {
        this.#self = self;
        try {
          await trees.start(self);
        } catch (error) {
          started(error);
          return;
        }
        started(null);
        resolve(await this.#runUntilStopped(self));
      };
      this.#scheduler.spawn(run, { trapExit: true });
    });
  }

  /**
   * Starts the trees one after the other; resolves when all run. If one fails, those before it are ended again in reverse.
   *
   * @throws StartError (rejects), as `Supervisor.startLink`; `no_node` when no node runs in this thread
   */
  static async start(
    specs: ApplicationSpec | readonly ApplicationSpec[],
    options: ApplicationOptions = {},
  ): Promise<Application> {
    const trees = new ApplicationTrees(
      Array.isArray(specs) ? (specs as ApplicationSpec[]) : [specs as ApplicationSpec],
    );
    return new Promise((resolve, reject) => {
      const application: Application = new Application(trees, options, (error) => {
        if (error !== null) reject(error as Error);
        else {
          application.#listen();
          resolve(application);
        }
      });
    });
  }

  /** The supervisor of a tree, by the name of its spec. @throws `not_found` */
  supervisor(name: string): ReturnType<ApplicationTrees['supervisor']> {
    return this.#trees.supervisor(name);
  }

  /** Ends the trees, last started first, and resolves when they are down. The program goes on. */
  stop(): Promise<ApplicationEnd> {
    this.#tellToStop({ cause: 'stop', reason: undefined });
    return this.ended;
  }

  #listen(): void {
    for (const signal of this.#options.signals ?? SIGNALS) process.on(signal, this.#onSignal);
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.#signalled) {
      this.#log(`${signal} again: ending at once`);
      this.#exit(SIGNAL_BASE + constants.signals[signal]);
      return;
    }
    this.#signalled = true;
    this.#log(`${signal}: stopping`);
    this.#tellToStop({ cause: 'signal', reason: signal });
  }

  #tellToStop(cause: Cause): void {
    if (this.#cause !== null || this.#self === null) return;
    this.#cause = cause;
    this.#scheduler.send(this.#self.pid, this.#self.pid, STOP);
  }

  async #runUntilStopped(self: Self): Promise<ApplicationEnd> {
    const ended = await self.receive((message) => message === STOP || this.#trees.isEndOfTree(message));
    if (ended !== STOP) {
      const { name, reason } = this.#trees.takeEnd(ended);
      this.#cause ??= { cause: 'tree', reason };
      this.#log(`the tree ${name} ended by itself: ${describeTerm(reason)}; stopping the others`);
    }
    const { killed, failures } = await this.#trees.stop(self);
    try {
      await this.#options.afterStop?.();
    } catch (error) {
      failures.push(error);
    }
    for (const failure of failures) this.#log(`on the way down: ${String(failure)}`);
    if (killed.length > 0) this.#log(`killed, because they took too long to stop: ${killed.join(', ')}`);
    return this.#finish(killed, failures);
  }

  #finish(killed: readonly string[], failures: readonly unknown[]): ApplicationEnd {
    const cause = this.#cause ?? { cause: 'stop', reason: undefined };
    const clean = cause.cause !== 'tree' && killed.length === 0 && failures.length === 0;
    const end: ApplicationEnd = { ...cause, killed, exitCode: clean ? 0 : FAILED };
    for (const signal of this.#options.signals ?? SIGNALS) process.off(signal, this.#onSignal);
    // Once the program was told to end by a signal, or has lost a tree that it needs, it ends.
    if (cause.cause !== 'stop') this.#scheduler.env.yieldTurn(() => this.#exit(end.exitCode));
    return end;
  }

  #log(line: string): void {
    if (this.#options.log !== undefined) this.#options.log(line);
    else process.stderr.write(`${line}\n`);
  }

  #exit(code: number): void {
    if (this.#options.exit !== undefined) this.#options.exit(code);
    else process.exit(code);
  }
}
