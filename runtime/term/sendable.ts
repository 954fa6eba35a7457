/**
 * What can be sent, and where in a value the first thing is that cannot. The encoder and the local copy are quick and
 * keep no path; when they meet something odd they ask here, so both refuse the same values with the same words.
 *
 * Refused: functions, symbols, cycles, instances of other classes, Maps with keys that are one key at a BEAM node, and nesting
 * deeper than `DEPTH_MAX` (a decoder takes at least twice as much, since some values nest twice on the wire).
 */
import { ATOM_CHARACTERS_MAX } from './atom.ts';
import { NotSendableError } from '../errors.ts';
import { kindOf } from './kind.ts';
import { hasEqualKeys, KEY_DEPTH_MAX } from './map-keys.ts';
import type { ImproperList } from './opaque.ts';

/** Deepest nesting of containers that is sent. */
export const DEPTH_MAX = 512;
/** From this depth on a value is looked through for cycles before it is walked further. */
export const DEPTH_BEFORE_CHECK = 32;

/** Thrown inside a quick walk and caught at its root; never seen by callers. @internal */
export const REFUSED: Error = new Error('refused');
/** The same for depth. @internal */
export const TOO_DEEP: Error = new Error('too deep');

/** @throws `not_sendable` with the path of the first thing that cannot be sent. `root` names the value. */
export function assertSendable(value: unknown, root: string): void {
  visit(value, root, [], DEPTH_MAX);
}

/** For a value that was refused by a quick walk and passes here: it changes while it is read. @internal */
export function unstable(root: string): NotSendableError {
  return new NotSendableError('a value that changes while it is read', root);
}

/** True for a property name of a struct: it becomes an atom. @internal */
export function isAtomName(name: string): boolean {
  if (name.length > ATOM_CHARACTERS_MAX && [...name].length > ATOM_CHARACTERS_MAX) return false;
  return !/\p{Surrogate}/u.test(name);
}

function visit(value: unknown, path: string, ancestors: object[], depthMax: number): void {
  switch (typeof value) {
    case 'function':
      throw new NotSendableError(value.name === '' ? 'a function' : `the function ${value.name}`, path);
    case 'symbol':
      throw new NotSendableError('a symbol', path);
    case 'object':
      if (value !== null) visitObject(value, path, ancestors, depthMax);
      return;
    default:
  }
}

function visitObject(value: object, path: string, ancestors: object[], depthMax: number): void {
  const kind = kindOf(value);
  switch (kind) {
    case 'refused':
      throw new NotSendableError(describeRefused(value), path);
    case 'tuple':
    case 'list':
    case 'object':
    case 'struct':
    case 'map':
    case 'set':
    case 'error':
    case 'improperList':
      if (ancestors.includes(value)) throw new NotSendableError('a cycle', path);
      if (ancestors.length >= depthMax) throw new NotSendableError('nesting that is too deep', path);
      ancestors.push(value);
      visitChildren(kind, value, path, ancestors, depthMax);
      ancestors.pop();
      return;
    default:
  }
}

function visitChildren(kind: string, value: object, path: string, ancestors: object[], depthMax: number): void {
  switch (kind) {
    case 'tuple':
    case 'list':
      (value as readonly unknown[]).forEach((item, i) => visit(item, `${path}[${i}]`, ancestors, depthMax));
      return;
    case 'object':
    case 'struct':
      for (const [key, item] of Object.entries(value)) visitField(kind, key, item, path, ancestors, depthMax);
      return;
    case 'map':
      return visitMap(value as ReadonlyMap<unknown, unknown>, path, ancestors, depthMax);
    case 'set':
      Array.from(value as ReadonlySet<unknown>).forEach((item, i) =>
        visit(item, `${path}.values()[${i}]`, ancestors, depthMax),
      );
      return;
    case 'error':
      return visit((value as Error).cause, `${path}.cause`, ancestors, depthMax);
    default:
      (value as ImproperList).elements.forEach((item, i) => visit(item, `${path}[${i}]`, ancestors, depthMax));
      visit((value as ImproperList).tail, `${path}.tail`, ancestors, depthMax);
  }
}

function visitField(
  kind: string,
  key: string,
  item: unknown,
  path: string,
  ancestors: object[],
  depthMax: number,
): void {
  const at = /^[A-Za-z_$][\w$]*$/.test(key) ? `${path}.${key}` : `${path}[${JSON.stringify(key)}]`;
  if (kind === 'struct' && !isAtomName(key)) {
    throw new NotSendableError('a struct whose key cannot be an atom', at);
  }
  visit(item, at, ancestors, depthMax);
}

function visitMap(map: ReadonlyMap<unknown, unknown>, path: string, ancestors: object[], depthMax: number): void {
  Array.from(map).forEach(([key, item], i) => {
    visit(key, `${path}.keys()[${i}]`, ancestors, Math.min(depthMax, ancestors.length + KEY_DEPTH_MAX));
    visit(
      item,
      typeof key === 'object' ? `${path}.values()[${i}]` : `${path}.get(${mapKeyText(key)})`,
      ancestors,
      depthMax,
    );
  });
  if (hasEqualKeys(map)) throw new NotSendableError('a Map with keys that are the same term', path);
}

function mapKeyText(key: unknown): string {
  return typeof key === 'string' ? JSON.stringify(key) : typeof key === 'bigint' ? `${key}n` : String(key);
}

function describeRefused(value: object): string {
  const prototype = Object.getPrototypeOf(value) as { constructor?: unknown };
  const { constructor } = prototype;
  const name = typeof constructor === 'function' ? constructor.name : '';
  return name === '' ? 'an instance of a class' : `an instance of ${name}`;
}
