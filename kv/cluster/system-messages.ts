/**
 * What the cluster processes of different nodes say to each other, and its form on the wire: a tuple of the protocol's version, the kind,
 * the sender's pid (replies go to the registered name on its node) and a plain object. These are rare; nothing here is hot.
 */
import { WireError } from '../../runtime/errors.ts';
import { isAtom, nameAtom } from '../../runtime/term/atom.ts';
import { isPid, type Pid } from '../../runtime/term/pid.ts';
import { isTuple, tuple } from '../../runtime/term/tuple.ts';
import type { Ballot, Config, NodeName } from '../paxos/messages.ts';
import type { Hello } from './hello.ts';
import type { SystemSnapshot, VoteReply } from './record.ts';
import { hasShape } from './system-shape.ts';

/** Of everything that is said about registers; another version is refused. */
export const PROTOCOL_VERSION = 2;

/** The registered process that speaks for a node's boot record. */
export const CLUSTER_PROCESS = '$cluster.Acceptor';

export interface HelloMessage {
  readonly kind: 'hello';
  readonly hello: Hello;
  /** The sender wants a Hello back. */
  readonly ask: boolean;
}

/** Prepare (no `config`) or Accept on the register that follows configuration `e` of the chain. */
export interface VoteMessage {
  readonly kind: 'vote';
  readonly chain: string;
  readonly e: number;
  readonly b: Ballot;
  /** The decided configuration e: the receiver records it. */
  readonly base: Config | null;
  readonly config: Config | null;
}

export interface VotedMessage {
  readonly kind: 'voted';
  readonly chain: string;
  readonly e: number;
  readonly b: Ballot;
  readonly id: string;
  readonly reply: VoteReply;
}

/** A joiner of configuration `config` asks a member of the one before for its chains. */
export interface SnapshotAsk {
  readonly kind: 'snapshotAsk';
  readonly config: Config;
}

export interface SnapshotGiven {
  readonly kind: 'snapshotGiven';
  readonly e: number;
  readonly id: string;
  readonly buckets: SystemSnapshot;
}

export type SystemMessage = HelloMessage | VoteMessage | VotedMessage | SnapshotAsk | SnapshotGiven;

const KINDS = ['hello', 'vote', 'voted', 'snapshotAsk', 'snapshotGiven'] as const;

export function systemTerm(from: Pid, message: SystemMessage): unknown {
  const { kind, ...body } = message;
  return tuple(PROTOCOL_VERSION, nameAtom(kind), from, body);
}

/** True for what another node's cluster process sent, of whatever version. */
export function isSystemTerm(term: unknown): term is readonly [number, unknown, Pid, Record<string, unknown>] {
  return isTuple(term) && term.length === 4 && typeof term[0] === 'number' && isPid(term[2]) && isAtom(term[1]);
}

/** Reads a message, and checks its shape. Throws `bad_frame`. */
export function readSystemTerm(term: readonly [number, unknown, Pid, Record<string, unknown>]): {
  readonly from: NodeName;
  readonly message: SystemMessage;
} {
  const [version, kind, pid, body] = term;
  const from = pid.node.name;
  if (version !== PROTOCOL_VERSION) {
    throw new WireError(
      `${from} speaks version ${version} of the register protocol, this node version ${PROTOCOL_VERSION}`,
      0,
    );
  }
  const name = isAtom(kind) ? KINDS.find((known) => known === kind.name) : undefined;
  if (name === undefined || typeof body !== 'object' || body === null) {
    throw new WireError(`${from} sent a cluster message of an unknown kind`, 0);
  }
  if (!hasShape(name, body)) throw new WireError(`${from} sent a malformed cluster message '${name}'`, 0);
  return { from, message: { kind: name, ...body } as unknown as SystemMessage };
}
