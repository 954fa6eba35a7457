/**
 * Control messages to signals: all operations, those of older nodes and those with a trace token (which is dropped)
 * included, since a node sends its oldest forms for what it queued before it was connected. Anything else - an unknown
 * operation, a wrong number of elements, a wrong type - is a WireError, and the end of the connection.
 */
import { Atom } from '../term/atom.ts';
import { WireError } from '../errors.ts';
import { Pid } from '../term/pid.ts';
import { Ref } from '../term/ref.ts';
import type { Signal } from '../term/signal.ts';
import { Tuple } from '../term/tuple.ts';
import * as Op from './control-ops.ts';
import * as Tag from './tags.ts';
import type { TermReader } from './term-reader.ts';

/** A signal whose payload, if any, was not decoded yet: that field is undefined. */
export interface PendingSignal {
  readonly signal: Signal;
  /** Which field follows in the frame. */
  readonly payload: 'message' | 'reason' | 'args' | null;
}

const UNLINK_ID_MAX = 2n ** 64n - 1n;

/** @throws `bad_frame` (WireError) */
export function readControl(reader: TermReader): PendingSignal {
  const common = readCommon(reader);
  if (common !== null) return common;
  const start = reader.position;
  const value = reader.term();
  if (!(value instanceof Tuple)) throw new WireError('a control message is not a tuple', start);
  return new ControlFields(value, start).signal();
}

/**
 * The operations that nearly all frames carry, field by field, without a tuple made of them. Null for anything else, and for
 * one with a wrong field: then nothing has been read, and the general way says what is wrong.
 */
function readCommon(reader: TermReader): PendingSignal | null {
  const { bytes, position } = reader;
  if (reader.end - position < 4 || bytes[position] !== Tag.SMALL_TUPLE || bytes[position + 2] !== Tag.SMALL_INTEGER) {
    return null;
  }
  reader.position = position + 4;
  const pending = readMessage(reader, bytes[position + 3] as number, bytes[position + 1] as number);
  if (pending === null) reader.position = position;
  return pending;
}

function readMessage(reader: TermReader, op: number, size: number): PendingSignal | null {
  const message = undefined;
  if (op === Op.SEND_SENDER && size === 3) {
    const from = reader.term();
    const to = reader.term();
    if (from instanceof Pid && to instanceof Pid)
      return { signal: { kind: 'send', from, to, message }, payload: 'message' };
  } else if (op === Op.ALIAS_SEND && size === 3) {
    const from = reader.term();
    const alias = reader.term();
    if (from instanceof Pid && alias instanceof Ref) {
      return { signal: { kind: 'sendAlias', from, alias, message }, payload: 'message' };
    }
  } else if (op === Op.REG_SEND && size === 4) {
    const from = reader.term();
    reader.term();
    const name = reader.term();
    if (from instanceof Pid && name instanceof Atom) {
      return { signal: { kind: 'sendName', from, name, message }, payload: 'message' };
    }
  }
  return null;
}

/** Puts the payload into the pending signal, which is then whole. */
export function completeSignal(pending: PendingSignal, payload: unknown): Signal {
  // The signal was made for this; a copy would be one more object for each message.
  const signal = pending.signal as { message?: unknown; reason?: unknown; args?: unknown };
  if (pending.payload === 'message') signal.message = payload;
  else if (pending.payload === 'reason') signal.reason = payload;
  else if (pending.payload === 'args') signal.args = payload;
  return pending.signal;
}

/** The elements of a control tuple, taken with a check of each one's type. */
class ControlFields {
  readonly #fields: readonly unknown[];
  readonly #start: number;

  constructor(fields: readonly unknown[], start: number) {
    this.#fields = fields;
    this.#start = start;
  }

  signal(): PendingSignal {
    return this.#message() ?? this.#link() ?? this.#exit() ?? this.#monitor() ?? this.#spawn() ?? this.#unknown();
  }

