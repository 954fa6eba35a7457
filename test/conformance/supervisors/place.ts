/**
 * Where a scenario runs. `thread`: all of it on one thread, in a scheduler of its own with a clock of its own. `threads`: clients, parent and driver
 * on the thread that started a node, supervisors, children and servers spread over its worker threads. `nodes`: on a distributed node with a
 * worker thread, the nodes that a scenario starts as operating system processes.
 */
import { LocalNode, isDown, tuple } from '../../../runtime/index.ts';
import { realEnv, type Env } from '../../../runtime/env.ts';
import { Scheduler } from '../../../runtime/process/scheduler.ts';
import { nameAtom } from '../../../runtime/term/atom.ts';
import { Exit } from '../../../runtime/term/exit-reason.ts';
import type { Pid } from '../../../runtime/term/pid.ts';
import { freePort } from '../../kit/ports.ts';
import { createKitClock } from './clock.ts';
import { useGlobalNames } from './global-names.ts';
import { createPeers, type KitPeers } from './peers.ts';

export const PLACEMENTS = ['thread', 'threads', 'nodes'] as const;
export type Placement = (typeof PLACEMENTS)[number];

/** What one scenario runs in. */
export interface Stage {
  /** How late the latest of its waits was. */
  lateMs: number;
  readonly scheduler: Scheduler;
  readonly env: Env;
  readonly agents: readonly Pid[];
  readonly peers: KitPeers | null;
  isAlive(pid: Pid): Promise<boolean>;
  /** Ends what the scenario has left behind. */
  end(pids: readonly Pid[]): Promise<void>;
}

/** Waits as a step says, then for what is still under way, and notes how long that took in excess. */
export async function settle(
  stage: Stage,
  waitMs: number,
  pause: (ms: number) => Promise<void>,
  rest: () => Promise<void>,
): Promise<void> {
  const startedAt = stage.env.now();
  await pause(waitMs);
  await rest();
  stage.lateMs = Math.max(stage.lateMs, stage.env.now() - startedAt - waitMs);
}

/** Takes one scenario after the other. */
export interface Place {
  open(): Stage;
  close(): Promise<void>;
}

const reporterUrl = new URL('./reporter.js', import.meta.url).href;
const WORKER_THREADS = 2;
const GONE_PATIENCE_MS = 3000;

export async function createPlace(placement: Placement): Promise<Place> {
  if (placement === 'thread') return { open: openThread, close: () => Promise.resolve() };
  const isNamed = placement === 'nodes';
  const epmdPort = isNamed ? await freePort() : 0;
  const cookie = `kit${process.pid}`;
  const name = `kit${process.pid}@127.0.0.1`;
  const distributed = isNamed ? { name, cookie, hidden: false, epmd: { port: epmdPort } } : {};
  const threads = isNamed ? 1 : WORKER_THREADS;
  const node = await LocalNode.start({ threads, implicitSelf: false, logger: false, ...distributed });
  const agents = await startAgents(node, threads);
  const peers = isNamed ? createPeers(node, { cookie, epmdPort }) : null;
  return {
    open: () => openNode(node, agents, peers),
    close: async () => {
      await peers?.killAll();
      await node.stop();
    },
  };
}

function openThread(): Stage {
  const clock = createKitClock();
  const scheduler = new Scheduler({ nodeName: nameAtom('kit@nohost'), creation: 1, env: clock, implicitSelf: false });
  useGlobalNames(scheduler);
  return {
    lateMs: 0,
    scheduler,
    env: clock,
    agents: [],
    peers: null,
    isAlive: async (pid) => scheduler.isAlive(pid),
    end: async () => {
      clock.stop();
      scheduler.stop(Exit.kill);
    },
  };
}

function openNode(node: LocalNode, agents: readonly Pid[], peers: KitPeers | null): Stage {
  useGlobalNames(node.scheduler);
  return {
    lateMs: 0,
    scheduler: node.scheduler,
    env: realEnv,
    agents,
    peers,
    isAlive: (pid) => isAliveThere(node, pid),
    async end(pids) {
      await peers?.killAll();
      const own = pids.filter((pid) => pid.node === node.name);
      await node.run(async (self) => {
        const waiting = own.map((pid) => isDown(self.monitor(pid)));
        for (const pid of own) self.exit(pid, Exit.kill);
        for (const isGone of waiting) await self.receive(isGone, { timeoutMs: GONE_PATIENCE_MS, otherwise: null });
      });
    },
  };
}

async function startAgents(node: LocalNode, threads: number): Promise<Pid[]> {
  const agents: Pid[] = [];
  for (let thread = 0; thread <= threads; thread++) agents.push(await node.spawn(reporterUrl, 'agent', [], { thread }));
  return agents;
}

async function isAliveThere(node: LocalNode, pid: Pid): Promise<boolean> {
  if (pid.node === node.name) return node.scheduler.askAlive(pid);
  return node.nodes().includes(pid.node.name) && !(await isGoneThere(node, pid));
}

/** A process that lives does not answer a monitor; a name that nobody has does, and that answer comes second. */
function isGoneThere(node: LocalNode, pid: Pid): Promise<boolean> {
  return node.run(async (self) => {
    const monitor = self.monitor(pid);
    self.monitor(tuple(nameAtom('$nobody'), pid.node));
    return (await self.receive(isDown())).ref.equals(monitor);
  });
}
