/** The signals of our processes against recordings of OTP 25. Skips when the kit is not beside the checkout; `npm run conformance` runs all of it. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { skipWithoutErl } from '../kit/erl.ts';
import { compareTraces, filesFor, findSignalsKit, runInProgram, type ScenarioFile, type SignalsKit } from './kit.ts';
import type { Placement } from './signals/placements.ts';
import type { Trace } from './signals/scenario.ts';

const kit = findSignalsKit();
/** With real Erlang nodes time has to pass after each step: only what nodes have between them. */
const WITH_ERLANG = ['dist-alias', 'dist-exit', 'dist-names', 'three'];

async function expectAllPass(found: SignalsKit, placement: Placement, files: readonly ScenarioFile[]): Promise<void> {
  assert.ok(files.length > 0);
  const { passed, failed, report } = compareTraces(found, files, await runInProgram('signals', placement, files));
  assert.deepEqual(failed, [], report);
  assert.equal(passed, files.length);
}

describe('signals as OTP 25 has them', { skip: typeof kit === 'string' ? kit : false }, () => {
  const found = kit as SignalsKit;

  test('on one thread', () => expectAllPass(found, 'thread', filesFor(found, 'thread')));

  test('with every process on a thread of its own', () => expectAllPass(found, 'threads', filesFor(found, 'threads')));

  test('between nodes that are killed, disconnected and partitioned', () =>
    expectAllPass(found, 'nodes', filesFor(found, 'nodes')));

  for (const placement of ['otp', 'otp-driver'] as const) {
    const who = placement === 'otp' ? 'our node and nodes of Erlang' : 'a node of Erlang and ours';
    test(`between ${who}`, { skip: skipWithoutErl() }, () => {
      const isChosen = ({ scenario }: ScenarioFile): boolean => WITH_ERLANG.includes(scenario.name.split('/')[0] ?? '');
      return expectAllPass(found, placement, filesFor(found, placement).filter(isChosen));
    });
  }

  test('a trace that is altered, or missing, is noticed', async () => {
    const files = filesFor(found, 'thread').filter(({ scenario }) => scenario.name.startsWith('exit-signal/'));
    const traces = (await runInProgram('signals', 'thread', files)).trim().split('\n');
    const altered = traces.findIndex((line) => line.includes('"killed"'));
    const { name } = JSON.parse(traces[altered] as string) as Trace;
    const missing = (JSON.parse(traces.at(-1) as string) as Trace).name;
    assert.notEqual(name, missing);
    traces[altered] = (traces[altered] as string).replaceAll('"killed"', '"kill"');
    const { failed } = compareTraces(found, files, traces.slice(0, -1).join('\n'));
    assert.deepEqual([...failed].sort(), [name, missing].sort());
  });
});
