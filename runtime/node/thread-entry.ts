/**
 * What runs in each worker thread of a node: takes part in it until it is told to stop. The task lasts as long as the thread.
 */
import { once } from 'node:events';
import { decodeTerm, encodeTerm } from '../codec/terms.ts';
import { realEnv } from '../env.ts';
import { toPlainError, type QuorateError } from '../errors.ts';
import { nameAtom, type Atom } from '../term/atom.ts';
import { Exit } from '../term/exit-reason.ts';
import type { Pid } from '../term/pid.ts';
import {
  exposeControl,
  wrapControl,
  type NodeControl,
  type ThreadControl,
  type ThreadTask,
} from '../thread/control.ts';
import { decodeInfo, encodeInfo, NodeThread } from '../thread/node-thread.ts';
import { tcpTransport } from '../transport/tcp.ts';
import { createTlsTransport } from '../transport/tls.ts';
import { setDefaultScheduler } from './default.ts';
import { createDirectory, type Directory } from './directory.ts';
import { startNetwork, type StartedNetwork } from './network.ts';

export default async function runThread(task: ThreadTask): Promise<void> {
  const nodeControl = wrapControl<NodeControl>(task.control);
  const thread = new NodeThread({
    nodeName: nameAtom(task.nodeName),
    creation: task.creation,
    thread: task.thread,
    systemThread: task.systemThread,
    env: realEnv,
    implicitSelf: task.implicitSelf,
    tables: task.tables,
    names: task.names,
    ...(task.atomsMax === undefined ? {} : { atomsMax: task.atomsMax }),
    far: {
      processInfo: async (pid) => decodeInfo(await nodeControl.processInfo(pid.serial, encodeTerm(pid))),
      connect: (node) => nodeControl.connect(node.name),
      disconnect: (node) => nodeControl.disconnect(node.name),
    },
  });
  setDefaultScheduler(thread.scheduler);
  for (const [other, port] of task.ports) thread.mesh.attach(other, port);
  const stopped = new AbortController();
  exposeControl(createControl(thread, nodeControl, stopped), task.control);
  await once(stopped.signal, 'abort');
  thread.mesh.close();
  task.control.close();
}

function createControl(
  thread: NodeThread,
  node: ReturnType<typeof wrapControl<NodeControl>>,
  stopped: AbortController,
): ThreadControl {
  const { scheduler } = thread;
  let network: StartedNetwork | null = null;
  let directory: Directory | null = null;
  const stopNetwork = async (): Promise<void> => {
    await network?.stop();
    await directory?.close();
    network = directory = null;
  };
  return {
    ready: () => Promise.resolve(),
    attach: (other, port) => thread.mesh.attach(other, port),
    threadLost: (other, reason) => thread.threadLost(other, decodeTerm(reason)),
    processInfo: (pid) => encodeInfo(scheduler.find(decodeTerm(pid) as Pid)?.info()),
    stats: () => ({
      thread: scheduler.thread,
      processes: scheduler.processCount,
      heapUsedBytes: process.memoryUsage().heapUsed,
    }),
    async startNetwork(options, resolver) {
      const { nodeName, epmd, tls, limits, ...rest } = options;
      directory = createDirectory(epmd, resolver);
      const events = {
        onNodeUp: (peer: Atom, hidden: boolean) => void node.nodeUp(peer.name, hidden),
        onNodeDown: (peer: Atom, reason: string) => void node.nodeDown(peer.name, reason),
        onUnreachable: (peer: Atom, reason: string) => void node.unreachable(peer.name, reason),
        onRefused: (error: QuorateError) => void node.refused(toPlainError(error)),
      };
      try {
        const transport = tls === null ? tcpTransport : await createTlsTransport(tls);
        const own = { ...rest, ...limits, name: nameAtom(nodeName), directory, env: realEnv, transport };
        network = await startNetwork(thread, own, events);
        return { port: network.port, error: null };
      } catch (error) {
        return { port: 0, error: toPlainError(error) };
      }
    },
    connect: (name) => thread.connect(nameAtom(name)),
    disconnect: (name) => thread.network?.disconnect(nameAtom(name)) ?? false,
    stopNetwork,
    async stop() {
      await stopNetwork();
      scheduler.stop(Exit.shutdown);
      queueMicrotask(() => stopped.abort());
    },
  };
}
