/**
 * quorate's runtime: processes with the BEAM's signals, on threads, joined into nodes.
 *
 * Guaranteed: signals between a pair of processes arrive in the order they were sent, whatever their kind; a message is delivered at most
 * once; every link and monitor fires exactly once, also when a thread dies (`killed`, or `{thread_exit, Why}`) or a node is lost (`noconnection`);
 * a receiver never sees a sender's later change to a message.
 * Not guaranteed: that a message arrives (monitor the receiver to know); order between different pairs; that the code of a process
 * stops the instant it is ended - JavaScript cannot be interrupted, its next use of `self` throws.
 */
export { LocalNode } from './node/local-node.ts';
export type { NodeEvents } from './node/events.ts';
export type { Logger } from './node/logger.ts';
export type { NodeOptions } from './node/options.ts';
export type { TlsOptions } from './transport/tls.ts';
export { createThreadEntry, type ThreadEntryOptions } from './node/thread-entry.ts';
export type { EpmdOptions, ThreadStats, WireLimits } from './thread/control.ts';
export {
  alias,
  cancelTimer,
  demonitor,
  exit,
  isAlive,
  link,
  makeRef,
  monitor,
  monitorNode,
  nodes,
  offload,
  processInfo,
  receive,
  register,
  run,
  send,
  sendAfter,
  spawn,
  spawnLink,
  spawnMonitor,
  trapExit,
  unalias,
  unlink,
  unregister,
  whereis,
} from './node/api.ts';
export { self } from './node/default.ts';
export { currentSelf } from './process/context.ts';
export { ProcessError, ProcessExit } from './process/exit.ts';
export { Down, ExitMessage, isDown, isExit } from './process/message.ts';
export type {
  AliasMode,
  DemonitorOptions,
  Destination,
  Matcher,
  MonitorOptions,
  MonitorTarget,
  PlacedSpawnOptions,
  Placement,
  Predicate,
  ProcessFunction,
  ProcessInfo,
  ReceiveOptions,
  ReceiveOrOptions,
  RemoteName,
  Self,
  SendOptions,
  SendResult,
  SpawnOptions,
  SpawnRequestOptions,
  WithMonitor,
} from './process/self.ts';
export type { ModuleTable, PlacedFunction } from './process/spawner.ts';
export { Atom, atom, isAtom, type AtomOf } from './term/atom.ts';
export { Exit } from './term/exit-reason.ts';
export { BitString, ExportFun, float, Float, Fun, ImproperList, isStruct, Port, struct } from './term/opaque.ts';
export { isPid, Pid, samePid } from './term/pid.ts';
export { isRef, Ref, sameRef } from './term/ref.ts';
export { isTagged, isTuple, tuple, Tuple, type TupleOf } from './term/tuple.ts';
export { copyTerm } from './term/copy.ts';
export { describeTerm } from './term/describe.ts';
export { BadArgumentError, hasCode, NotSendableError, QuorateError, WireError } from './errors.ts';
export type { OffloadOptions } from './node/offload.ts';
export { crashChannel, distChannel, longScheduleChannel, supervisorChannel, traceChannel } from './channels.ts';
export type {
  CrashReport,
  DistReport,
  LongScheduleReport,
  ServerDetails,
  SupervisorReport,
  TraceReport,
} from './channels.ts';
export { realEnv, type Env, type TimerHandle } from './env.ts';
