/** A node under attack: a program of its own, a well-behaved node that goes on talking to it, and peers by hand that do not behave. */
import assert from 'node:assert/strict';
import { createConnection, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { writeControl } from '../../runtime/codec/control.ts';
import { TermWriter } from '../../runtime/codec/term-writer.ts';
import { atom, LocalNode, Pid, tuple, type NodeOptions } from '../../runtime/index.ts';
import { nameAtom } from '../../runtime/term/atom.ts';
import type { Signal } from '../../runtime/term/signal.ts';
import { SocketConnection, tcpTransport } from '../../runtime/transport/tcp.ts';
import type { Transport } from '../../runtime/transport/transport.ts';
import { RawPeer } from '../dist/raw-peer.ts';
import { until } from './wait.ts';
import { freePort } from './ports.ts';
import { startProgram, type Program } from './programs.ts';

export const COOKIE = 'wire-test';
export const VICTIM = 'victim@127.0.0.1';
const PATIENCE = { timeoutMs: 20_000 };

export interface Victim {
  readonly program: Program;
  readonly port: number;
  readonly epmdPort: number;
}

/** Starts fixtures/wire-program.ts. */
export async function startVictim(t: TestContext, options: NodeOptions, epmdPort?: number): Promise<Victim> {
  const path = fileURLToPath(new URL('../fixtures/wire-program.js', import.meta.url));
  const port = epmdPort ?? (await freePort());
  const all: NodeOptions = { name: VICTIM, cookie: COOKIE, epmd: { port }, ...options };
  const program = startProgram(t, process.execPath, ['--expose-gc', path, JSON.stringify(all)]);
  const ready = await program.printed(/^ready (\d+)$/m);
  return { program, port: Number(ready[1]), epmdPort: port };
}

export async function startGood(t: TestContext, victim: Victim, options: NodeOptions = {}): Promise<LocalNode> {
  const epmd = { port: victim.epmdPort };
  const node = await LocalNode.start({ name: 'good@127.0.0.1', cookie: COOKIE, threads: 0, epmd, ...options });
  t.after(() => node.stop());
  return node;
}

/** Asks one of the victim's processes; resolves to the answer. */
export function ask(node: LocalNode, name: string, ...request: readonly unknown[]): Promise<unknown> {
  return node.run((self) => {
    self.send(tuple(atom(name), atom(VICTIM)), tuple(self.pid, ...request));
    return self.receive(PATIENCE);
  });
}

export async function memoryOf(node: LocalNode): Promise<number> {
  return (await ask(node, 'memory')) as number;
}

export interface Pinging {
  /** Ends it; gives how long the answers took, in ms, sorted. Fails when the connection was ever lost. */
  stop(): Promise<readonly number[]>;
}

/** Sends a small message to the victim's `echo` every few milliseconds, one after the other. */
export function startPinging(node: LocalNode, pauseMs = 5, target: string = VICTIM): Pinging {
  const lost: string[] = [];
  node.on('nodedown', (name, reason) => {
    if (name === target) lost.push(reason);
  });
  let stopping = false;
  const took: number[] = [];
  const over = node.run(async (self) => {
    const echo = tuple(atom('echo'), atom(target));
    for (let i = 0; !stopping; i++) {
      const from = performance.now();
      self.send(echo, tuple(self.pid, i));
      assert.equal(await self.receive(PATIENCE), i);
      took.push(performance.now() - from);
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  });
  return {
    async stop() {
      stopping = true;
      await over;
      assert.deepEqual(lost, [], 'the well-behaved node lost its connection');
      return took.sort((a, b) => a - b);
    },
  };
}

/** A peer by hand over TCP whose socket is in the test's hands. */
export class Attacker {
  readonly name: string;
  readonly peer: RawPeer;
  readonly socket: Socket;

  constructor(t: TestContext, name: string, port: number, onOpen: (peer: RawPeer) => void = () => undefined) {
    this.name = name;
    this.socket = createConnection({ host: '127.0.0.1', port });
    const transport: Transport = {
      listen: (address, onConnection) => tcpTransport.listen(address, onConnection),
      dial: (_address, events) => {
        this.socket.on('connect', () => events.onOpen());
        return new SocketConnection(this.socket, name, events);
      },
    };
    this.peer = new RawPeer(transport, { host: '127.0.0.1', port }, onOpen);
    t.after(() => this.socket.destroy());
  }

  get closed(): boolean {
    return this.peer.closed !== null;
  }

  /** Comes through the handshake. */
  static async proved(t: TestContext, name: string, victim: Victim): Promise<Attacker> {
    const attacker = new Attacker(t, name, victim.port, (peer) => peer.name(name));
    await until(() => attacker.peer.received.some((body) => body[0] === 0x4e), 'the challenge');
    attacker.peer.reply(COOKIE);
    await victim.program.printed(new RegExp(`^event up ${name}$`, 'm'));
    return attacker;
  }

  pid(count = 1): Pid {
    return new Pid(nameAtom(this.name), count, 0, 99);
  }

  async untilClosed(what: string, deadlineMs = 10_000): Promise<void> {
    await until(() => this.closed, `the connection to be closed after ${what}`, deadlineMs);
  }
}

/** A frame body with header: a control message, and raw bytes for a payload. */
export function frameOf(signal: Signal, payload: Uint8Array | null): Uint8Array {
  const writer = new TermWriter();
  for (const byte of [131, 68, 0]) writer.u8(byte);
  writeControl(writer, signal);
  if (payload !== null) writer.bytes(payload);
  return writer.copy();
}

/** As frames follow each other on the wire. */
export function withLength32(body: Uint8Array): Uint8Array {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  return Buffer.concat([length, body]);
}

export function toName(from: Pid, name: string, payload: Uint8Array): Uint8Array {
  return frameOf({ kind: 'sendName', from, name: nameAtom(name), message: null }, payload);
}

export function termBytes(value: unknown): Uint8Array {
  const writer = new TermWriter();
  writer.term(value);
  return writer.copy();
}
