/** `node peer.js NAME COOKIE EPMD_PORT`: a node that a scenario started; ends when its standard input closes. */
import { LocalNode, tuple, type Pid, type Ref, type Self } from '../../../runtime/index.ts';
import { startClass } from '../../../supervisors/index.ts';
import { startTerm } from '../../../supervisors/start.ts';
import { KIT_MODULE } from './peers.ts';
import { STARTED, TableServer, type ServerArgs } from './server.ts';

const [name = '', cookie = '', epmdPort = ''] = process.argv.slice(2);
process.stdin.on('end', () => process.exit(0)).resume();
await LocalNode.start({
  name,
  cookie,
  threads: 0,
  hidden: false,
  implicitSelf: false,
  logger: false,
  epmd: { port: Number(epmdPort) },
  modules: { [KIT_MODULE]: { startServer } },
});

/** Starts a server here, on its own, and tells `from` what it came to. */
async function startServer(
  self: Self,
  from: Pid,
  ref: Ref,
  args: ServerArgs,
  local: string | undefined,
): Promise<void> {
  const result = await startClass(self, TableServer, args, local === undefined ? {} : { name: local }, false);
  self.send(from, tuple(STARTED, ref, startTerm(result)));
}
