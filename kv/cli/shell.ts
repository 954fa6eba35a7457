/**
 * Code that reaches a node without a terminal: piped line by line, or given as an argument.
 */
import { createInterface } from 'node:readline';
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

export interface PipeOptions {
  readonly output: Output;
  /** Ends the reading from outside. */
  readonly signal: AbortSignal;
  /** A line that is a JSON string is the code in that string: so code of several lines fits on one. */
  readonly mayBeQuoted: boolean;
}

/**
 * Runs what is piped in, line by line, each when the one before it has settled; a statement may go over several lines. True
 * when nothing threw; resolves at the end of the input, or when the signal fires.
 */
export async function runPiped(evaluate: Evaluate, input: Readable, options: PipeOptions): Promise<boolean> {
  const { output, signal, mayBeQuoted } = options;
  let pending = '';
  let allWell = true;
  for await (const line of createInterface({ input, signal, crlfDelay: Infinity })) {
    const code = pending === '' ? (mayBeQuoted ? unquote(line) : line) : `${pending}\n${line}`;
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
