/** The nodes that a scenario starts: operating system processes of ours, which are killed as `kill -9` does. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { tuple, type Atom, type LocalNode, type Self } from '../../../runtime/index.ts';
import { nameAtom } from '../../../runtime/term/atom.ts';
import { Peers } from '../signals/peers.ts';

export const KIT_MODULE = '$kit';

export interface KitPeers {
  /** Starts a node and connects to it. Resolves to its name. */
  start(name: string): Promise<Atom>;
  /** Resolves when it has been noticed that the node is gone. */
  kill(name: string): Promise<void>;
  killAll(): Promise<void>;
}

const program = fileURLToPath(new URL('./peer.js', import.meta.url));
const CONNECT_TRIES_MAX = 200;
const TRY_AGAIN_MS = 50;
const NODEDOWN = nameAtom('nodedown');

export function createPeers(
  node: LocalNode,
  options: { readonly cookie: string; readonly epmdPort: number },
): KitPeers {
  const peers = new Peers(({ name, cookie, epmdPort }) =>
    spawn(process.execPath, [program, name, cookie, String(epmdPort)], { stdio: ['pipe', 'ignore', 'inherit'] }),
  );
  const names = new Map<string, Atom>();
  let count = 0;
  return {
    async start(name) {
      const full = nameAtom(`${name}-${process.pid}-${(count += 1)}@127.0.0.1`);
      names.set(name, full);
      peers.start(name, { name: full.name, ...options });
      await node.run((self) => connect(self, node, full));
      return full;
    },
    async kill(name) {
      const full = names.get(name);
      if (full === undefined) return;
      await node.run(async (self) => {
        self.monitorNode(full, true);
        await peers.kill(name);
        const isNoticed = (message: unknown): boolean => Array.isArray(message) && message[0] === NODEDOWN;
        await self.receive(isNoticed, { timeoutMs: 5000, otherwise: tuple(NODEDOWN) });
      });
    },
    killAll: () => peers.killAll(),
  };
}

async function connect(self: Self, node: LocalNode, name: Atom): Promise<void> {
  for (let tries = 0; tries < CONNECT_TRIES_MAX; tries++) {
    if (await node.connect(name)) return;
    await self.receive(() => false, { timeoutMs: TRY_AGAIN_MS, otherwise: null });
  }
  throw new Error(`${name.name} did not come up`);
}
