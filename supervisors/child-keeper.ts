/** What a supervisor's process asks of the part that keeps its children, and what it lends to it. Answers are OTP's terms. */
import type { SupervisorReport } from '../runtime/channels.ts';
import type { Self } from '../runtime/process/self.ts';
import type { Pid } from '../runtime/term/pid.ts';
import type { CheckedFlags } from './supervisor-flags.ts';

export interface KeeperContext {
  readonly self: Self;
  readonly flags: CheckedFlags;
  now(): number;
  /** Counts one more restart. */
  isTooMany(): boolean;
  /** Has `tryAgain(id)` called when the messages that wait now have been handled. */
  tryAgainLater(id: unknown): void;
  isAlive(pid: Pid): boolean;
  /** Tells whoever listens what happened with a child. */
  report(context: SupervisorReport['context'], reason: unknown, id: unknown, pid: Pid | undefined): void;
}

export interface ChildCounts {
  readonly specs: number;
  readonly active: number;
  readonly supervisors: number;
  readonly workers: number;
}

export interface ChildKeeper {
  /** The reason of a failure, after which nothing runs, or null. */
  startAll(): Promise<unknown>;
  endAll(): Promise<void>;
  /** True: the supervisor shall end with `shutdown`. */
  onExit(pid: Pid, reason: unknown): Promise<boolean>;
  tryAgain(id: unknown): Promise<boolean>;
  startChild(given: unknown): Promise<unknown>;
  restartChild(id: unknown): Promise<unknown>;
  terminateChild(id: unknown): Promise<unknown>;
  deleteChild(id: unknown): unknown;
  childSpec(id: unknown): unknown;
  whichChildren(): unknown[];
  countChildren(): ChildCounts;
}
