/**
 * Behaviours of OTP 25, and some of Elixir, on the processes of quorate: servers, state machines, supervisors, tasks, agents, registries, process groups.
 *
 * What is promised: a server handles one message at a time, in the order of arrival per sender; a call ends with its reply, the server's end, or
 * the deadline, and no late reply ever arrives; a supervisor starts children in order and ends them in reverse.
 * What is not: a call that timed out, or whose server or node was lost, may have been carried out; a cast may be lost with its receiver.
 */
export { Agent, type AgentFunction, type AgentPid, type AgentRef } from './agent.ts';
export { Application, type ApplicationEnd, type ApplicationOptions } from './application.ts';
export type { ApplicationSpec } from './application-trees.ts';
export type { CallOptions } from './behaviour.ts';
export { callServer, castServer, replyTo } from './call.ts';
export type { CallerOptions } from './caller.ts';
export type {
  AutoShutdown,
  ChildSpec,
  ChildType,
  ClassStart,
  ExportedStart,
  ModuleStart,
  Restart,
  Shutdown,
  Start,
  StartPlace,
  StartFunction,
  StartReturn,
} from './child-spec.ts';
export { ChildStarter, type StartableClasses } from './child-starter.ts';
export { DynamicSupervisor } from './dynamic-supervisor.ts';
export type { DynamicSupervisorClass, DynamicSupervisorInit } from './dynamic-supervisor.ts';
export { CallError, ChildSpecError, StartError, SupervisorError } from './errors.ts';
export type { CallErrorCode, StartErrorCode } from './errors.ts';
export { GenServer } from './gen-server.ts';
export type { AnyServer, ServerClass } from './gen-server.ts';
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
export { setGlobalRegistry } from './names.ts';
export type { DirectRef, GlobalName, NameRegistry, ServerName, ViaName } from './names.ts';
export { Pg, type PgOptions } from './pg.ts';
export { Registry, registryNames, type RegistryRef } from './registry.ts';
export type { RegistryEntry, RegistryOptions } from './registry-server.ts';
export { abcastFrom, checkResponse, multiCallFrom, RequestCollection } from './request.ts';
export type { MultiCallResult, RequestId, Response } from './request.ts';
export { startable, startClass } from './start-class.ts';
export type { Monitored, RunnableClass } from './start-class.ts';
export type { StartOptions, StartResult } from './start.ts';
export { GenStateMachine, type MachineClass, type StateFunctions } from './state-machine.ts';
export { Action, Transition } from './state-machine-types.ts';
export type {
  AnyEvent,
  CallEvent,
  EnterResult,
  MachineAction,
  MachineEvent,
  MachineInit,
  StepResult,
} from './state-machine-types.ts';
export { Supervisor } from './supervisor.ts';
export type { ChildCount, ChildInfo, SupervisorClass } from './supervisor.ts';
export type { Strategy, SupervisorFlags, SupervisorInit } from './supervisor-flags.ts';
export { getState, getStatus, replaceState, resume, suspend, trace } from './system.ts';
export type { ServerStatus, SystemOptions } from './system.ts';
export { Task, type TaskOptions } from './task.ts';
export type { TaskFunction, TaskOutcome } from './task-result.ts';
export type { StreamOptions } from './task-stream.ts';
export { TaskSupervisor, type SupervisedFunction, type SupervisedTaskOptions } from './task-supervisor.ts';
