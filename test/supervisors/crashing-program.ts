/** A node with the logger that it has by default, on which everything happens that is logged. */
import { LocalNode } from '../../runtime/index.ts';
import { GenServer, Supervisor, trace } from '../../supervisors/index.ts';
import { Seen } from './seen-server.ts';

const node = await LocalNode.start({ threads: 1 });
await node.run(async (self) => {
  const traced = await Seen.start(undefined, { self });
  await trace(traced, true, { self });
  await GenServer.call(traced, 'hello' as never, { self });
  const children = [Seen.childSpec(undefined, { id: 'one' }, { thread: 1, name: 'seen' })];
  const tree = await Supervisor.startLink({ children }, { self });
  const [child] = await Supervisor.whichChildren(tree, { self });
  GenServer.cast('seen', 'throw', { self });
  // The supervisor has handled the end when another one runs.
  for (let now = child; now?.pid === undefined || child?.pid?.equals(now.pid);) {
    [now] = await Supervisor.whichChildren(tree, { self });
  }
  await Supervisor.stop(tree, undefined, { self });
});
await node.stop();
