import assert from 'node:assert/strict';
import { test } from 'node:test';
import { writeControl } from '../../runtime/codec/control.ts';
import { TermReader } from '../../runtime/codec/term-reader.ts';
import { TermWriter } from '../../runtime/codec/term-writer.ts';
import { AtomBudget } from '../../runtime/codec/atom-budget.ts';
import { Inbox } from '../../runtime/dist/inbox.ts';
import { hasCode } from '../../runtime/errors.ts';
import { nameAtom } from '../../runtime/term/atom.ts';
import { makePid } from '../../runtime/term/pid.ts';
import type { Pid } from '../../runtime/term/pid.ts';

const X = nameAtom('x@h');
const LONG = nameAtom(`${'long'.repeat(20)}@h`);

function sendFrame(head: readonly number[], from: Pid, to: Pid, message: unknown, version = false): Uint8Array {
  const writer = new TermWriter();
  for (const byte of head) writer.u8(byte);
  writeControl(writer, { kind: 'send', from, to, message });
  if (version) writer.u8(131);
  writer.term(message);
  return writer.copy();
}

function collect(fragments: boolean): { readonly inbox: Inbox; readonly lines: string[] } {
  const lines: string[] = [];
  const inbox = new Inbox({ node: X, fragments, bytesMax: 1e6, atoms: new AtomBudget() }, ({ signal }, payload) => {
    const line = signal.kind === 'send' ? `${signal.from?.key} ${signal.to.key}` : signal.kind;
    lines.push(`${line} ${payload === null ? '' : String(new TermReader(payload).term())}`);
  });
  return { inbox, lines };
}

test('repeated sends, interleaved between many pairs whose numbers collide, keep their sender and receiver', () => {
  const { inbox, lines } = collect(true);
  const expected: string[] = [];
  for (let round = 0; round < 3; round++) {
    for (const node of [X, LONG]) {
      for (const id of [1, 2, 65_537, 513, 1_000]) {
        for (const creation of [7, 8]) {
          const from = makePid(node, creation, 0, id);
          const to = makePid(nameAtom('b@h'), creation, 3, id + 512);
          inbox.take(sendFrame([131, 68, 0], from, to, round));
          expected.push(`${from.key} ${to.key} ${round}`);
        }
      }
    }
  }
  assert.deepEqual(lines, expected);
});

test('a repeated send without its payload is as wrong as the first', () => {
  const { inbox, lines } = collect(true);
  const whole = sendFrame([131, 68, 0], makePid(X, 7, 0, 1), makePid(X, 7, 0, 2), 5);
  inbox.take(whole);
  inbox.take(whole);
  const badFrame = (error: unknown): boolean => hasCode(error, 'bad_frame');
  for (let cut = 3; cut < whole.length - 1; cut++) assert.throws(() => inbox.take(whole.subarray(0, cut)), badFrame);
  assert.equal(lines.length, 2);
});

test('frames without a header carry versions, first and repeated', () => {
  const { inbox, lines } = collect(false);
  const from = makePid(X, 7, 0, 1);
  for (let i = 0; i < 3; i++) inbox.take(sendFrame([112, 131], from, from, i, true));
  assert.deepEqual(
    lines.map((line) => line.at(-1)),
    ['0', '1', '2'],
  );
  assert.throws(
    () => inbox.take(sendFrame([112, 131], from, from, 1)),
    (error) => hasCode(error, 'bad_frame'),
  );
  assert.throws(
    () => inbox.take(sendFrame([131, 68, 0], from, from, 1)),
    (error) => hasCode(error, 'bad_frame'),
  );
});
