/**
 * Errors of the store. Match on `code`. An operation that may have taken effect never rejects with anything but `outcome: 'unknown'`
 * (or `'applied'`: it did take effect, only its result is not known); only what was certainly not done is safe to repeat blindly.
 */
import { QuorateError, type QuorateErrorOptions } from '../runtime/errors.ts';

export type OutcomeOfFailure = 'unknown' | 'applied' | 'not-applied';

/** `code`: `unknown`, `applied`, `no_quorum`, `aborted`, `timeout`, `no_bucket`. */
export class StoreError extends QuorateError {
  readonly outcome: OutcomeOfFailure;
  constructor(code: string, outcome: OutcomeOfFailure, message: string, options: QuorateErrorOptions = {}) {
    super(code, message, { ...options, details: { ...options.details, outcome } });
    this.name = 'StoreError';
    this.outcome = outcome;
  }
}

/** A boot record that cannot be used. `code`: `state_in_use`, `state_damaged`, `state_foreign`. */
export class StateError extends QuorateError {
  constructor(
    code: 'state_in_use' | 'state_damaged' | 'state_foreign',
    message: string,
    options: QuorateErrorOptions = {},
  ) {
    super(code, message, options);
    this.name = 'StateError';
  }
}
