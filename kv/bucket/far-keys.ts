/**
 * Keys bound to keys of another partition: each acceptor judges by the table of its own node, so it asks the acceptor of that partition on the
 * same node to say when the incarnation is gone. Both belong to one member; what the one sees is the member's own observation.
 *
 *   { $keyAsk, Pid, Key, [E, R, P] }    to the acceptor that has the key; once for any number of keys bound to that incarnation, and again
 *                                       when another process has taken that acceptor's place
 *   { $keyGone, Key, [E, R, P] }        back, once
 */
import type { Self } from '../../runtime/process/self.ts';
import { nameAtom, type Atom } from '../../runtime/term/atom.ts';
import { isPid, type Pid } from '../../runtime/term/pid.ts';
import { isTagged, tuple, tuple3 } from '../../runtime/term/tuple.ts';
import type { Acceptor } from '../paxos/acceptor.ts';
import { describeBallot } from '../paxos/ballot.ts';
import { isIncarnationGone } from '../paxos/lifetimes.ts';
import type { Ballot, Key } from '../paxos/messages.ts';
import { partitionOf } from './partitions.ts';
import type { BucketShared } from './table.ts';
import { acceptorName } from './view.ts';
import { ballotTerm, readBallot } from './wire-fields.ts';

const KEY_ASK: Atom = nameAtom('$keyAsk');
const KEY_GONE: Atom = nameAtom('$keyGone');
interface Asker {
  readonly pid: Pid;
  readonly ver: Ballot;
}

/** What was asked about a key, and of which process. */
interface Asked {
  readonly pid: Pid;
  readonly versions: Set<string>;
}

export class FarKeys {
  readonly #shared: BucketShared;
  readonly #self: Self;
  readonly #acceptor: Acceptor;
  /** Who wants to know of the keys of this partition. */
  readonly #askers: Map<Key, Map<string, Asker>> = new Map();
  readonly #asked: Map<Key, Asked> = new Map();

  constructor(shared: BucketShared, self: Self, acceptor: Acceptor) {
    this.#shared = shared;
    this.#self = self;
    this.#acceptor = acceptor;
  }

  /** Is the key another partition's? */
  isFar(key: Key): boolean {
    const { partition, partitions } = this.#shared;
    return partitionOf(key, partitions) !== partition;
  }

  ask(key: Key, ver: Ballot): void {
    const { bucket, partitions } = this.#shared;
    const pid = this.#self.whereis(nameAtom(acceptorName(bucket, partitionOf(key, partitions))));
    if (pid === undefined) return; // the sweep asks again
    let asked = this.#asked.get(key);
    if (asked?.pid.equals(pid) !== true) this.#asked.set(key, (asked = { pid, versions: new Set() }));
    const version = describeBallot(ver);
    if (asked.versions.has(version)) return;
    asked.versions.add(version);
    this.#self.send(pid, tuple(KEY_ASK, this.#self.pid, key, ballotTerm(ver)));
  }

  /** It was answered: whoever is bound to it from now on asks anew. */
  answered(key: Key, ver: Ballot): void {
    this.#asked.get(key)?.versions.delete(describeBallot(ver));
  }

  /** Nothing is bound to the key any more. */
  drop(key: Key): void {
    this.#asked.delete(key);
  }

  /** An acceptor of another partition asks: true when the message was that. */
  onMessage(message: unknown): boolean {
    if (!isTagged(message, KEY_ASK, 4)) return false;
    const [, pid, key] = message;
    if (!isPid(pid) || typeof key !== 'string') return true;
    const ver = readBallot(message[3], Number.MAX_SAFE_INTEGER);
    const known = this.#askers.get(key) ?? new Map<string, Asker>();
    this.#askers.set(key, known.set(`${pid.key} ${describeBallot(ver)}`, { pid, ver }));
    this.onKeyChanged(key);
    return true;
  }

  /** The key's entry changed, or somebody asks: those whose incarnation is gone are told. */
  onKeyChanged(key: Key): void {
    const known = this.#askers.get(key);
    if (known === undefined) return;
    for (const [at, { pid, ver }] of known) {
      if (!isIncarnationGone(this.#acceptor, key, ver)) continue;
      this.#self.send(pid, tuple3(KEY_GONE, key, ballotTerm(ver)));
      known.delete(at);
    }
    if (known.size === 0) this.#askers.delete(key);
  }

  sweep(): void {
    const { bucket, partitions } = this.#shared;
    const acceptors = Array.from({ length: partitions }, (_, i) =>
      this.#self.whereis(nameAtom(acceptorName(bucket, i))),
    );
    const alive = new Set(acceptors.map((pid) => pid?.key));
    for (const [key, known] of this.#askers) {
      this.onKeyChanged(key);
      for (const [at, { pid }] of known) if (!alive.has(pid.key)) known.delete(at);
      if (known.size === 0) this.#askers.delete(key);
    }
  }
}

/** The incarnation of a key in another partition that is gone; null for another message. */
export function readKeyGone(message: unknown): { readonly key: Key; readonly ver: Ballot } | null {
  if (!isTagged(message, KEY_GONE, 3)) return null;
  return { key: String(message[1]), ver: readBallot(message[2], Number.MAX_SAFE_INTEGER) };
}
