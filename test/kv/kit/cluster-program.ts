/** A cluster of node programs on loopback, with a folder and an EPMD port of its own; everything is gone after `end`. */
import { fork, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ClusterStatus } from '../../../kv/index.ts';
import { freePort } from '../../kit/ports.ts';
import type { Answer, Command } from './node-program.ts';

const PROGRAM = new URL('./node-program.js', import.meta.url);

export interface ProgramFile {
  readonly program: URL;
  /** What runs it instead of this Node, and that one's arguments before the program. */
  readonly execPath?: string;
  readonly execArgv?: readonly string[];
}

export class NodeProgram<Op extends string = Command['op']> {
  readonly #child: ChildProcess;
  readonly #waiting: Map<number, (answer: Answer) => void> = new Map();
  readonly ended: Promise<void>;
  stderr = '';
  /** Its exit code, or the signal that ended it; null while it runs. */
  exit: number | string | null = null;
  #commands = 0;

  constructor(options: object, { program, execPath, execArgv }: ProgramFile = { program: PROGRAM }) {
    this.#child = fork(program, [JSON.stringify(options)], {
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
      ...(execPath === undefined ? {} : { execPath }),
      ...(execArgv === undefined ? {} : { execArgv: [...execArgv] }),
    });
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    this.#child.on('message', (answer: Answer) => {
      this.#waiting.get(answer.id)?.(answer);
      this.#waiting.delete(answer.id);
    });
    this.ended = new Promise((resolve) => {
      this.#child.on('exit', (code, signal) => {
        this.exit = code ?? signal;
        for (const [id, settle] of this.#waiting)
          settle({ id, error: { code: 'ended', message: `the program ended: ${this.stderr}` } });
        this.#waiting.clear();
        resolve();
      });
    });
  }

  started(): Promise<unknown> {
    return this.#answer(0);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  ask(op: Op, ...args: unknown[]): Promise<unknown> {
    this.#commands += 1;
    const id = this.#commands;
    if (!this.#child.connected) return Promise.reject(new Error(`the program ended: ${this.stderr}`));
    const answer = this.#answer(id);
    this.#child.send({ id, op, args });
    return answer;
  }

  status(this: NodeProgram): Promise<ClusterStatus> {
    return this.ask('status') as Promise<ClusterStatus>;
  }

  async stop(this: NodeProgram): Promise<void> {
    await this.ask('stop');
    this.#child.disconnect();
    await this.ended;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.ended;
  }

  #answer(id: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, ({ value, error }) => {
        if (error === undefined) resolve(value);
        else reject(Object.assign(new Error(error.message), { code: error.code }));
      });
    });
  }
}

export class ClusterProgram {
  readonly folder: string;
  readonly #port: number;
  readonly #options: object;
  readonly #nodes: Map<number, NodeProgram> = new Map();

  private constructor(folder: string, port: number, options: object) {
    this.folder = folder;
    this.#port = port;
    this.#options = options;
  }

  static async create(options: object = {}): Promise<ClusterProgram> {
    return new ClusterProgram(await mkdtemp(join(tmpdir(), 'quorate-cluster-')), await freePort(), options);
  }

  name(number: number): string {
    return `n${number}@127.0.0.1`;
  }

  async start(number: number, options: object = {}): Promise<NodeProgram> {
    const program = new NodeProgram({
      name: this.name(number),
      cookie: 'cluster-test',
      epmd: { port: this.#port },
      stateDir: join(this.folder, String(number)),
      ...this.#options,
      ...options,
    });
    this.#nodes.set(number, program);
    await program.started();
    return program;
  }

  async end(): Promise<void> {
    for (const program of this.#nodes.values()) await program.kill();
    await rm(this.folder, { recursive: true, force: true });
  }
}
