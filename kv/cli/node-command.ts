/**
 * `quorate node N`: starts a node, then runs the code that was given, or piped in, or typed; without any of these it serves
 * until SIGINT or SIGTERM. Every way out stops the node.
 */
import { fstatSync } from 'node:fs';
import { CommandError, EXIT_CODES } from './exit-codes.ts';
import type { NodeCommand } from './options.ts';
import { describeEvaluation } from './reply.ts';
import type { Session, SessionEvents } from './session.ts';
import { createJsonOutput, createTextOutput, runCode, runPiped, runTerminal } from './shell.ts';
import type { Evaluate, Output } from './shell.ts';

export type StartSession = (command: NodeCommand, events: SessionEvents) => Promise<Session>;

export async function runNodeCommand(command: NodeCommand, startSession: StartSession): Promise<number> {
  const { stdout, stderr } = process;
  const stopping = new AbortController();
  let wrongCookie: CommandError | null = null;
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
      onWrongCookie: (reason) => {
        wrongCookie = new CommandError('wrongCookie', `${reason} (see --cookie)`);
        stopping.abort();
      },
    });
    tell('ready', { name: session.name }, `${session.name} is ready`);
    const allWell = await serve(command, session, stopping.signal, (terminal) => (show = terminal));
    if (wrongCookie !== null) throw wrongCookie;
    return allWell ? EXIT_CODES.ok.code : EXIT_CODES.failed.code;
  } finally {
    await session?.stop();
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
}

/** True when no code threw. */
async function serve(
  command: NodeCommand,
  session: Session,
  signal: AbortSignal,
  onShow: (show: (line: string) => void) => void,
): Promise<boolean> {
  const { stdin, stdout, stderr } = process;
  const output: Output = command.json ? createJsonOutput(stdout) : createTextOutput(stdout, stderr);
  const evaluate: Evaluate = async (code) =>
    describeEvaluation(await session.evaluate(code), !command.json && stdout.isTTY);
  const aborted = new Promise<boolean>((resolve) => {
    if (signal.aborted) resolve(true);
    signal.addEventListener('abort', () => resolve(true), { once: true });
  });
  if (command.code !== undefined) {
    await Promise.race([session.waitForQuorum(command.waitMs), aborted]);
    return Promise.race([runCode(evaluate, command.code, output), aborted]);
  }
  if (command.repl ?? (stdin.isTTY && stdout.isTTY)) {
    await runTerminal({ name: session.name, evaluate, input: stdin, output: stdout, signal, onShow });
    return true;
  }
  if (command.repl === undefined && hasPipedInput()) {
    await Promise.race([session.waitForQuorum(command.waitMs), aborted]);
    return Promise.race([runPiped(evaluate, stdin, output, signal), aborted]);
  }
  return aborted;
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
