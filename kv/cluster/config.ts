/**
 * Configurations: who votes, epoch by epoch. The same type and rules serve the cluster (its members are boot
 * records, `boot` 0) and every bucket (its members are bucket boots). Configuration e+1 is one step away from
 * configuration e, which was decided; `stepRefusal` is the judge of that and is asked before anything is
 * adopted.
 *
 * - *uniform*: every member holds all that was chosen before. A founding, a fresh start and a vacate that leaves q members
 *   are; a step from a uniform one with q members is too, as those q chose together. Then fewer states make a merge.
 * - *mergeAll*: after N-1, and after a vacate that leaves q, all members merge before they vote: two such steps in a row
 *   would otherwise leave a value with a minority.
 */
import { QuorateError } from '../../runtime/errors.ts';
import { quorumSize, sameIncarnation, SEATS_MAX } from '../paxos/quorum.ts';
import type { Config, Incarnation, NodeName } from '../paxos/messages.ts';

export type ConfigStep =
  /** A vacant seat gets a member. */
  | { readonly kind: 'fill'; readonly member: Incarnation }
  /** `member` takes the seat of `leaving`; absent: of the older incarnation of its own name. */
  | { readonly kind: 'replace'; readonly member: Incarnation; readonly leaving?: NodeName }
  | { readonly kind: 'vacate'; readonly name: NodeName }
  /** One seat more, for the member or (null) vacant. */
  | { readonly kind: 'grow'; readonly member: Incarnation | null }
  /** One seat fewer: the one of that member, or (null) a vacant one. */
  | { readonly kind: 'shrink'; readonly name: NodeName | null }
  /** Anew and empty, when all states are lost. */
  | { readonly kind: 'fresh'; readonly members: readonly Incarnation[] }
  /**
   * The operator's unsafe step: goes on with what these members hold, whatever the others may have decided. `salt`, a random whole number below
   * `FORCE_SALTS`, tells two such steps apart that were taken without knowing of each other: the higher epoch wins.
   */
  | { readonly kind: 'force'; readonly members: readonly Incarnation[]; readonly salt?: number };

/** A forced configuration leaves room for those that the lost members may have decided: it must be newer than all of them. */
const FORCED_EPOCHS = 1_000_000;
export const FORCE_SALTS: number = FORCED_EPOCHS / 2;

/** Why a step cannot be taken; `code` is `bad_step`. */
export class ConfigStepError extends QuorateError {
  constructor(message: string) {
    super('bad_step', message);
    this.name = 'ConfigStepError';
  }
}

export interface Founding {
  readonly cluster: string;
  readonly clusterSize: number;
  readonly members: readonly Incarnation[];
  readonly bucket?: string;
  readonly partitions?: number;
}

/** The first configuration of a cluster or of a bucket. Throws `bad_step` when the members are too few or too many. */
export function foundConfig(founding: Founding): Config {
  const { cluster, clusterSize: N, members } = founding;
  const made: Config = {
    cluster,
    e: 1,
    N,
    M: members,
    r: members.length - quorumSize(N) + 1,
    uniform: true,
    mergeAll: false,
    prev: null,
    ...(founding.bucket === undefined ? {} : { bucket: founding.bucket, partitions: founding.partitions ?? 1 }),
  };
  return assertSound(made);
}

/** The configuration one step after `prev`. Throws `bad_step`. */
export function nextConfig(prev: Config, step: ConfigStep): Config {
  const refusal = misfit(prev, step);
  if (refusal !== null) {
    throw new ConfigStepError(
      `cannot take the step '${step.kind}' from configuration ${describeConfig(prev)}: ${refusal}`,
    );
  }
  return assertSound(afterStep(prev, step));
}

/** What keeps the step from being made of `prev` at all; what it makes is judged by `unsoundness`. */
function misfit(prev: Config, step: ConfigStep): string | null {
  switch (step.kind) {
    case 'replace': {
      const leaving = step.leaving ?? step.member.name;
      const present = memberNamed(prev, leaving);
      if (present === undefined) return `${leaving} has no seat`;
      if (hasMember(prev, step.member)) return `${step.member.name} has a seat already`;
      const isOlder = present.id === step.member.id && present.boot > step.member.boot;
      return isOlder ? `boot ${step.member.boot} of ${leaving} is older than its boot ${present.boot}` : null;
    }
    case 'vacate':
      return memberNamed(prev, step.name) === undefined ? `${step.name} has no seat` : null;
    case 'shrink':
      if (step.name === null) return vacantSeats(prev) > 0 ? null : 'no seat is vacant';
      return memberNamed(prev, step.name) === undefined ? `${step.name} has no seat` : null;
    case 'fill':
    case 'grow':
    case 'fresh':
    case 'force':
      return null;
  }
}

function afterStep(prev: Config, step: ConfigStep): Config {
  switch (step.kind) {
    case 'fill':
      return successor(prev, prev.N, [...prev.M, step.member]);
    case 'replace': {
      const leaving = step.leaving ?? step.member.name;
      return successor(
        prev,
        prev.N,
        prev.M.map((m) => (m.name === leaving ? step.member : m)),
      );
    }
    case 'vacate': {
      const M = prev.M.filter((m) => m.name !== step.name);
      const leavesQuorum = M.length === quorumSize(prev.N);
      return successor(prev, prev.N, M, leavesQuorum ? { uniform: true, mergeAll: true } : {});
    }
    case 'grow':
      return successor(prev, prev.N + 1, step.member === null ? prev.M : [...prev.M, step.member]);
    case 'shrink':
      return successor(
        prev,
        prev.N - 1,
        prev.M.filter((m) => m.name !== step.name),
        { mergeAll: true },
      );
    case 'fresh':
      return successor(prev, prev.N, step.members, { uniform: true, fresh: true });
    case 'force': {
      const members = step.members.length;
      const N = Math.max(members, Math.min(prev.N, 2 * members - 1));
      const e = (resetsOf(prev) + 1) * FORCED_EPOCHS + (step.salt ?? 0);
      return successor(prev, N, step.members, { e, uniform: true, mergeAll: true, forced: true });
    }
  }
}

