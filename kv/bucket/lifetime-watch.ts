/**
 * Watches what live cells are bound to, for one acceptor: monitors of pids, nodedown, clocks, and other keys. What it sees is filed as this
 * acceptor's own observation; the erase is asked of the upkeep, and again by a slow sweep while the key is still there. It
 * holds nothing that cannot be made again from the table.
 */
import { isDown } from '../../runtime/process/message.ts';
import type { Self } from '../../runtime/process/self.ts';
import { nameAtom, type Atom } from '../../runtime/term/atom.ts';
import type { Ref } from '../../runtime/term/ref.ts';
import { isTagged } from '../../runtime/term/tuple.ts';
import type { Acceptor, AcceptorEffect } from '../paxos/acceptor.ts';
import { sameBallot } from '../paxos/ballot.ts';
import { isIncarnationGone, observe } from '../paxos/lifetimes.ts';
import type { Ballot, Cell, Key, NodeName } from '../paxos/messages.ts';
import type { TimerHandle } from '../../runtime/env.ts';
import { isName } from '../key.ts';
import { FarKeys, readKeyGone } from './far-keys.ts';
import type { BucketShared } from './table.ts';

const NODEDOWN: Atom = nameAtom('nodedown');
const isAnyDown = isDown();

interface Watch {
  readonly key: Key;
  readonly ver: Ballot;
  readonly ref: Ref | null;
  readonly node: NodeName | null;
  readonly otherKey: Key | null;
  readonly otherVer: Ballot | null;
  timer: TimerHandle | null;
  /** The end was observed; the erase is repeated until the key is gone. */
  isOver: boolean;
}

export class Lifetimes {
  readonly #shared: BucketShared;
  readonly #self: Self;
  readonly #acceptor: Acceptor;
  readonly #watches: Map<Key, Watch> = new Map();
  readonly #byRef: Map<string, Watch> = new Map();
  readonly #byNode: Map<NodeName, Set<Watch>> = new Map();
  readonly #byKey: Map<Key, Set<Watch>> = new Map();
  readonly #over: Set<Watch> = new Set();
  readonly #far: FarKeys;

  constructor(shared: BucketShared, self: Self, acceptor: Acceptor) {
    this.#shared = shared;
    this.#self = self;
    this.#acceptor = acceptor;
    this.#far = new FarKeys(shared, self, acceptor);
  }

