/** What compiles and what does not: state machines, tasks, agents, registries, names. The compiler is the test; running it only counts. */
import { test } from 'node:test';
import type { Pid } from '../../runtime/term/pid.ts';
import {
  Action,
  Agent,
  Application,
  ChildStarter,
  DynamicSupervisor,
  GenServer,
  GenStateMachine,
  Pg,
  Registry,
  setGlobalRegistry,
  Task,
  TaskSupervisor,
  Transition,
  type AgentPid,
  type Call,
  type MachineEvent,
  type MachineInit,
  type ServerPid,
  type StepResult,
  type TaskOutcome,
} from '../../supervisors/index.ts';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function assertType<_T extends true>(): void {
  return undefined;
}

type DoorCall = Call<'open', 'ok'> | Call<{ readonly code: number }, boolean>;
type DoorState = 'opened' | 'closed';

class Door extends GenStateMachine<DoorState, number, DoorCall, 'slam', unknown, { readonly code: number }> {
  override init(args: { readonly code: number }): MachineInit<DoorState, number> {
    return Transition.start('closed', args.code);
  }
  override handleEvent(
    event: MachineEvent<DoorCall, 'slam'>,
    _state: DoorState,
    data: number,
  ): StepResult<DoorState, number> {
    if (event.kind !== 'call') return Transition.keepAll();
    if (event.request === 'open') return Transition.next('opened', data, [Action.reply(event.from, 'ok')]);
    return Transition.keepAll([Action.reply(event.from, event.request.code === data)]);
  }
}

class Wrong extends GenStateMachine<DoorState, number, DoorCall> {
  override handleEvent(event: MachineEvent<DoorCall>, _state: DoorState, data: number): StepResult<DoorState, number> {
    // @ts-expect-error no such state
    if (event.kind === 'info') return Transition.next('ajar', data);
    // @ts-expect-error the data is a number
    if (event.kind === 'cast') return Transition.keep('many');
    // @ts-expect-error no such kind of event
    if (event.kind === 'shout') return Transition.keepAll();
    // @ts-expect-error the reply to open is 'ok'
    if (event.kind === 'call' && event.request === 'open') return Transition.keepAll([Action.reply(event.from, 5)]);
    return Transition.keepAll();
  }
  // @ts-expect-error a state has no function
  override readonly states = { opened: (): StepResult<DoorState, number> => Transition.keepAll() };
}

export async function neverRunMachines(door: ServerPid<Door>): Promise<void> {
  const opened = await GenStateMachine.call(door, 'open');
  assertType<Equal<typeof opened, 'ok'>>();
  const right = await Door.call('a_name', { code: 5 });
  assertType<Equal<typeof right, boolean>>();
  const started = await Door.startLink({ code: 1 }, { name: { global: ['door', 1] } });
  assertType<Equal<typeof started, ServerPid<Door>>>();
  const monitored = await Door.startMonitor({ code: 1 });
  assertType<Equal<typeof monitored.pid, ServerPid<Door>>>();
  GenStateMachine.cast(door, 'slam');
  await Wrong.start();

  // @ts-expect-error no such request
  await GenStateMachine.call(door, 'close');
  // @ts-expect-error the code is a number
  await Door.call('a_name', { code: '5' });
  // @ts-expect-error not a cast of this machine
  Door.cast('a_name', 'kick');
  // @ts-expect-error the arguments of init are missing
  await Door.startLink();
}

export async function neverRunTasks(supervisor: Pid): Promise<void> {
  const task = Task.async(() => 5);
  const five = await Task.await(task);
  assertType<Equal<typeof five, number>>();
  const outcome = await Task.yield(Task.async(async () => 'text'));
  assertType<Equal<typeof outcome, TaskOutcome<string> | undefined>>();
  const both = await Task.awaitMany([Task.async(() => 1), Task.async(() => 'two')] as const);
  assertType<Equal<typeof both, readonly [number, string]>>();
  for await (const found of Task.asyncStream([1, 2], (item) => String(item))) {
    assertType<Equal<typeof found, TaskOutcome<string>>>();
  }
  const supervised = await TaskSupervisor.asyncNolink(supervisor, () => true);
  assertType<Equal<typeof supervised, Task<boolean>>>();

  // @ts-expect-error a task's value is of its own type
  const text: string = await Task.await(task);
  // @ts-expect-error items are numbers
  Task.asyncStream([1, 2], (item: string) => item);
  // @ts-expect-error no such option
  Task.asyncStream([1], (item) => item, { concurrency: 2 });
  return void text;
}

export async function neverRunAgents(agent: AgentPid<{ readonly count: number }>): Promise<void> {
  const count = await Agent.get(agent, (state) => state.count);
  assertType<Equal<typeof count, number>>();
  const before = await Agent.getAndUpdate(agent, (state) => [state.count, { count: 2 }]);
  assertType<Equal<typeof before, number>>();
  // @ts-expect-error the state has no such field
  await Agent.get(agent, (state) => state.size);
  // @ts-expect-error the new state is not one
  await Agent.update(agent, () => 5);
  // @ts-expect-error a pair is needed
  await Agent.getAndUpdate(agent, (state) => state);
}

export async function neverRunOthers(plain: Pid): Promise<void> {
  await DynamicSupervisor.startLink({ maxChildren: 3 });
  // @ts-expect-error no strategies here
  await DynamicSupervisor.startLink({ strategy: 'oneForAll' });
  // @ts-expect-error children are ended by pid
  await DynamicSupervisor.terminateChild(plain, 'id');
  // @ts-expect-error unique or duplicate
  await Registry.startLink({ name: 'x', keys: 'many' });
  // @ts-expect-error pids only
  await Pg.join('group', 'name');
  // @ts-expect-error a registry says who has a name
  setGlobalRegistry({ register: () => true, unregister: () => true });
  // @ts-expect-error a tree has a name
  await Application.start({ children: [] });
  // @ts-expect-error classes only
  await ChildStarter.start({ counter: 5 });
  // @ts-expect-error a via name has a key
  await GenServer.whereis({ via: { whereis: () => undefined, register: () => true, unregister: () => true } });
}

test('the types of the other behaviours hold what this file says', () => undefined);
