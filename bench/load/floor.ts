/**
 * The floor under agreement of three processes: rounds over bare sockets without any logic. A round sends a frame to both others and is over
 * with the first answer, which with one's own vote is a majority.
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Request } from './drive.ts';
import { forkPeer, type Peer } from './fork-peer.ts';
import { FrameSocket } from './frames.ts';

/** About what a prepare or an accept with a short key and value takes. */
export const REQUEST_BYTES = 64;
export const REPLY_BYTES = 32;

export interface Floor {
  round(): Promise<void>;
  stop(): void;
}

export async function startFloor(): Promise<Floor> {
  const peers = await Promise.all([forkPeer('floor-peer.js'), forkPeer('floor-peer.js')]);
  const rounds = new Map<number, () => void>();
  const onAnswer = (number: number): void => {
    const done = rounds.get(number);
    if (done === undefined) return;
    rounds.delete(number);
    done();
  };
  const sockets = await Promise.all(peers.map((peer) => connectTo(peer, onAnswer)));
  let next = 0;
  return {
    round: () =>
      new Promise((resolve) => {
        const number = next;
        next = (next + 1) >>> 0;
        rounds.set(number, resolve);
        for (const socket of sockets) socket.send(number, REQUEST_BYTES);
      }),
    stop: () => peers.forEach((peer) => peer.stop()),
  };
}

/** As many rounds after each other as a put would need. */
export function createRounds(floor: Floor, rounds: number): Request {
  return async () => {
    for (let round = 0; round < rounds; round++) await floor.round();
  };
}

export async function connectTo({ port }: Peer, onAnswer: (number: number) => void): Promise<FrameSocket> {
  const socket = connect({ host: '127.0.0.1', port });
  await once(socket, 'connect');
  return new FrameSocket(socket, onAnswer);
}
