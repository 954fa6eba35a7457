/**
 * Which keys somebody watches: one, or all that begin with a prefix. Decided on the canonical encoding, in which the first elements of a tuple or
 * list are the first bytes after its head: every element says where it ends.
 *
 * - a string: the keys that are strings (or bytes) and begin with it;
 * - a tuple: the tuples whose first elements are those of the prefix; a tuple of nothing: all tuples;
 * - an array: the arrays whose first elements are those of the prefix; an empty one: all arrays.
 */
import { canonicalKey } from '../../runtime/codec/canonical.ts';
import { nameAtom } from '../../runtime/term/atom.ts';
import { encodeKey, invalid, type Checked } from '../key.ts';
import type { Key } from '../paxos/messages.ts';

/** The encoding of the key, or of the prefix. */
export type Selector = { readonly kind: 'key'; readonly key: Key } | { readonly kind: 'prefix'; readonly prefix: Key };

export type Selects = (key: Key) => boolean;

const BINARY = 'm';
const SMALL_TUPLE = 'h';
const LARGE_TUPLE = 'i';
const LIST = 'l';
const NIL = 'j';
/** Values that Erlang has not are tuples with this mark: a Date is no tuple for its owner. */
const MARK: string = canonicalKey(nameAtom('$js'));

/** `path` names the prefix in what is refused. */
export function createPrefix(prefix: unknown, path: string): Checked<Selector> {
  const encoded = encodeKey(prefix);
  if (!encoded.ok) return invalid(encoded.path.replace('key', path), encoded.message);
  const key = encoded.value;
  const isMarked = headSize(key) > 0 && key.startsWith(MARK, headSize(key));
  if (isMarked || ![BINARY, SMALL_TUPLE, LARGE_TUPLE, LIST, NIL].includes(key.charAt(0)))
    return invalid(path, 'a prefix is a string, or an array or tuple of the first elements');
  return { ok: true, value: { kind: 'prefix', prefix: key } };
}

export function selectsOf(selector: Selector): Selects {
  if (selector.kind === 'key') return (key) => key === selector.key;
  const { prefix } = selector;
  switch (prefix.charAt(0)) {
    case BINARY:
      return beginsWith(BINARY, prefix.slice(headSize(prefix)));
    case NIL:
      return (key) => key === NIL || key.charAt(0) === LIST;
    case LIST: {
      const elements = prefix.slice(headSize(prefix), -NIL.length);
      return beginsWith(LIST, elements);
    }
    default: {
      const elements = prefix.slice(headSize(prefix));
      const [small, large] = [beginsWith(SMALL_TUPLE, elements), beginsWith(LARGE_TUPLE, elements)];
      return (key) => (small(key) || large(key)) && !key.startsWith(MARK, headSize(key));
    }
  }
}

function beginsWith(tag: string, elements: string): Selects {
  return (key) => key.startsWith(tag) && key.startsWith(elements, headSize(key));
}

/** How long the tag and the size of a binary, tuple or list are. */
function headSize(key: Key): number {
  return key.charAt(0) === SMALL_TUPLE ? 2 : 5;
}
