/**
 * The kit's factory: one per node, registered as `conf_factory`. It starts the agents that a scenario begins with, and watches every agent of
 * its node, however it came into being, to remember how it ended.
 *
 * A factory of ours says how things stand only when all that moved in its node, and between it and the nodes it is connected to, has arrived
 * (`barrier.ts`): so the driver need not guess how long to wait.
 */
import {
  atom,
  type Atom,
  Exit,
  isDown,
  isTagged,
  isTuple,
  type Pid,
  type ProcessInfo,
  type Ref,
  type Self,
  tuple,
} from '../../../runtime/index.ts';
import { init } from './agent.ts';
import { passBarrier } from './barrier.ts';
import { BORN, BORN_OK, FACTORY, ME, QUERY, RESET, RESET_OK, SPAWN, SPAWNED, STATE, WHOAMI } from './protocol.ts';
import { spawnFromFactory } from './spawning.ts';

interface Agent {
  readonly name: string;
  readonly pid: Pid;
  readonly monitor: Ref;
}

interface Gone extends Agent {
  readonly reason: unknown;
}

interface Known {
  readonly alive: Map<string, Agent>;
  gone: Gone[];
}

const TAGS: readonly unknown[] = [WHOAMI, SPAWN, BORN, QUERY, RESET];

/** Every other message waits: answers to a barrier are not for the loop. */
function isForFactory(message: unknown): message is readonly unknown[] {
  return isTuple(message) && (TAGS.includes(message[0]) || isDown()(message));
}

export async function factory(self: Self): Promise<void> {
  self.register(FACTORY);
  const known: Known = { alive: new Map(), gone: [] };
  for (;;) await onMessage(self, known, await self.receive(isForFactory));
}

async function onMessage(self: Self, known: Known, message: readonly unknown[]): Promise<void> {
  if (isDown()(message)) return noteEnd(known, message.ref, message.reason);
  const [tag, from, seq, name] = message as readonly [Atom, Pid, number | Ref, string];
  switch (tag) {
    case WHOAMI:
      return self.send(from, tuple(ME, seq, self.pid));
    case SPAWN:
      // It answers its agents while it starts one, so this must not be awaited.
      void spawnFromFactory(self, name, init).then((pid) => self.send(from, tuple(SPAWNED, seq, pid)));
      return;
    case BORN: {
      const monitor = self.monitor(from);
      known.alive.set(monitor.key, { name, pid: from, monitor });
      return self.send(from, tuple(BORN_OK, seq));
    }
    case QUERY:
      return answerQuery(self, known, from, seq);
    case RESET:
      await reset(self, known);
      return self.send(from, tuple(RESET_OK, seq));
    default:
  }
}

function noteEnd(known: Known, monitor: Ref, reason: unknown): void {
  const agent = known.alive.get(monitor.key);
  if (agent === undefined) return;
  known.alive.delete(monitor.key);
  known.gone.push({ ...agent, reason });
}

async function answerQuery(self: Self, known: Known, from: Pid, seq: unknown): Promise<void> {
  await passBarrier(self);
  await settleBirths(self, known);
  const alive: unknown[] = [];
  const infos = await Promise.all(
    [...known.alive.values()].map(async (agent) => [agent, await self.processInfo(agent.pid)] as const),
  );
  for (const [{ name, pid }, info] of infos) if (info !== undefined) alive.push(tuple(name, pid, mailOf(info)));
  const gone = known.gone.map(({ name, pid, reason }) => tuple(name, pid, reason));
  self.send(from, tuple(STATE, seq, alive, gone));
}

/** What the barrier brought: agents that were born or ended meanwhile. */
async function settleBirths(self: Self, known: Known): Promise<void> {
  const isNews = (message: unknown): message is readonly unknown[] =>
    isTagged(message, BORN) || isTagged(message, WHOAMI) || isDown()(message);
  for (;;) {
    const message = await self.receive(isNews, { timeoutMs: 0, otherwise: null });
    if (message === null) return;
    await onMessage(self, known, message);
  }
}

/** The driver's own request may be under way to an agent that is about to end. */
function mailOf(info: ProcessInfo): unknown[] {
  return info.messages.filter((message) => !isTagged(message, atom('$conf_op')));
}

async function reset(self: Self, known: Known): Promise<void> {
  await settleBirths(self, known);
  for (const { pid, monitor } of known.alive.values()) {
    self.exit(pid, Exit.kill);
    await self.receive(isDown(monitor));
  }
  known.alive.clear();
  known.gone = [];
}
