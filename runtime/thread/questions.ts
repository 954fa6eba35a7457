/**
 * What one thread of a node asks another. Questions and answers travel with the signals, in order: an answer about a process counts
 * everything that the asking thread had sent to it before, as on the BEAM. Whoever is asked may die: then the answer is undefined.
 */
import { atom, type Atom } from '../term/atom.ts';
import type { Pid } from '../term/pid.ts';
import type { Ref } from '../term/ref.ts';
import { isTuple, tuple2, tuple3, type TupleOf } from '../term/tuple.ts';

const INFO = atom('info');
const ALIVE = atom('alive');
const CONNECT = atom('connect');
const DISCONNECT = atom('disconnect');
const SET_COOKIE = atom('set_cookie');
const CONNECTING = atom('connecting');
const ISOLATE = atom('isolate');
const ENFORCE_KILL = atom('enforce_kill');
const EXPLAIN = atom('explain');
const OFFLOAD = atom('offload');
const ABORT = atom('abort');

export type Question = TupleOf<readonly [Atom, unknown]> | TupleOf<readonly [Atom, unknown, unknown]>;

/** The questions there are, one function each; who answers has the same functions. */
export interface Answers {
  info(pid: Pid): unknown;
  alive(pid: Pid): boolean;
  connect(node: Atom): Promise<boolean>;
  disconnect(node: Atom): boolean;
  setCookie(node: Atom, cookie: string | null): void;
  connecting(): readonly Atom[];
  /** The number of a new thread, or a plain error. */
  isolate(memoryLimitMb: number | undefined): Promise<unknown>;
  enforceKill(pid: Pid): void;
  explain(ref: Ref, error: unknown): void;
  /** `id` is the asking thread's name for this piece of work. */
  offload(id: Ref, work: unknown): Promise<unknown>;
  abort(id: Ref): void;
}

export const ask: {
  info(pid: Pid): Question;
  alive(pid: Pid): Question;
  connect(node: Atom): Question;
  disconnect(node: Atom): Question;
  setCookie(node: Atom, cookie: string | null): Question;
  connecting(): Question;
  isolate(memoryLimitMb: number | undefined): Question;
  enforceKill(pid: Pid): Question;
  explain(ref: Ref, error: unknown): Question;
  offload(id: Ref, work: unknown): Question;
  abort(id: Ref): Question;
} = {
  info: (pid) => tuple2(INFO, pid),
  alive: (pid) => tuple2(ALIVE, pid),
  connect: (node) => tuple2(CONNECT, node),
  disconnect: (node) => tuple2(DISCONNECT, node),
  setCookie: (node, cookie) => tuple3(SET_COOKIE, node, cookie),
  connecting: () => tuple2(CONNECTING, null),
  isolate: (memoryLimitMb) => tuple2(ISOLATE, memoryLimitMb),
  enforceKill: (pid) => tuple2(ENFORCE_KILL, pid),
  explain: (ref, error) => tuple3(EXPLAIN, ref, error),
  offload: (id, work) => tuple3(OFFLOAD, id, work),
  abort: (id) => tuple2(ABORT, id),
};

export async function answerTo(question: unknown, answers: Answers): Promise<unknown> {
  if (!isTuple(question)) return undefined;
  const [what, about, more] = question;
  switch (what) {
    case INFO:
      return answers.info(about as Pid);
    case ALIVE:
      return answers.alive(about as Pid);
    case CONNECT:
      return answers.connect(about as Atom);
    case DISCONNECT:
      return answers.disconnect(about as Atom);
    case SET_COOKIE:
      return answers.setCookie(about as Atom, more as string | null);
    case CONNECTING:
      return answers.connecting();
    case ISOLATE:
      return answers.isolate(about as number | undefined);
    case ENFORCE_KILL:
      return answers.enforceKill(about as Pid);
    case EXPLAIN:
      return answers.explain(about as Ref, more);
    case OFFLOAD:
      return answers.offload(about as Ref, more);
    case ABORT:
      return answers.abort(about as Ref);
    default:
      return undefined;
  }
}

interface Open {
  readonly thread: number;
  resolve(answer: unknown): void;
}

/** The questions that are not answered yet. */
export class OpenQuestions {
  readonly #open = new Map<number, Open>();
  #count = 0;

  /** @param send sends the question under this number; false when there is no such thread */
  ask(thread: number, send: (id: number) => boolean): Promise<unknown> {
    this.#count = (this.#count + 1) >>> 0;
    const id = this.#count;
    return new Promise((resolve) => {
      if (send(id)) this.#open.set(id, { thread, resolve });
      else resolve(undefined);
    });
  }

  answer(id: number, answer: unknown): void {
    const open = this.#open.get(id);
    this.#open.delete(id);
    open?.resolve(answer);
  }

  onThreadLost(thread: number): void {
    for (const [id, open] of this.#open) if (open.thread === thread) this.answer(id, undefined);
  }
}
