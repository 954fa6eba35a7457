/**
 * What is fuzzed, each with what must hold. Everywhere: the only error is a `WireError` whose offset lies in the input; what is accepted is
 * whole (it can be encoded again, to the same bytes each time); and nothing that comes from a peer throws inside the node.
 */
import assert from 'node:assert/strict';
import { AtomBudget } from '../../runtime/codec/atom-budget.ts';
import { completeSignal } from '../../runtime/codec/control.ts';
import { FrameParser } from '../../runtime/codec/frame.ts';
import { TermReader } from '../../runtime/codec/term-reader.ts';
import { TermWriter } from '../../runtime/codec/term-writer.ts';
import { decodeTerm, encodeTerm } from '../../runtime/codec/terms.ts';
import {
  parseEpmdRequest,
  parseNamesAnswer,
  parsePortAnswer,
  parseRegisterAnswer,
} from '../../runtime/dist/epmd-messages.ts';
import {
  decideAcceptor,
  startAcceptor,
  startDialler,
  stepAcceptor,
  stepDialler,
  type HandshakeLocal,
} from '../../runtime/dist/handshake.ts';
import { Inbox } from '../../runtime/dist/inbox.ts';
import { NotSendableError, WireError } from '../../runtime/errors.ts';
import type { Scheduler } from '../../runtime/process/scheduler.ts';
import type { Self } from '../../runtime/process/self.ts';
import { nameAtom } from '../../runtime/term/atom.ts';
import { createTestScheduler } from '../kit/scheduler.ts';
import type { Random } from '../sim/random.ts';
import { PEER, type Corpus } from './corpus.ts';
import { mutate } from './mutate.ts';

export interface Target {
  readonly name: string;
  /** Share of all inputs. */
  readonly weight: number;
  make(random: Random, corpus: Corpus): Uint8Array;
  /** Gives whether the input was accepted; throws when something does not hold. */
  run(input: Uint8Array, random: Random): boolean;
}

const ATOMS_MAX = 5_000;
const BYTES_MAX = 1_000_000;
/** A node of the frames target lives for that many inputs. */
const NODE_LIFE = 2_000;

/** False for a WireError at a place in the input; everything else goes on as a failure. */
function acceptsOrRefuses(length: number, run: () => void): boolean {
  try {
    run();
    return true;
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    assert.ok(error.offset >= 0 && error.offset <= length, `offset ${error.offset} of ${length}`);
    return false;
  }
}

const terms: Target = {
  name: 'terms',
  weight: 5,
  make: (random, { terms: all }) => mutate(random, random.pick(all), all),
  run(input) {
    let term: unknown;
    const options = { keepFloats: true, atoms: new AtomBudget(ATOMS_MAX) };
    const isTerm = acceptsOrRefuses(
      input.length,
      () => (term = new TermReader(input, 0, input.length, options).term()),
    );
    if (!isTerm) return false;
    const once = encoded(term);
    if (once === null) return true;
    assert.deepEqual(encodeTerm(decodeTerm(once, { keepFloats: true })), once);
    return true;
  },
};

/** Null when the term is nested deeper than what we send: more is taken than sent. */
function encoded(term: unknown): Uint8Array | null {
  try {
    return encodeTerm(term);
  } catch (error) {
    if (error instanceof NotSendableError && error.message.includes('too deep')) return null;
    throw error;
  }
}

interface FuzzedNode {
  readonly scheduler: Scheduler;
  readonly inbox: Inbox;
}

function startFuzzedNode(): FuzzedNode {
  const scheduler = createTestScheduler();
  const process = async (self: Self): Promise<void> => {
    self.trapExit(true);
    await self.receive(() => false);
  };
  for (let i = 0; i < 4; i++) scheduler.spawn(process, i === 0 ? { name: 'sink' } : {});
  const atoms = new AtomBudget(ATOMS_MAX);
  const inbox = new Inbox({ node: nameAtom(PEER), fragments: true, bytesMax: BYTES_MAX, atoms }, (pending, payload) => {
    const options = { atoms, pid: scheduler.canonical.bind(scheduler) };
    const value = payload === null ? undefined : new TermReader(payload, 0, payload.length, options).term();
    scheduler.onSignal(completeSignal(pending, value));
  });
  return { scheduler, inbox };
}

