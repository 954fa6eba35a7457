/** Options of store operations: a wrong one is an `invalid_value` that names it, and nothing is stored. */
import { isAtom, type Atom } from '../runtime/term/atom.ts';
import { isPid, type Pid } from '../runtime/term/pid.ts';
import { acceptorName } from './bucket/view.ts';
import { invalid, isName, type Checked } from './key.ts';
import type { Bind } from './paxos/messages.ts';

export interface CommonOptions {
  readonly bucket?: string | Atom;
  /** What to do without a quorum: answer `no_quorum` (default), try again until there is one, or reject. */
  readonly noQuorum?: 'return' | 'retry' | 'fail';
  /** Cancels the operation; the error says whether what was begun may still take effect. */
  readonly signal?: AbortSignal;
  /** How long the whole operation may take; default 10 s, with `noQuorum: 'retry'` for ever. */
  readonly timeoutMs?: number;
}

export interface GetOptions<T = unknown> extends CommonOptions {
  /** What to answer when there is no value. */
  readonly default?: T;
}

/** Of what makes no agreement and so waits for none. */
export type StatusOptions = Omit<CommonOptions, 'noQuorum'>;

export interface KeysOptions extends StatusOptions {
  /** Say `no_quorum` instead of an empty list. */
  readonly strict?: boolean;
}

/** Of waiting for a bucket. */
export type WaitOptions = Pick<CommonOptions, 'signal' | 'timeoutMs'>;

export interface WatchOptions {
  readonly bucket?: string | Atom;
  /** Ends the watch. */
  readonly signal?: AbortSignal;
  /** How many events may wait for the reader before it misses some; default 1000. */
  readonly eventsMax?: number;
}

/** Lifetimes: whichever ends first ends the key. */
export interface PutOptions extends CommonOptions {
  /** The key goes when that process ends. */
  readonly pid?: Pid;
  /** The key goes when that node goes down or disconnects. */
  readonly node?: Atom | string;
  /** The key goes when the present incarnation of that key of the same bucket goes. */
  readonly key?: unknown;
  /** The key goes at that system time, in milliseconds. */
  readonly until?: number;
}

export interface ReadOptions {
  readonly bucket: string;
  readonly timeoutMs: number;
}

export interface ReadPutOptions extends ReadOptions {
  readonly bind: Bind | null;
  readonly bindsKey: boolean;
}

export const TIMEOUT_MS_DEFAULT = 10_000;
const EVENTS_MAX_DEFAULT = 1000;
/** The bucket that is used when none is given. */
export const DEFAULT_BUCKET = 'PaxosKV';

const COMMON: readonly string[] = ['bucket', 'noQuorum', 'signal', 'timeoutMs'];
const OF_GET: ReadonlySet<string> = new Set([...COMMON, 'default']);
const OF_STATUS: ReadonlySet<string> = new Set(['bucket', 'signal', 'timeoutMs']);
const OF_WAIT: ReadonlySet<string> = new Set(['signal', 'timeoutMs']);
const OF_KEYS: ReadonlySet<string> = new Set([...OF_STATUS, 'strict']);
const OF_WATCH: ReadonlySet<string> = new Set(['bucket', 'signal', 'eventsMax']);
const OF_CHANGE: ReadonlySet<string> = new Set(COMMON);
const OF_PUT: ReadonlySet<string> = new Set([...COMMON, 'pid', 'node', 'key', 'until']);

export function readGetOptions(options: GetOptions): Checked<ReadOptions> {
  return readCommon(options, OF_GET);
}

/** Of operations that take nothing special. */
export function readChangeOptions(options: CommonOptions): Checked<ReadOptions> {
  return readCommon(options, OF_CHANGE);
}

export function readWatchOptions(options: WatchOptions): Checked<ReadOptions & { readonly eventsMax: number }> {
  const read = readCommon(options as CommonOptions, OF_WATCH);
  if (!read.ok) return read;
  const { eventsMax = EVENTS_MAX_DEFAULT } = options;
  if (!Number.isSafeInteger(eventsMax) || eventsMax < 1)
    return invalid('options.eventsMax', 'eventsMax must be a whole number from 1');
  return { ok: true, value: { ...read.value, eventsMax } };
}

export function readStatusOptions(options: StatusOptions): Checked<ReadOptions> {
  return readCommon(options, OF_STATUS);
}

export function readWaitOptions(bucket: string | Atom, options: WaitOptions): Checked<ReadOptions> {
  const read = readCommon(options, OF_WAIT);
  return read.ok ? readCommon({ timeoutMs: Infinity, ...options, bucket }, OF_STATUS) : read;
}

export function readKeysOptions(options: KeysOptions): Checked<ReadOptions> {
  const read = readCommon(options as CommonOptions, OF_KEYS);
  if (read.ok && options.strict !== undefined && typeof options.strict !== 'boolean')
    return invalid('options.strict', 'strict must be true or false');
  return read;
}

export function readPutOptions(options: PutOptions): Checked<ReadPutOptions> {
  const common = readCommon(options, OF_PUT);
  if (!common.ok) return common;
  const { pid, node, until } = options;
  if (pid !== undefined && !isPid(pid)) return invalid('options.pid', 'pid must be a pid');
  const nodeName = isAtom(node) ? node.name : node;
  if (nodeName !== undefined && !isName(nodeName))
    return invalid('options.node', 'node must be a node name of at most 255 characters');
  if (until !== undefined && (typeof until !== 'number' || !Number.isFinite(until))) {
    return invalid('options.until', 'until must be a system time in milliseconds, as in now() + 60_000');
  }
  const bindsKey = 'key' in options && options.key !== undefined;
  const isBound = pid !== undefined || nodeName !== undefined || until !== undefined;
  const bind: Bind | null = isBound
    ? { pid: pid ?? null, node: nodeName ?? null, key: null, until: until ?? null }
    : null;
  return { ok: true, value: { ...common.value, bind, bindsKey } };
}

function readCommon(options: CommonOptions, known: ReadonlySet<string>): Checked<ReadOptions> {
  if (typeof options !== 'object' || options === null) return invalid('options', 'options must be an object');
  for (const name in options) if (!known.has(name)) return invalid(`options.${name}`, `there is no option ${name}`);
  const { bucket = DEFAULT_BUCKET, noQuorum = 'return', signal, timeoutMs } = options;
  const name = isAtom(bucket) ? bucket.name : bucket;
  // its processes have longer names
  if (typeof name !== 'string' || name === '' || !isName(acceptorName(name)))
    return invalid('options.bucket', 'bucket must be the name of a bucket');
  if (signal !== undefined && !(signal instanceof AbortSignal))
    return invalid('options.signal', 'signal must be an AbortSignal');
  if (noQuorum !== 'return' && noQuorum !== 'retry' && noQuorum !== 'fail') {
    return invalid('options.noQuorum', "noQuorum must be 'return', 'retry' or 'fail'");
  }
  if (timeoutMs !== undefined && !(typeof timeoutMs === 'number' && timeoutMs >= 0)) {
    return invalid('options.timeoutMs', 'timeoutMs must be a number of milliseconds');
  }
  return {
    ok: true,
    value: { bucket: name, timeoutMs: timeoutMs ?? (noQuorum === 'retry' ? Infinity : TIMEOUT_MS_DEFAULT) },
  };
}
