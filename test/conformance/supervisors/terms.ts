/** Terms of the kit as JSON, there and back. */
import { Atom, atom } from '../../../runtime/term/atom.ts';
import { Float, isStruct } from '../../../runtime/term/opaque.ts';
import { isPid, type Pid } from '../../../runtime/term/pid.ts';
import { isRef } from '../../../runtime/term/ref.ts';
import { isTuple, tuple } from '../../../runtime/term/tuple.ts';

export type Json = null | number | string | boolean | Json[] | { [key: string]: Json };

/** What the names in a scenario stand for. */
export interface TermNames {
  pidOf(name: string): Pid | undefined;
  /** Of a `$name`. */
  substitute?(name: string): { term: unknown } | undefined;
}

export interface PidNames extends TermNames {
  nameOf(pid: Pid): string;
  /** How an atom is shown that differs from run to run. */
  atomName?(shown: Atom): string;
}

export function termOf(json: Json | undefined, names: TermNames): unknown {
  if (typeof json !== 'object' || json === null) return json;
  if (Array.isArray(json)) return json.map((item) => termOf(item, names));
  if (typeof json['a'] === 'string') {
    const replaced = names.substitute?.(json['a']);
    return replaced === undefined ? atom(json['a']) : replaced.term;
  }
  if (Array.isArray(json['t'])) return tuple(...json['t'].map((item) => termOf(item, names)));
  if (typeof json['pid'] === 'string') return names.pidOf(json['pid']);
  if (Array.isArray(json['m'])) {
    return new Map((json['m'] as [Json, Json][]).map(([key, value]) => [termOf(key, names), termOf(value, names)]));
  }
  throw new TypeError(`not a term of the kit: ${JSON.stringify(json)}`);
}

/** A plain string stands for an atom in some places. */
export function wordOf(json: Json | undefined, names: TermNames): unknown {
  return typeof json === 'string' ? atom(json) : termOf(json, names);
}

export function jsonOf(term: unknown, names: PidNames): Json {
  if (term instanceof Atom) return { a: names.atomName?.(term) ?? term.name };
  if (term === undefined || typeof term === 'boolean') return { a: String(term) };
  if (term === null) return { a: 'nil' };
  if (typeof term === 'number' || typeof term === 'string') return term;
  if (typeof term === 'bigint') return Number(term);
  if (term instanceof Float) return term.value;
  if (isPid(term)) return { pid: names.nameOf(term) };
  if (isRef(term)) return { ref: '$ref' };
  if (isStart(term)) return { a: '$start' };
  if (isTuple(term)) return { t: [...term].map((item) => jsonOf(item, names)) };
  if (isStack(term)) return { a: '$stack' };
  if (Array.isArray(term)) return term.map((item) => jsonOf(item, names));
  return jsonOfMap(term, names);
}

function jsonOfMap(term: unknown, names: PidNames): Json {
  if (term instanceof Map) return { m: [...term].map(([key, value]) => [jsonOf(key, names), jsonOf(value, names)]) };
  if (isStruct(term)) {
    return { m: Object.entries(term).map(([key, value]) => [{ a: key }, jsonOf(value, names)]) };
  }
  throw new TypeError(`no form in the kit for ${String(term)}`);
}

/** The stack of a process that crashed: a list of `{js, call, _, _}`. */
function isStack(term: unknown): boolean {
  if (!Array.isArray(term) || term.length === 0) return false;
  return term.every((frame) => isTuple(frame) && frame.length === 4 && String(frame[0]) === 'js');
}

/** A start function as a supervisor shows it. */
function isStart(term: unknown): boolean {
  return isTuple(term) && term.length === 3 && term[1] === 'kitStart';
}
