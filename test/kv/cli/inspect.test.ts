/** What `ps()`, `tree()` and `info(pid)` show of a node with servers on two threads. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { inspect } from 'node:util';
import { createInspection, type Inspection } from '../../../kv/cli/inspect.ts';
import { LocalNode, type Pid } from '../../../runtime/index.ts';
import { suspend, Supervisor } from '../../../supervisors/index.ts';
import { PlacedCounter, PlacedTree } from '../../supervisors/placed-counter.ts';

let node: LocalNode;
let looking: Inspection;
let root: Pid;
before(async () => {
  node = await LocalNode.start({ threads: 1, logger: false });
  looking = createInspection(node);
  root = await Supervisor.startLink(
    {
      children: [
        PlacedCounter.childSpec(3, { id: 'near' }, { name: 'near' }),
        PlacedTree.childSpec(5, { id: 'far' }, { thread: 1, name: 'far_tree' }),
      ],
    },
    { name: 'root' },
  );
});
after(() => node.stop());

test('tree() shows supervisors with their children, in the order of start, across threads', async () => {
  const text = inspect(await looking.tree()).replaceAll(/#Pid<[^>]*>/g, '#');
  assert.equal(
    text,
    [
      'Supervisor root #',
      '├─ <<"near">>: PlacedCounter near #',
      '└─ <<"far">>: PlacedTree far_tree #',
      '   └─ <<"counter">>: PlacedCounter #',
    ].join('\n'),
  );
  assert.deepEqual((await looking.tree('far_tree')).lines.length, 2);
});

test('a child that has ended is shown as stopped', async () => {
  await node.run((self) => Supervisor.terminateChild(root, 'near', { self }));
  assert.match((await looking.tree()).toString(), /<<"near">>: stopped/);
  await node.run((self) => Supervisor.restartChild(root, 'near', { self }));
});

test('ps() lists every thread with name, class and length of the mailbox', async () => {
  const near = node.whereis('near') as Pid;
  await node.run(async (self) => {
    await suspend(near, { self });
    self.send(near, 'one');
    self.send(near, 'two');
  });
  const { lines } = await looking.ps();
  const row = lines.find((line) => line.includes(' near '))?.split(/ {2,}/);
  assert.deepEqual(row, [near.toString(), 'near', 'PlacedCounter', 'server', '0', '2', 'waiting']);
  assert.ok(lines.some((line) => /far_tree +PlacedTree +supervisor +1 +0 +waiting/.test(line)));
  assert.match((await looking.tree()).toString(), /near #Pid<[^>]*> \(2 messages\)/);
});

test('info(pid) has the links, the messages, the thread and the state of a server', async () => {
  const near = await looking.info('near');
  assert.deepEqual([near?.thread, near?.messages, near?.state, near?.kind], [0, ['one', 'two'], 3, 'server']);
  const [child] = await node.run((self) => Supervisor.whichChildren('far_tree', { self }));
  const far = await looking.info(child?.pid as Pid);
  assert.deepEqual([far?.thread, far?.state, far?.initialCall], [1, 5, 'PlacedCounter']);
  await assert.rejects(async () => looking.info('nobody'), { code: 'badarg' });
});
