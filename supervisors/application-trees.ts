/** The trees of an application: each a supervisor, linked to the application's process, started in order and ended in reverse. */
import { QuorateError } from '../runtime/errors.ts';
import { isDown, isExit, type ExitMessage } from '../runtime/process/message.ts';
import type { Process } from '../runtime/process/process.ts';
import type { Self } from '../runtime/process/self.ts';
import { Exit } from '../runtime/term/exit-reason.ts';
import { samePid, type Pid } from '../runtime/term/pid.ts';
import type { ChildSpec } from './child-spec.ts';
import type { ServerName } from './names.ts';
import { startClass } from './start-class.ts';
import { pidOf } from './start.ts';
import type { SupervisorFlags } from './supervisor-flags.ts';
import { Supervisor } from './supervisor.ts';

/** One tree: the flags and children of its supervisor, and what is to be done around its end. */
export interface ApplicationSpec extends SupervisorFlags {
  /** For messages, and to find the supervisor again. */
  readonly name: string;
  readonly children: readonly ChildSpec[];
  /** Registers the supervisor. */
  readonly registeredName?: ServerName;
  /** Before the children are ended: stop taking in work. Counts into the time. */
  readonly prepareStop?: () => unknown;
  /** After the children have ended. */
  readonly stopped?: () => unknown;
  /** How long the end of this tree may take in all; then it is killed. Default 30,000. */
  readonly stopTimeoutMs?: number;
}

interface Tree {
  readonly spec: ApplicationSpec;
  readonly pid: Pid;
}

export interface StopReport {
  /** Names of the trees that were killed. */
  readonly killed: string[];
  /** What `prepareStop` and `stopped` threw. */
  readonly failures: unknown[];
}

const STOP_TIMEOUT_MS = 30_000;

export class ApplicationTrees {
  readonly #specs: readonly ApplicationSpec[];
  #trees: Tree[] = [];

  constructor(specs: readonly ApplicationSpec[]) {
    this.#specs = specs;
  }

  /** @throws StartError (rejects) of the first that fails, when those before it are down again */
  async start(self: Self): Promise<void> {
    for (const spec of this.#specs) {
      try {
        const { registeredName } = spec;
        const options = registeredName === undefined ? {} : { name: registeredName };
        const result = await startClass(self, Supervisor, spec, options);
        this.#trees.push({ spec, pid: pidOf(`the tree ${spec.name}`, result) });
      } catch (error) {
        await this.stop(self);
        throw error;
      }
    }
  }

  supervisor(name: string): Pid {
    const found = this.#trees.find(({ spec }) => spec.name === name);
    if (found !== undefined) return found.pid;
    const names = this.#trees.map(({ spec }) => spec.name).join(', ');
    throw new QuorateError('not_found', `no tree ${name} runs in this application; there are: ${names}`);
  }

  isEndOfTree(message: unknown): boolean {
    return isExit()(message) && this.#trees.some(({ pid }) => samePid(pid, message.pid));
  }

  /** Takes a tree that has ended out of those that are to be stopped. */
  takeEnd(message: unknown): { name: string; reason: unknown } {
    const { pid, reason } = message as ExitMessage;
    const found = this.#trees.find((tree) => samePid(tree.pid, pid));
    this.#trees = this.#trees.filter((tree) => tree !== found);
    return { name: found?.spec.name ?? '', reason };
  }

  /** Ends what runs, last started first. */
  async stop(self: Self): Promise<StopReport> {
    const report: StopReport = { killed: [], failures: [] };
    for (const tree of this.#trees.toReversed()) {
      await this.#stopTree(self, tree, report);
      this.#trees = this.#trees.filter((one) => one !== tree);
    }
    return report;
  }

  async #stopTree(self: Self, { spec, pid }: Tree, report: StopReport): Promise<void> {
    const { env } = (self as Process).scheduler;
    const endsAt = env.now() + (spec.stopTimeoutMs ?? STOP_TIMEOUT_MS);
    const left = (): number => Math.max(0, endsAt - env.now());
    const isGone = isDown(self.monitor(pid));
    await this.#runHook(self, spec.prepareStop, left(), report);
    self.exit(pid, Exit.shutdown);
    if ((await self.receive(isGone, { timeoutMs: left(), otherwise: null })) === null) {
      report.killed.push(spec.name);
      await killTree(self, pid);
      await self.receive(isGone);
    }
    await this.#runHook(self, spec.stopped, left(), report);
  }

  /** A hook that hangs must not keep the tree up: it has the time of the tree. */
  async #runHook(self: Self, hook: (() => unknown) | undefined, timeoutMs: number, report: StopReport): Promise<void> {
    if (hook === undefined) return;
    const [helper, monitor] = self.spawnMonitor(async () => {
      try {
        await hook();
      } catch (error) {
        report.failures.push(error);
      }
    });
    if ((await self.receive(isDown(monitor), { timeoutMs, otherwise: null })) !== null) return;
    self.demonitor(monitor, { flush: true });
    self.exit(helper, Exit.kill);
    report.failures.push(new QuorateError('timeout', 'prepareStop or stopped took longer than the tree has to stop'));
  }
}

/** Kills a supervisor and what is linked to it: its children, which might trap the exit that they get. */
async function killTree(self: Self, pid: Pid): Promise<void> {
  const info = await self.processInfo(pid);
  self.exit(pid, Exit.kill);
  for (const child of info?.links ?? []) if (!samePid(child, self.pid)) self.exit(child, Exit.kill);
}
