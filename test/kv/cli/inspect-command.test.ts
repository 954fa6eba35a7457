/** `tree()`, `ps()` and `info(pid)` as a person types them into the REPL of `npm start -- node 1`. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Machine } from './command.ts';

test('tree(), ps() and info(pid) answer in the REPL of a node that npm start has started', async (context) => {
  const machine = await Machine.create(context);
  const npm = machine.startByNpm(['node', '1', '--repl']);
  await npm.until(/n1@127\.0\.0\.1> /);
  await npm.type(
    'await tree()',
    /├─ <<"PaxosKV">>: BucketSupervisor PaxosKV #Pid<[^>]*>\n│ {2}├─ <<"learner">>: LearnerServer/,
  );

  await npm.type(
    'keeper = spawn(async (own) => { own.register("keeper"); await own.receive((m) => m === "go"); }); 0',
    /\n?0\n/,
  );
  await npm.type('send(keeper, "one"); send(keeper, "two"); 0', /\n?0\n/);
  const [, pid = ''] = await npm.type(
    'await ps()',
    /(#Pid<n1@127\.0\.0\.1[^>]*>) +keeper +\S+ +process +\d+ +2 +waiting/,
  );
  const [text] = await npm.type('await info(keeper)', /\{[^]*thread: \d+[^]*?\}/);
  assert.ok(text.includes(`pid: ${pid}`), text);
  assert.match(text, /registeredName: keeper,/);
  assert.match(text, /messages: \[ 'one', 'two' \]/);
  await npm.type('await info("nobody")', /BadArgumentError: .*no process is registered as nobody/);
  npm.child.kill('SIGTERM');
  await npm.ended;
});
