/**
 * The node under test of the interoperability contract: a process `conformance` that is an agent, a server `conformance_gs`, and the function
 * `conformance:child/0` that other nodes may start. Prints `ready NAME` and runs until its standard input closes or it is killed.
 *
 *   npm run -s conformance -- responder --name N --cookie C [--threads T] [--ticktime MS] [--visible]
 */
import { parseArgs } from 'node:util';
import { LocalNode, type Self } from '../../../runtime/index.ts';
import { Agent, startAgent } from './agent.ts';
import { startServer } from './server.ts';

const OPTIONS = {
  name: { type: 'string' },
  cookie: { type: 'string' },
  threads: { type: 'string', default: '1' },
  /** As everywhere in the contract: the same on all nodes. */
  ticktime: { type: 'string', default: '60000' },
  visible: { type: 'boolean', default: false },
} as const;

export async function serveResponder(args: string[]): Promise<void> {
  const { name, cookie, threads, ticktime, visible } = parseArgs({ args, options: OPTIONS }).values;
  if (name === undefined || cookie === undefined) {
    process.stderr.write('responder: needs --name NAME@HOST and --cookie COOKIE\n');
    process.exit(2);
  }
  const node = await startResponder({
    name,
    cookie,
    threads: Number(threads),
    netTicktimeMs: Number(ticktime),
    hidden: !visible,
  });
  process.stdin.on('end', () => process.exit(0)).resume();
  process.stdout.write(`ready ${node.name.name}\n`);
}

interface ResponderOptions {
  readonly name: string;
  readonly cookie: string;
  readonly threads: number;
  readonly netTicktimeMs: number;
  readonly hidden: boolean;
}

async function startResponder(options: ResponderOptions): Promise<LocalNode> {
  const node: LocalNode = await LocalNode.start({
    ...options,
    keepFloats: true,
    modules: {
      conformance: { child: (self: Self): Promise<void> => new Agent(self, node).run() },
      // For remote calls: what a host application might register.
      host: {
        add: (_self: Self, a: number, b: number) => a + b,
        fail: () => {
          throw new TypeError('it fails');
        },
        leave: (self: Self, reason: unknown) => self.exit(reason),
        whoami: (self: Self) => self.pid,
      },
    },
  });
  startAgent(node, 'conformance');
  await node.run((self) => startServer(self, 'conformance_gs'));
  return node;
}
