/**
 * Waits until what was on its way in this node has arrived. Signals are ordered per pair of threads and per connection, so a message
 * sent over each way and back says that all before it is through: every thread to every other one, then every connected node.
 * What these signals set off in turn is met by passing again.
 */
import { atom, isTagged, type Atom, type LocalNode, type Pid, type Self, tuple } from '../../../runtime/index.ts';
import { FACTORY, ME, WHOAMI } from './protocol.ts';

const PING = atom('$conf_ping');
const PONG = atom('$conf_pong');
const ROUND = atom('$conf_round');
const ROUND_OK = atom('$conf_round_ok');
/** How long a connected node may take to answer; one that goes away meanwhile is not waited for. */
const NODE_PATIENCE_MS = 3000;
const LOOK_AGAIN_MS = 5;

const echoUrl = new URL('./barrier.js', import.meta.url).href;

let localNode: LocalNode | null = null;
/** The echo of each thread of this node. */
let echoes: readonly Pid[] = [];
let rounds = 0;

/** The node of this program: it tells whom it is connecting to. */
export function useNode(node: LocalNode): void {
  localNode = node;
}

/** Starts what the barrier needs on each of the node's threads. */
export async function startEchoes(self: Self, threads: number): Promise<void> {
  const started: Pid[] = [];
  for (let thread = 0; thread <= threads; thread++) started.push(await self.spawn(echoUrl, 'echo', [], { thread }));
  echoes = started;
}

export function isEcho(pid: Pid): boolean {
  return echoes.some((echo) => echo.equals(pid));
}

/** Answers pings, and on request pings all others before it answers. */
export async function echo(self: Self): Promise<void> {
  for (;;) {
    const message = await self.receive();
    if (isTagged(message, PING, 3)) self.send(message[1] as Pid, tuple(PONG, message[2]));
    else if (isTagged(message, ROUND, 4)) {
      const [, from, round, others] = message as readonly [Atom, Pid, number, readonly Pid[]];
      for (const other of others) self.send(other, tuple(PING, self.pid, round));
      await collect(self, others.length, round);
      self.send(from, tuple(ROUND_OK, round));
    }
  }
}

/** Others ask too while this one waits. */
async function collect(self: Self, wanted: number, round: number): Promise<void> {
  const isExchange = (message: unknown): message is readonly unknown[] =>
    isTagged(message, PING, 3) || (isTagged(message, PONG, 2) && message[1] === round);
  for (let left = wanted; left > 0;) {
    const message = await self.receive(isExchange);
    if (message[0] === PONG) left -= 1;
    else self.send(message[1] as Pid, tuple(PONG, message[2]));
  }
}

/** Passes when everything sent before, by anybody in this node, has arrived in it or at a node that is connected. */
export async function passBarrier(self: Self): Promise<void> {
  await passThreads(self);
  await connectionsSettled(self);
  for (const node of self.nodes()) await passNode(self, node);
  await passThreads(self);
}

/** Until no connection is being made. */
async function connectionsSettled(self: Self): Promise<void> {
  for (let waitedMs = 0; waitedMs < NODE_PATIENCE_MS; waitedMs += LOOK_AGAIN_MS) {
    if (localNode === null || (await localNode.connecting()).length === 0) return;
    await self.receive(() => false, { timeoutMs: LOOK_AGAIN_MS, otherwise: null });
  }
}

async function passThreads(self: Self): Promise<void> {
  rounds += 1;
  const round = rounds;
  for (const each of echoes) self.send(each, tuple(ROUND, self.pid, round, echoes));
  for (const _ of echoes) {
    await self.receive((message) => isTagged(message, ROUND_OK, 2) && message[1] === round);
  }
}

/** Never connects: a node that is not connected any more has nothing to say. */
async function passNode(self: Self, node: Atom): Promise<void> {
  rounds += 1;
  const seq = rounds;
  if (self.send(tuple(FACTORY, node), tuple(WHOAMI, self.pid, seq), { noconnect: true }) !== 'ok') return;
  const answer = (message: unknown): boolean => isTagged(message, ME, 3) && message[1] === seq;
  for (let waitedMs = 0; waitedMs < NODE_PATIENCE_MS; waitedMs += LOOK_AGAIN_MS) {
    const nothing = {};
    if ((await self.receive(answer, { timeoutMs: LOOK_AGAIN_MS, otherwise: nothing })) !== nothing) return;
    if (!self.nodes().includes(node)) return;
  }
}
