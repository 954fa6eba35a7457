/**
 * What runs in each worker thread of a node: takes part in it until it is told to stop. The task lasts as long as the thread.
 */
import { once } from 'node:events';
import { decodeTerm, encodeTerm } from '../codec/terms.ts';
import { realEnv } from '../env.ts';
import { toPlainError } from '../errors.ts';
import { nameAtom, type Atom } from '../term/atom.ts';
import { Exit } from '../term/exit-reason.ts';
import {
  exposeControl,
  wrapControl,
  type NodeControl,
  type ThreadControl,
  type ThreadTask,
} from '../thread/control.ts';
import { NodeThread, processList } from '../thread/node-thread.ts';
import { forwardReports } from '../thread/reports.ts';
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
  });
  setDefaultScheduler(thread.scheduler);
  for (const [other, port] of task.ports) thread.mesh.attach(other, port);
  const stopForwarding = forwardReports((kind, report) => void nodeControl.report(kind, report));
  const stopped = new AbortController();
  exposeControl(createControl(thread, nodeControl, stopped), task.control);
  await once(stopped.signal, 'abort');
  stopForwarding();
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
    processes: () => encodeTerm(processList(scheduler)),
    stats: () => ({
      thread: scheduler.thread,
      processes: scheduler.processCount,
      heapUsedBytes: process.memoryUsage().heapUsed,
    }),
    async startNetwork(options, resolver) {
      const { nodeName, epmd, ...rest } = options;
      directory = createDirectory(epmd, resolver);
      const events = {
        onNodeUp: (peer: Atom, hidden: boolean) => void node.nodeUp(peer.name, hidden),
        onNodeDown: (peer: Atom, reason: string) => void node.nodeDown(peer.name, reason),
        onUnreachable: (peer: Atom, reason: string) => void node.unreachable(peer.name, reason),
      };
      try {
        network = await startNetwork(thread, { ...rest, name: nameAtom(nodeName), directory, env: realEnv }, events);
        return { port: network.port, error: null };
      } catch (error) {
        return { port: 0, error: toPlainError(error) };
      }
    },
    stopNetwork,
    async stop() {
      await stopNetwork();
      scheduler.stop(Exit.shutdown);
      realEnv.defer(() => stopped.abort());
    },
  };
}
