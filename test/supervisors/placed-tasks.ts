/** What tests run on other threads by its name. */
import type { Pid } from '../../runtime/term/pid.ts';
import { pidThread } from '../../runtime/term/pid.ts';
import type { Self } from '../../runtime/process/self.ts';
import { Agent, GenServer, Registry, TaskSupervisor } from '../../supervisors/index.ts';

export function double(value: number): number {
  return value * 2;
}

/** The body of a task. */
export function threadOf(self: Self, add: number): number {
  return pidThread(self.pid) + add;
}

export async function askAgent(self: Self, to: Pid): Promise<void> {
  const code = await Agent.get('far_agent', (value: number) => value, { self }).catch(
    (error: { code: string }) => error.code,
  );
  const doubled = await Agent.get('far_agent', { module: import.meta.url, exported: 'double' }, { self });
  self.send(to, [code, doubled]);
}

/** Looks around in a registry of another thread, registers there, and stays until it is told to go. */
export async function useRegistry(self: Self, to: Pid): Promise<void> {
  const entries = await Registry.lookup('far_registry', 'taken', { self });
  const count = await GenServer.call(Registry.via('far_registry', 'counter'), 'get', { self });
  await Registry.register('far_registry', 'mine', 7, { self });
  self.send(to, [entries.length, count]);
  await self.receive();
}

/** Fails with what it was given. */
export function leave(self: Self, reason: unknown): never {
  return self.exit(reason);
}

/** Says who it is and waits for ever. */
export async function linger(self: Self, to: Pid): Promise<void> {
  self.send(to, self.pid);
  await self.receive(() => false);
}

export class PlacedTasks extends TaskSupervisor {
  static readonly module: string = import.meta.url;
}
