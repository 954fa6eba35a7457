/**
 * How a node finds others: through EPMD, or through a function of the user's. With a system thread of its own that function stays on the
 * thread that started the node and is asked through a port.
 */
import type { MessagePort } from 'node:worker_threads';
import { createResolveDirectory, type NodeDirectory, type ResolveNode } from '../dist/directory.ts';
import { createEpmdDirectory, epmdPortOf } from '../dist/epmd-directory.ts';
import { realEnv, type Env } from '../env.ts';
import { exposeControl, wrapControl, type EpmdOptions } from '../thread/control.ts';
import { tcpTransport } from '../transport/tcp.ts';
import type { Address, Transport } from '../transport/transport.ts';

export interface Directory extends NodeDirectory {
  close(): Promise<void>;
}

interface ResolverControl {
  resolve(name: string): Promise<Address | null>;
}

export function createResolver(resolve: ResolveNode): Directory {
  return { ...createResolveDirectory(resolve), close: () => Promise.resolve() };
}

export function createEpmd(epmd: EpmdOptions, env: Env, transport: Transport): Directory {
  const { host, port = epmdPortOf(process.env), embedded = true } = epmd;
  const directory = createEpmdDirectory({
    env,
    transport,
    port,
    serve: embedded,
    ...(host === undefined ? {} : { host }),
  });
  return {
    register: (name, nodePort, hidden) => directory.register(name, nodePort, hidden),
    lookup: (node) => directory.lookup(node),
    names: (asked) => directory.names(asked),
    close: () => directory.close(),
  };
}

/** The directory of a system thread. */
export function createDirectory(epmd: EpmdOptions | null, resolver: MessagePort | null): Directory {
  if (resolver === null) return createEpmd(epmd ?? {}, realEnv, tcpTransport);
  const remote = wrapControl<ResolverControl>(resolver);
  const directory = createResolver((name) => remote.resolve(name));
  return {
    ...directory,
    close() {
      resolver.close();
      return Promise.resolve();
    },
  };
}

/** Answers a system thread's questions with the user's function. */
export function exposeResolver(resolve: ResolveNode, port: MessagePort): void {
  const api: ResolverControl = { resolve: async (name) => resolve(name) };
  exposeControl(api, port);
}
