/**
 * Configurations: who votes, epoch by epoch. The same type and rules serve the cluster (its members are boot
 * records, `boot` 0) and every bucket (its members are bucket boots). Configuration e+1 is one step away from
 * configuration e, which was decided; `stepRefusal` is the judge of that and is asked before anything is
 * adopted. Steps of this release: found, fill, fresh. The others are typed and refused: a membership change that is
 * offered without its merges loses values.
 */
import { QuorateError } from '../../runtime/errors.ts';
import { quorumSize, sameIncarnation } from '../paxos/quorum.ts';
import type { Config, Incarnation, NodeName } from '../paxos/messages.ts';

export type ConfigStep =
  | { readonly kind: 'fill'; readonly member: Incarnation }
  | { readonly kind: 'fresh'; readonly members: readonly Incarnation[] }
  | { readonly kind: 'replace'; readonly member: Incarnation }
  | { readonly kind: 'vacate'; readonly name: NodeName }
  | { readonly kind: 'grow'; readonly member: Incarnation | null }
  | { readonly kind: 'shrink'; readonly name: NodeName | null };

/** Why a step cannot be taken. `code` is `bad_step`, or `not_supported` for a kind that is later work. */
export class ConfigStepError extends QuorateError {
  constructor(code: 'bad_step' | 'not_supported', message: string) {
    super(code, message);
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

/** The configuration one step after `prev`. Throws `bad_step` or `not_supported`. */
export function nextConfig(prev: Config, step: ConfigStep): Config {
  switch (step.kind) {
    case 'fill':
      return assertSound(afterFill(prev, step.member));
    case 'fresh':
      return assertSound(afterFresh(prev, step.members));
    case 'replace':
    case 'vacate':
    case 'grow':
    case 'shrink':
      throw new ConfigStepError(
        'not_supported',
        `cannot take the step '${step.kind}' from configuration ${prev.e}: this release only fills vacant seats and ` +
          'starts anew when all members lost their state',
      );
  }
}

function afterFill(prev: Config, member: Incarnation): Config {
  const q = quorumSize(prev.N);
  const M = [...prev.M, member];
  const uniform = prev.uniform && prev.M.length === q;
  return {
    ...carriedOver(prev),
    e: prev.e + 1,
    M,
    r: uniform ? M.length - q + 1 : prev.N - q + 1,
    uniform,
    mergeAll: false,
    prev: bare(prev),
  };
}

function afterFresh(prev: Config, members: readonly Incarnation[]): Config {
  return {
    ...carriedOver(prev),
    e: prev.e + 1,
    M: members,
    r: members.length - quorumSize(prev.N) + 1,
    uniform: true,
    mergeAll: false,
    prev: bare(prev),
    fresh: true,
  };
}

/** A configuration as it travels inside its successor. */
export function bare(config: Config): Config {
  return { ...config, prev: null };
}

/** What a successor keeps of its predecessor, to be overwritten by the step. */
function carriedOver(config: Config): Config {
  const { fresh: _fresh, ...rest } = config;
  return rest;
}

function assertSound(config: Config): Config {
  const refusal = unsoundness(config);
  if (refusal !== null) throw new ConfigStepError('bad_step', `configuration ${describeConfig(config)}: ${refusal}`);
  return config;
}

/** What is wrong with a configuration in itself, or null. */
export function unsoundness(config: Config): string | null {
  const q = quorumSize(config.N);
  if (config.M.length < q) return `${config.M.length} members cannot be a quorum of ${config.N} seats`;
  if (config.M.length > config.N) return `${config.M.length} members do not fit into ${config.N} seats`;
  if (new Set(config.M.map((m) => m.name)).size !== config.M.length) return 'a name fills two seats';
  const r = config.uniform ? config.M.length - q + 1 : config.N - q + 1;
  return config.r === r ? null : `r is ${config.r}, must be ${r}`;
}

/** Why `next` is not a configuration that may follow `prev` (null: the first), or null when it may. */
export function stepRefusal(prev: Config | null, next: Config): string | null {
  const unsound = unsoundness(next);
  if (unsound !== null) return unsound;
  if (prev === null) return next.e === 1 && next.uniform && next.prev === null ? null : 'not a founding configuration';
  if (next.e !== prev.e + 1) return `epoch ${next.e} does not follow ${prev.e}`;
  if (next.cluster !== prev.cluster || next.bucket !== prev.bucket) return 'it is of another chain';
  if (next.prev === null || !sameConfig(next.prev, prev))
    return 'it follows another configuration than the one decided';
  if (next.N !== prev.N || next.partitions !== prev.partitions) return 'the number of seats or partitions differs';
  const added = next.M.filter((m) => !hasMember(prev, m));
  const step: ConfigStep | null = next.fresh
    ? { kind: 'fresh', members: next.M }
    : added.length === 1 && added[0] !== undefined
      ? { kind: 'fill', member: added[0] }
      : null;
  if (step === null) return 'it is more than one step away';
  return sameConfig(nextConfig(prev, step), next) ? null : `it is not what the step '${step.kind}' makes`;
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
    a.bucket === b.bucket &&
    a.partitions === b.partitions &&
    a.M.length === b.M.length &&
    a.M.every((m, i) => sameIncarnation(m, b.M[i] as Incarnation))
  );
}

export function describeConfig(config: Config): string {
  const members = config.M.map((m) => (m.boot === 0 ? m.name : `${m.name}#${m.boot}`)).join(', ');
  return `${config.bucket ?? 'cluster'} e${config.e} {${members}} of ${config.N}${config.fresh ? ' (fresh)' : ''}`;
}
