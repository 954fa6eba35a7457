/** A node of ours in a cluster of the kit: started with a factory, the agent as a module that others may start, and echoes for the barrier. */
import { LocalNode, type Self } from '../../../runtime/index.ts';
import { init } from './agent.ts';
import { startEchoes, useNode } from './barrier.ts';
import { factory } from './factory.ts';
import { spreadOver } from './layout.ts';
import { AGENT_MODULE, FACTORY, INIT } from './protocol.ts';

export interface MemberOptions {
  readonly name: string;
  readonly cookie: string;
  /** Worker threads, over which agents are spread; 0: they share the one thread there is. */
  readonly threads: number;
  readonly epmdPort: number;
}

export async function startMember({ name, cookie, threads, epmdPort }: MemberOptions): Promise<LocalNode> {
  const node = await LocalNode.start({
    name,
    cookie,
    threads,
    hidden: false,
    implicitSelf: false,
    logger: false,
    keepFloats: true,
    epmd: { port: epmdPort },
    modules: {
      [AGENT_MODULE.name]: {
        [INIT.name]: (self: Self, ...args: never[]) => init(self, ...(args as unknown as InitArguments)),
      },
    },
  });
  spreadOver(threads);
  useNode(node);
  await node.run((self) => startEchoes(self, threads));
  node.spawn(factory);
  while (node.whereis(FACTORY) === undefined) await node.run((self) => self.receive({ timeoutMs: 1, otherwise: null }));
  return node;
}

type InitArguments = [name: string, trapExit: boolean, then: Parameters<typeof init>[3]];
