/**
 * The central log of one scenario: events in the order in which they happened, names of processes, and a `down` for each process that was
 * logged as started.
 */
import { isDown } from '../../../runtime/process/message.ts';
import { runProcess } from '../../../runtime/process/run.ts';
import type { Scheduler } from '../../../runtime/process/scheduler.ts';
import type { Self } from '../../../runtime/process/self.ts';
import type { Atom } from '../../../runtime/term/atom.ts';
import { pidThread, type Pid } from '../../../runtime/term/pid.ts';
import { isTagged } from '../../../runtime/term/tuple.ts';
import { isResult, Shown, stamp, unpackEvent, type Event, type Result } from './events.ts';
import { KnownNames } from './names.ts';
import { answer, ask, ASK, EVENT, offerReporter, watchOnThread, type LogRef, type Reporter } from './reporter.ts';
import { jsonOf, type Json, type PidNames } from './terms.ts';

export { Shown, type Result } from './events.ts';

/** More than the longest exchange that a step sets off: a few starts in a row, each of some questions and answers. */
const SETTLE_ROUNDS = 20;

let logs = 0;

export class Log implements Reporter, PidNames {
  readonly #scheduler: Scheduler;
  readonly #known = new KnownNames();
  readonly #shown = new Map<string, string>();
  readonly #watches = new Map<string, Event>();
  /** Names of the supervisors that were started. */
  readonly supervisors: Set<string> = new Set();
  #unknown = 0;
  #events: { readonly at: number; readonly event: Event }[] = [];
  #self: Self | null = null;
  readonly ref: LogRef;
  /** The log can watch processes from now on. */
  readonly ready: Promise<void>;
  readonly close: () => void;

  /** `agents`: of the node's threads, if there are several. */
  constructor(scheduler: Scheduler, agents: readonly Pid[]) {
    this.#scheduler = scheduler;
    this.#known.nodes.set('$node', scheduler.nodeName);
    let isReady = (): void => undefined;
    this.ready = new Promise((resolve) => (isReady = resolve));
    const log = scheduler.spawn((self) => {
      this.#self = self;
      isReady();
      return this.#serve(self);
    });
    this.ref = { key: `log${(logs += 1)}`, log, agents };
    this.close = offerReporter(this);
  }

  async #serve(self: Self): Promise<void> {
    const isDeath = isDown();
    for (;;) {
      const message = await self.receive();
      if (isDeath(message)) {
        const event = this.#watches.get(message.ref.key);
        if (event !== undefined) this.add(...event, new Shown(message.reason));
      } else if (isTagged(message, EVENT, 3)) {
        this.#events.push({ at: message[1] as number, event: unpackEvent(message[2] as unknown[]) });
      } else if (isTagged(message, ASK, 5)) {
        answer(self, message, await this.#answer(message[3] as string, message[4] as unknown[]));
      }
    }
  }

  async #answer(operation: string, args: readonly unknown[]): Promise<unknown> {
    const [name, pid, event] = args as [string, Pid, unknown[]];
    switch (operation) {
      case 'next':
        return this.next(name, args[1] as boolean);
      case 'name':
        return this.name(pid, name);
      case 'watch':
        return this.watch(pid, name, ...unpackEvent(event));
      case 'names':
        return this.#known.toList();
      default:
        throw new TypeError(`the log does not know ${operation}`);
    }
  }

  add(...event: unknown[]): void {
    this.#events.push({ at: stamp(), event });
  }

  take(): Event[] {
    const events = this.#events.splice(0).sort((a, b) => a.at - b.at);
    return events.map(({ event }) => event);
  }

  async next(id: string, isSupervisor = false): Promise<number> {
    const count = (this.#known.counts.get(id) ?? 0) + 1;
    this.#known.counts.set(id, count);
    if (isSupervisor) this.supervisors.add(`${id}#${count}`);
    return count;
  }

  name(pid: Pid, name: string): void {
    this.#shown.set(pid.key, name);
    this.#known.pids.set(name, pid);
  }

  /** A process of another thread of this node is seen by that thread's agent, so that its death has the time at which it happened. */
  async watch(pid: Pid, name: string, ...event: unknown[]): Promise<void> {
    this.name(pid, name);
    if (this.#self === null) throw new TypeError('the log is not ready');
    if (pid.node === this.#self.nodeName && pidThread(pid) !== this.#scheduler.thread) {
      await runProcess(this.#scheduler, (self) => watchOnThread(self, this.ref, pid, event));
    } else this.#watches.set(this.#self.monitor(pid).key, event);
  }

  /**
   * Waits until what goes back and forth between the node's threads has come to rest, however busy the machine is: a ping to a thread is
   * answered after what came to it before, and each round of pings gives all that goes on one more step.
   */
  async settle(): Promise<void> {
    const { agents } = this.ref;
    if (agents.length === 0) return;
    await runProcess(this.#scheduler, async (self) => {
      for (let round = 0; round < SETTLE_ROUNDS; round++) {
        for (const agent of agents) await ask(self, agent, 'ping');
      }
    });
  }

  async names(): Promise<KnownNames> {
    return this.#known;
  }

  get known(): KnownNames {
    return this.#known;
  }

  pidOf(name: string): Pid | undefined {
    return this.#known.pidOf(name);
  }

  nameOf(pid: Pid): string {
    let name = this.#shown.get(pid.key);
    if (name === undefined) {
      this.#unknown += 1;
      name = `?${this.#unknown}`;
      this.#shown.set(pid.key, name);
    }
    return name;
  }

  atomName(shown: Atom): string {
    for (const [name, node] of this.#known.nodes) if (node === shown) return name === '$node' ? name : `$node:${name}`;
    return shown.name;
  }

  eventJson(event: Event): Json {
    return event.map((part) => {
      if (part instanceof Shown) return jsonOf(part.term, this);
      return isResult(part) ? this.resultJson(part) : (part as Json);
    });
  }

  resultJson(result: Result | null): Json {
    if (result === null) return null;
    const [kind, term] = Object.entries(result)[0] as [string, unknown];
    return { [kind]: jsonOf(term, this) };
  }
}
