/**
 * Keys bound to keys of another partition: each acceptor judges by the table of its own node, so it asks the acceptor of that partition on the
 * same node to say when the incarnation is gone. Both belong to one member; what the one sees is the member's own observation.
 *
 *   { $keyAsk, Pid, Key, [E, R, P] }    to the acceptor that has the key; repeated by the sweep, as its process may have been replaced
 *   { $keyGone, Key, [E, R, P] }        back, once
 */
import type { Self } from '../../runtime/process/self.ts';
import { nameAtom, type Atom } from '../../runtime/term/atom.ts';
import { isPid, type Pid } from '../../runtime/term/pid.ts';
import { isTagged, tuple, tuple3 } from '../../runtime/term/tuple.ts';
import type { Acceptor } from '../paxos/acceptor.ts';
import { isIncarnationGone } from '../paxos/lifetimes.ts';
import type { Ballot, Key } from '../paxos/messages.ts';
import { partitionOf } from './partitions.ts';
import type { BucketShared } from './table.ts';
import { acceptorName } from './view.ts';
import { ballotTerm, readBallot } from './wire-fields.ts';

const KEY_ASK: Atom = nameAtom('$keyAsk');
const KEY_GONE: Atom = nameAtom('$keyGone');
/** An asker that is still there repeats itself at every sweep. */
const SWEEPS_KEPT = 3;

interface Asker {
  readonly pid: Pid;
  readonly ver: Ballot;
  age: number;
}

export class FarKeys {
  readonly #shared: BucketShared;
  readonly #self: Self;
  readonly #acceptor: Acceptor;
  /** Who wants to know of the keys of this partition. */
  readonly #askers: Map<Key, Map<string, Asker>> = new Map();

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
    const name = nameAtom(acceptorName(bucket, partitionOf(key, partitions)));
    if (this.#self.whereis(name) === undefined) return; // the sweep asks again
    this.#self.send(name, tuple(KEY_ASK, this.#self.pid, key, ballotTerm(ver)));
  }

  /** An acceptor of another partition asks: true when the message was that. */
  onMessage(message: unknown): boolean {
    if (!isTagged(message, KEY_ASK, 4)) return false;
    const [, pid, key] = message;
    if (!isPid(pid) || typeof key !== 'string') return true;
    const ver = readBallot(message[3], Number.MAX_SAFE_INTEGER);
    const known = this.#askers.get(key) ?? new Map<string, Asker>();
    this.#askers.set(key, known.set(`${pid.key} ${ver.e} ${ver.r} ${ver.p}`, { pid, ver, age: 0 }));
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
    for (const [key, known] of this.#askers) {
      this.onKeyChanged(key);
      for (const [at, asker] of known) {
        asker.age += 1;
        if (asker.age > SWEEPS_KEPT) known.delete(at);
      }
      if (known.size === 0) this.#askers.delete(key);
    }
  }
}

/** The incarnation of a key in another partition that is gone; null for another message. */
export function readKeyGone(message: unknown): { readonly key: Key; readonly ver: Ballot } | null {
  if (!isTagged(message, KEY_GONE, 3)) return null;
  return { key: String(message[1]), ver: readBallot(message[2], Number.MAX_SAFE_INTEGER) };
}