  #message(): PendingSignal | null {
    const message = undefined;
    switch (this.#fields[0]) {
      case Op.SEND:
      case Op.SEND_TT:
        this.#size(3, Op.SEND_TT);
        return { signal: { kind: 'send', from: null, to: this.#pid(2), message }, payload: 'message' };
      case Op.SEND_SENDER:
      case Op.SEND_SENDER_TT:
        this.#size(3, Op.SEND_SENDER_TT);
        return { signal: { kind: 'send', from: this.#pid(1), to: this.#pid(2), message }, payload: 'message' };
      case Op.REG_SEND:
      case Op.REG_SEND_TT:
        this.#size(4, Op.REG_SEND_TT);
        return { signal: { kind: 'sendName', from: this.#pid(1), name: this.#name(3), message }, payload: 'message' };
      case Op.ALIAS_SEND:
      case Op.ALIAS_SEND_TT:
        this.#size(3, Op.ALIAS_SEND_TT);
        return { signal: { kind: 'sendAlias', from: this.#pid(1), alias: this.#ref(2), message }, payload: 'message' };
      default:
        return null;
    }
  }

  #link(): PendingSignal | null {
    switch (this.#fields[0]) {
      case Op.LINK:
        this.#size(3);
        return { signal: { kind: 'link', from: this.#pid(1), to: this.#pid(2) }, payload: null };
      case Op.UNLINK:
        this.#size(3);
        return { signal: { kind: 'unlink', id: null, from: this.#pid(1), to: this.#pid(2) }, payload: null };
      case Op.UNLINK_ID:
        this.#size(4);
        return { signal: { kind: 'unlink', id: this.#id(1), from: this.#pid(2), to: this.#pid(3) }, payload: null };
      case Op.UNLINK_ID_ACK:
        this.#size(4);
        return { signal: { kind: 'unlinkAck', id: this.#id(1), from: this.#pid(2), to: this.#pid(3) }, payload: null };
      case Op.GROUP_LEADER:
        this.#size(3);
        return { signal: { kind: 'groupLeader', from: this.#pid(1), to: this.#pid(2) }, payload: null };
      default:
        return null;
    }
  }

  #exit(): PendingSignal | null {
    switch (this.#fields[0]) {
      case Op.EXIT:
      case Op.EXIT_TT:
        this.#size(4, Op.EXIT_TT);
        return { signal: { kind: 'linkExit', ...this.#fromTo(), reason: this.#fields.at(-1) }, payload: null };
      case Op.EXIT2:
      case Op.EXIT2_TT:
        this.#size(4, Op.EXIT2_TT);
        return { signal: { kind: 'exit', ...this.#fromTo(), reason: this.#fields.at(-1) }, payload: null };
      case Op.PAYLOAD_EXIT:
      case Op.PAYLOAD_EXIT_TT:
        this.#size(3, Op.PAYLOAD_EXIT_TT);
        return { signal: { kind: 'linkExit', ...this.#fromTo(), reason: undefined }, payload: 'reason' };
      case Op.PAYLOAD_EXIT2:
      case Op.PAYLOAD_EXIT2_TT:
        this.#size(3, Op.PAYLOAD_EXIT2_TT);
        return { signal: { kind: 'exit', ...this.#fromTo(), reason: undefined }, payload: 'reason' };
      default:
        return null;
    }
  }

  #monitor(): PendingSignal | null {
    switch (this.#fields[0]) {
      case Op.MONITOR_P:
      case Op.DEMONITOR_P: {
        this.#size(4);
        const kind = this.#fields[0] === Op.MONITOR_P ? 'monitor' : 'demonitor';
        return { signal: { kind, from: this.#pid(1), to: this.#pidOrName(2), ref: this.#ref(3) }, payload: null };
      }
      case Op.MONITOR_P_EXIT:
        this.#size(5);
        return { signal: { kind: 'down', ...this.#downFields(), reason: this.#fields[4] }, payload: null };
      case Op.PAYLOAD_MONITOR_P_EXIT:
        this.#size(4);
        return { signal: { kind: 'down', ...this.#downFields(), reason: undefined }, payload: 'reason' };
      default:
        return null;
    }
  }

  #spawn(): PendingSignal | null {
    switch (this.#fields[0]) {
      case Op.SPAWN_REQUEST:
      case Op.SPAWN_REQUEST_TT:
        this.#size(6, Op.SPAWN_REQUEST_TT);
        return this.#spawnRequest();
      case Op.SPAWN_REPLY:
      case Op.SPAWN_REPLY_TT: {
        this.#size(5, Op.SPAWN_REPLY_TT);
        const flags = this.#integer(3, 0, 0xffff_ffff);
        const linked = (flags & Op.SPAWN_LINKED) !== 0;
        const monitored = (flags & Op.SPAWN_MONITORED) !== 0;
        const fields = { ref: this.#ref(1), to: this.#pid(2), linked, monitored, result: this.#pidOrName(4) };
        return { signal: { kind: 'spawnReply', ...fields }, payload: null };
      }
      default:
        return null;
    }
  }

  #spawnRequest(): PendingSignal {
    const mfa = this.#fields[4];
    const options = this.#fields[5];
    if (!(mfa instanceof Tuple) || mfa.length !== 3) this.#fail('element 5 is not {Module, Function, Arity}');
    if (!Array.isArray(options) || options instanceof Tuple) this.#fail('element 6 is not a list');
    const called = new ControlFields(mfa as readonly unknown[], this.#start);
    return {
      signal: {
        kind: 'spawnRequest',
        ref: this.#ref(1),
        from: this.#pid(2),
        groupLeader: this.#fields[3],
        module: called.#name(0),
        fn: called.#name(1),
        arity: called.#integer(2, 0, 255),
        options: options as readonly unknown[],
        args: undefined,
      },
      payload: 'args',
    };
  }

  #fromTo(): { readonly from: Pid; readonly to: Pid } {
    return { from: this.#pid(1), to: this.#pid(2) };
  }

  #downFields(): { readonly from: Pid | Atom; readonly to: Pid; readonly ref: Ref } {
    return { from: this.#pidOrName(1), to: this.#pid(2), ref: this.#ref(3) };
  }

  #size(size: number, traced?: number): void {
    const expected = this.#fields[0] === traced ? size + 1 : size;
    if (this.#fields.length !== expected) this.#fail(`it has ${this.#fields.length} elements, not ${expected}`);
  }

  #pid(index: number): Pid {
    const value = this.#fields[index];
    return value instanceof Pid ? value : this.#wrong(index, 'a pid');
  }

  #ref(index: number): Ref {
    const value = this.#fields[index];
    return value instanceof Ref ? value : this.#wrong(index, 'a reference');
  }

  #pidOrName(index: number): Pid | Atom {
    const value = this.#fields[index];
    return value instanceof Pid ? value : this.#name(index);
  }

  /**
   * A name may be any atom. Four of them are JavaScript values; nobody is registered under those here, but the answer
   * must carry the name, and the peer has done nothing wrong: so an atom that equals no other.
   */
  #name(index: number): Atom {
    const value = this.#fields[index];
    if (value instanceof Atom) return value;
    if (value === null) return new Atom('nil');
    if (value === undefined && index < this.#fields.length) return new Atom('undefined');
    return typeof value === 'boolean' ? new Atom(String(value)) : this.#wrong(index, 'an atom');
  }

  #id(index: number): bigint {
    const value = this.#fields[index];
    const id = typeof value === 'number' && Number.isInteger(value) ? BigInt(value) : value;
    if (typeof id !== 'bigint' || id < 1n || id > UNLINK_ID_MAX) return this.#wrong(index, 'an integer of 1 to 2^64-1');
    return id;
  }

  #integer(index: number, min: number, max: number): number {
    const value = this.#fields[index];
    const isRight = typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max;
    return isRight ? value : this.#wrong(index, `an integer of ${min} to ${max}`);
  }

  #wrong(index: number, expected: string): never {
    return this.#fail(`element ${index + 1} is not ${expected}`);
  }

  #unknown(): never {
    return this.#fail('its operation is unknown');
  }

  #fail(what: string): never {
    throw new WireError(`cannot take control message ${String(this.#fields[0])}: ${what}`, this.#start);
  }
}
