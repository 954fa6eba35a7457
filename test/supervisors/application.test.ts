/** Applications: trees in order, signals drain them in reverse, deadlines hold, exit codes say how it went. */
import assert from 'node:assert/strict';
import { after, before, test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Self } from '../../runtime/process/self.ts';
import { atom } from '../../runtime/term/atom.ts';
import { Application, Supervisor, type ChildSpec } from '../../supervisors/index.ts';
import { startProgram, type Program } from '../kit/programs.ts';
import { createTestNode, type TestNode } from './kit.ts';

function startApplication(t: TestContext, how: string): Program {
  const path = fileURLToPath(new URL('../fixtures/application-program.js', import.meta.url));
  return startProgram(t, process.execPath, [path, how]);
}

function linesOf(program: Program): string[] {
  return program.output().trimEnd().split('\n');
}

const STARTED = ['start a', 'start b', 'start c'];

test('SIGTERM ends the trees and their children in reverse order of their start, and the program with 0', async (t) => {
  const program = startApplication(t, '');
  await program.printed(/^ready$/m);
  program.kill('SIGTERM');
  assert.equal(await program.ended(), 0);
  const lines = linesOf(program);
  // A line of stderr: what it is printed between is not known.
  assert.equal(lines.filter((line) => line === 'SIGTERM: stopping').length, 1);
  assert.deepEqual(
    lines.filter((line) => line !== 'SIGTERM: stopping'),
    [
      ...STARTED,
      'ready',
      'second prepares',
      'end c',
      'end b',
      'end a',
      'first is down',
      'node stopped',
      'ended signal 0',
    ],
  );
});

test('a tree that does not end in time is killed, the others still end in order, and the program ends with 1', async (t) => {
  const program = startApplication(t, 'stubborn');
  await program.printed(/^ready$/m);
  program.kill('SIGINT');
  assert.equal(await program.ended(), 1);
  const lines = linesOf(program);
  assert.ok(lines.indexOf('end b') < lines.indexOf('end a') && lines.includes('first is down'), lines.join());
  assert.ok(lines.includes('killed, because they took too long to stop: second'), lines.join());
});

test('a hook that hangs uses up the time of its tree and no more', async (t) => {
  const program = startApplication(t, 'slowHook');
  await program.printed(/^ready$/m);
  program.kill('SIGTERM');
  assert.equal(await program.ended(), 1);
  assert.match(program.output(), /end b\nend a\nfirst is down/);
});

test('a second signal ends the program at once with 128 and its number', async (t) => {
  const program = startApplication(t, 'slowHook');
  await program.printed(/^ready$/m);
  program.kill('SIGTERM');
  await program.printed(/^second prepares$/m);
  program.kill('SIGINT');
  assert.equal(await program.ended(), 130);
  assert.doesNotMatch(program.output(), /first is down/);
});

test('a tree that gives up takes the program down with 1, the other trees in order first', async (t) => {
  const program = startApplication(t, 'crash');
  assert.equal(await program.ended(), 1);
  assert.match(program.output(), /the tree second ended by itself: shutdown/);
  assert.match(program.output(), /end b\nend a\nfirst is down\nnode stopped\nended tree 1/);
});

test('stop ends the trees and leaves the program running, without handlers of signals', async (t) => {
  const program = startApplication(t, 'stop');
  await program.printed(/^ready$/m);
  assert.equal(await program.ended(), 0);
  assert.match(program.output(), /ended stop 0\n(.*\n)*goes on\nready/);
});

let node: TestNode;
before(() => {
  node = createTestNode();
});
after(() => node.stop());

test('when a tree cannot start, those before it end again and the start rejects with the reason', async () => {
  const lines: string[] = [];
  const fine: ChildSpec = {
    id: 'fine',
    start: (self) =>
      self.spawnLink(async (own: Self) => {
        own.trapExit(true);
        await own.receive();
        lines.push('fine ended');
      }),
  };
  const broken: ChildSpec = { id: 'broken', start: () => atom('no_luck') };
  const specs = [
    { name: 'one', children: [fine] },
    { name: 'two', children: [broken] },
  ];
  const before = process.listenerCount('SIGTERM');
  await assert.rejects(Application.start(specs, { log: () => undefined }), {
    code: 'start_failed',
    message: /the tree two .*no_luck/,
  });
  assert.deepEqual(lines, ['fine ended']);
  assert.equal(process.listenerCount('SIGTERM'), before);
});

test('the supervisors of an application are found by the names of their trees', async () => {
  const application = await Application.start({ name: 'only', children: [] }, { signals: [] });
  assert.deepEqual(await Supervisor.whichChildren(application.supervisor('only')), []);
  assert.throws(() => application.supervisor('other'), { code: 'not_found', message: /only/ });
  assert.deepEqual(await application.stop(), { cause: 'stop', reason: undefined, killed: [], exitCode: 0 });
});
