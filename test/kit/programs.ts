/** Other programs that a test starts: nodes of ours, Erlang nodes. Each is killed at the end of its test, whatever happens. */
import { spawn, type ChildProcess } from 'node:child_process';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { skipWithoutErl } from './erl.ts';

export interface Program {
  readonly child: ChildProcess;
  /** All that it has printed so far, both streams. */
  output(): string;
  /** Resolves when it has printed a line that matches; rejects, with what it printed, when it ends first or the time is up. */
  printed(pattern: RegExp, timeoutMs?: number): Promise<RegExpExecArray>;
  /** Resolves to its exit code, or the signal that ended it. */
  ended(): Promise<number | string>;
  kill(signal?: NodeJS.Signals): void;
}

const LINE_PATIENCE_MS = 20_000;

export function startProgram(
  test: TestContext,
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Program {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
  let text = '';
  const waiters = new Set<() => void>();
  const wake = (): void => {
    for (const waiter of waiters) waiter();
  };
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      wake();
    });
  }
  let end: number | string | undefined;
  const over = new Promise<number | string>((resolve) => {
    child.on('close', (code, signal) => {
      end = code ?? signal ?? 'unknown';
      resolve(end);
      wake();
    });
  });
  test.after(async () => {
    child.kill('SIGKILL');
    await over;
  });
  return {
    child,
    output: () => text,
    ended: () => over,
    kill: (signal = 'SIGKILL') => void child.kill(signal),
    printed(pattern, timeoutMs = LINE_PATIENCE_MS) {
      return new Promise((resolve, reject) => {
        const timer = setTimeout(
          () => finish(new Error(`not printed within ${timeoutMs} ms: ${pattern}\n${text}`)),
          timeoutMs,
        );
        const finish = (result: RegExpExecArray | Error): void => {
          clearTimeout(timer);
          waiters.delete(look);
          if (result instanceof Error) reject(result);
          else resolve(result);
        };
        const look = (): void => {
          const found = pattern.exec(text);
          if (found !== null) finish(found);
          else if (end !== undefined) finish(new Error(`ended with ${end} before printing ${pattern}\n${text}`));
        };
        waiters.add(look);
        look();
      });
    },
  };
}

/** A node of ours in a program of its own: fixtures/node-program.ts. */
export async function startNodeProgram(
  test: TestContext,
  options: { readonly name: string; readonly cookie: string; readonly epmdPort: number; readonly threads?: number },
): Promise<Program> {
  const { name, cookie, epmdPort, threads = 0 } = options;
  const path = fileURLToPath(new URL('../fixtures/node-program.js', import.meta.url));
  const program = startProgram(test, process.execPath, [path, name, cookie, String(epmdPort), String(threads)]);
  await program.printed(/^ready$/m);
  return program;
}

export interface ErlangOptions {
  readonly name: string;
  readonly cookie: string;
  readonly epmdPort: number;
  /** Expressions that it evaluates; it goes on running afterwards. */
  readonly run: string;
  /** More arguments for `erl`. */
  readonly more?: readonly string[];
}

/** An Erlang node. Its EPMD is the one that serves on `epmdPort`; none is started. */
export function startErlang(test: TestContext, { name, cookie, epmdPort, run, more = [] }: ErlangOptions): Program {
  const args = ['-name', name, '-setcookie', cookie, '-start_epmd', 'false', '-noinput', ...more, '-eval', run];
  return startProgram(test, 'erl', args, { ERL_EPMD_PORT: String(epmdPort) });
}

/** An Erlang expression that compiles and loads a module from its source. */
export function loadModule(name: string, source: string): string {
  const path = JSON.stringify(`/tmp/quorate-${process.pid}-${name}/${name}.erl`);
  const text = Buffer.from(source).toString('base64');
  return `
  ok = filelib:ensure_dir(${path}), ok = file:write_file(${path}, base64:decode(<<"${text}">>)),
  {ok, ${name}, Code_${name}} = compile:file(${path}, [binary]),
  {module, ${name}} = code:load_binary(${name}, ${path}, Code_${name}),
  ok = file:del_dir_r(filename:dirname(${path})),`;
}

/** True when Erlang is there. Without it the test is skipped, with a message; in CI it fails. */
export function hasErlang(test: TestContext): boolean {
  const missing = skipWithoutErl();
  if (missing !== false) test.skip(missing);
  return missing === false;
}
