/**
 * Diagnostics: named channels of `node:diagnostics_channel`, free while nobody listens. A log is a subscriber.
 *
 * | channel | published when | message |
 * | --- | --- | --- |
 * | `quorate:crash` | a process ended by an uncaught error | `CrashReport` |
 * | `quorate:long-schedule` | a thread did not get to its event loop for long, and when it does again | `LongScheduleReport` |
 * | `quorate:dist` | a connection was refused or closed for a reason of its own | `DistReport` |
 */
import { channel, type Channel } from 'node:diagnostics_channel';
import type { Atom } from './term/atom.ts';
import type { Pid } from './term/pid.ts';

export interface CrashReport {
  readonly pid: Pid;
  readonly registeredName: Atom | undefined;
  readonly initialCall: string;
  readonly reason: unknown;
  /** What was thrown, when the process is of this thread. */
  readonly error: unknown;
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

export const crashChannel: Channel<unknown, CrashReport> = channel('quorate:crash') as Channel<unknown, CrashReport>;
export const distChannel: Channel<unknown, DistReport> = channel('quorate:dist') as Channel<unknown, DistReport>;
export const longScheduleChannel: Channel<unknown, LongScheduleReport> = channel('quorate:long-schedule') as Channel<
  unknown,
  LongScheduleReport
>;
