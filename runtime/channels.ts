/**
 * Diagnostics: named channels of `node:diagnostics_channel`, free while nobody listens. A log is a subscriber.
 *
 * | channel | published when | message |
 * | --- | --- | --- |
 * | `quorate:crash` | a process ended by an uncaught error | `CrashReport` |
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

export const crashChannel: Channel<unknown, CrashReport> = channel('quorate:crash') as Channel<unknown, CrashReport>;
export const distChannel: Channel<unknown, DistReport> = channel('quorate:dist') as Channel<unknown, DistReport>;
