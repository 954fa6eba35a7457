/** Nodes as operating system processes: ours, or real ones of Erlang that run the kit's own agent. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export interface PeerOptions {
  readonly name: string;
  readonly cookie: string;
  readonly epmdPort: number;
}

export type StartPeer = (options: PeerOptions) => ChildProcess;

const main = fileURLToPath(new URL('../main.js', import.meta.url));

/** A node of ours, by the command that the kit's oracle can be given as well. */
export function startOurPeer({ name, cookie, epmdPort }: PeerOptions): ChildProcess {
  return spawn(process.execPath, [main, 'peer', '--name', name, '--cookie', cookie], {
    env: { ...process.env, ERL_EPMD_PORT: String(epmdPort) },
    stdio: ['pipe', 'ignore', 'inherit'],
  });
}

/** Nodes of Erlang need the kit's agent, compiled. */
export function createErlangPeers(oracle: string): { start: StartPeer; cleanUp(): void } {
  const ebin = mkdtempSync(path.join(tmpdir(), 'conformance-'));
  const sources = readdirSync(oracle).filter((file) => file.endsWith('.erl'));
  const built = spawnSync('erlc', ['-o', ebin, ...sources.map((file) => path.join(oracle, file))], {
    stdio: 'inherit',
  });
  if (built.status !== 0) throw new Error('erlc could not compile the agent of the kit');
  const fixed = '-noshell -connect_all false -kernel logger_level none prevent_overlapping_partitions false'.split(' ');
  return {
    start: ({ name, cookie, epmdPort }) =>
      spawn('erl', ['-name', name, '-setcookie', cookie, ...fixed, '-pa', ebin, '-s', 'conf_agent', 'boot_peer'], {
        env: { ...process.env, ERL_EPMD_PORT: String(epmdPort), ERL_AFLAGS: '+S 1:1' },
        stdio: ['pipe', 'ignore', 'inherit'],
      }),
    cleanUp: () => rmSync(ebin, { recursive: true, force: true }),
  };
}

export class Peers {
  readonly #start: StartPeer;
  readonly #processes = new Map<string, ChildProcess>();

  constructor(start: StartPeer) {
    this.#start = start;
  }

  get names(): ReadonlySet<string> {
    return new Set(this.#processes.keys());
  }

  start(key: string, options: PeerOptions): void {
    this.#processes.set(key, this.#start(options));
  }

  async kill(key: string): Promise<void> {
    const child = this.#processes.get(key);
    if (child === undefined) return;
    this.#processes.delete(key);
    const ended = child.exitCode !== null || child.signalCode !== null ? Promise.resolve() : once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  async killAll(): Promise<void> {
    for (const key of this.names) await this.kill(key);
  }
}
