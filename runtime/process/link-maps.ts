/** Entries in the tables of a process that most processes do without. */
import type { Pid } from '../term/pid.ts';
import type { Process, Watcher } from './process.ts';

export function addLink(self: Process, key: number | string, pid: Pid): void {
  const links = (self.links ??= new Map());
  const link = links.get(key);
  if (link === undefined) links.set(key, { pid, active: true, unlinkId: null });
}

export function addWatcher(self: Process, key: number | string, watcher: Watcher): void {
  (self.watchers ??= new Map()).set(key, watcher);
}
