/**
 * The kit's notation of terms: JSON into terms (`decodeJson`), and terms into JSON in which every pid, reference and node
 * goes by its name (`Names`). A value that has no name in the scenario is numbered in the order in which it shows.
 */
import { atom, Atom, Float, float, isTuple, Pid, Ref, struct, tuple } from '../../../runtime/index.ts';
import { isStruct } from '../../../runtime/term/opaque.ts';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export type Kind = 'pid' | 'ref';

/** What a name in a scenario stands for. */
export type Lookup = (kind: Kind | 'node', name: string) => unknown;

/** A term of the kit as a term. */
export function decodeJson(json: Json, lookup: Lookup): unknown {
  if (Array.isArray(json)) return json.map((item) => decodeJson(item as Json, lookup));
  if (typeof json === 'string' || typeof json === 'number') return json;
  if (json === null || typeof json !== 'object') throw new Error(`not a term: ${JSON.stringify(json)}`);
  const [[key, value] = ['', null], ...rest] = Object.entries(json);
  if (rest.length > 0) throw new Error(`not a term: ${JSON.stringify(json)}`);
  switch (key) {
    case 'a':
      return atom(value as string);
    case 't':
      return tuple(...(value as Json[]).map((item) => decodeJson(item, lookup)));
    case 'f':
      return Number.isInteger(value) ? float(value as number) : value;
    case 'm':
      return decodeMap(value as [Json, Json][], lookup);
    case 'pid':
    case 'ref':
    case 'node': {
      const found = lookup(key, value as string);
      if (found === undefined) throw new Error(`nothing has the name ${JSON.stringify(json)} yet`);
      return found;
    }
    default:
      throw new Error(`not a term: ${JSON.stringify(json)}`);
  }
}

/** The form in which the runtime itself would decode such a map. */
function decodeMap(entries: readonly (readonly [Json, Json])[], lookup: Lookup): unknown {
  const decoded = entries.map(([key, value]) => [decodeJson(key, lookup), decodeJson(value, lookup)] as const);
  if (decoded.length > 0 && decoded.every(([key]) => key instanceof Atom)) {
    return struct(Object.fromEntries(decoded.map(([key, value]) => [(key as Atom).name, value])));
  }
  if (decoded.every(([key]) => typeof key === 'string')) return Object.fromEntries(decoded);
  return new Map(decoded);
}

/** The names of a scenario's pids, references and nodes, for printing. */
export class Names {
  readonly #names = new Map<string, string>();
  readonly #values = new Map<string, unknown>();
  readonly #unknown = { pid: 0, ref: 0 };
  readonly #nodeName: (node: Atom) => string | undefined;

  constructor(nodeName: (node: Atom) => string | undefined) {
    this.#nodeName = nodeName;
  }

  bind(kind: Kind, name: string, value: Pid | Ref): void {
    this.#values.set(`${kind} ${name}`, value);
    this.#names.set(value.key, name);
  }

  get(kind: Kind, name: string): unknown {
    return this.#values.get(`${kind} ${name}`);
  }

  encode(term: unknown): Json {
    if (term instanceof Pid) return { pid: this.#nameOf('pid', term) };
    if (term instanceof Ref) return { ref: this.#nameOf('ref', term) };
    if (term instanceof Atom) return this.#encodeAtom(term);
    if (term === true || term === false || term === undefined) return { a: String(term) };
    if (term === null) return { a: 'nil' };
    if (term instanceof Float) return { f: term.value };
    if (typeof term === 'number') return Number.isInteger(term) ? term : { f: term };
    if (typeof term === 'string') return term;
    if (isTuple(term)) return { t: this.#encodeTuple(term) };
    if (Array.isArray(term)) return term.map((item) => this.encode(item));
    return { m: this.#encodeMap(term) };
  }

  #encodeAtom(value: Atom): Json {
    const node = this.#nodeName(value);
    return node === undefined ? { a: value.name } : { node };
  }

  /** The second of a pair may be a stack trace, which no two runtimes have in common. */
  #encodeTuple(term: readonly unknown[]): Json[] {
    if (term.length === 2 && isStack(term[1])) return [this.encode(term[0]), { a: '$stack' }];
    return term.map((item) => this.encode(item));
  }

  #encodeMap(term: unknown): Json[] {
    if (term instanceof Map) return [...term].map(([key, value]) => [this.encode(key), this.encode(value)]);
    if (term === null || typeof term !== 'object') throw new Error(`no notation for ${String(term)}`);
    const key = isStruct(term) ? (name: string): Json => this.encode(atom(name)) : (name: string): Json => name;
    return Object.entries(term)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => [key(name), this.encode(value)]);
  }

  #nameOf(kind: Kind, value: Pid | Ref): string {
    let name = this.#names.get(value.key);
    if (name === undefined) {
      this.#unknown[kind] += 1;
      name = `?${this.#unknown[kind]}`;
      this.#names.set(value.key, name);
    }
    return name;
  }
}

function isStack(term: unknown): boolean {
  if (isTuple(term) || !Array.isArray(term) || term.length === 0) return false;
  return term.every((frame: unknown) => {
    if (!isTuple(frame) || frame.length !== 4) return false;
    const [module, fn, arity, place] = frame;
    const hasArity = typeof arity === 'number' || Array.isArray(arity);
    return module instanceof Atom && fn instanceof Atom && hasArity && Array.isArray(place);
  });
}
