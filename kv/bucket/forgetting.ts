/**
 * Holds back what is to be forgotten for a tenth of a second or two. Forgetting raises a floor, and a put that is still on its way below it
 * is refused; its retry could not tell then whether it had been applied and forgotten, and would have to end in `unknown`. By the time a
 * batch leaves here, whatever was sent before its tombstones were accepted has arrived.
 */
import type { Env, TimerHandle } from '../../runtime/env.ts';
import type { Forget } from '../paxos/messages.ts';

const HOLD_MS = 100;

export class Forgetting {
  readonly #env: Env;
  readonly #send: (messages: readonly Forget[]) => void;
  #fresh: Forget[] = [];
  #held: Forget[] = [];
  #timer: TimerHandle | null = null;

  constructor(env: Env, send: (messages: readonly Forget[]) => void) {
    this.#env = env;
    this.#send = send;
  }

  add(message: Forget): void {
    this.#fresh.push(message);
    this.#arm();
  }

  close(): void {
    this.#timer?.cancel();
  }

  #arm(): void {
    this.#timer ??= this.#env.setTimer(HOLD_MS, this.#onTime, true);
  }

  readonly #onTime = (): void => {
    this.#timer = null;
    const due = this.#held;
    this.#held = this.#fresh;
    this.#fresh = [];
    if (this.#held.length > 0) this.#arm();
    if (due.length > 0) this.#send(due);
  };
}
