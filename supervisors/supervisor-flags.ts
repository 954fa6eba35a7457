/** A supervisor's flags: types, defaults and OTP's checks. */
import { Atom, nameAtom } from '../runtime/term/atom.ts';
import { describeTerm } from '../runtime/term/describe.ts';
import { isStruct } from '../runtime/term/opaque.ts';
import { tuple2 } from '../runtime/term/tuple.ts';
import { AUTO_SHUTDOWNS, type AutoShutdown, type ChildSpec } from './child-spec.ts';
import { ChildSpecError } from './errors.ts';
import { createWords, type Words } from './words.ts';

/**
 * `oneForOne`: only the child that ended restarts. `oneForAll`: all do. `restForOne`: it and those started after it.
 * `simpleOneForOne`: no children at first, one spec as the template of all that `startChild` adds.
 */
export type Strategy = 'oneForOne' | 'oneForAll' | 'restForOne' | 'simpleOneForOne';

export interface SupervisorFlags {
  /** Default `oneForOne`. */
  readonly strategy?: Strategy;
  /** How many restarts within `periodMs` are borne; with one more the supervisor ends. Default 1. */
  readonly intensity?: number;
  /** Default 5000. */
  readonly periodMs?: number;
  /** Default `never`. */
  readonly autoShutdown?: AutoShutdown;
}

/** What a supervisor's init returns: flags and children in the order of their start. */
export interface SupervisorInit extends SupervisorFlags {
  readonly children: readonly ChildSpec[];
}

export type CheckedFlags = Required<SupervisorFlags>;

export const STRATEGIES: Words<Strategy> = createWords(['oneForOne', 'oneForAll', 'restForOne', 'simpleOneForOne']);

/** @throws ChildSpecError `bad_supervisor_flags` */
export function checkFlags(given: unknown): CheckedFlags {
  const fields = readFields(given);
  if (fields === null) {
    throw flagsError(
      'flags',
      given,
      'an object with strategy, intensity, periodMs, autoShutdown',
      reason('invalid_type', given),
    );
  }
  const { strategy = 'oneForOne', intensity = 1, periodMs = 5000, autoShutdown = 'never' } = fields;
  const strategyWord = STRATEGIES.read(strategy);
  if (strategyWord === undefined) {
    throw flagsError('strategy', strategy, STRATEGIES.describe(), reason('invalid_strategy', strategy));
  }
  if (!Number.isInteger(intensity) || (intensity as number) < 0) {
    throw flagsError('intensity', intensity, 'a whole number >= 0', reason('invalid_intensity', intensity));
  }
  if (typeof periodMs !== 'number' || !(periodMs > 0) || periodMs === Infinity) {
    const seconds = typeof periodMs === 'number' ? periodMs / 1000 : periodMs;
    throw flagsError('periodMs', periodMs, 'milliseconds > 0', reason('invalid_period', seconds));
  }
  const autoWord = AUTO_SHUTDOWNS.read(autoShutdown);
  if (autoWord === undefined) {
    throw flagsError(
      'autoShutdown',
      autoShutdown,
      AUTO_SHUTDOWNS.describe(),
      reason('invalid_auto_shutdown', autoShutdown),
    );
  }
  if (strategyWord === 'simpleOneForOne' && autoWord !== 'never') {
    const pair = [
      tuple2(nameAtom('auto_shutdown'), AUTO_SHUTDOWNS.term(autoWord)),
      tuple2(nameAtom('strategy'), STRATEGIES.term(strategyWord)),
    ];
    throw flagsError('autoShutdown', autoShutdown, "'never' with simpleOneForOne", reason('bad_combination', pair));
  }
  return { strategy: strategyWord, intensity: intensity as number, periodMs, autoShutdown: autoWord };
}

/** Our flags as they are; OTP's map with its names, and its period in seconds, as ours. */
function readFields(given: unknown): Record<string, unknown> | null {
  const entries = given instanceof Map ? given : isStruct(given) ? Object.entries(given) : null;
  if (entries === null) return isPlain(given) ? given : null;
  const fields: Record<string, unknown> = {};
  for (const [key, value] of entries) {
    const name = key instanceof Atom ? key.name : String(key);
    if (name === 'period') fields['periodMs'] = typeof value === 'number' ? value * 1000 : value;
    else fields[name === 'auto_shutdown' ? 'autoShutdown' : name] = value;
  }
  return fields;
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

function reason(name: string, value: unknown): unknown {
  return tuple2(nameAtom(name), value);
}

function flagsError(field: string, found: unknown, right: string, term: unknown): ChildSpecError {
  const message = `supervisor flags: ${field} is ${describeTerm(found)}; it must be ${right}`;
  return new ChildSpecError('bad_supervisor_flags', field, message, term);
}
