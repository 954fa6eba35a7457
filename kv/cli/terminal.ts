/**
 * The REPL on a terminal: Node's own, with the prompt `name@host>`, top-level await, and everything of the package bound.
 * Typed code runs in the shell's process. Lines of news appear above the prompt, which keeps what was typed so far.
 */
import { start } from 'node:repl';
import type { REPLEval, REPLServer } from 'node:repl';
import type { Readable, Writable } from 'node:stream';
import { bindGlobals } from './evaluator.ts';
import type { Session } from './session.ts';

/** Gets the function that shows a line beside what is being typed. */
export type OnShow = (show: (line: string) => void) => void;

export interface TerminalOptions {
  readonly session: Pick<Session, 'name' | 'bindings' | 'historyFile' | 'runInside'>;
  readonly input: Readable;
  readonly output: Writable;
  /** Ends the session from outside. */
  readonly signal: AbortSignal;
  readonly onShow: OnShow;
}

/** Resolves when the person leaves, with .exit or the end of the input. */
export function runTerminal({ session, input, output, signal, onShow }: TerminalOptions): Promise<void> {
  // In the global context: an object from another one would not count as a plain object, and could not be sent.
  const server = start({
    prompt: `${session.name}> `,
    input,
    output,
    useGlobal: true,
    ignoreUndefined: true,
    preview: false,
  });
  bindGlobals(server, session.bindings);
  enterProcess(server, session.runInside);
  // A history that cannot be kept is no reason not to work.
  if (server.terminal) server.setupHistory(session.historyFile, () => {});
  onShow((line) => {
    output.write(server.terminal ? `\r\x1b[K${line}\n` : `${line}\n`);
    server.displayPrompt(true);
  });
  signal.addEventListener('abort', () => server.close(), { once: true });
  return new Promise((resolve) => server.once('exit', () => resolve()));
}

/** Makes the engine begin each piece of code inside of the process. */
function enterProcess(server: REPLServer, runInside: (fn: () => void) => void): void {
  const evaluate = server.eval;
  const inside: REPLEval = (...args) => runInside(() => evaluate.apply(server, args));
  Object.defineProperty(server, 'eval', { value: inside });
}
