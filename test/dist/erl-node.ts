/**
 * A real Erlang node for a test. It is driven over its standard input, one expression per line, each answered by one line;
 * it ends with the test. Without `erl` tests skip, unless CI is set: then they fail.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { skipWithoutErl } from '../kit/erl.ts';

export const ERL_MISSING: string | false = skipWithoutErl();

export interface ErlOptions {
  readonly name: string;
  readonly cookie: string;
  readonly epmdPort: number;
  /** Names without a dot in their host, such as `localhost`. */
  readonly shortNames?: boolean;
  /** Further arguments of `erl`. */
  readonly args?: readonly string[];
}

export class ErlNode {
  readonly name: string;
  readonly process: ChildProcess;
  readonly #waiting: ((line: string) => void)[] = [];
  #text = '';
  #log = '';

  constructor(name: string, child: ChildProcess) {
    this.name = name;
    this.process = child;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#take(text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#log += text));
    child.on('exit', () => {
      for (const resolve of this.#waiting.splice(0)) resolve(`the node ended: ${this.#log}`);
    });
  }

  /** What it logged. */
  get log(): string {
    return this.#log;
  }

  /** Evaluates `expression` there and gives the value as text (`~0p`); it must not print anything itself. */
  eval(expression: string): Promise<string> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.process.stdin?.write(`${expression}.\n`);
    });
  }

  kill(): void {
    this.process.kill('SIGKILL');
  }

  #take(text: string): void {
    this.#text += text;
    for (let end = this.#text.indexOf('\n'); end >= 0; end = this.#text.indexOf('\n')) {
      const line = this.#text.slice(0, end);
      this.#text = this.#text.slice(end + 1);
      if (line.startsWith('=> ')) this.#waiting.shift()?.(line.slice(3));
      else this.#log += `${line}\n`;
    }
  }
}

/** Reads expressions from standard input for ever; no shell, so nothing else is printed. */
const LOOP = [
  'Loop = fun Loop(Bindings) ->',
  "  case io:get_line('') of",
  '    eof -> halt();',
  '    Line ->',
  '      {ok, Tokens, _} = erl_scan:string(Line),',
  '      {ok, Exprs} = erl_parse:parse_exprs(Tokens),',
  '      {Value, Next} = try erl_eval:exprs(Exprs, Bindings) of {value, V, B} -> {V, B}',
  '        catch C:R -> {{C, R}, Bindings} end,',
  "      io:format('=> ~0p~n', [Value]),",
  '      Loop(Next)',
  '  end',
  'end, Loop([]).',
].join(' ');

/** Starts a node and waits until it answers. */
export async function startErl({ name, cookie, epmdPort, shortNames = false, args = [] }: ErlOptions): Promise<ErlNode> {
  const child = spawn('erl', [shortNames ? '-sname' : '-name', name, '-setcookie', cookie, '-noshell', ...args, '-eval', LOOP], {
    env: { ...process.env, ERL_EPMD_PORT: String(epmdPort) },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const node = new ErlNode(name, child);
  const answer = await node.eval('node()');
  if (answer.replaceAll("'", '') === name) return node;
  node.kill();
  throw new Error(`erl did not start as ${name}: ${answer} ${node.log}`);
}

/** Starts a real epmd in the foreground of a child process. */
export function startRealEpmd(port: number): ChildProcess {
  return spawn('epmd', ['-port', String(port), '-address', '127.0.0.1'], { stdio: 'ignore' });
}
