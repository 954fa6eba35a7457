/** Our encodings against a real Erlang: it must read each one, and what it writes must mean the same to us. */
import fc from 'fast-check';
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { describeTerm } from '../../runtime/term/describe.ts';
import { decodeTerm, encodeTerm } from '../../runtime/codec/terms.ts';
import { equalTerms } from '../../runtime/term/equal.ts';
import { atom } from '../../runtime/term/atom.ts';
import { float } from '../../runtime/term/opaque.ts';
import { tuple } from '../../runtime/term/tuple.ts';
import { anyTerm } from '../kit/arbitrary-terms.ts';
import { evalErl, skipWithoutErl } from '../kit/erl.ts';

const skip = skipWithoutErl();

/** Reads terms with a 4-byte length each, gives `Fun(Term)` of each in the same form; `bad` as an atom when it cannot. */
function throughErl(fun: string, encoded: readonly Uint8Array[]): Promise<Buffer[]> {
  const input = encoded.map((bytes) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return Buffer.concat([length, bytes]);
  });
  const expression = `
    Fun = ${fun},
    Answer = fun(Bytes) ->
      Out = try Fun(Bytes) catch _:_ -> term_to_binary(bad) end,
      [<<(byte_size(Out)):32>>, Out]
    end,
    [Answer(Bytes) || <<Size:32, Bytes:Size/binary>> <= Input]`;
  return evalErl(expression, Buffer.concat(input)).then((output) => {
    const answers: Buffer[] = [];
    for (let at = 0; at < output.length;) {
      const size = output.readUInt32BE(at);
      answers.push(output.subarray(at + 4, at + 4 + size));
      at += 4 + size;
    }
    return answers;
  });
}

test('several hundred random terms are read by Erlang, and mean the same when it writes them', { skip }, async () => {
  const terms = fc.sample(anyTerm, { numRuns: 500, seed: 20 });
  const answers = await throughErl('fun(B) -> term_to_binary(binary_to_term(B)) end', terms.map(encodeTerm));
  assert.equal(answers.length, terms.length);
  terms.forEach((term, i) => {
    const back = decodeTerm(answers[i] as Buffer, { keepFloats: true });
    assert.ok(equalTerms(back, term), `term ${i}: ${describeTerm(term)} came back as ${describeTerm(back)}`);
  });
});

test('two terms are equal to us exactly when Erlang says =:=', { skip }, async () => {
  const terms = fc.sample(anyTerm, { numRuns: 60, seed: 7 });
  const special = [
    1,
    1n,
    float(1),
    1.5,
    'a',
    Buffer.from('a'),
    atom('a'),
    null,
    undefined,
    [],
    {},
    new Map(),
    tuple(),
    [97],
  ];
  const pool = [...terms, ...special];
  const pairs = pool.flatMap((a, i) =>
    pool
      .slice(i % 7)
      .filter((_, j) => j % 5 === 0)
      .map((b) => [a, b] as const),
  );
  for (const a of special) for (const b of special) pairs.push([a, b]);
  const answers = await throughErl(
    'fun(B) -> {X, Y} = binary_to_term(B), term_to_binary(X =:= Y) end',
    pairs.map(([a, b]) => encodeTerm(tuple(a, b))),
  );
  pairs.forEach(([a, b], i) => {
    assert.equal(equalTerms(a, b), decodeTerm(answers[i] as Buffer), `${describeTerm(a)} and ${describeTerm(b)}`);
  });
});

test('what Erlang calls by these names is what we decode', { skip }, async () => {
  const source = [
    ['{ok, 1, 2.0, -0.0, <<"text">>, <<255>>, <<5:3>>}', undefined],
    ['[1, 2 | three]', undefined],
    ["'an atom'", undefined],
    ['#{a => 1, <<"b">> => 2, 3 => 4}', undefined],
    ['"string"', [115, 116, 114, 105, 110, 103]],
    ['fun lists:map/2', undefined],
    ['fun(X) -> X end', undefined],
    ['{self(), make_ref(), hd(erlang:ports())}', undefined],
    ['1 bsl 100', 2n ** 100n],
    ['#{1 => a, 1.0 => b}', undefined],
    ['term_to_binary(lists:seq(1, 1000), [compressed])', undefined],
  ] as const;
  const list = source.map(([text]) => `fun() -> ${text} end`).join(', ');
  const encoded = source.map((_, i) => encodeTerm(i + 1));
  const written = await throughErl(
    `fun(B) -> V = (lists:nth(binary_to_term(B), [${list}]))(), put(B, V), term_to_binary(V) end`,
    encoded,
  );
  const ours = written.map((bytes) => decodeTerm(bytes, { keepFloats: true }));
  source.forEach(([, value], i) => value !== undefined && assert.deepStrictEqual(ours[i], value));
  const again = await throughErl(
    'fun(B) -> {A, C} = binary_to_term(B), term_to_binary(binary_to_term(A) =:= C) end',
    ours.map((value, i) => encodeTerm(tuple(new Uint8Array(written[i] as Buffer), value))),
  );
  again.forEach((bytes, i) => assert.equal(decodeTerm(bytes), true, `${source[i]?.[0]} changed on its way`));
  assert.deepStrictEqual(
    decodeTerm(ours.at(-1) as Uint8Array),
    Array.from({ length: 1000 }, (_, i) => i + 1),
  );
});

test('the check against Erlang notices a term that it cannot read', { skip }, async () => {
  const nan = Buffer.from('83467ff8000000000000', 'hex');
  const [answer] = await throughErl('fun(B) -> term_to_binary(binary_to_term(B)) end', [nan]);
  assert.deepStrictEqual(decodeTerm(answer as Buffer), atom('bad'));
});
