/** A real Erlang node drives the responder through the interoperability contract; the checks are in contract.erl. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasErlang } from '../kit/programs.ts';
import { driveContract, startResponder } from './responder-kit.ts';

/** Groups of the contract, with how many checks each has at least. */
const GROUPS: Readonly<Record<string, number>> = {
  basic: 9,
  echo: 85,
  monitor: 24,
  link: 22,
  order: 4,
  big: 4,
  gen_server: 8,
  spawn: 4,
  rpc: 4,
};

for (const threads of ['1', '0']) {
  test(`an Erlang node finds the contract kept (threads: ${threads})`, async (t) => {
    if (!hasErlang(t)) return;
    const { epmdPort } = await startResponder(t, { more: ['--threads', threads] });
    const output = await driveContract(t, epmdPort, Object.keys(GROUPS));
    assert.doesNotMatch(output, /^FAILED/m);
    for (const [group, least] of Object.entries(GROUPS)) {
      const found = new RegExp(`^group ${group}: (\\d+) checks$`, 'm').exec(output);
      assert.ok(Number(found?.[1]) >= least, `${group}: ${found?.[0]}\n${output}`);
    }
    assert.ok((output.match(/^ok /gm) ?? []).length >= 160, output);
  });
}

test('the contract is kept towards two Erlang nodes at once', async (t) => {
  if (!hasErlang(t)) return;
  const { epmdPort } = await startResponder(t);
  const outputs = await Promise.all(
    [
      ['order', 'gen_server'],
      ['monitor', 'link'],
    ].map((groups) => driveContract(t, epmdPort, groups)),
  );
  for (const output of outputs) assert.doesNotMatch(output, /^FAILED/m);
});

test('control: a check that must fail does', async (t) => {
  if (!hasErlang(t)) return;
  const { epmdPort } = await startResponder(t);
  assert.match(
    await driveContract(t, epmdPort, ['control']),
    /^FAILED a wrong expectation is noticed: \{\{badmatch,1\}/m,
  );
});
