/** Starts a program of this folder as the other side of a measurement and waits for the port that it reports. It ends with its parent. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export interface Peer {
  readonly port: number;
  stop(): void;
}

export async function forkPeer(program: string, args: readonly string[] = []): Promise<Peer> {
  const child = fork(fileURLToPath(new URL(`./${program}`, import.meta.url)), args, { execArgv: [] });
  const ended = once(child, 'exit').then(([code]: unknown[]) => {
    throw new Error(`${program} ended with ${String(code)} before it reported its port`);
  });
  ended.catch(() => undefined);
  const [port] = (await Promise.race([once(child, 'message'), ended])) as [number];
  return { port, stop: () => child.disconnect() };
}
