import assert from 'node:assert/strict';
import { PassThrough, Readable } from 'node:stream';
import { test } from 'node:test';
import type { Reply } from '../../../kv/cli/reply.ts';
import { createJsonOutput, createTextOutput, runCode, runPiped } from '../../../kv/cli/shell.ts';
import type { Evaluate } from '../../../kv/cli/shell.ts';

/** Answers with the code itself; "(" asks for more, "!" throws; each answer takes a while. */
function createEcho(): { evaluate: Evaluate; seen: string[] } {
  const seen: string[] = [];
  const evaluate = async (code: string): Promise<Reply> => {
    seen.push(`begin ${code}`);
    await new Promise((resolve) => setImmediate(resolve));
    seen.push(`end ${code}`);
    if (code.includes('!')) return { kind: 'error', text: 'thrown' };
    return code.includes('(') && !code.includes(')') ? { kind: 'incomplete', text: '' } : { kind: 'value', text: code };
  };
  return { evaluate, seen };
}

interface Collected {
  readonly stream: PassThrough;
  text(): string;
}

function collect(): Collected {
  const stream = new PassThrough();
  let text = '';
  stream.on('data', (chunk: Buffer) => (text += String(chunk)));
  return { stream, text: () => text };
}

const never = new AbortController().signal;

test('piped lines run one after the other, each when the one before has settled', async () => {
  const { evaluate, seen } = createEcho();
  const [out, err] = [collect(), collect()];
  const well = await runPiped(evaluate, Readable.from(['1\n2\n', '\n3']), {
    output: createTextOutput(out.stream, err.stream),
    signal: never,
    mayBeQuoted: false,
  });
  assert.deepEqual([well, out.text(), err.text()], [true, '1\n2\n3\n', '']);
  assert.deepEqual(seen, ['begin 1', 'end 1', 'begin 2', 'end 2', 'begin 3', 'end 3']);
});

test('a statement over several lines is one; where wanted, a line that is a JSON string is the code in it', async () => {
  const { evaluate } = createEcho();
  const out = collect();
  const input = Readable.from(['f(1,\n2)\n', `${JSON.stringify('g(\n3)')}\n`]);
  assert.equal(
    await runPiped(evaluate, input, { output: createJsonOutput(out.stream), signal: never, mayBeQuoted: true }),
    true,
  );
  const lines = out.text().trim().split('\n');
  assert.deepEqual(
    lines.map((line) => JSON.parse(line) as unknown),
    ['f(1,\n2)', 'g(\n3)'].map((text) => ({ event: 'reply', kind: 'value', text })),
  );
});

test('an error does not stop the lines after it, but is not well', async () => {
  const { evaluate } = createEcho();
  const [out, err] = [collect(), collect()];
  const well = await runPiped(evaluate, Readable.from(['!\n2\n']), {
    output: createTextOutput(out.stream, err.stream),
    signal: never,
    mayBeQuoted: false,
  });
  assert.deepEqual([well, out.text(), err.text()], [false, '2\n', 'thrown\n']);
});

test('an input that ends in the middle of a statement is an error', async () => {
  const { evaluate } = createEcho();
  const err = collect();
  assert.equal(
    await runPiped(evaluate, Readable.from(['f(\n']), {
      output: createTextOutput(err.stream, err.stream),
      signal: never,
      mayBeQuoted: false,
    }),
    false,
  );
  assert.match(err.text(), /the input ended within: f\(/);
  assert.equal(await runCode(evaluate, 'f(', createTextOutput(err.stream, err.stream)), false);
});

test('an input that nobody ends stops when it is told to', async () => {
  const { evaluate } = createEcho();
  const stop = new AbortController();
  const done = runPiped(evaluate, new PassThrough(), {
    output: createTextOutput(process.stdout, process.stderr),
    signal: stop.signal,
    mayBeQuoted: false,
  });
  stop.abort();
  assert.equal(await done, true);
});
