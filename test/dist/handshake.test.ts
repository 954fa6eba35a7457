import assert from 'node:assert/strict';
import { test } from 'node:test';
import { challengeDigest } from '../../runtime/dist/digest.ts';
import {
  decideAcceptor,
  startAcceptor,
  startDialler,
  stepAcceptor,
  stepDialler,
} from '../../runtime/dist/handshake.ts';
import type { AcceptorState, DiallerState, HandshakeEffect, HandshakeLocal } from '../../runtime/dist/handshake.ts';
import {
  encodeAck,
  encodeChallenge,
  encodeName,
  encodeReply,
  encodeStatus,
  parseChallenge,
  parseName,
  sameDigest,
} from '../../runtime/dist/handshake-messages.ts';

const FLAG_A = 1n;
const FLAG_B = 2n;
const MANDATORY = 4n;

function local(name: string, cookie = 'secret', flags = FLAG_A | FLAG_B | MANDATORY): HandshakeLocal {
  return {
    name,
    creation: 7,
    flags,
    hello: new Uint8Array([1, 2, 3]),
    digestOf: (challenge) => challengeDigest(cookie, challenge),
    missingFlags: (others) => ((others & MANDATORY) === 0n ? ['MANDATORY'] : []),
  };
}

const a = local('a@h');
const b = local('b@h');

function sent(effects: readonly HandshakeEffect[]): readonly Uint8Array[] {
  return effects.flatMap((effect) => (effect.kind === 'send' ? [effect.body] : []));
}

function failureOf(effects: readonly HandshakeEffect[]): string | undefined {
  return effects.map((effect) => (effect.kind === 'failed' ? effect.failure : undefined)).find(Boolean);
}

/** Runs both sides to the end; gives all effects of both. */
function run(dialler: HandshakeLocal, acceptor: HandshakeLocal, verdict: 'ok' | 'ok_simultaneous' | 'alive') {
  let near: DiallerState = { phase: 'status' };
  let far: AcceptorState = startAcceptor().state;
  const start = startDialler(dialler);
  const effects = { dialler: [...start.effects], acceptor: [] as HandshakeEffect[] };
  const toAcceptor = [...sent(start.effects)];
  const toDialler: Uint8Array[] = [];
  while (toAcceptor.length + toDialler.length > 0) {
    const inbound = toAcceptor.shift();
    if (inbound !== undefined) {
      let step = stepAcceptor(far, inbound, acceptor, 22);
      effects.acceptor.push(...step.effects);
      if (step.effects.some((effect) => effect.kind === 'claimed')) {
        step = decideAcceptor(step.state, verdict, acceptor, 22);
        effects.acceptor.push(...step.effects);
      }
      far = step.state;
      toDialler.push(...sent(step.effects));
      continue;
    }
    const step = stepDialler(near, toDialler.shift() as Uint8Array, dialler, acceptor.name, 11);
    near = step.state;
    effects.dialler.push(...step.effects);
    toAcceptor.push(...sent(step.effects));
  }
  return effects;
}

test('the digest is the MD5 of the cookie and the decimal challenge', () => {
  // md5("cookie123")
  assert.equal(Buffer.from(challengeDigest('cookie', 123)).toString('hex'), '538d8614340a769da7ef34a8d2e0938a');
});

test('digests are compared as a whole', () => {
  const digest = challengeDigest('x', 1);
  const other = digest.slice();
  assert.equal(sameDigest(digest, other), true);
  other[15] = (other[15] as number) ^ 1;
  assert.equal(sameDigest(digest, other), false);
  assert.equal(sameDigest(digest, digest.subarray(0, 15)), false);
  assert.equal(sameDigest(digest.subarray(0, 15), digest), false);
});

for (const verdict of ['ok', 'ok_simultaneous', 'alive'] as const) {
  test(`two nodes with one cookie prove themselves to each other after the status ${verdict}`, () => {
    const effects = run(a, local('b@h', 'secret', FLAG_B | MANDATORY | 8n), verdict);
    const proved = (side: readonly HandshakeEffect[]) => side.flatMap((e) => (e.kind === 'proved' ? [e.peer] : []));
    assert.deepEqual(proved(effects.dialler), [
      { name: 'b@h', creation: 7, flags: FLAG_B | MANDATORY, hello: new Uint8Array([1, 2, 3]) },
    ]);
    assert.equal(proved(effects.acceptor)[0]?.name, 'a@h');
    assert.equal(proved(effects.acceptor)[0]?.flags, FLAG_B | MANDATORY);
  });
}

test('with another cookie the acceptor says nothing more and fails', () => {
  const effects = run(local('a@h', 'wrong'), b, 'ok');
  assert.equal(failureOf(effects.acceptor), 'bad_cookie');
  assert.equal(effects.acceptor.filter((effect) => effect.kind === 'proved').length, 0);
  assert.equal(effects.dialler.filter((effect) => effect.kind === 'proved').length, 0);
});

