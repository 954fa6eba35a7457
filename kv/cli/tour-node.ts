/**
 * A node of the tour: an operating system process that runs `quorate node N --json`, told what to do through its standard
 * input as anybody could. When this process ends, however it ends, that input closes and the node stops by itself.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Env } from '../../runtime/env.ts';
import { CommandError } from './exit-codes.ts';
import type { Reply } from './reply.ts';

const PROGRAM = fileURLToPath(new URL('../cli.js', import.meta.url));
const START_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 5_000;

/** Which node, and what it shares with the others of its tour. */
export interface NodePlace {
  readonly number: number;
  /** Also where their cookie is made: on a command line everybody on the machine could read it. */
  readonly stateDir: string;
  readonly epmdPort: number;
}

export interface TourNodeOptions extends NodePlace {
  readonly env: Env;
  /** A line for people about what happens in the node, such as the quorum. */
  readonly onNews: (line: string) => void;
}

interface NodeLine {
  readonly event: 'ready' | 'news' | 'reply';
  readonly name?: string;
  readonly text?: string;
  readonly kind?: Reply['kind'];
}

export class TourNode {
  readonly number: number;
  readonly #child: ChildProcess;
  readonly #env: Env;
  readonly #onNews: (line: string) => void;
  readonly #waiting: { resolve: (reply: Reply) => void; reject: (error: Error) => void }[] = [];
  readonly #exited: Promise<void>;
  #onReady: (() => void) | null = null;
  #complaints = '';
  #isRunning = true;

  constructor(options: TourNodeOptions) {
    this.number = options.number;
    this.#env = options.env;
    this.#onNews = options.onNews;
    this.#child = spawnNode(options, ['--json', '--wait', '0'], 'pipe');
    // A node that was killed has closed its input; what is written then is lost, and its end is told elsewhere.
    this.#child.stdin?.on('error', () => {});
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.#complaints += String(chunk)));
    if (this.#child.stdout !== null) {
      createInterface({ input: this.#child.stdout }).on('line', (line) => this.#onLine(JSON.parse(line) as NodeLine));
    }
    this.#exited = new Promise((resolve) => this.#child.once('close', () => resolve(this.#onExit())));
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** Resolves when the node runs. Rejects with `failed` when it ends instead, or takes too long. */
  ready(): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = this.#env.setTimer(START_TIMEOUT_MS, () => reject(this.#failure('was not ready in time')));
      this.#onReady = () => {
        timer.cancel();
        resolve();
      };
      void this.#exited.then(() => {
        timer.cancel();
        reject(this.#failure('ended while it started'));
      });
    });
  }

  /** Runs code on the node. Rejects with `failed` when the node ends before it has answered. */
  evaluate(code: string): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (!this.#isRunning) return reject(this.#failure('does not run any more'));
      this.#waiting.push({ resolve, reject });
      this.#child.stdin?.write(`${JSON.stringify(code)}\n`);
    });
  }

  /** Ends the process as `kill -9` does. Resolves when it is gone. */
  kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    return this.#exited;
  }

  /** Lets the node stop by itself, and kills it if that takes too long. */
  async stop(): Promise<void> {
    this.#child.stdin?.end();
    const timer = this.#env.setTimer(STOP_TIMEOUT_MS, () => void this.#child.kill('SIGKILL'));
    await this.#exited;
    timer.cancel();
  }

  /** For the last moments of this process, when nothing can be awaited any more. */
  killNow(): void {
    this.#child.kill('SIGKILL');
  }

  #onLine(line: NodeLine): void {
    if (line.event === 'ready') this.#onReady?.();
    else if (line.event === 'news') this.#onNews(line.text ?? '');
    else this.#waiting.shift()?.resolve({ kind: line.kind ?? 'value', text: line.text ?? '' });
  }

  #onExit(): void {
    this.#isRunning = false;
    for (const { reject } of this.#waiting.splice(0)) reject(this.#failure('ended before it answered'));
  }

  #failure(what: string): CommandError {
    const complaint = this.#complaints.trim().split('\n').at(-1) ?? '';
    return new CommandError('failed', `node n${this.number} ${what}${complaint === '' ? '' : `: ${complaint}`}`);
  }
}

function spawnNode(place: NodePlace, extra: readonly string[], stdio: 'pipe' | 'inherit'): ChildProcess {
  const { number, stateDir, epmdPort } = place;
  const args = ['node', String(number), '--state-dir', stateDir, ...extra];
  const environment = { ...process.env, ERL_EPMD_PORT: String(epmdPort) };
  return spawn(process.execPath, [PROGRAM, ...args], { stdio, env: environment });
}

/** A node with the terminal of this process, where a person types. Resolves when it has ended, by itself or by the signal. */
export function runNodeOnTerminal(place: NodePlace, signal: AbortSignal): Promise<void> {
  const child = spawnNode(place, ['--repl'], 'inherit');
  signal.addEventListener('abort', () => void child.kill('SIGTERM'), { once: true });
  return new Promise((resolve) => child.once('close', () => resolve()));
}