function createFrames(): Target {
  let node: FuzzedNode | null = null;
  let life = 0;
  return {
    name: 'frames into a node',
    weight: 5,
    make: (random, { frames }) =>
      random.chance(0.02) ? random.pick(frames) : mutate(random, random.pick(frames), frames),
    run(input) {
      if (node === null || life === 0) {
        node?.scheduler.stop('its life is over');
        node = startFuzzedNode();
        life = NODE_LIFE;
      }
      life -= 1;
      const { inbox } = node;
      return acceptsOrRefuses(BYTES_MAX + input.length, () => inbox.take(input));
    },
  };
}

const streams: Target = {
  name: 'streams',
  weight: 1,
  make(random, { frames }) {
    const whole = Array.from({ length: 1 + random.below(4) }, () => withLength(random.pick(frames)));
    const stream = Buffer.concat(whole);
    return random.chance(0.3) ? stream : mutate(random, stream, frames);
  },
  run(input, random) {
    const cut = parseStream(input, () => 1 + random.below(random.chance(0.5) ? 8 : 2_000));
    const once = parseStream(input, () => input.length);
    assert.deepEqual(cut, once, 'the frames depend on how the stream was cut');
    return once !== null;
  },
};

/** The frames of a stream that comes in pieces of such sizes; null when one is refused. */
function parseStream(input: Uint8Array, size: () => number): Uint8Array[] | null {
  const parser = new FrameParser({ lengthBytes: 4, frameBytesMax: 50_000 });
  const frames: Uint8Array[] = [];
  const isStream = acceptsOrRefuses(input.length, () => {
    for (let at = 0; at < input.length;) {
      const end = Math.min(input.length, at + Math.max(1, size()));
      parser.push(input.subarray(at, end));
      at = end;
      for (let frame = parser.next(); frame !== null; frame = parser.next()) frames.push(Buffer.from(frame));
      assert.ok(parser.bufferedBytes <= at);
    }
  });
  return isStream ? frames : null;
}

function withLength(body: Uint8Array): Uint8Array {
  const writer = new TermWriter();
  writer.u32(body.length);
  writer.bytes(body);
  return writer.copy();
}

const local: HandshakeLocal = {
  name: 'test@nohost',
  creation: 7,
  flags: 0xd07df7fbdn,
  hello: new Uint8Array(0),
  digestOf: () => new Uint8Array(16).fill(9),
  missingFlags: () => [],
};

const handshakes: Target = {
  name: 'handshakes',
  weight: 1,
  make: (random, corpus) => mutate(random, random.pick(corpus.handshakes), corpus.handshakes),
  run(input, random) {
    const accepted = stepAcceptor(startAcceptor().state, input, local, 5);
    const verdict = random.pick(['ok', 'alive', 'nok', 'not_allowed', 'ok_simultaneous'] as const);
    if (accepted.state.phase === 'verdict') {
      stepAcceptor(decideAcceptor(accepted.state, verdict, local, 5).state, input, local, 5);
    }
    const dialled = stepDialler(startDialler(local).state, input, local, PEER, 5);
    const effects = [...accepted.effects, ...dialled.effects];
    assert.ok(
      effects.every(({ kind }) => kind !== 'proved'),
      'nobody proves the cookie by chance',
    );
    return (
      accepted.effects.every(({ kind }) => kind !== 'failed') || dialled.effects.every(({ kind }) => kind !== 'failed')
    );
  },
};

const epmd: Target = {
  name: 'epmd',
  weight: 1,
  make: (random, corpus) => mutate(random, random.pick(corpus.epmd), corpus.epmd),
  run(input) {
    const request = parseEpmdRequest(input);
    parsePortAnswer(input);
    parseRegisterAnswer(input);
    for (const { port } of parseNamesAnswer(input)) assert.ok(Number.isInteger(port));
    return request !== null;
  },
};

export function createTargets(): readonly Target[] {
  return [terms, createFrames(), streams, handshakes, epmd];
}