  /** Watches what this cell is bound to instead of what the key's cell before was bound to. */
  watch(key: Key, cell: Cell, effects: AcceptorEffect[]): void {
    const before = this.#watches.get(key);
    if (before !== undefined) this.#drop(before);
    const { bind, live, ver } = cell;
    if (!live || bind === null) return;
    const watch: Watch = {
      key,
      ver,
      ref: bind.pid === null ? null : this.#self.monitor(bind.pid),
      node: bind.node,
      otherKey: bind.key?.key ?? null,
      otherVer: bind.key?.ver ?? null,
      timer: null,
      isOver: false,
    };
    this.#watches.set(key, watch);
    if (watch.ref !== null) this.#byRef.set(watch.ref.key, watch);
    if (bind.node !== null) this.#watchNode(watch, bind.node, effects);
    if (watch.otherKey !== null) addTo(this.#byKey, watch.otherKey, watch);
    if (bind.until !== null) this.#watchTime(watch, bind.until);
    this.#lookAtOther(watch, effects);
  }

  /** True when the message was about a lifetime, whether or not a watch still waits for it. */
  onMessage(message: unknown, effects: AcceptorEffect[]): boolean {
    if (this.#far.onMessage(message)) return true;
    const gone = readKeyGone(message);
    if (gone !== null) {
      this.#far.answered(gone.key, gone.ver);
      for (const watch of [...(this.#byKey.get(gone.key) ?? [])]) {
        if (watch.otherVer !== null && sameBallot(watch.otherVer, gone.ver)) this.#observe(watch, effects);
      }
      return true;
    }
    if (isAnyDown(message)) {
      const watch = this.#byRef.get(message.ref.key);
      if (watch !== undefined) this.#observe(watch, effects);
      return true;
    }
    if (!isTagged(message, NODEDOWN, 2)) return false;
    const node = (message[1] as Atom).name;
    const watches = this.#byNode.get(node);
    this.#byNode.delete(node);
    for (const watch of watches ?? []) this.#observe(watch, effects);
    return true;
  }

  /** The key is another incarnation, a tombstone or forgotten: keys bound to it may go too. */
  onKeyChanged(key: Key, effects: AcceptorEffect[]): void {
    this.#far.onKeyChanged(key);
    const bound = this.#byKey.get(key);
    if (bound === undefined) return;
    for (const watch of [...bound]) this.#lookAtOther(watch, effects);
  }

  /** Repeats erases that did not go through, and looks again at keys bound to keys (a hint may have been lost). */
  sweep(effects: AcceptorEffect[]): void {
    for (const watch of [...this.#over]) {
      const cell = this.#acceptor.keys.get(watch.key)?.cell;
      if (cell?.live === true && sameBallot(cell.ver, watch.ver))
        effects.push({ kind: 'eraseSoon', key: watch.key, ver: watch.ver });
      else this.#drop(watch);
    }
    for (const bound of this.#byKey.values()) {
      for (const watch of [...bound]) if (!watch.isOver) this.#lookAtOther(watch, effects);
    }
    this.#far.sweep();
  }

  /** The table was emptied. */
  clear(): void {
    for (const watch of [...this.#watches.values()]) this.#drop(watch);
  }

  close(): void {
    for (const watch of this.#watches.values()) watch.timer?.cancel();
  }

  #observe(watch: Watch, effects: AcceptorEffect[]): void {
    watch.isOver = true;
    this.#over.add(watch);
    observe(this.#acceptor, watch.key, watch.ver, effects);
  }

  #lookAtOther(watch: Watch, effects: AcceptorEffect[]): void {
    const { otherKey, otherVer } = watch;
    if (otherKey === null || otherVer === null) return;
    if (this.#far.isFar(otherKey)) this.#far.ask(otherKey, otherVer);
    else if (isIncarnationGone(this.#acceptor, otherKey, otherVer)) this.#observe(watch, effects);
  }

  #watchNode(watch: Watch, node: NodeName, effects: AcceptorEffect[]): void {
    if (node === this.#self.nodeName.name) return; // while this acceptor lives, its node is up
    // whatever another node let through must not end this acceptor again and again
    if (!isName(node)) return this.#observe(watch, effects);
    const isFirst = !this.#byNode.has(node);
    addTo(this.#byNode, node, watch);
    if (isFirst) this.#self.monitorNode(nameAtom(node), true);
  }

  #watchTime(watch: Watch, until: number): void {
    const { env } = this.#shared;
    const wait = (): void => {
      const leftMs = until - env.systemTime();
      if (leftMs <= 0) {
        const effects: AcceptorEffect[] = [];
        this.#observe(watch, effects);
        for (const effect of effects)
          if (effect.kind === 'eraseSoon') this.#shared.upkeep?.eraseSoon(effect.key, effect.ver);
      } else watch.timer = env.setTimer(leftMs, wait, true);
    };
    // not inside the step that brought the cell
    watch.timer = env.setTimer(Math.max(0, until - env.systemTime()), wait, true);
  }

  #drop(watch: Watch): void {
    if (this.#watches.get(watch.key) === watch) this.#watches.delete(watch.key);
    this.#over.delete(watch);
    watch.timer?.cancel();
    if (watch.ref !== null && this.#byRef.delete(watch.ref.key)) this.#self.demonitor(watch.ref);
    if (watch.otherKey !== null && removeFrom(this.#byKey, watch.otherKey, watch)) this.#far.drop(watch.otherKey);
    if (watch.node === null) return;
    if (removeFrom(this.#byNode, watch.node, watch)) this.#self.monitorNode(nameAtom(watch.node), false);
  }
}

function addTo<K>(index: Map<K, Set<Watch>>, at: K, watch: Watch): void {
  const known = index.get(at);
  if (known === undefined) index.set(at, new Set([watch]));
  else known.add(watch);
}

/** True when nothing is left there. */
function removeFrom<K>(index: Map<K, Set<Watch>>, at: K, watch: Watch): boolean {
  const known = index.get(at);
  if (known === undefined || !known.delete(watch) || known.size > 0) return false;
  return index.delete(at);
}
