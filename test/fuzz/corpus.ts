/** Real input to start from: terms and frames as nodes send them, of every kind that the wire has, and terms of every kind that can be sent. */
import fc from 'fast-check';
import { splitFragments } from '../../runtime/codec/fragments.ts';
import { signalPayload, writeControl } from '../../runtime/codec/control.ts';
import { TermWriter } from '../../runtime/codec/term-writer.ts';
import { encodeChallenge, encodeName, encodeReply, encodeStatus } from '../../runtime/dist/handshake-messages.ts';
import {
  encodeEpmdRequest,
  encodeNamesAnswer,
  encodePortAnswer,
  encodeRegisterAnswer,
  ourRegistration,
} from '../../runtime/dist/epmd-messages.ts';
import { nameAtom } from '../../runtime/term/atom.ts';
import { Exit } from '../../runtime/term/exit-reason.ts';
import { Pid } from '../../runtime/term/pid.ts';
import { Ref } from '../../runtime/term/ref.ts';
import type { Signal } from '../../runtime/term/signal.ts';
import { anyTerm } from '../kit/arbitrary-terms.ts';

export const PEER: string = 'peer@127.0.0.1';
export const SELF: string = 'test@nohost';
const CREATION = 7;

export interface Corpus {
  /** Encoded terms, without version byte. */
  readonly terms: readonly Uint8Array[];
  /** Frames of an established connection, with header. */
  readonly frames: readonly Uint8Array[];
  readonly handshakes: readonly Uint8Array[];
  readonly epmd: readonly Uint8Array[];
}

export function makeCorpus(seed: number): Corpus {
  const values = fc.sample(anyTerm, { numRuns: 400, seed });
  const terms = values.map((value) => termBytes(value));
  const signals = values.slice(0, 60).flatMap((value, i) => signalsWith(value, i));
  const frames = signals.flatMap((signal) => framesOf(signal));
  return { terms, frames, handshakes: handshakes(), epmd: epmdRequests() };
}

function termBytes(value: unknown): Uint8Array {
  const writer = new TermWriter();
  writer.term(value);
  return writer.copy();
}

/** One of each kind, between a process of the peer and one of ours. */
function signalsWith(value: unknown, i: number): Signal[] {
  const from = new Pid(nameAtom(PEER), 1 + i, 0, 9);
  const to = new Pid(nameAtom(SELF), 1 + (i % 4), 0, CREATION);
  const ref = new Ref(nameAtom(PEER), 9, i, 2, 3);
  const name = nameAtom('sink');
  const id = BigInt(i + 1);
  return [
    { kind: 'send', from, to, message: value },
    { kind: 'sendName', from, name, message: value },
    { kind: 'sendAlias', from, alias: new Ref(nameAtom(SELF), CREATION, i, 2, 3), message: value },
    { kind: 'link', from, to },
    { kind: 'unlink', id, from, to },
    { kind: 'unlinkAck', id, from, to },
    { kind: 'linkExit', from, to, reason: value },
    { kind: 'exit', from, to, reason: i % 2 === 0 ? Exit.kill : value },
    { kind: 'monitor', from, to: i % 2 === 0 ? to : name, ref },
    { kind: 'demonitor', from, to: i % 2 === 0 ? to : name, ref },
    { kind: 'down', from: i % 2 === 0 ? from : name, to, ref, reason: value },
    {
      kind: 'spawnRequest',
      ref,
      from,
      groupLeader: from,
      module: nameAtom('lists'),
      fn: nameAtom('map'),
      arity: 1,
      options: [nameAtom('monitor')],
      args: [value],
    },
    { kind: 'spawnReply', ref, to, linked: true, monitored: false, result: from },
  ];
}

function framesOf(signal: Signal): Uint8Array[] {
  const writer = new TermWriter();
  writeControl(writer, signal);
  const control = writer.copy();
  const carried = signalPayload(signal);
  const payload = carried === null ? new Uint8Array(0) : termBytes(carried.value);
  const whole = Buffer.concat([new Uint8Array([131, 68, 0]), control, payload]);
  if (payload.length < 20) return [whole];
  const partBytes = Math.ceil(payload.length / 3);
  return [
    whole,
    ...splitFragments(control, payload, 1n, partBytes).map(({ head, part }) => Buffer.concat([head, part])),
  ];
}

function handshakes(): Uint8Array[] {
  const hello = new Uint8Array([1, 2, 3]);
  return [
    encodeName({ name: PEER, flags: 0xd07df7fbdn, creation: 9, hello }),
    encodeStatus('true'),
    encodeStatus('ok_simultaneous'),
    encodeReply(5, new Uint8Array(16)),
    Buffer.concat([Buffer.from([0x61]), new Uint8Array(16)]),
    encodeChallenge({ name: PEER, flags: 0xd07df7fbdn, creation: 9, hello, challenge: 77 }),
  ];
}

function epmdRequests(): Uint8Array[] {
  return [
    encodeEpmdRequest({ kind: 'port', name: 'peer' }).subarray(2),
    encodeEpmdRequest({ kind: 'names' }).subarray(2),
    encodeEpmdRequest({ kind: 'register', registration: ourRegistration('peer', 5000, true) }).subarray(2),
    encodePortAnswer(ourRegistration('peer', 5000, true)),
    encodeRegisterAnswer(6, 9),
    encodeNamesAnswer(4369, [{ name: 'peer', port: 5000 }]),
  ];
}
