/**
 * Calls between processes of one thread that wait for their reply. Such a call is a monitor of the server with an alias that ends with the reply -
 * `monitor(server, { alias: 'replyDemonitor' })` - kept in one record instead of three: all the same to whoever sends to the alias, ends
 * the monitor, or looks at either process. A process waits for one reply at a time; a second call takes the ordinary way.
 */
import { Ref, sameRef } from '../term/ref.ts';
import { createDown } from './message.ts';
import type { Process } from './process.ts';
import type { Scheduler } from './scheduler.ts';

/** Part of a list of the calls that wait for a server. */
export class LocalCall {
  readonly ref: Ref;
  readonly caller: Process;
  readonly server: Process;
  next: LocalCall | null;
  previous: LocalCall | null = null;

  constructor(ref: Ref, caller: Process, server: Process) {
    this.ref = ref;
    this.caller = caller;
    this.server = server;
    this.next = server.callers;
  }
}

export class LocalCalls {
  readonly #scheduler: Scheduler;
  readonly #byCount = new Map<number, LocalCall>();

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  begin(caller: Process, server: Process): Ref {
    const ref = this.#scheduler.makeRef();
    const call = new LocalCall(ref, caller, server);
    if (call.next !== null) call.next.previous = call;
    server.callers = call;
    caller.call = call;
    this.#byCount.set(this.#scheduler.countOf(ref), call);
    return ref;
  }

  /** Ends the call with that reference; who made it, or null when it is none. */
  end(ref: Ref): Process | null {
    if (this.#byCount.size === 0) return null;
    const call = this.#byCount.get(this.#scheduler.countOf(ref));
    if (call === undefined || !sameRef(call.ref, ref)) return null;
    this.#forget(call);
    return call.caller;
  }

  #forget(call: LocalCall): void {
    const { caller, server, next, previous } = call;
    this.#byCount.delete(this.#scheduler.countOf(call.ref));
    caller.call = null;
    if (next !== null) next.previous = previous;
    if (previous === null) server.callers = next;
    else previous.next = next;
  }

  /** A process ended: its own call is over, and those that wait for it get their DOWN. */
  onEnd(process: Process, reason: unknown): void {
    if (process.call !== null) this.#forget(process.call);
    for (let call = process.callers; call !== null; call = process.callers) {
      this.#forget(call);
      call.caller.deliver(createDown(call.ref, process.pid, reason));
    }
  }
}
