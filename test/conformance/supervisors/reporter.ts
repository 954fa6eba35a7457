/**
 * What the children and servers of a scenario tell its log. In the log's own thread they tell it directly; from other threads and nodes by
 * messages. Nobody waits for an event to be recorded: it carries the time at which it happened. Deaths are seen by an agent on each thread,
 * which handles a DOWN before those that are linked to the dead get to act.
 */
import { isDown } from '../../../runtime/process/message.ts';
import type { Self } from '../../../runtime/process/self.ts';
import { nameAtom, type Atom } from '../../../runtime/term/atom.ts';
import { pidThread, type Pid } from '../../../runtime/term/pid.ts';
import { isRef, type Ref } from '../../../runtime/term/ref.ts';
import { isTagged, tuple } from '../../../runtime/term/tuple.ts';
import { packEvent, Shown, stamp, type Event } from './events.ts';
import { useGlobalNames } from './global-names.ts';
import { KnownNames, type NameList } from './names.ts';

/** Where a scenario's log is. Can be sent. */
export interface LogRef {
  readonly key: string;
  readonly log: Pid;
  /** By thread of the log's node. */
  readonly agents: readonly Pid[];
}

export interface Reporter {
  readonly ref: LogRef;
  add(...event: unknown[]): void;
  /** The number of the next start of that id. */
  next(id: string, isSupervisor?: boolean): Promise<number>;
  /** Names a process and has `event` logged with the reason when it ends. */
  watch(pid: Pid, name: string, ...event: unknown[]): Promise<void>;
  names(): Promise<KnownNames>;
}

export const EVENT: Atom = nameAtom('$kit_event');
export const ASK: Atom = nameAtom('$kit_ask');
const ANSWER: Atom = nameAtom('$kit_answer');

const local = new Map<string, Reporter>();

/** Logs of this thread are found by their key; returns how to forget it. */
export function offerReporter(reporter: Reporter): () => void {
  local.set(reporter.ref.key, reporter);
  return () => void local.delete(reporter.ref.key);
}

export function reporterOf(self: Self, ref: LogRef): Reporter {
  return local.get(ref.key) ?? new RemoteReporter(self, ref);
}

/** Names a process, watches it and logs that it started. */
export async function reportStart(
  to: Reporter,
  id: string,
  count: number,
  pid: Pid,
  ...more: unknown[]
): Promise<void> {
  await to.watch(pid, id === 'sup' ? id : `${id}#${count}`, 'down', id, count);
  to.add('started', id, count, ...more);
}

/** A request to a log or an agent. */
export async function ask(self: Self, to: Pid, operation: string, ...args: readonly unknown[]): Promise<unknown> {
  const ref = self.makeRef();
  self.send(to, tuple(ASK, self.pid, ref, operation, args));
  const isAnswer = (message: unknown): message is readonly [Atom, Ref, unknown] =>
    isTagged(message, ANSWER, 3) && isRef(message[1]) && message[1].equals(ref);
  return (await self.receive(isAnswer))[2];
}

export function answer(self: Self, [, from, ref]: readonly unknown[], value: unknown): void {
  self.send(from as Pid, tuple(ANSWER, ref, value));
}

class RemoteReporter implements Reporter {
  readonly ref: LogRef;
  readonly #self: Self;

  constructor(self: Self, ref: LogRef) {
    this.#self = self;
    this.ref = ref;
  }

  add(...event: unknown[]): void {
    this.#self.send(this.ref.log, tuple(EVENT, stamp(), packEvent(event)));
  }

  async next(id: string, isSupervisor = false): Promise<number> {
    return (await ask(this.#self, this.ref.log, 'next', id, isSupervisor)) as number;
  }

  async watch(pid: Pid, name: string, ...event: unknown[]): Promise<void> {
    const isOfLog = pid.node === this.ref.log.node;
    await ask(this.#self, this.ref.log, isOfLog ? 'name' : 'watch', name, pid, packEvent(event));
    if (isOfLog) await watchOnThread(this.#self, this.ref, pid, event);
  }

  async names(): Promise<KnownNames> {
    return new KnownNames((await ask(this.#self, this.ref.log, 'names')) as NameList);
  }
}

export async function watchOnThread(self: Self, ref: LogRef, pid: Pid, event: Event): Promise<void> {
  await ask(self, ref.agents[pidThread(pid)] as Pid, 'watch', ref.log, pid, packEvent(event));
}

/**
 * The body of a thread's agent.
 *
 * @public
 */
export async function agent(self: Self): Promise<void> {
  useGlobalNames(null);
  const watches = new Map<string, readonly [log: Pid, event: readonly unknown[]]>();
  const isDeath = isDown();
  for (;;) {
    const message = await self.receive();
    if (isDeath(message)) {
      const [log, event] = watches.get(message.ref.key) ?? [];
      watches.delete(message.ref.key);
      if (log !== undefined)
        self.send(log, tuple(EVENT, stamp(), [...(event ?? []), ...packEvent([new Shown(message.reason)])]));
    } else if (isTagged(message, ASK, 5)) {
      if (message[3] === 'watch') {
        const [log, pid, event] = message[4] as [Pid, Pid, unknown[]];
        watches.set(self.monitor(pid).key, [log, event]);
      }
      answer(self, message, true);
    }
  }
}
