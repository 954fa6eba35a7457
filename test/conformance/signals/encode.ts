/**
 * Steps as they are in the file -> operations as they are sent to the agents: `{Op, Args}`. Within `seq` a name that an earlier operation of the
 * same seq gives a value to goes as `{'$var', Kind, Name}`; the agent knows it then.
 */
import { atom, type Atom, struct, tuple } from '../../../runtime/index.ts';
import { VARIABLE, type Arguments } from './protocol.ts';
import { decodeJson, type Json, type Kind, type Lookup } from './terms.ts';

export interface Operation {
  readonly op: string;
  readonly args: Arguments;
  /** The operations of a `seq`. */
  readonly ops: readonly Operation[];
  /** As sent. */
  readonly term: readonly [Atom, Arguments];
}

type Fields = { readonly [field: string]: Json };

const NOT_ARGUMENTS: readonly string[] = ['in', 'op', 'about', 'tag', 'alias', 'mode'];

export function encodeStep(step: Fields, lookup: Lookup): Operation {
  const op = step['op'] as string;
  const args: Record<string, unknown> = {};
  let ops: readonly Operation[] = [];
  for (const [field, value] of Object.entries(step)) {
    if (NOT_ARGUMENTS.includes(field)) continue;
    if (field === 'ops') {
      ops = encodeSeq(value as readonly Fields[], lookup);
      args['ops'] = ops.map((inner) => inner.term);
    } else args[field] = encodeField(field, value, lookup);
  }
  if ('mode' in step) args['options'] = [atom(step['mode'] as string)];
  const monitorOptions: unknown[] = [];
  for (const [field, value] of Object.entries(step)) {
    if (field === 'tag') monitorOptions.push(tuple(atom('tag'), decodeJson(value, lookup)));
    if (field === 'alias') monitorOptions.push(tuple(atom('alias'), atom(value as string)));
  }
  if (monitorOptions.length > 0) args['monitor_opts'] = monitorOptions;
  return { op, args, ops, term: tuple(atom(op) as Atom, struct(args)) as unknown as readonly [Atom, Arguments] };
}

function encodeField(field: string, value: Json, lookup: Lookup): unknown {
  if (typeof value === 'boolean' || typeof value === 'number') return value;
  switch (field) {
    case 'as':
    case 'child':
    case 'monitor':
      return value;
    case 'reply':
    case 'item':
    case 'type':
      return atom(value as string);
    case 'node':
      return typeof value === 'string' ? lookup('node', value) : decodeJson(value, lookup);
    case 'options':
      return (value as Json[]).map((option) =>
        typeof option === 'string' ? atom(option) : decodeJson(option, lookup),
      );
    case 'then':
      return encodeThen(value as Fields, lookup);
    default:
      return decodeJson(value, lookup);
  }
}

function encodeThen(value: Fields, lookup: Lookup): unknown {
  const [[how, reason] = ['return', true]] = Object.entries(value);
  return how === 'return' ? atom('return') : tuple(atom(how), decodeJson(reason, lookup));
}

function encodeSeq(steps: readonly Fields[], lookup: Lookup): Operation[] {
  const made = new Set<string>();
  const within: Lookup = (kind, name) => {
    const value = lookup(kind, name);
    return value === undefined && made.has(`${kind} ${name}`) ? tuple(VARIABLE, atom(kind), name) : value;
  };
  return steps.map((step) => {
    const encoded = encodeStep(step, within);
    for (const [kind, name] of namesMade(encoded)) made.add(`${kind} ${name}`);
    return encoded;
  });
}

/** What an operation gives a name to, as far as its own result tells. */
export function namesMade({ op, args }: Operation): readonly (readonly [Kind, string])[] {
  const { as, monitor } = args as { as?: string; monitor?: string };
  if (as === undefined) return [];
  if (op !== 'spawn') return [['ref', as]];
  return monitor === undefined
    ? [['pid', as]]
    : [
        ['pid', as],
        ['ref', monitor],
      ];
}
