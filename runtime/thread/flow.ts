/**
 * How much of a thread's messages to other nodes is on its way to the system thread's connections. A thread that sends to a node through
 * the system thread cannot see how full that node's connection is; it counts what it has forwarded and what has been accepted since.
 *
 * `ForwardWindow` is the sending thread's side: over `WINDOW_BYTES` not accepted the node is busy, and senders wait. `ForwardAccounts` is
 * the system thread's side: what a connection takes below its high-water mark is accepted at once (reported in steps of `STEP_BYTES`), the
 * rest when the connection has drained or ended. Every byte is accepted at some time, so nobody waits for ever because of a lost node.
 */
import type { Atom } from '../term/atom.ts';

export const WINDOW_BYTES = 1_048_576;
const STEP_BYTES = 65_536;

interface Way {
  /** Forwarded and not accepted. */
  bytes: number;
  waiters: (() => void)[];
}

export class ForwardWindow {
  readonly #ways = new Map<Atom, Way>();

  /** False when the node is busy now. */
  forwarded(node: Atom, bytes: number): boolean {
    let way = this.#ways.get(node);
    if (way === undefined) this.#ways.set(node, (way = { bytes: 0, waiters: [] }));
    way.bytes += bytes;
    return way.bytes <= WINDOW_BYTES;
  }

  accepted(node: Atom, bytes: number): void {
    const way = this.#ways.get(node);
    if (way === undefined) return;
    // What was forwarded before the node was lost may be accepted after it.
    way.bytes = Math.max(0, way.bytes - bytes);
    if (way.bytes <= WINDOW_BYTES / 2) wake(way);
  }

  /** The node is gone, and what was on its way to it. */
  lost(node: Atom): void {
    const way = this.#ways.get(node);
    this.#ways.delete(node);
    if (way !== undefined) wake(way);
  }

  /** The system thread is gone. */
  lostAll(): void {
    for (const node of [...this.#ways.keys()]) this.lost(node);
  }

  isBusy(node: Atom): boolean {
    return (this.#ways.get(node)?.bytes ?? 0) > WINDOW_BYTES;
  }

  drained(node: Atom): Promise<void> {
    const way = this.#ways.get(node);
    if (way === undefined || way.bytes <= WINDOW_BYTES) return Promise.resolve();
    return new Promise((resolve) => way.waiters.push(resolve));
  }
}

function wake(way: Way): void {
  for (const resolve of way.waiters.splice(0)) resolve();
}

interface Account {
  /** Taken from the thread and not reported to it as accepted. */
  bytes: number;
  draining: boolean;
}

export class ForwardAccounts {
  readonly #report: (thread: number, node: Atom, bytes: number) => void;
  readonly #accounts = new Map<number, Map<Atom, Account>>();

  constructor(report: (thread: number, node: Atom, bytes: number) => void) {
    this.#report = report;
  }

  /** Bytes came from a thread. `drained`: null when the connection took them below its mark, else resolves when it has room. */
  took(thread: number, node: Atom, bytes: number, drained: Promise<void> | null): void {
    const account = this.#accountOf(thread, node);
    account.bytes += bytes;
    if (drained !== null && !account.draining) {
      account.draining = true;
      void drained.then(() => {
        account.draining = false;
        this.#settle(thread, node, account);
      });
    } else if (account.bytes >= STEP_BYTES && !account.draining) this.#settle(thread, node, account);
  }

  #settle(thread: number, node: Atom, account: Account): void {
    const { bytes } = account;
    account.bytes = 0;
    if (bytes > 0) this.#report(thread, node, bytes);
    if (!account.draining) this.#accounts.get(thread)?.delete(node);
  }

  #accountOf(thread: number, node: Atom): Account {
    let ofThread = this.#accounts.get(thread);
    if (ofThread === undefined) this.#accounts.set(thread, (ofThread = new Map()));
    let account = ofThread.get(node);
    if (account === undefined) ofThread.set(node, (account = { bytes: 0, draining: false }));
    return account;
  }
}
