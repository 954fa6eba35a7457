/**
 * What an operator asked this node for, and the clean stop of its buckets: kept until it is done, refused or too late. Requests of operators
 * are worked off one after the other, each as steps of one configuration at a time; a bucket follows every step of the cluster before
 * the next one is taken.
 */
import type { Config, Incarnation, NodeName } from '../paxos/messages.ts';
import { quorumSize } from '../paxos/quorum.ts';
import { FORCE_SALTS, hasMember, memberNamed, nextConfig, vacantSeats, type ConfigStep } from './config.ts';
import {
  bucketRunners,
  helloOf,
  isComplete,
  isGone,
  newcomers,
  ownBoot,
  presentMembers,
  reachableMembers,
  votingMembers,
} from './evidence.ts';
import { CLUSTER_CHAIN, chainOf, newestOf } from './record.ts';
import type { Learn } from './rounds.ts';
import type {
  ClusterEffect,
  ClusterInput,
  ClusterState,
  OpenRequest,
  Request,
  RequestAnswer,
  StepContext,
} from './state.ts';

const DONE: RequestAnswer = { ok: true };

export function openRequest(
  state: ClusterState,
  input: ClusterInput & { kind: 'request' },
  context: StepContext,
  effects: ClusterEffect[],
  learn: Learn,
): void {
  const { id, request, until } = input;
  if (request.kind === 'force') {
    effects.push({ kind: 'answer', id, answer: force(state, request, context, effects, learn) });
    return;
  }
  if (request.kind === 'leave') {
    if (request.bucket === null) state.isStopping = true;
    else state.leaving.add(request.bucket);
  }
  state.requests.push({ id, request, until, seats: newestOf(state.record.system)?.N ?? null });
}

export function withdrawRequest(state: ClusterState, id: number): void {
  const at = state.requests.findIndex((open) => open.id === id);
  if (at >= 0) state.requests.splice(at, 1);
}

/** Answers the requests that are done, impossible or too late. */
export function settleRequests(state: ClusterState, context: StepContext, effects: ClusterEffect[]): void {
  for (const open of [...state.requests]) {
    const answer = outcomeOf(state, open) ?? (context.now >= open.until ? tooLate(state, open) : null);
    if (answer === null) continue;
    state.requests.splice(state.requests.indexOf(open), 1);
    effects.push({ kind: 'answer', id: open.id, answer });
  }
}

/** The next step for the oldest request of an operator; null when there is none, or it cannot be taken now. */
export function requestedStep(state: ClusterState, own: Config): ConfigStep | null {
  const open = state.requests.find(({ request }) => request.kind !== 'leave');
  if (open === undefined || !haveFollowed(state, own)) return null;
  const { request } = open;
  if (request.kind === 'resize') return resizeStep(state, own, request.clusterSize);
  return request.kind === 'replaceMember' ? replaceStep(state, own, request) : null;
}

function resizeStep(state: ClusterState, own: Config, clusterSize: number): ConfigStep | null {
  if (own.N < clusterSize) {
    if (own.M.length >= quorumSize(own.N + 1)) return { kind: 'grow', member: null };
    const [member] = newcomers(state, own);
    return member === undefined ? null : { kind: 'grow', member };
  }
  if (own.N === clusterSize) return null;
  if (vacantSeats(own) > 0) return { kind: 'shrink', name: null };
  const reachable = reachableMembers(state, own);
  const gone = own.M.filter((m) => !reachable.includes(m.name)).at(-1);
  return gone === undefined ? null : { kind: 'shrink', name: gone.name };
}

/** The seat of one that leaves, or the seat that is kept for it. */
function replaceStep(
  state: ClusterState,
  own: Config,
  { leaving, joining }: Request & { kind: 'replaceMember' },
): ConfigStep | null {
  const member = newcomers(state, own).find((m) => m.name === joining);
  if (member === undefined) return null;
  if (memberNamed(own, leaving) !== undefined) return { kind: 'replace', member, leaving };
  return vacantSeats(own) > 0 ? { kind: 'fill', member } : null;
}

/** Null: it is still under way. */
function outcomeOf(state: ClusterState, open: OpenRequest): RequestAnswer | null {
  const own = newestOf(state.record.system);
  const { request } = open;
  if (request.kind === 'leave') {
    // a node that stops has waited for all its buckets together
    const hasWaited = state.isStopping && request.bucket !== null;
    return !hasWaited && mustStay(state, own, request.bucket) ? null : DONE;
  }
  if (own === null) return null;
  switch (request.kind) {
    case 'resize': {
      const { clusterSize } = request;
      const before = open.seats ?? own.N;
      open.seats = own.N;
      if (Math.abs(own.N - clusterSize) > Math.abs(before - clusterSize)) {
        return refusal('resize_conflict', `resizing to ${clusterSize}: another resize made it ${own.N} meanwhile`);
      }
      return own.N === clusterSize && haveFollowed(state, own) ? DONE : null;
    }
    case 'replaceMember': {
      const { leaving, joining } = request;
      if (memberNamed(own, joining) !== undefined && memberNamed(own, leaving) === undefined)
        return haveFollowed(state, own) ? DONE : null;
      if (memberNamed(own, joining) !== undefined)
        return refusal('member_already', `cannot replace ${leaving} by ${joining}: ${joining} has a seat of its own`);
      if (memberNamed(own, leaving) === undefined && vacantSeats(own) === 0)
        return refusal(
          'no_member',
          `cannot replace ${leaving} by ${joining}: ${leaving} has no seat, and none is vacant`,
        );
      return null;
    }
    case 'force':
      return null;
  }
}

