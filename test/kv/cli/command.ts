/** Runs the `quorate` command as a process of the operating system, with a port mapper port and a home folder of its own. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { repositoryRoot } from '../../tooling/repository.ts';
import { freePort } from '../../kit/ports.ts';

export const PROGRAM: string = join(repositoryRoot, 'dist', 'kv', 'cli.js');

/** Far more than anything takes, also on a busy machine. */
const PATIENCE_MS = 60_000;

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A machine of its own, as far as the command can see. Gone when the test ends, with all that runs on it. */
export class Machine {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'quorate-cli-'));
  readonly #epmdPort: number;
  readonly #running = new Set<RunningCommand>();

  private constructor(epmdPort: number) {
    this.#epmdPort = epmdPort;
  }

  static async create(context: TestContext): Promise<Machine> {
    const machine = new Machine(await freePort());
    context.after(() => machine.#remove());
    return machine;
  }

  start(args: readonly string[], program: string = PROGRAM): RunningCommand {
    return this.#spawn(process.execPath, [program, ...args]);
  }

  /** As a person does it in a clone of the repository. */
  startByNpm(args: readonly string[]): RunningCommand {
    return this.#spawn('npm', ['start', '--silent', '--', ...args]);
  }

  /** A line for the shell. It is a process group of its own: what it starts ends with it. */
  startShell(line: string): RunningCommand {
    return this.#spawn('sh', ['-c', line], true);
  }

  #spawn(program: string, args: readonly string[], isGroup = false): RunningCommand {
    const child = spawn(program, args, {
      cwd: repositoryRoot,
      env: {
        ...process.env,
        ERL_EPMD_PORT: String(this.#epmdPort),
        XDG_STATE_HOME: join(this.folder, 'state'),
        TMPDIR: this.folder,
      },
      detached: isGroup,
    });
    const command = new RunningCommand(child, isGroup);
    this.#running.add(command);
    return command;
  }

  /** Runs a command to its end; its standard input is what is given. */
  run(args: readonly string[], input = ''): Promise<Ended> {
    const command = this.start(args);
    command.child.stdin?.end(input);
    return command.ended;
  }

  async #remove(): Promise<void> {
    for (const command of this.#running) command.kill('SIGKILL');
    await Promise.all([...this.#running].map(({ ended }) => ended));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export class RunningCommand {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  readonly #isGroup: boolean;
  #stdout = '';
  #stderr = '';
  #output = '';
  #onOutput: () => void = () => {};

  constructor(child: ChildProcess, isGroup: boolean) {
    this.child = child;
    this.#isGroup = isGroup;
    child.stdout?.on('data', (chunk: Buffer) => {
      this.#stdout += String(chunk);
      this.#output += String(chunk);
      this.#onOutput();
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#stderr += String(chunk);
      this.#output += String(chunk);
      this.#onOutput();
    });
    child.stdin?.on('error', () => {});
    this.ended = new Promise((resolve) => {
      child.once('close', (status) => {
        resolve({ status, stdout: this.#stdout, stderr: this.#stderr });
        this.#onOutput();
      });
    });
  }

  kill(signal: NodeJS.Signals): void {
    const { pid } = this.child;
    if (!this.#isGroup || pid === undefined) this.child.kill(signal);
    else {
      try {
        process.kill(-pid, signal);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // all of it has ended
      }
    }
  }

  /** Both streams, in the order in which they came. */
  get output(): string {
    return this.#output;
  }

  /** Resolves when the output, from a given place on, matches; fails with the output when it ends or takes too long. */
  async until(pattern: RegExp, from = 0): Promise<RegExpExecArray> {
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      const found = pattern.exec(this.output.slice(from));
      if (found !== null) return found;
      if (this.child.exitCode !== null || this.child.signalCode !== null) await this.ended;
      const late = pattern.exec(this.output.slice(from));
      if (late !== null) return late;
      const gone = this.child.exitCode !== null || this.child.signalCode !== null;
      assert.ok(!gone && performance.now() < deadline, `no ${pattern} in the output:\n${this.output}`);
      await this.#nextOutput(deadline - performance.now());
    }
  }

  /** Types a line and resolves when something that matches has come out after it. */
  async type(line: string, pattern: RegExp): Promise<RegExpExecArray> {
    const from = this.output.length;
    this.child.stdin?.write(`${line}\n`);
    return this.until(pattern, from);
  }

  #nextOutput(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#onOutput = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
