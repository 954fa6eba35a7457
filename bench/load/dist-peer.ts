/** The other node of the wire case, in a process of its own: `dist-peer.js THREADS`. Reports its port; its processes are `echo` and `count`. */
import { LocalNode, type Pid, type Self } from '../../runtime/index.ts';
import { CountingServer } from './counting-server.ts';

export const PEER_NAME = 'bench_peer@127.0.0.1';
export const COOKIE = 'bench';

async function echo(self: Self): Promise<void> {
  for (;;) {
    const [from, value] = (await self.receive()) as [Pid, unknown];
    self.send(from, value);
  }
}

/** Gets `[from, howMany]`, then that many messages; then answers. */
async function count(self: Self): Promise<void> {
  for (;;) {
    const [from, howMany] = (await self.receive()) as [Pid, number];
    for (let i = 0; i < howMany; i++) await self.receive();
    self.send(from, howMany);
  }
}

async function main(threads: number): Promise<void> {
  const node = await LocalNode.start({
    name: PEER_NAME,
    cookie: COOKIE,
    threads,
    implicitSelf: false,
    resolve: () => null,
  });
  node.register('echo', node.spawn(echo));
  node.register('count', node.spawn(count));
  await node.run((self) => CountingServer.start(undefined, { self, name: 'counter' }));
  process.send?.(node.port);
}

if (process.send !== undefined && process.argv[1]?.endsWith('dist-peer.js') === true) {
  process.on('disconnect', () => process.exit(0));
  await main(Number(process.argv[2]));
}
