/**
 * What runs in each worker thread of a node: takes part in it until it is told to stop. The task lasts as long as the thread.
 *
 * For programs that are bundled: `export default createThreadEntry({ modules })` in a module of their own, built as an entry beside the
 * program, and its URL given as `threadEntry` to `LocalNode.start`. Functions in `modules` are found by the names given there, so
 * nothing has to be loaded by URL. The bundler must keep that entry's default export.
 */
import { once } from 'node:events';
import { decodeTerm, encodeTerm } from '../codec/terms.ts';
import { realEnv } from '../env.ts';
import { QuorateError, toPlainError, type PlainError } from '../errors.ts';
import type { Scheduler } from '../process/scheduler.ts';
import type { ModuleTable } from '../process/spawner.ts';
import { nameAtom, type Atom } from '../term/atom.ts';
import { Exit } from '../term/exit-reason.ts';
import {
  exposeControl,
  wrapControl,
  type NodeControl,
  type ThreadControl,
  type ThreadTask,
} from '../thread/control.ts';
import { startBeating } from '../thread/vitals.ts';
import { NodeThread, processList } from '../thread/node-thread.ts';
import { forwardReports } from '../thread/reports.ts';
import { tcpTransport } from '../transport/tcp.ts';
import { createTlsTransport } from '../transport/tls.ts';
import { setDefaultScheduler } from './default.ts';
import { createDirectory, type Directory } from './directory.ts';
import { createModuleLoader } from './load-module.ts';
import { startNetwork, type StartedNetwork } from './network.ts';
import { registerTsx } from './tsx.ts';

export interface ThreadEntryOptions {
  /** Modules that processes can be started from by name: module name -> exported name -> function. */
  readonly modules?: ModuleTable;
}

/** What a thread's module exports as its default. */
export function createThreadEntry({ modules = {} }: ThreadEntryOptions = {}): (task: ThreadTask) => Promise<void> {
  return (task) => runThread(task, modules);
}

const threadEntry: (task: ThreadTask) => Promise<void> = createThreadEntry();
export default threadEntry;

async function runThread(task: ThreadTask, modules: ModuleTable): Promise<void> {
  const nodeControl = wrapControl<NodeControl>(task.control);
  const { creation, systemThread, implicitSelf, tables, names, workers, placement, vitals, beatMs, isolated } = task;
  const thread = new NodeThread({
    nodeName: nameAtom(task.nodeName),
    creation,
    thread: task.thread,
    systemThread,
    env: realEnv,
    implicitSelf,
    tables,
    names,
    workers,
    placement,
    vitals,
    modules,
    load: createModuleLoader(task.resolveFrom),
    ...(task.atomsMax === undefined ? {} : { atomsMax: task.atomsMax }),
  });
  const { scheduler } = thread;
  setDefaultScheduler(scheduler);
  // Nothing that others send comes in before; control does, since comlink drops what comes when nothing is exposed.
  const unloaded = preload(task.preload).then((failed) => {
    for (const [other, port] of task.ports) thread.mesh.attach(other, port);
    return failed;
  });
  const stopForwarding = forwardReports((kind, report) => void nodeControl.report(kind, report));
  const stopped = new AbortController();
  if (isolated) endWithProcesses(scheduler, stopped);
  const stopBeating = startBeating(realEnv, vitals, task.thread, beatMs, () => scheduler.processCount);
  exposeControl(createControl(thread, nodeControl, stopped, unloaded), task.control);
  await once(stopped.signal, 'abort');
  stopBeating();
  stopForwarding();
  thread.mesh.close();
  task.control.close();
}

/** What kept one of them from being loaded, or null. */
async function preload(urls: readonly string[]): Promise<PlainError | null> {
  for (const url of urls) {
    try {
      await registerTsx();
      await import(url);
    } catch (cause) {
      return toPlainError(new QuorateError('module_failed', `cannot preload ${url}: ${String(cause)}`, { cause }));
    }
  }
  return null;
}

/** How long an isolated thread waits for its process. */
const UNUSED_MS = 30_000;

function endWithProcesses(scheduler: Scheduler, stopped: AbortController): void {
  const unused = realEnv.setTimer(UNUSED_MS, () => scheduler.processCount === 0 && stopped.abort(), true);
  scheduler.onEmpty = () => {
    unused.cancel();
    // What the last process sent as it ended leaves first.
    realEnv.yieldTurn(() => scheduler.processCount === 0 && stopped.abort());
  };
}

function createControl(
  thread: NodeThread,
  node: ReturnType<typeof wrapControl<NodeControl>>,
  stopped: AbortController,
  unloaded: Promise<PlainError | null>,
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
    ready: () => unloaded,
    attach: (other, port, table) => thread.attach(other, port, table),
    threadLost: (other, reason) => thread.threadLost(other, decodeTerm(reason)),
    processes: () => encodeTerm(processList(scheduler)),
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
    stopNetwork,
    async stop() {
      await stopNetwork();
      scheduler.stop(Exit.shutdown);
      realEnv.defer(() => stopped.abort());
    },
  };
}
