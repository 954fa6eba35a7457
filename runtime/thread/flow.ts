/**
 * How much of a thread's messages to other nodes is on its way to the system thread's connections. A thread that sends to a node through
 * the system thread cannot see how full that node's connection is; it counts what it has forwarded and what has been accepted since.
 *
 * Messages over `LARGE_BYTES` are counted for themselves: they go out in parts, and small ones pass between these.
 *
 * `ForwardWindow` is the sending thread's side: over `WINDOW_BYTES` not accepted the node is busy, and senders wait. `ForwardAccounts` is
 * the system thread's side: what a connection takes below its high-water mark is accepted at once (reported in steps of `STEP_BYTES`), the
 * rest when the connection has drained or ended. Every byte is accepted at some time, so nobody waits for ever because of a lost node.
 */
import type { Atom } from '../term/atom.ts';

export const WINDOW_BYTES = 1_048_576;
const STEP_BYTES = 65_536;
const LARGE_BYTES = 65_536;

interface Way {
  /** Forwarded and not accepted. */
  bytes: number;
  waiters: (() => void)[];
}

/** Small messages, and large ones. */
type Ways = readonly [Way, Way];

export function isLarge(bytes: number): boolean {
  return bytes > LARGE_BYTES;
}

export class ForwardWindow {
  readonly #ways = new Map<Atom, Ways>();

  /** False when the node is busy now, for messages of that size. */
  forwarded(node: Atom, bytes: number): boolean {
    let ways = this.#ways.get(node);
    if (ways === undefined) this.#ways.set(node, (ways = [createWay(), createWay()]));
    const way = ways[isLarge(bytes) ? 1 : 0];
    way.bytes += bytes;
    return way.bytes <= WINDOW_BYTES;
  }

  accepted(node: Atom, bytes: number, large: boolean): void {
    const way = this.#ways.get(node)?.[large ? 1 : 0];
    if (way === undefined) return;
    // What was forwarded before the node was lost may be accepted after it.
    way.bytes = Math.max(0, way.bytes - bytes);
    if (way.bytes <= WINDOW_BYTES / 2) wake(way);
  }

  /** The node is gone, and what was on its way to it. */
  lost(node: Atom): void {
    const ways = this.#ways.get(node);
    this.#ways.delete(node);
    ways?.forEach(wake);
  }

  /** The system thread is gone. */
  lostAll(): void {
    for (const node of [...this.#ways.keys()]) this.lost(node);
  }

  isBusy(node: Atom): boolean {
    return this.#ways.get(node)?.some(isOver) ?? false;
  }

  /** As the connection has it: small messages that wait are waited for first. */
  drained(node: Atom): Promise<void> {
    const way = this.#ways.get(node)?.find(isOver);
    if (way === undefined) return Promise.resolve();
    return new Promise((resolve) => way.waiters.push(resolve));
  }
}

function createWay(): Way {
  return { bytes: 0, waiters: [] };
}

function isOver(way: Way): boolean {
  return way.bytes > WINDOW_BYTES;
}

function wake(way: Way): void {
  for (const resolve of way.waiters.splice(0)) resolve();
}

interface Account {
  /** Taken from the thread and not reported to it as accepted. */
  bytes: number;
  draining: boolean;
}

type Report = (thread: number, node: Atom, bytes: number, large: boolean) => void;

export class ForwardAccounts {
  readonly #report: Report;
  /** By thread and size: twice the thread's number, one more for large messages. */
  readonly #accounts = new Map<number, Map<Atom, Account>>();

  constructor(report: Report) {
    this.#report = report;
  }

  /** A message came from a thread. `drained`: null when the connection took it below its mark, else resolves when it has room. */
  took(thread: number, node: Atom, bytes: number, drained: Promise<void> | null): void {
    const key = 2 * thread + (isLarge(bytes) ? 1 : 0);
    const account = this.#accountOf(key, node);
    account.bytes += bytes;
    if (drained !== null && !account.draining) {
      account.draining = true;
      void drained.then(() => {
        account.draining = false;
        this.#settle(key, node, account);
      });
    } else if (account.bytes >= STEP_BYTES && !account.draining) this.#settle(key, node, account);
  }

  #settle(key: number, node: Atom, account: Account): void {
    const { bytes } = account;
    account.bytes = 0;
    if (bytes > 0) this.#report(key >>> 1, node, bytes, key % 2 === 1);
    this.#accounts.get(key)?.delete(node);
  }

  #accountOf(key: number, node: Atom): Account {
    let ofKey = this.#accounts.get(key);
    if (ofKey === undefined) this.#accounts.set(key, (ofKey = new Map()));
    let account = ofKey.get(node);
    if (account === undefined) ofKey.set(node, (account = { bytes: 0, draining: false }));
    return account;
  }
}
