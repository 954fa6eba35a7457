/** What store operations answer, and what an outcome without an answer means to the caller. */
import { StoreError } from './errors.ts';
import type { Invalid } from './key.ts';
import type { CommonOptions } from './kv-options.ts';
import type { Outcome } from './paxos/decide.ts';

export interface Found<T = unknown> {
  readonly ok: true;
  readonly value: T;
}

export interface NotFound {
  readonly ok: false;
  readonly error: 'not_found';
}

/** Too few members are connected, or too few answered until the time was up; the operation did not and will not take effect. */
export interface NoQuorum {
  readonly ok: false;
  readonly error: 'no_quorum';
}

/** A key, a value or an option cannot be: nothing was done. */
export interface Refused extends Invalid {
  readonly ok: false;
}

export type PutResult<T = unknown> = Found<T> | NoQuorum | Refused;
export type GetResult<T = unknown> = Found<T> | NotFound | NoQuorum | Refused;
export type KeysResult = Found<readonly unknown[]> | NoQuorum | Refused;
/** The result of a change, and of what is made of changes. */
export type ChangeResult<T = unknown> = Found<T> | NoQuorum | Refused;

export const NO_QUORUM: NoQuorum = { ok: false, error: 'no_quorum' };
export const NOT_FOUND: NotFound = { ok: false, error: 'not_found' };

/** What an operation without an answer means to the caller. @throws StoreError */
export function failure(outcome: Outcome, bucket: string, options: CommonOptions): NoQuorum {
  switch (outcome.kind) {
    case 'no_quorum':
      if (options.noQuorum !== 'fail') return NO_QUORUM;
      throw new StoreError(
        'no_quorum',
        'not-applied',
        `bucket ${bucket}: fewer than a quorum of its members are connected, or answered in time; nothing was done`,
      );
    case 'ok':
    case 'applied':
    case 'unknown':
    case 'gave_up':
      throw new StoreError(
        'unknown',
        'unknown',
        `bucket ${bucket}: the operation may have taken effect or not, its answer did not come in time`,
      );
  }
}
