/** The worker of supervisor scenarios: a server that does what the scenario's `behaviour` says and logs it. */
import { ProcessError, ProcessExit } from '../../../runtime/process/exit.ts';
import type { Self } from '../../../runtime/process/self.ts';
import { atom } from '../../../runtime/term/atom.ts';
import type { Pid } from '../../../runtime/term/pid.ts';
import { isTagged, tuple } from '../../../runtime/term/tuple.ts';
import {
  GenServer,
  Next,
  startClass,
  type CastResult,
  type InitResult,
  type StartReturn,
} from '../../../supervisors/index.ts';
import { Shown } from './events.ts';
import { placeOf } from './spread.ts';
import { reporterOf, reportStart, type LogRef, type Reporter } from './reporter.ts';

export interface Behaviour {
  readonly trap_exit?: boolean;
  readonly init?: readonly string[];
  readonly init_delay_ms?: number | readonly number[];
  readonly terminate_delay_ms?: number;
  readonly terminate?: string;
}

/** Can be sent. */
interface ChildArgs {
  readonly log: LogRef;
  readonly id: string;
  readonly count: number;
  readonly behaviour: Behaviour;
  readonly outcome: string;
  /** Undefined for children that a supervisor names. */
  readonly extra: readonly unknown[] | undefined;
  readonly supervisor: Pid;
}

/** The entry of a list with one per start, the last repeating. */
function nth<T>(list: readonly T[], count: number): T {
  return list[Math.min(count, list.length) - 1] as T;
}

/** Runs in the supervisor. */
export async function startChild(
  self: Self,
  log: Reporter,
  id: string,
  behaviour: Behaviour,
  extra: readonly unknown[] | undefined,
): Promise<StartReturn> {
  const count = await log.next(id);
  const outcome = nth(behaviour.init ?? ['ok'], count);
  const [kind, word = ''] = outcome.split(':');
  if (kind?.startsWith('start_') === true) log.add('not_started', id, count, outcome);
  switch (kind) {
    case 'start_error':
      return tuple(atom('error'), atom(word));
    case 'start_already':
      return tuple(atom('error'), tuple(atom('already_started'), (await log.names()).pidOf(word)));
    case 'start_crash':
      throw new ProcessError(atom(word));
    case 'start_return':
      return atom(word) as StartReturn;
    default: {
      const args: ChildArgs = { log: log.ref, id, count, behaviour, outcome, extra, supervisor: self.pid };
      const result = await startClass(self, Child, args, placeOf(log.ref, id, count));
      return kind === 'ok_info' && result.kind === 'ok' ? { ...result, info: atom(word) } : result;
    }
  }
}

export async function sleep(self: Self, ms: number): Promise<void> {
  if (ms > 0) await self.receive((_message): _message is never => false, { timeoutMs: ms, otherwise: null });
}

export class Child extends GenServer<ChildArgs, never, unknown, unknown, ChildArgs> {
  static readonly module: string = import.meta.url;
  #log: Reporter | null = null;

  override async init(args: ChildArgs): Promise<InitResult<ChildArgs>> {
    const log = (this.#log = reporterOf(this.self, args.log));
    const { id, count, behaviour, outcome, extra } = args;
    this.self.trapExit(behaviour.trap_exit ?? false);
    const delay = behaviour.init_delay_ms ?? 0;
    await sleep(this.self, typeof delay === 'number' ? delay : nth(delay, count));
    const [kind, word = ''] = outcome.split(':');
    if (kind === 'ok' || kind === 'ok_info') {
      await reportStart(log, id, count, this.self.pid, ...(extra === undefined ? [] : [new Shown(extra)]));
      return Next.ok(args);
    }
    log.add('not_started', id, count, outcome);
    if (kind === 'ignore') return Next.ignore();
    if (kind === 'error') return Next.fail(atom(word));
    throw kind === 'crash' ? new ProcessError(atom(word)) : new ProcessExit(atom(word));
  }

  override async handleCast(message: unknown, args: ChildArgs): Promise<CastResult<ChildArgs>> {
    if (isTagged(message, atom('stop'), 2)) return Next.stop(message[1], args);
    if (isTagged(message, atom('crash'), 2)) throw new ProcessError(message[1]);
    if (isTagged(message, atom('busy'), 2)) await sleep(this.self, message[1] as number);
    else this.self.unlink(args.supervisor);
    return Next.noreply(args);
  }

  override handleInfo(message: unknown, args: ChildArgs): CastResult<ChildArgs> {
    this.#log?.add('info', args.id, args.count, new Shown(message));
    return Next.noreply(args);
  }

  override async terminate(reason: unknown, { id, count, behaviour }: ChildArgs): Promise<void> {
    this.#log?.add('terminating', id, count, new Shown(reason));
    await sleep(this.self, behaviour.terminate_delay_ms ?? 0);
    const [kind, word = ''] = (behaviour.terminate ?? 'ok').split(':');
    if (kind === 'exit') throw new ProcessExit(atom(word));
    if (kind === 'crash') throw new ProcessError(atom(word));
  }
}
