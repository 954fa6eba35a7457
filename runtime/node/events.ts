/** What a node tells the program that started it. */
import type { LongScheduleReport } from '../channels.ts';
import type { QuorateError } from '../errors.ts';

/** Events of a node. They are for people and logs; what must be ordered with messages is a signal (`self.monitorNode`). */
export interface NodeEvents {
  nodeup: [node: string, hidden: boolean];
  nodedown: [node: string, reason: string];
  /** A node could not be reached; everything sent to it meanwhile is lost. */
  unreachable: [node: string, reason: string];
  /** A connection was refused or ended for what came over it: a wrong cookie, a bad frame, a bad certificate. The error says which and from where. */
  refused: [error: QuorateError];
  /** A worker thread was lost (with the exit reason of its processes) or is there again. */
  thread: [thread: number, what: 'lost' | 'replaced', reason: unknown];
  /** A thread does not get to its event loop (`ended` false), or does so again. A log is better served by the channel `quorate:long-schedule`. */
  longSchedule: [report: LongScheduleReport];
}
