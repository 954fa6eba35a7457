/** What is a crash, and its report. Made only when somebody listens. */
import { crashChannel, type CrashReport } from '../channels.ts';
import { Exit } from '../term/exit-reason.ts';
import { isTagged } from '../term/tuple.ts';
import { isCrash } from './exit.ts';
import type { Process } from './process.ts';

/** What a behaviour tells about the process that it runs in. */
export interface ServerFace {
  /** The class. */
  readonly name: string;
  readonly kind: 'server' | 'supervisor';
  readonly state: unknown;
  readonly lastMessage: unknown;
  /** It ends by its own doing with a reason that was not meant. */
  readonly isFailing: boolean;
}

const MESSAGES_SHOWN_MAX = 10;

/** `normal`, `shutdown` and `{shutdown, _}` are ends that were meant. */
export function isCleanExit(reason: unknown): boolean {
  return reason === Exit.normal || reason === Exit.shutdown || isTagged(reason, Exit.shutdown, 2);
}

/** Of a process that failed with that reason. */
export function reportCrash(process: Process, thrown: unknown, reason: unknown): void {
  if (!crashChannel.hasSubscribers) return;
  if (isCrash(thrown) || process.server?.isFailing === true)
    crashChannel.publish(createCrashReport(process, thrown, reason));
}

function createCrashReport(process: Process, thrown: unknown, reason: unknown): CrashReport {
  const { server, pid, scheduler } = process;
  const { registeredName, initialCall, links, monitors, monitoredBy, trapExit, messages, messageQueueLen } =
    process.info();
  return {
    pid,
    thread: scheduler.thread,
    registeredName,
    initialCall,
    reason,
    error: thrown,
    stack: isCrash(thrown) ? stackLines(thrown) : [],
    messages: messages.slice(0, MESSAGES_SHOWN_MAX),
    messageQueueLen,
    links,
    monitors,
    monitoredBy,
    trapExit,
    server: server === null ? undefined : { lastMessage: server.lastMessage, state: server.state },
  };
}

function stackLines(thrown: unknown): string[] {
  if (!(thrown instanceof Error)) return [];
  const lines = (thrown.stack ?? '').split('\n').map((line) => line.trim());
  return lines.filter((line) => line.startsWith('at '));
}
