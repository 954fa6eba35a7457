/**
 * The three ways in which code reaches a node: typed on a terminal, piped line by line, or given as an argument. All three
 * go through one function from code to reply, so that it does not matter to them whether the node is this process.
 */
import { createInterface } from 'node:readline';
import { Recoverable, start } from 'node:repl';
import type { Readable, Writable } from 'node:stream';
import type { Reply } from './reply.ts';

export type Evaluate = (code: string) => Promise<Reply>;

export interface Output {
  /** A value, or an error, of code that has run. */
  reply(reply: Reply): void;
}

/** Results to stdout and errors to stderr, for people and pipes. */
export function createTextOutput(stdout: Writable, stderr: Writable): Output {
  return {
    reply({ kind, text }) {
      if (text !== '') (kind === 'value' ? stdout : stderr).write(`${text}\n`);
    },
  };
}

/** Every reply as a line of JSON: one for each line of input. */
export function createJsonOutput(stdout: Writable): Output {
  return { reply: (reply) => void stdout.write(`${JSON.stringify({ event: 'reply', ...reply })}\n`) };
}

/** Runs one piece of code. True when it did not throw. */
export async function runCode(evaluate: Evaluate, code: string, output: Output): Promise<boolean> {
  const reply = await evaluate(code);
  if (reply.kind === 'incomplete') output.reply({ kind: 'error', text: `the code is not complete: ${code}` });
  else output.reply(reply);
  return reply.kind === 'value';
}

/**
 * Runs what is piped in, line by line, each when the one before it has settled; a statement may go over several lines. A
 * line that is a JSON string is the code in that string. True when nothing threw; resolves at the end of the input, or
 * when the signal fires.
 */
export async function runPiped(
  evaluate: Evaluate,
  input: Readable,
  output: Output,
  signal: AbortSignal,
): Promise<boolean> {
  let pending = '';
  let allWell = true;
  for await (const line of createInterface({ input, signal, crlfDelay: Infinity })) {
    const code = pending === '' ? unquote(line) : `${pending}\n${line}`;
    if (code.trim() === '') continue;
    const reply = await evaluate(code);
    pending = reply.kind === 'incomplete' ? code : '';
    if (reply.kind === 'error') allWell = false;
    if (reply.kind !== 'incomplete') output.reply(reply);
  }
  if (pending === '') return allWell;
  output.reply({ kind: 'error', text: `the input ended within: ${pending}` });
  return false;
}

function unquote(line: string): string {
  if (!/^".*"$/.test(line)) return line;
  try {
    return JSON.parse(line) as string;
  } catch {
    return line;
  }
}

export interface TerminalOptions {
  readonly name: string;
  readonly evaluate: Evaluate;
  readonly input: Readable;
  readonly output: Writable;
  /** Ends the session from outside. */
  readonly signal: AbortSignal;
  /** Gets a function that shows a line beside what is being typed. */
  readonly onShow?: (show: (line: string) => void) => void;
}

/** A REPL with the prompt `name>`; resolves when the person leaves it. */
export function runTerminal({ name, evaluate, input, output, signal, onShow }: TerminalOptions): Promise<void> {
  const server = start({
    prompt: `${name}> `,
    input,
    output,
    useGlobal: true,
    ignoreUndefined: true,
    preview: false,
    writer: (shown) => String(shown),
    eval: (code, _context, _file, finish) => {
      evaluate(code).then(
        ({ kind, text }) => {
          if (kind === 'incomplete') finish(new Recoverable(new SyntaxError('more lines are needed')), undefined);
          else finish(null, text === '' ? undefined : text);
        },
        (error: Error) => finish(null, error.message),
      );
    },
  });
  signal.addEventListener('abort', () => server.close(), { once: true });
  onShow?.((line) => {
    // On a terminal the line takes the place of the prompt, which comes back below it with what was typed.
    output.write(server.terminal ? `\r\x1b[K${line}\n` : `${line}\n`);
    server.displayPrompt(true);
  });
  return new Promise((resolve) => server.once('exit', () => resolve()));
}
