/**
 * Errors of the store. Match on `code`. An operation that may have taken effect never rejects with anything but `outcome: 'unknown'`
 * (or `'applied'`: it did take effect, only not its query); only what was certainly not done is safe to repeat blindly.
 *
 * | code               | outcome                      | when                                                                          |
 * | ------------------ | ---------------------------- | ----------------------------------------------------------------------------- |
 * | `no_quorum`        | not-applied                  | too few members are connected, with `noQuorum: 'fail'`                        |
 * | `timeout`          | not-applied                  | time is up and nothing was done; the message says what was awaited            |
 * | `unknown`          | unknown                      | time is up, or the proposer ended, and the operation may take effect          |
 * | `aborted`          | not-applied, unknown         | `signal` was aborted                                                          |
 * | `no_bucket`        | not-applied                  | this node does not run the bucket                                             |
 * | `no_node`          | not-applied                  | no node runs in this thread                                                   |
 * | `version_conflict` | not-applied                  | `Cas.write` found another version; the error carries the current pair         |
 * | `not_cas`          | not-applied                  | `Cas` met a value that `Cas.write` did not write                              |
 * | `query_failed`     | applied                      | the query of a change threw (`cause`); the change itself is done              |
 * | `invalid_value`    | not-applied                  | a bad argument where there is no result to name it in: `watch`, `keys`, `waitForBucket` |
 *
 * What a change function throws rejects as it is: nothing was written.
 */
import { QuorateError, type QuorateErrorOptions } from '../runtime/errors.ts';

export type OutcomeOfFailure = 'unknown' | 'applied' | 'not-applied';

/** `code` and `outcome`: see the table above. */
export class StoreError extends QuorateError {
  readonly outcome: OutcomeOfFailure;
  constructor(code: string, outcome: OutcomeOfFailure, message: string, options: QuorateErrorOptions = {}) {
    super(code, message, { ...options, details: { ...options.details, outcome } });
    this.name = 'StoreError';
    this.outcome = outcome;
  }
}

/** What a compare-and-set register holds: `ver` counts its writes, 0 and `val` null before the first. */
export interface Versioned<T = unknown> {
  readonly ver: number;
  readonly val: T | null;
}

/** `Cas.write` found another version than the given one, and wrote nothing. `code` is `version_conflict`. */
export class VersionConflictError<T = unknown> extends StoreError {
  readonly current: Versioned<T>;
  constructor(given: number, current: Versioned<T>) {
    const message = `cannot write over version ${given}: the register is at version ${current.ver}; read it, and write with that version`;
    super('version_conflict', 'not-applied', message);
    this.name = 'VersionConflictError';
    this.current = current;
  }
}

/** A boot record that cannot be used. `code`: `state_in_use`, `state_damaged`, `state_foreign`, `state_unusable`. */
export class StateError extends QuorateError {
  constructor(
    code: 'state_in_use' | 'state_damaged' | 'state_foreign' | 'state_unusable',
    message: string,
    options: QuorateErrorOptions = {},
  ) {
    super(code, message, options);
    this.name = 'StateError';
  }
}

export function aborted(outcome: 'unknown' | 'not-applied'): StoreError {
  const text = outcome === 'unknown' ? 'it may have taken effect' : 'nothing was done';
  return new StoreError('aborted', outcome, `the operation was aborted; ${text}`);
}

export function noBucket(bucket: string): StoreError {
  const message = `this node does not run bucket ${bucket}: start it with Bucket.startLink({ bucket: '${bucket}' }), or name it in buckets of startQuorate`;
  return new StoreError('no_bucket', 'not-applied', message);
}
