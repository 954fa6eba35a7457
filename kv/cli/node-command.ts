/**
 * `quorate node N`: starts a node, then runs the code that was given, or piped in, or typed; without any of these it serves
 * until SIGINT or SIGTERM. Every way out stops the node.
 */
import { fstatSync } from 'node:fs';
import { Evaluator } from './evaluator.ts';
import { EXIT_CODES } from './exit-codes.ts';
import type { NodeCommand } from './options.ts';
import { describeEvaluation } from './reply.ts';
import type { Session, SessionEvents } from './session.ts';
import { createJsonOutput, createTextOutput, runCode, runPiped } from './shell.ts';
import type { Evaluate } from './shell.ts';
import { runTerminal } from './terminal.ts';
import type { OnShow } from './terminal.ts';

export type StartSession = (command: NodeCommand, events: SessionEvents) => Promise<Session>;

export async function runNodeCommand(command: NodeCommand, startSession: StartSession): Promise<number> {
  const { stdout, stderr } = process;
  const stopping = new AbortController();
  let show = (line: string): void => void stderr.write(`${line}\n`);
  const tell = (event: string, fields: object, line: string): void => {
    if (command.json) stdout.write(`${JSON.stringify({ event, ...fields })}\n`);
    else show(line);
  };
  const onSignal = (): void => stopping.abort();
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  let session: Session | null = null;
  try {
    session = await startSession(command, {
      onNews: (text) => tell('news', { text }, text),
    });
    tell('ready', { name: session.name }, `${session.name} is ready`);
    const allWell = await serve(command, session, stopping.signal, (terminal) => (show = terminal));
    return allWell ? EXIT_CODES.ok.code : EXIT_CODES.failed.code;
  } finally {
    await session?.stop();
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
}

/** True when no code threw. */
async function serve(command: NodeCommand, session: Session, signal: AbortSignal, onShow: OnShow): Promise<boolean> {
  const { stdin, stdout } = process;
  const aborted = new Promise<true>((resolve) => {
    if (signal.aborted) resolve(true);
    signal.addEventListener('abort', () => resolve(true), { once: true });
  });
  if (command.repl ?? (command.code === undefined && stdin.isTTY && stdout.isTTY)) {
    await runTerminal({ session, input: stdin, output: stdout, signal, onShow });
    return true;
  }
  if (command.code === undefined && (command.repl === false || !hasPipedInput())) return aborted;
  await Promise.race([session.waitForQuorum(command.waitMs), aborted]);
  return signal.aborted || Promise.race([runGiven(command, session, signal), aborted]);
}

/** Runs the code of the arguments, or else of the standard input. */
async function runGiven(command: NodeCommand, session: Session, signal: AbortSignal): Promise<boolean> {
  const { stdin, stdout, stderr } = process;
  const evaluator = new Evaluator({
    bindings: session.bindings,
    runInside: (fn) => session.runInside(fn),
    onStrayError: (error) => void stderr.write(`error in code that had returned: ${String(error)}\n`),
  });
  const colors = !command.json && stdout.isTTY;
  const evaluate: Evaluate = async (code) => describeEvaluation(await evaluator.evaluate(code), colors);
  const output = command.json ? createJsonOutput(stdout) : createTextOutput(stdout, stderr);
  try {
    if (command.code !== undefined) return await runCode(evaluate, command.code, output);
    return await runPiped(evaluate, stdin, { output, signal, mayBeQuoted: command.json });
  } finally {
    evaluator.close();
  }
}

/** Whether somebody stands behind the standard input; a terminal without REPL and /dev/null are nobody. */
function hasPipedInput(): boolean {
  try {
    const stat = fstatSync(0);
    return stat.isFIFO() || stat.isFile() || stat.isSocket();
  } catch {
    return false;
  }
}
