/**
 * Signals: the only way processes affect each other. One vocabulary for all floors: the rules between
 * processes of one thread, the batches between threads and the control messages between nodes.
 * Names and meaning follow the Erlang distribution protocol; between a pair they arrive in order.
 */
import type { Atom } from './atom.ts';
import type { Pid } from './pid.ts';
import type { Ref } from './ref.ts';

/** A message to a pid. `from` is null when the sender is unknown (the old form on the wire). */
export interface SendSignal {
  readonly kind: 'send';
  readonly from: Pid | null;
  readonly to: Pid;
  readonly message: unknown;
}

/** A message to a name on a given node. */
export interface SendNameSignal {
  readonly kind: 'sendName';
  readonly from: Pid;
  readonly name: Atom;
  readonly message: unknown;
}

/** A message to whoever made the alias and still has it. */
export interface SendAliasSignal {
  readonly kind: 'sendAlias';
  readonly from: Pid;
  readonly alias: Ref;
  readonly message: unknown;
}

export interface LinkSignal {
  readonly kind: 'link';
  readonly from: Pid;
  readonly to: Pid;
}

/** Ends a link; the other side acknowledges `id` before any later signal. `id` null: the old form, without acknowledgement. */
export interface UnlinkSignal {
  readonly kind: 'unlink';
  readonly id: bigint | null;
  readonly from: Pid;
  readonly to: Pid;
}

export interface UnlinkAckSignal {
  readonly kind: 'unlinkAck';
  readonly id: bigint;
  readonly from: Pid;
  readonly to: Pid;
}

/** A link broke: `from` ended. */
export interface LinkExitSignal {
  readonly kind: 'linkExit';
  readonly from: Pid;
  readonly to: Pid;
  readonly reason: unknown;
}

/** `exit(to, reason)`. */
export interface ExitSignal {
  readonly kind: 'exit';
  readonly from: Pid;
  readonly to: Pid;
  readonly reason: unknown;
}

/** `to` is a pid, or a name on the node that the signal goes to. */
export interface MonitorSignal {
  readonly kind: 'monitor';
  readonly from: Pid;
  readonly to: Pid | Atom;
  readonly ref: Ref;
}

export interface DemonitorSignal {
  readonly kind: 'demonitor';
  readonly from: Pid;
  readonly to: Pid | Atom;
  readonly ref: Ref;
}

/** What was monitored ended; `from` is what the monitor was asked for, pid or name. */
export interface DownSignal {
  readonly kind: 'down';
  readonly from: Pid | Atom;
  readonly to: Pid;
  readonly ref: Ref;
  readonly reason: unknown;
}

/** Start `module:fn(...args)` there. Always answered by a spawnReply. */
export interface SpawnRequestSignal {
  readonly kind: 'spawnRequest';
  readonly ref: Ref;
  readonly from: Pid;
  readonly groupLeader: unknown;
  readonly module: Atom;
  readonly fn: Atom;
  readonly arity: number;
  /** Erlang's option list, for example `[monitor, link]`, as decoded. */
  readonly options: readonly unknown[];
  readonly args: unknown;
}

export interface SpawnReplySignal {
  readonly kind: 'spawnReply';
  readonly ref: Ref;
  readonly to: Pid;
  readonly linked: boolean;
  readonly monitored: boolean;
  /** The pid, or an error atom such as `notsup`. */
  readonly result: Pid | Atom;
}

/** Accepted and ignored, as group leaders have no meaning here. */
export interface GroupLeaderSignal {
  readonly kind: 'groupLeader';
  readonly from: Pid;
  readonly to: Pid;
}

export type Signal =
  | SendSignal
  | SendNameSignal
  | SendAliasSignal
  | LinkSignal
  | UnlinkSignal
  | UnlinkAckSignal
  | LinkExitSignal
  | ExitSignal
  | MonitorSignal
  | DemonitorSignal
  | DownSignal
  | SpawnRequestSignal
  | SpawnReplySignal
  | GroupLeaderSignal;
