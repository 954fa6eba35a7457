/**
 * Calls between processes of one thread that wait for their reply. Such a call is a monitor of the server with an alias that ends with the reply -
 * `monitor(server, { alias: 'replyDemonitor' })` - kept in one record instead of three: all the same to whoever sends to the alias, ends
 * the monitor, or looks at either process. A process waits for one reply at a time; a second call takes the ordinary way.
 */
import { sameRef, type Ref } from '../term/ref.ts';
import { createDown, DOWN } from './message.ts';
import type { Process } from './process.ts';
import type { Scheduler } from './scheduler.ts';

/** Part of a list of the calls that wait for a server. */
export class LocalCall {
  readonly ref: Ref;
  readonly caller: Process;
  readonly server: Process;
  next: LocalCall | null;
  previous: LocalCall | null = null;
  /** Another call in the same bucket. */
  other: LocalCall | null = null;

  constructor(ref: Ref, caller: Process, server: Process) {
    this.ref = ref;
    this.caller = caller;
    this.server = server;
    this.next = server.callers;
  }
}

const BUCKETS_MIN = 256;

/**
 * By the running number of the reference, in buckets of its own: a Map under such churn lays out a new table again and again, and each old one
 * keeps its successor from the quick part of garbage collection.
 */
export class LocalCalls {
  readonly #scheduler: Scheduler;
  #buckets: (LocalCall | null)[] = createBuckets(BUCKETS_MIN);
  #size = 0;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  begin(caller: Process, server: Process): Ref {
    const ref = this.#scheduler.makeRef();
    const call = new LocalCall(ref, caller, server);
    if (call.next !== null) call.next.previous = call;
    server.callers = call;
    caller.call = call;
    if (this.#size === this.#buckets.length) this.#grow();
    this.#size += 1;
    this.#put(call);
    return ref;
  }

  #put(call: LocalCall): void {
    const index = this.#indexOf(call.ref);
    call.other = this.#buckets[index] as LocalCall | null;
    this.#buckets[index] = call;
  }

  #indexOf(ref: Ref): number {
    return ref.word0 & (this.#buckets.length - 1);
  }

  #grow(): void {
    const before = this.#buckets;
    this.#buckets = createBuckets(before.length * 2);
    for (let call of before) {
      while (call !== null) {
        const { other } = call as LocalCall;
        this.#put(call);
        call = other;
      }
    }
  }

  /** Ends the call with that reference; who made it, or null when it is none. */
  end(ref: Ref): Process | null {
    let call = this.#buckets[this.#indexOf(ref)] as LocalCall | null;
    while (call !== null && !sameRef(call.ref, ref)) call = call.other;
    if (call === null) return null;
    this.#forget(call);
    return call.caller;
  }

  /** Links to others are cut: what has grown old must not keep what is younger. */
  #forget(call: LocalCall): void {
    const { caller, server, next, previous } = call;
    this.#take(call);
    caller.call = null;
    if (next !== null) next.previous = previous;
    if (previous === null) server.callers = next;
    else previous.next = next;
    call.next = call.previous = call.other = null;
  }

  #take(call: LocalCall): void {
    this.#size -= 1;
    const index = this.#indexOf(call.ref);
    let one = this.#buckets[index] as LocalCall;
    if (one === call) {
      this.#buckets[index] = call.other;
      return;
    }
    while (one.other !== call) one = one.other as LocalCall;
    one.other = call.other;
  }

  /** A process ended: its own call is over, and those that wait for it get their DOWN. */
  onEnd(process: Process, reason: unknown): void {
    if (process.call !== null) this.#forget(process.call);
    for (let call = process.callers; call !== null; call = process.callers) {
      this.#forget(call);
      call.caller.deliver(createDown(call.ref, process.pid, reason, DOWN));
    }
  }
}

function createBuckets(count: number): (LocalCall | null)[] {
  return new Array<LocalCall | null>(count).fill(null);
}
