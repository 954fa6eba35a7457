/**
 * Where a boot record lives. The cluster's process depends on this interface only; files are in `record-file.ts`, and tests, simulations and nodes
 * that were told `stateDir: null` use memory.
 */
import type { BootRecord } from './record.ts';

export interface RecordStorage {
  /** For messages: where it is. */
  readonly place: string;
  /** The record as last saved; null when there is none. */
  load(): Promise<BootRecord | null>;
  /** Resolves when the record would survive a loss of power. Calls must not overlap. */
  save(record: BootRecord): Promise<void>;
  /** Lets another process have it. */
  release(): Promise<void>;
}

/** Keeps the record as long as this object lives. */
export function createMemoryStorage(): RecordStorage {
  let kept: BootRecord | null = null;
  return {
    place: 'memory',
    load: () => Promise.resolve(kept),
    save(record) {
      kept = record;
      return Promise.resolve();
    },
    release: () => Promise.resolve(),
  };
}
