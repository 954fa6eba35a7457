/** A single Redis, not replicated and in memory only, with its common client: the anchor of what people would use instead. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { Redis as RedisClient } from 'ioredis';

const READY_TIMEOUT_MS = 10_000;

/** Why Redis cannot be measured here; null when it can. */
export function missingRedis(): string | null {
  return spawnSync('redis-server', ['--version']).status === 0 ? null : 'there is no redis-server';
}

export interface Redis {
  /** Sets a key that is not there; rejects when it is. */
  setNew(key: string, value: string): Promise<void>;
  get(key: string): Promise<string | null>;
  stop(): void;
}

export async function startRedis(): Promise<Redis> {
  const port = await freePort();
  const options = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  const server = spawn('redis-server', options, { stdio: ['ignore', 'pipe', 'ignore'] });
  await untilReady(server);
  const client = new RedisClient({ host: '127.0.0.1', port });
  return {
    async setNew(key, value) {
      if ((await client.set(key, value, 'NX')) !== 'OK') throw new Error(`${key} was there already`);
    },
    get: (key) => client.get(key),
    stop() {
      client.disconnect();
      server.kill('SIGKILL');
    },
  };
}

async function untilReady(server: ChildProcess): Promise<void> {
  const timer = setTimeout(() => server.kill('SIGKILL'), READY_TIMEOUT_MS);
  let output = '';
  for await (const chunk of server.stdout ?? []) {
    output += String(chunk);
    if (output.includes('Ready to accept connections')) break;
  }
  clearTimeout(timer);
  if (server.exitCode !== null || server.killed) throw new Error(`redis-server did not start:\n${output}`);
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
