/** Our supervisors and servers against recordings of OTP 25. Skips when the kit is not beside the checkout; `npm run conformance` runs all of it. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { compareTraces, findSupervisorsKit, runInProgram, type SupervisorsKit } from './kit.ts';
import { PLACEMENTS } from './supervisors/place.ts';
import { appliesTo, type KitFile } from './supervisors/runner.ts';

const kit = findSupervisorsKit();
/** On threads waits take real time: a group of each kind there, all of them by `npm run conformance`. */
const ON_THREADS = ['one_for_all', 'nested', 'gs_name'];

const WHERE = {
  thread: 'on one thread',
  threads: 'with children and servers spread over worker threads',
  nodes: 'between nodes that are processes of the operating system',
} as const;

describe('supervisors and servers as OTP 25 has them', { skip: typeof kit === 'string' ? kit : false }, () => {
  const found = kit as SupervisorsKit;
  const groupOf = ({ scenario }: KitFile): string => scenario.name.split('/')[0] ?? '';

  for (const placement of PLACEMENTS) {
    test(WHERE[placement], async () => {
      const isChosen = (file: KitFile): boolean => placement !== 'threads' || ON_THREADS.includes(groupOf(file));
      const files = found.files.filter((file) => appliesTo(placement, file) && isChosen(file));
      const { passed, failed, report } = compareTraces(
        found,
        files,
        await runInProgram('supervisors', placement, files),
      );
      assert.deepEqual(failed, [], report);
      assert.ok(passed === files.length && passed > 0);
    });
  }

  test('a trace that is altered, or missing, is noticed', async () => {
    const files = found.files.filter((file) => groupOf(file) === 'one_for_all');
    const traces = (await runInProgram('supervisors', 'thread', files)).trim().split('\n');
    const nameOf = (line: string): string => (JSON.parse(line) as { readonly name: string }).name;
    const altered = traces.findIndex((line) => line.includes('"started","c2",2'));
    const [name, missing] = [nameOf(traces[altered] as string), nameOf(traces.at(-1) as string)];
    assert.notEqual(name, missing);
    traces[altered] = (traces[altered] as string).replace('"started","c2",2', '"started","c2",3');
    const { failed } = compareTraces(found, files, traces.slice(0, -1).join('\n'));
    assert.deepEqual([...failed].sort(), [name, missing].sort());
  });
});
