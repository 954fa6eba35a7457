/**
 * References: unique for the life of a cluster. Ours have three 32-bit words: a counter in the first two,
 * and in the third 22 random bits and the thread that made it, so that an alias finds its way home.
 * References of other runtimes have one to five words, are opaque and go back bit for bit.
 */
import { showAs } from './show.ts';
import type { Atom } from './atom.ts';
import { THREADS_MAX } from './pid.ts';

export class Ref {
  readonly node: Atom;
  readonly creation: number;
  /** The words as on the wire, most significant last; the first three inline, others in `more`. */
  readonly word0: number;
  readonly word1: number;
  readonly word2: number;
  /** How many words there are: 1 to 5. */
  readonly size: number;
  readonly more: readonly number[] | null;
  #key: string | undefined;

  /** @internal use `makeRef()` */
  constructor(node: Atom, creation: number, words: readonly number[]);
  constructor(node: Atom, creation: number, word0: number, word1: number, word2: number);
  constructor(node: Atom, creation: number, first: number | readonly number[], word1 = 0, word2 = 0) {
    this.node = node;
    this.creation = creation;
    if (typeof first === 'number') {
      this.word0 = first;
      this.word1 = word1;
      this.word2 = word2;
      this.size = 3;
      this.more = null;
    } else {
      this.word0 = first[0] ?? 0;
      this.word1 = first[1] ?? 0;
      this.word2 = first[2] ?? 0;
      this.size = first.length;
      this.more = first.length > 3 ? first.slice(3) : null;
    }
  }

  get words(): readonly number[] {
    return [this.word0, this.word1, this.word2, ...(this.more ?? [])].slice(0, this.size);
  }

  /** One string per reference, for use as a key. */
  get key(): string {
    return (this.#key ??= createKey(this));
  }

  equals(other: unknown): boolean {
    return other instanceof Ref && sameRef(this, other);
  }

  toString(): string {
    return `#Ref<${this.node.name}.${this.words.join('.')}>`;
  }
}

function createKey(ref: Ref): string {
  const { node, creation, size } = ref;
  // Nearly all have three words; a list made of them would cost more than the rest of a monitor.
  const words = size === 3 ? `${ref.word0}.${ref.word1}.${ref.word2}` : ref.words.join('.');
  return `${node.name}|${creation}|${words}`;
}

export function isRef(value: unknown): value is Ref {
  return value instanceof Ref;
}

export function sameRef(a: Ref, b: Ref): boolean {
  if (a === b) return true;
  if (a.word0 !== b.word0 || a.word1 !== b.word1 || a.word2 !== b.word2) return false;
  if (a.size !== b.size || a.creation !== b.creation || a.node !== b.node) return false;
  return a.more === null || a.more.every((word, i) => word === b.more?.[i]);
}

/** The thread of this node that made a reference. Meaningless for references of other nodes. */
export function refThread(ref: Ref): number {
  return ref.word2 & (THREADS_MAX - 1);
}

showAs(Ref.prototype, function (this: Ref) {
  return this.toString();
});
