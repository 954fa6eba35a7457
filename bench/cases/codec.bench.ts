/** A small tuple to bytes and back, next to what Node has for that. */
import { deserialize, serialize } from 'node:v8';
import { TermReader } from '../../runtime/codec/term-reader.ts';
import { TermWriter } from '../../runtime/codec/term-writer.ts';
import { decodeTerm, encodeTerm } from '../../runtime/codec/terms.ts';
import { atom, tuple } from '../../runtime/index.ts';
import type { BenchCase, Samples, Size } from '../case.ts';
import { measureRate } from '../measure.ts';

const BATCH = 5000;

async function measureCodec(size: Size, value: unknown, thereAndBack: (value: unknown) => unknown): Promise<Samples> {
  const batch = size.of(BATCH, 10);
  let last: unknown;
  const rate = await measureRate(size, batch, () => {
    for (let i = 0; i < batch; i++) last = thereAndBack(value);
  });
  if (!Array.isArray(last) || last.length !== 3 || last[1] !== 42) throw new Error(`came back as ${String(last)}`);
  return { rate };
}

const term = tuple(atom('reply'), 42, 'hello');

/** As a connection does it: many terms into one buffer, read in place. */
function createKeptBuffer(): (value: unknown) => unknown {
  const writer = new TermWriter(4096);
  return (value) => {
    writer.position = 0;
    writer.term(value);
    return new TermReader(writer.buffer, 0, writer.position).term();
  };
}

export const codecCase: BenchCase = {
  name: 'codec',
  about: '{reply, 42, <<"hello">>} to bytes and back',
  figures: { rate: 'per_s' },
  variants: [
    { name: 'quorate, one buffer', run: (size) => measureCodec(size, term, createKeptBuffer()) },
    {
      name: 'quorate, bytes of their own',
      run: (size) => measureCodec(size, term, (value) => decodeTerm(encodeTerm(value))),
    },
    { name: 'v8', run: (size) => measureCodec(size, ['reply', 42, 'hello'], (value) => deserialize(serialize(value))) },
  ],
  goals: [
    { figure: 'rate', of: 'quorate, one buffer', to: 'v8', atLeast: 8 },
    { figure: 'rate', of: 'quorate, bytes of their own', to: 'v8' },
  ],
};
