/**
 * A node under test as a program of its own, with clients in it. Started by `child_process.fork` with its options as JSON; does what it is told over
 * IPC, and ends with the program that started it.
 */
import { join } from 'node:path';
import { Cluster, PaxosKV, startQuorate, type Quorate } from '../../kv/index.ts';
import { Load, type LoadOptions } from './clients.ts';
import { HistoryWriter } from './history.ts';

export interface NodeOptions {
  readonly name: string;
  readonly clusterSize: number;
  readonly founders: readonly string[];
  readonly threads: number;
  readonly netTicktimeMs: number;
  readonly listen: { readonly host: string; readonly port?: number };
  /** Where the other nodes are found from here. */
  readonly routes: Readonly<Record<string, { readonly host: string; readonly port: number }>>;
  readonly folder: string;
  readonly load: LoadOptions;
}

export type Command = 'load' | 'halt' | 'status' | 'isUp' | 'read' | 'resize' | 'stop';

const options = JSON.parse(process.argv[2] ?? '{}') as NodeOptions;
const history = new HistoryWriter(join(options.folder, `${options.load.prefix}.history`));

async function carryOut(quorate: Quorate, load: Load, op: Command, args: readonly unknown[]): Promise<unknown> {
  switch (op) {
    case 'load':
      load.start();
      return true;
    case 'halt':
      await load.halt();
      return true;
    case 'status':
      return Cluster.status();
    case 'isUp':
      return PaxosKV.waitForBucket(undefined, { timeoutMs: 0 }).then(
        () => true,
        () => false,
      );
    case 'read':
      for (const key of args[0] as readonly string[]) await load.readFinally(key);
      return true;
    case 'resize':
      await Cluster.resizeCluster(Number(args[0]), { timeoutMs: Number(args[1]) });
      return true;
    case 'stop':
      await load.halt();
      await quorate.stop();
      history.close();
      return true;
  }
}

function describe(error: unknown): { readonly code: unknown; readonly message: string } {
  const { code, message, stack } = error as { code?: unknown; message?: unknown; stack?: unknown };
  return { code, message: String(stack ?? message) };
}

function answer(id: number, work: Promise<unknown>): void {
  const send = (message: object): void => void (process.connected && process.send?.(message));
  work.then(
    (value) => send({ id, value }),
    (error: unknown) => send({ id, error: describe(error) }),
  );
}

async function start(): Promise<number> {
  const { name, clusterSize, founders, threads, netTicktimeMs, listen, routes, folder } = options;
  const quorate = await startQuorate({
    name,
    cookie: 'faults',
    clusterSize,
    founders,
    join: founders,
    threads,
    netTicktimeMs,
    listen,
    resolve: (other) => routes[other] ?? null,
    stateDir: join(folder, name),
  });
  quorate.on('dataLost', (bucket) => process.stderr.write(`DATA LOST in ${bucket}\n`));
  const load = new Load(quorate.node, history, options.load);
  process.on('message', ({ id, op, args }: { id: number; op: Command; args: readonly unknown[] }) => {
    answer(id, carryOut(quorate, load, op, args));
  });
  return quorate.node.port ?? 0;
}

process.on('disconnect', () => process.exit(0));
// Control-C in a terminal goes to all processes; this one ends when it is told to.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);
answer(0, start());
