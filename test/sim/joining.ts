/**
 * One merge in the making: whole states of members of the former epoch, collected page by page. Pages of one state carry
 * one number, so that pages of an older copy are not mixed in.
 */
import { incarnationKey } from './describe.ts';
import type { SealedState } from '../../kv/paxos/acceptor.ts';
import type { Config, Incarnation, KeyedEntry, Snapshot } from '../../kv/paxos/messages.ts';

export interface Source {
  readonly from: Incarnation;
  /** Epoch at which its owner stood when it was taken. */
  readonly e: number;
  readonly state: SealedState;
}

export class Joining {
  readonly config: Config;
  readonly from: Config;
  readonly need: number;
  readonly sinceMs: number;
  readonly sources: Source[] = [];
  readonly #pages = new Map<string, { readonly copy: number; readonly pages: Map<number, Snapshot> }>();

  constructor(config: Config, from: Config, need: number, sinceMs: number) {
    this.config = config;
    this.from = from;
    this.need = need;
    this.sinceMs = sinceMs;
  }

  get isComplete(): boolean {
    return this.sources.length >= this.need;
  }

  has(who: Incarnation): boolean {
    return this.sources.some((source) => incarnationKey(source.from) === incarnationKey(who));
  }

  takePage(copy: number, page: Snapshot, standsAt: number): void {
    const name = incarnationKey(page.from);
    if (page.e !== this.config.e || this.has(page.from)) return;
    if (!this.from.M.some((m) => incarnationKey(m) === name)) return;
    let collected = this.#pages.get(name);
    if (collected === undefined || collected.copy < copy) {
      collected = { copy, pages: new Map() };
      this.#pages.set(name, collected);
    }
    if (collected.copy !== copy) return;
    collected.pages.set(page.page, page);
    const last = [...collected.pages.values()].find((p) => p.last);
    if (last === undefined || collected.pages.size <= last.page) return;
    const entries: KeyedEntry[] = [];
    for (let i = 0; i <= last.page; i++) entries.push(...(collected.pages.get(i) as Snapshot).entries);
    const { from, e, floor, clock } = page;
    this.sources.push({ from, e: standsAt, state: { e, floor, clock, entries } });
  }
}
