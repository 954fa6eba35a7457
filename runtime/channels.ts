/**
 * Diagnostics: named channels of `node:diagnostics_channel`, free while nobody listens. A log is a subscriber. What is published on a worker
 * thread of a node is published on the thread that started the node as well, there with terms that came over as copies.
 *
 * | channel | published when | message |
 * | --- | --- | --- |
 * | `quorate:long-schedule` | a thread did not get to its event loop for long, and when it does again | `LongScheduleReport` |
 * | `quorate:crash` | a process ended by an error that nobody caught, or a server with a reason that was not meant | `CrashReport` |
 * | `quorate:supervisor` | a supervisor lost a child, could not start one, or gave up | `SupervisorReport` |
 * | `quorate:trace` | a server that is traced (`trace`) took or sent a message | `TraceReport` |
 * | `quorate:dist` | a connection was refused or closed for a reason of its own | `DistReport` |
 */
import { channel, type Channel } from 'node:diagnostics_channel';
import type { RemoteName } from './process/self.ts';
import type { Atom } from './term/atom.ts';
import type { Pid } from './term/pid.ts';

/**
 * One for each crash. Ends that were meant (`normal`, `shutdown`, `{shutdown, _}`), `exit` from a process that is no server, and ends that
 * came over a link are none.
 */
export interface CrashReport {
  readonly pid: Pid;
  readonly thread: number;
  readonly registeredName: Atom | undefined;
  readonly initialCall: string;
  readonly reason: unknown;
  /** What was thrown, when the process is of this thread; else its description. */
  readonly error: unknown;
  /** Where, innermost first; empty when nothing was thrown. */
  readonly stack: readonly string[];
  /** What had not been received, at most 10. */
  readonly messages: readonly unknown[];
  readonly messageQueueLen: number;
  readonly links: readonly Pid[];
  /** What it monitored: pids and names. */
  readonly monitors: readonly (Pid | RemoteName)[];
  readonly monitoredBy: readonly Pid[];
  readonly trapExit: boolean;
  /** Of a server only: a plain process has no state but its own variables, and takes its messages where it likes. */
  readonly server: ServerDetails | undefined;
}

export interface ServerDetails {
  /** What it handled, as it arrived; undefined in `init`. */
  readonly lastMessage: unknown;
  /** The state before the callback that failed. */
  readonly state: unknown;
}

export interface SupervisorReport {
  readonly supervisor: Pid;
  readonly registeredName: Atom | undefined;
  /** OTP's words. `shutdown`: too many restarts. `shutdown_error`: a child that was told to end ended otherwise. */
  readonly context: 'child_terminated' | 'start_error' | 'shutdown' | 'shutdown_error';
  readonly reason: unknown;
  readonly child: { readonly id: unknown; readonly pid: Pid | undefined };
}

export interface TraceReport {
  readonly pid: Pid;
  readonly registeredName: Atom | undefined;
  readonly event: 'in' | 'out' | 'noreply';
  /** What came in or went out. */
  readonly message: unknown;
  /** To whom, for `out`. */
  readonly to: Pid | undefined;
  /** The state after the callback; undefined for `in`. */
  readonly state: unknown;
}

export interface DistReport {
  readonly node: string;
  readonly peer: string;
  readonly message: string;
}

export interface LongScheduleReport {
  readonly node: string;
  readonly thread: number;
  readonly durationMs: number;
  /** False while it goes on, true when it is over. */
  readonly ended: boolean;
  /** Who holds it up, if that can be told: its only process, or one whose first instructions run. Known only while it goes on. */
  readonly pid: Pid | undefined;
}

function createChannel<T>(name: string): Channel<unknown, T> {
  return channel(`quorate:${name}`) as Channel<unknown, T>;
}

export const crashChannel: Channel<unknown, CrashReport> = createChannel('crash');
export const supervisorChannel: Channel<unknown, SupervisorReport> = createChannel('supervisor');
export const traceChannel: Channel<unknown, TraceReport> = createChannel('trace');
export const distChannel: Channel<unknown, DistReport> = createChannel('dist');
export const longScheduleChannel: Channel<unknown, LongScheduleReport> = createChannel('long-schedule');
