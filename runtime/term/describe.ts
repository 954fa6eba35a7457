/**
 * Any value on one line, as Erlang would write it: `{ok, #{<<"a">> => [1, 2.0]}}`. For messages, logs and crash reports, so
 * it never throws, cuts what is long or deep, and shows things that are no terms in angle brackets.
 */
import { describeAtomName, type Atom } from './atom.ts';
import { kindOf, typedArrayName, type TypedArray } from './kind.ts';
import type { BitString, ExportFun, Float, ImproperList } from './opaque.ts';

const DEPTH_SHOWN_MAX = 12;
const ITEMS_SHOWN_MAX = 100;

/** At most about `charactersMax` characters; what is cut ends in `...`. */
export function describeTerm(value: unknown, charactersMax = 2000): string {
  let text: string;
  try {
    text = describe(value, DEPTH_SHOWN_MAX);
  } catch {
    text = '<a value that cannot be shown>';
  }
  return text.length <= charactersMax ? text : `${text.slice(0, Math.max(0, charactersMax - 3))}...`;
}

function describe(value: unknown, left: number): string {
  switch (typeof value) {
    case 'string':
      return describeText(value);
    case 'number':
      return describeNumber(value);
    case 'function':
      return `<function ${value.name}>`;
    case 'symbol':
      return `<${String(value)}>`;
    case 'object':
      if (value === null) return 'nil';
      return left === 0 ? '...' : describeObject(value, left - 1);
    default:
      return String(value);
  }
}

function describeText(text: string): string {
  const quoted = JSON.stringify(text);
  return /^[ -~]*$/.test(text) ? `<<${quoted}>>` : `<<${quoted}/utf8>>`;
}

function describeNumber(value: number): string {
  if (!Number.isFinite(value)) return `{'$js', ${Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : "'-inf'"}}`;
  return Number.isSafeInteger(value) && !Object.is(value, -0) ? String(value) : describeFloat(value);
}

/** With a decimal point always, as Erlang has it. */
function describeFloat(value: number): string {
  if (!Number.isFinite(value)) return describeNumber(value);
  const [mantissa = '', exponent] = (Object.is(value, -0) ? '-0' : String(value)).split('e');
  const pointed = mantissa.includes('.') ? mantissa : `${mantissa}.0`;
  return exponent === undefined ? pointed : `${pointed}e${exponent}`;
}

function describeObject(value: object, left: number): string {
  const kind = kindOf(value);
  switch (kind) {
    case 'atom':
      return describeAtomName((value as Atom).name);
    case 'tuple':
      return `{${describeItems(value as readonly unknown[], left)}}`;
    case 'list':
      return `[${describeItems(value as readonly unknown[], left)}]`;
    case 'improperList':
      return `[${describeItems((value as ImproperList).elements, left)} | ${describe((value as ImproperList).tail, left)}]`;
    case 'object':
      return describePairs(
        Object.entries(value).map(([key, item]) => [describeText(key), item]),
        left,
      );
    case 'struct':
      return describePairs(
        Object.entries(value).map(([key, item]) => [describeAtomName(key), item]),
        left,
      );
    case 'map':
      return describePairs(
        Array.from(value as Map<unknown, unknown>, ([key, item]) => [describe(key, left), item]),
        left,
      );
    case 'set':
      return `{'$js', set, [${describeItems([...(value as Set<unknown>)], left)}]}`;
    case 'bytes':
      return `<<${describeItems([...(value as Uint8Array).subarray(0, ITEMS_SHOWN_MAX + 1)], left)}>>`;
    default:
      return describeRare(value, left);
  }
}

function describeRare(value: object, left: number): string {
  switch (kindOf(value)) {
    case 'date':
      return `{'$js', date, ${describeNumber((value as Date).getTime())}}`;
    case 'error':
      return `<${(value as Error).name}: ${(value as Error).message.replace(/\s+/g, ' ')}>`;
    case 'regexp':
      return `<regexp ${String(value)}>`;
    case 'typedArray':
      return `<${typedArrayName(value as TypedArray)} of ${(value as TypedArray).length}>`;
    case 'float':
      return describeFloat((value as Float).value);
    case 'bitString':
      return describeBits(value as BitString, left);
    case 'exportFun':
      return describeExport(value as ExportFun);
    case 'fun':
      return '#Fun<>';
    case 'pid':
    case 'ref':
    case 'port':
      return String(value);
    default:
      return describeInstance(value);
  }
}

function describeItems(items: readonly unknown[], left: number): string {
  const shown = Array.from(items.slice(0, ITEMS_SHOWN_MAX), (item) => describe(item, left));
  if (items.length > ITEMS_SHOWN_MAX) shown.push('...');
  return shown.join(', ');
}

function describePairs(pairs: readonly (readonly [string, unknown])[], left: number): string {
  const shown = pairs.slice(0, ITEMS_SHOWN_MAX).map(([key, item]) => `${key} => ${describe(item, left)}`);
  if (pairs.length > ITEMS_SHOWN_MAX) shown.push('...');
  return `#{${shown.join(', ')}}`;
}

/** The last byte with the bits that count, as a number. */
function describeBits(value: BitString, left: number): string {
  const whole = [...value.bytes.subarray(0, -1)];
  const last = (value.bytes.at(-1) ?? 0) >>> (8 - value.bits);
  const before = whole.length === 0 ? '' : `${describeItems(whole, left)}, `;
  return `<<${before}${last}:${value.bits}>>`;
}

function describeExport(fun: ExportFun): string {
  return `fun ${describeAtomName(fun.module.name)}:${describeAtomName(fun.fn.name)}/${fun.arity}`;
}

function describeInstance(value: object): string {
  const { constructor } = value as { constructor?: unknown };
  return typeof constructor === 'function' && constructor.name !== '' ? `<${constructor.name}>` : '<object>';
}
