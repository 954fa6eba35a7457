/**
 * What clients did, as lines of a file that each of them writes itself, in the same instant: the line of a call is in the hands of the system before
 * the operation begins, so a client that is killed leaves nothing out. Times are of the machine's monotonic clock, in nanoseconds, the same for all
 * its processes.
 */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';

/** What an operation does. Values are the id of the operation that made them, so each is written once. */
export type Action =
  /** Write-once: the first value stays. */
  | { readonly kind: 'put' }
  /** The same, and the key goes with a process of the client, at any time from now on. */
  | { readonly kind: 'putBound' }
  | { readonly kind: 'get' }
  /** A compare-and-set register. */
  | { readonly kind: 'casRead' }
  | { readonly kind: 'casWrite'; readonly ver: number }
  /** A list: appends the id. */
  | { readonly kind: 'append' }
  | { readonly kind: 'readList' };

export type Result =
  /** Of put, putBound, get: the id under the key, null when there is none. */
  | { readonly value: string | null }
  /** Of a compare-and-set register; `written`: by this operation. */
  | { readonly ver: number; readonly value: string | null; readonly written: boolean }
  | { readonly list: readonly string[] };

export interface Operation {
  readonly id: string;
  readonly key: string;
  readonly action: Action;
  readonly calledAt: number;
  /** Infinity: no answer, it may have taken effect or not. */
  readonly answeredAt: number;
  readonly result: Result | null;
}

/** How an operation ended: with an answer, not known, surely without effect, surely done but with an unknown result. */
export type Ending =
  { readonly result: Result } | { readonly failed: 'unknown' | 'not-applied' | 'applied'; readonly code: string };

type Line =
  | { readonly call: string; readonly at: number; readonly key: string; readonly action: Action }
  | { readonly end: string; readonly at: number; readonly ending: Ending };

export function now(): number {
  return Number(process.hrtime.bigint());
}

export class HistoryWriter {
  readonly #file: number;

  constructor(path: string) {
    this.#file = openSync(path, 'a');
  }

  call(id: string, key: string, action: Action): void {
    this.#write({ call: id, at: now(), key, action });
  }

  end(id: string, ending: Ending): void {
    this.#write({ end: id, at: now(), ending });
  }

  close(): void {
    closeSync(this.#file);
  }

  #write(line: Line): void {
    writeSync(this.#file, `${JSON.stringify(line)}\n`);
  }
}

export interface History {
  /** Those that took effect or may have: what surely had no effect is not here, and must never be seen. */
  readonly operations: readonly Operation[];
  readonly counts: { readonly answered: number; readonly unknown: number; readonly refused: number };
  /** How often operations failed with which code. */
  readonly failures: Readonly<Record<string, number>>;
}

export function readHistory(paths: readonly string[]): History {
  const counts = { answered: 0, unknown: 0, refused: 0 };
  const failures: Record<string, number> = {};
  const operations: Operation[] = [];
  for (const path of paths) {
    const { calls, ends } = readLines(path);
    for (const [id, { at, key, action }] of calls) {
      const end = ends.get(id);
      const base = { id, key, action, calledAt: at };
      if (end !== undefined && 'failed' in end.ending) failures[end.ending.code] = (failures[end.ending.code] ?? 0) + 1;
      if (end !== undefined && 'result' in end.ending) {
        counts.answered += 1;
        operations.push({ ...base, answeredAt: end.at, result: end.ending.result });
      } else if (end !== undefined && 'failed' in end.ending && end.ending.failed === 'not-applied')
        counts.refused += 1;
      else if (end !== undefined && 'failed' in end.ending && end.ending.failed === 'applied') {
        counts.answered += 1;
        operations.push({ ...base, answeredAt: end.at, result: null });
      } else {
        counts.unknown += 1;
        if (!isRead(action)) operations.push({ ...base, answeredAt: Infinity, result: null });
      }
    }
  }
  return { operations, counts, failures };
}

export function isRead({ kind }: Action): boolean {
  return kind === 'get' || kind === 'casRead' || kind === 'readList';
}

interface Lines {
  readonly calls: ReadonlyMap<string, Extract<Line, { call: string }>>;
  readonly ends: ReadonlyMap<string, Extract<Line, { end: string }>>;
}

function readLines(path: string): Lines {
  const calls = new Map<string, Extract<Line, { call: string }>>();
  const ends = new Map<string, Extract<Line, { end: string }>>();
  for (const text of readFileSync(path, 'utf8').split('\n')) {
    if (text === '') continue;
    const line = JSON.parse(text) as Line;
    if ('call' in line) calls.set(line.call, line);
    else ends.set(line.end, line);
  }
  return { calls, ends };
}
