/**
 * Behaviours of OTP 25 on the processes of quorate: servers and supervisors.
 *
 * What is promised: a server handles one message at a time, in the order of arrival per sender; a call ends with its reply, the server's end, or
 * the deadline, and no late reply ever arrives; a supervisor starts children in order and ends them in reverse.
 * What is not: a call that timed out, or whose server or node was lost, may have been carried out; a cast may be lost with its receiver.
 */
export { callServer, castServer, replyTo } from './call.ts';
export type { CallerOptions } from './caller.ts';
export type {
  AutoShutdown,
  ChildSpec,
  ChildType,
  ClassStart,
  ModuleStart,
  Restart,
  Shutdown,
  Start,
  StartFunction,
  StartReturn,
} from './child-spec.ts';
export { CallError, ChildSpecError, StartError, SupervisorError } from './errors.ts';
export type { CallErrorCode, StartErrorCode } from './errors.ts';
export { GenServer } from './gen-server.ts';
export type { AnyServer, CallOptions, ServerClass } from './gen-server.ts';
export { Next } from './gen-server-types.ts';
export type {
  After,
  AnyCall,
  Call,
  CallResult,
  CastResult,
  From,
  InitResult,
  MaybePromise,
  ReplyTo,
  RequestOf,
  ServerPid,
  ServerRef,
} from './gen-server-types.ts';
export { abcastFrom, checkResponse, multiCallFrom, RequestCollection } from './request.ts';
export type { MultiCallResult, RequestId, Response } from './request.ts';
export { startClass } from './start-class.ts';
export type { RunnableClass } from './start-class.ts';
export type { StartOptions, StartResult } from './start.ts';
export { Supervisor } from './supervisor.ts';
export type { ChildCount, ChildInfo, SupervisorClass } from './supervisor.ts';
export type { Strategy, SupervisorFlags, SupervisorInit } from './supervisor-flags.ts';
export { getState, getStatus, replaceState, resume, suspend, trace } from './system.ts';
export type { ServerStatus, SystemOptions } from './system.ts';