/** How many forced configurations the chain has seen. */
export function resetsOf(config: Config): number {
  return Math.floor(config.e / FORCED_EPOCHS);
}

function successor(prev: Config, N: number, M: readonly Incarnation[], differing: Partial<Config> = {}): Config {
  const { fresh: _fresh, forced: _forced, ...kept } = prev;
  const uniform = differing.uniform ?? (prev.uniform && prev.M.length === quorumSize(prev.N));
  const r = mergeSize(N, M.length, uniform);
  return { ...kept, e: prev.e + 1, mergeAll: false, ...differing, N, M, r, uniform, prev: bare(prev) };
}

function mergeSize(N: number, members: number, uniform: boolean): number {
  return (uniform ? members : N) - quorumSize(N) + 1;
}

/** A configuration as it travels inside its successor. */
export function bare(config: Config): Config {
  return { ...config, prev: null };
}

function assertSound(config: Config): Config {
  const refusal = unsoundness(config);
  if (refusal !== null) throw new ConfigStepError(`configuration ${describeConfig(config)}: ${refusal}`);
  return config;
}

/** What is wrong with a configuration in itself, or null. */
export function unsoundness(config: Config): string | null {
  const { N, M } = config;
  const q = quorumSize(N);
  if (N < 1 || N > SEATS_MAX) return `${N} seats; there can be 1 to ${SEATS_MAX}`;
  if (M.length < q) return `${M.length} members cannot be a quorum of ${N} seats, which is ${q}`;
  if (M.length > N) return `${M.length} members do not fit into ${N} seats`;
  if (new Set(M.map((m) => m.name)).size !== M.length) return 'a name fills two seats';
  const r = mergeSize(N, M.length, config.uniform);
  return config.r === r ? null : `r is ${config.r}, must be ${r}`;
}

/** Why `next` is not a configuration that may follow `prev` (null: the first), or null when it may. */
export function stepRefusal(prev: Config | null, next: Config): string | null {
  const unsound = unsoundness(next);
  if (unsound !== null) return unsound;
  if (prev === null) return next.e === 1 && next.uniform && next.prev === null ? null : 'not a founding configuration';
  if (next.cluster !== prev.cluster || next.bucket !== prev.bucket) return 'it is of another chain';
  if (next.prev === null || !sameConfig(next.prev, prev))
    return 'it follows another configuration than the one decided';
  const step = stepBetween(prev, next);
  if (step === null) return 'it is more than one step away';
  const misfits = misfit(prev, step);
  if (misfits !== null) return misfits;
  const made = afterStep(prev, step);
  if (made.e !== next.e) return `epoch ${next.e} does not follow ${prev.e}`;
  return sameConfig(made, next) ? null : `it is not what the step '${step.kind}' makes`;
}

/** The step that seats and members show, or null when there is none; whether it was taken rightly is for `stepRefusal`. */
export function stepBetween(prev: Config, next: Config): ConfigStep | null {
  if (next.forced) return { kind: 'force', members: next.M, salt: next.e % FORCED_EPOCHS };
  if (next.fresh) return { kind: 'fresh', members: next.M };
  const added = next.M.filter((m) => !hasMember(prev, m));
  const removed = prev.M.filter((m) => !hasMember(next, m));
  const [member] = added;
  const [leaving] = removed;
  if (added.length > 1 || removed.length > 1) return null;
  if (next.N === prev.N + 1) return leaving === undefined ? { kind: 'grow', member: member ?? null } : null;
  if (next.N === prev.N - 1) return member === undefined ? { kind: 'shrink', name: leaving?.name ?? null } : null;
  if (next.N !== prev.N) return null;
  if (member === undefined) return leaving === undefined ? null : { kind: 'vacate', name: leaving.name };
  return leaving === undefined ? { kind: 'fill', member } : { kind: 'replace', member, leaving: leaving.name };
}

export function hasMember(config: Config, member: Incarnation): boolean {
  return config.M.some((m) => sameIncarnation(m, member));
}

export function memberNamed(config: Config, name: NodeName): Incarnation | undefined {
  return config.M.find((m) => m.name === name);
}

export function vacantSeats(config: Config): number {
  return config.N - config.M.length;
}

/** The same configuration, compared field by field (`prev` by its own fields). */
export function sameConfig(a: Config, b: Config): boolean {
  return (
    a.cluster === b.cluster &&
    a.e === b.e &&
    a.N === b.N &&
    a.r === b.r &&
    a.uniform === b.uniform &&
    a.mergeAll === b.mergeAll &&
    a.fresh === b.fresh &&
    a.forced === b.forced &&
    a.bucket === b.bucket &&
    a.partitions === b.partitions &&
    a.M.length === b.M.length &&
    a.M.every((m, i) => sameIncarnation(m, b.M[i] as Incarnation))
  );
}

export function describeConfig(config: Config): string {
  const members = config.M.map((m) => (m.boot === 0 ? m.name : `${m.name}#${m.boot}`)).join(', ');
  return `${config.bucket ?? 'cluster'} e${config.e} {${members}} of ${config.N}${config.fresh ? ' (fresh)' : config.forced ? ' (forced)' : ''}`;
}