test('a dialler refuses an acceptor that does not prove the cookie', () => {
  const step = stepDialler(
    { phase: 'ack', peer: { name: 'b@h', creation: 1, flags: 4n, hello: new Uint8Array(0) } },
    encodeAck(challengeDigest('wrong', 11)),
    a,
    'b@h',
    11,
  );
  assert.equal(failureOf(step.effects), 'bad_cookie');
});

test('a node without a mandatory flag is told not_allowed', () => {
  const step = stepAcceptor({ phase: 'name' }, encodeName(local('a@h', 'secret', FLAG_A)), b, 22);
  assert.deepEqual(sent(step.effects), [encodeStatus('not_allowed')]);
  assert.equal(failureOf(step.effects), 'missing_flags');
});

test('a dialler gives up an acceptor without a mandatory flag', () => {
  const challenge = encodeChallenge({ ...local('b@h', 'secret', FLAG_A), challenge: 22 });
  assert.equal(failureOf(stepDialler({ phase: 'challenge' }, challenge, a, 'b@h', 11).effects), 'missing_flags');
});

test('a node that wants its name from us is told not_allowed', () => {
  const step = stepAcceptor({ phase: 'name' }, encodeName({ ...local('h'), flags: (1n << 33n) | MANDATORY }), b, 22);
  assert.deepEqual(sent(step.effects), [encodeStatus('not_allowed')]);
});

test('names that are none are refused without an answer', () => {
  for (const name of ['noat', '@x', 'x@', 'a@b@c', 'a b@h', '\u00e4@h', '']) {
    const step = stepAcceptor({ phase: 'name' }, encodeName(local(name)), b, 22);
    assert.equal(failureOf(step.effects), 'bad_name', name);
    assert.deepEqual(sent(step.effects), [], name);
  }
});

test('the node at the address must be the one that was dialled', () => {
  const challenge = encodeChallenge({ ...local('c@h'), challenge: 22 });
  assert.equal(failureOf(stepDialler({ phase: 'challenge' }, challenge, a, 'b@h', 11).effects), 'bad_name');
});

test('nok makes the dialler wait instead of fail', () => {
  const step = stepDialler({ phase: 'status' }, encodeStatus('nok'), a, 'b@h', 11);
  assert.deepEqual(step.effects, [{ kind: 'yield' }]);
});

test('alive is answered with true, and an acceptor that hears false gives way', () => {
  const step = stepDialler({ phase: 'status' }, encodeStatus('alive'), a, 'b@h', 11);
  assert.deepEqual(sent(step.effects), [encodeStatus('true')]);
  const waiting = { phase: 'stillAlive', claim: a } as const;
  assert.deepEqual(stepAcceptor(waiting, encodeStatus('false'), b, 22).effects, [{ kind: 'outdone' }]);
});

test('not_allowed, named: and unknown statuses end the dialler', () => {
  const named = new Uint8Array([0x73, ...Buffer.from('named:\0\x03a@h')]);
  assert.equal(failureOf(stepDialler({ phase: 'status' }, named, a, 'b@h', 1).effects), 'bad_handshake');
  const refused = stepDialler({ phase: 'status' }, encodeStatus('not_allowed'), a, 'b@h', 1);
  assert.equal(failureOf(refused.effects), 'refused_by_peer');
});

test('bytes behind the name are the hello; without them it is empty', () => {
  assert.deepEqual(parseName(encodeName(a))?.hello, new Uint8Array([1, 2, 3]));
  const plain = encodeChallenge({ ...a, hello: new Uint8Array(0), challenge: 5 });
  assert.deepEqual(parseChallenge(plain)?.hello, new Uint8Array(0));
  assert.equal(parseChallenge(plain)?.challenge, 5);
});

test('every message out of turn, cut short or of the old kind ends the handshake', () => {
  const messages = [
    new Uint8Array(0),
    new Uint8Array([0x6e, 0, 5, 0, 0, 0, 0]),
    encodeReply(1, new Uint8Array(16)).subarray(0, 20),
    encodeAck(new Uint8Array(15)),
    encodeName(a).subarray(0, 16),
  ];
  for (const message of messages) {
    for (const phase of ['status', 'challenge', 'done'] as const) {
      const step = stepDialler({ phase }, message, a, 'b@h', 11);
      assert.ok(failureOf(step.effects), `dialler in ${phase}`);
      assert.equal(step.state.phase, 'done');
    }
    for (const state of [{ phase: 'name' }, { phase: 'reply', claim: a }, { phase: 'done' }] as const) {
      assert.ok(failureOf(stepAcceptor(state, message, b, 22).effects), `acceptor in ${state.phase}`);
    }
  }
});