/** The buckets that run here have the cluster's seats, no members that it dropped, and have merged. */
function haveFollowed(state: ClusterState, own: Config): boolean {
  return [...state.running.keys()].every((bucket) => {
    const newest = newestOf(chainOf(state.record, bucket));
    if (newest === null) return true;
    const isAlike = newest.N === own.N && newest.M.every((m) => own.M.some((o) => o.id === m.id));
    return isAlike && isComplete(state, bucket);
  });
}

/**
 * A bucket that stops here stays while its seat can still be given up, and until those that merge because of it have done so: what this
 * member holds may be needed for that.
 */
function mustStay(state: ClusterState, own: Config | null, bucket: string | null): boolean {
  if (bucket === null) return [...state.running.keys()].some((one) => mustStay(state, own, one));
  const newest = newestOf(chainOf(state.record, bucket));
  const me = ownBoot(state, bucket);
  if (own === null || newest === null || me === null || !state.record.active) return false;
  if (reachableMembers(state, own).length < quorumSize(own.N)) return false;
  const q = quorumSize(newest.N);
  const others = presentMembers(state, bucket, newest).filter((m) => m.name !== me.name);
  if (hasMember(newest, me) && newest.M.length > q && others.length >= q) return true;
  const isHere = others.length + (hasMember(newest, me) ? 1 : 0) >= q;
  if (isHere && !isComplete(state, bucket)) return true;
  // one that restarted is about to take its seat again, and may need what this member holds
  const runners = bucketRunners(state, own, bucket);
  const isRecovering = newest.M.some((m) => isGone(state, own, bucket, m) && runners.some((r) => r.name === m.name));
  return isRecovering && votingMembers(state, bucket, newest).length >= newest.r;
}

function tooLate(state: ClusterState, { request }: OpenRequest): RequestAnswer {
  if (request.kind === 'leave') return DONE;
  return refusal('timeout', explainRequest(state, request));
}

/** What an operator's request waits for, in words. */
export function explainRequest(state: ClusterState, request: Request): string {
  const own = newestOf(state.record.system);
  const what = request.kind === 'resize' ? `resizing to ${request.clusterSize}` : describeReplace(request);
  if (own === null) return `${what} waits: this node knows no cluster yet`;
  const reachable = reachableMembers(state, own);
  if (reachable.length < quorumSize(own.N))
    return `${what} waits for a quorum: ${reachable.length} of ${own.N} are connected, ${quorumSize(own.N)} are needed`;
  if (!haveFollowed(state, own)) return `${what} waits for a bucket to follow the last step`;
  if (request.kind === 'replaceMember')
    return `${what} waits for ${request.joining}: start it with a node of the cluster to join`;
  if (request.kind !== 'resize' || own.N === request.clusterSize) return `${what} waits for other members`;
  if (own.N < request.clusterSize) return explainGrowth(own, reachable, what);
  return reachable.length === own.M.length
    ? `${what} waits for a member to stop: all ${own.M.length} are connected; stop the one that shall go`
    : `${what} waits for enough members: ${own.M.length} members would have to be a quorum of ${own.N - 1} seats and connected`;
}

function explainGrowth(own: Config, reachable: readonly NodeName[], what: string): string {
  const q = quorumSize(own.N + 1);
  if (own.M.length >= q && reachable.length < q) {
    const missing = own.M.map((m) => m.name).filter((name) => !reachable.includes(name));
    return `${what} waits for members: ${reachable.length} are connected, ${own.N + 1} seats need ${q}; start ${missing.join(', ')}`;
  }
  return (
    `${what} waits for a node to take the new seat: ${own.M.length} of ${own.N} seats are taken, ` +
    'too few to leave one more vacant; start the new node first'
  );
}

function describeReplace(request: Request): string {
  return request.kind === 'replaceMember' ? `replacing ${request.leaving} by ${request.joining}` : request.kind;
}

/** The operator's unsafe step: taken by this node alone, as there is nobody left to agree with; the others adopt it when they hear of it. */
function force(
  state: ClusterState,
  { cluster, members }: Request & { kind: 'force' },
  context: StepContext,
  effects: ClusterEffect[],
  learn: Learn,
): RequestAnswer {
  const own = newestOf(state.record.system);
  if (own === null) return refusal('no_cluster', 'cannot reset by force: this node knows no cluster');
  if (own.cluster !== cluster) {
    return refusal(
      'wrong_cluster',
      `cannot reset by force: this cluster is ${own.cluster}, not ${cluster}; say the right one`,
    );
  }
  const known = members.map((name) => connected(state, own, name));
  const missing = members.filter((_, i) => known[i] === null);
  if (missing.length > 0) {
    const names = missing.join(', ');
    return refusal(
      'not_connected',
      `cannot reset by force with ${names}: not connected to ${state.record.name}, or of another cluster`,
    );
  }
  const M = known.filter((m) => m !== null);
  if (M.length === 0 || new Set(members).size !== M.length || M.length > own.N) {
    return refusal('badarg', `cannot reset by force with [${members.join(', ')}]: give 1 to ${own.N} different nodes`);
  }
  const salt = Math.floor(context.random() * FORCE_SALTS);
  learn(state, CLUSTER_CHAIN, [nextConfig(own, { kind: 'force', members: M, salt })], effects);
  return DONE;
}

function connected(state: ClusterState, own: Config, name: NodeName): Incarnation | null {
  if (name === state.record.name) return { name, id: state.record.id, boot: 0 };
  const hello = helloOf(state, name);
  return hello?.configs.at(-1)?.cluster === own.cluster ? { name, id: hello.id, boot: 0 } : null;
}

function refusal(code: string, message: string): RequestAnswer {
  return { ok: false, code, message };
}
