/**
 * A node of a cluster as a program of its own, for tests: started by `child_process.fork` with its options as JSON, it does what it is told
 * over IPC and answers each command.
 */
import { Bucket, Cluster, PaxosKV, startQuorate, type Quorate, type QuorateOptions } from '../../../kv/index.ts';
import { pidThread, type Pid } from '../../../runtime/term/pid.ts';

export interface Command {
  readonly id: number;
  readonly op:
    | 'put'
    | 'get'
    | 'keys'
    | 'status'
    | 'ready'
    | 'bind'
    | 'unbind'
    | 'pid'
    | 'load'
    | 'resize'
    | 'putUntilTold'
    | 'told'
    | 'stop'
    | 'killThread'
    | 'threadOf'
    | 'startBucket';
  readonly args: readonly unknown[];
}

export interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: { readonly code: unknown; readonly message: string };
}

const options = JSON.parse(process.argv[2] ?? '{}') as QuorateOptions;
const bound: Map<string, Pid> = new Map();

async function carryOut(quorate: Quorate, { op, args }: Command): Promise<unknown> {
  const [key, value] = args;
  switch (op) {
    case 'put':
      return PaxosKV.put(key, value, args[2] as object | undefined);
    case 'get':
      return PaxosKV.get(key, args[1] as object | undefined);
    case 'keys':
      return PaxosKV.keys();
    case 'status':
      return Cluster.status();
    case 'ready':
      await PaxosKV.waitForBucket(args[1] as string | undefined, { timeoutMs: key as number });
      return true;
    case 'bind': {
      const pid = quorate.node.spawn(async (self) => void (await self.receive()));
      bound.set(String(key), pid);
      return PaxosKV.put(key, value, { pid });
    }
    case 'unbind': {
      const pid = bound.get(String(key));
      if (pid !== undefined) quorate.node.send(pid, 'end');
      return true;
    }
    case 'pid': {
      const found = await PaxosKV.pid(key);
      return found.ok ? String(found.value) : found;
    }
    case 'load':
      return load(key as string, value as number, args[2] as number);
    case 'resize':
      await Cluster.resizeCluster(key as number, { timeoutMs: 30_000 });
      return true;
    case 'putUntilTold':
      putting = putAll(String(key));
      return true;
    case 'told':
      isTold = true;
      return putting;
    case 'startBucket':
      await Bucket.startLink({ bucket: String(key) });
      return true;
    case 'killThread':
      quorate.node.killThread((key as number | undefined) ?? quorate.node.systemThread);
      return true;
    case 'threadOf': {
      const pid = quorate.node.whereis(String(key));
      return pid === undefined ? -1 : pidThread(pid);
    }
    case 'stop':
      await quorate.stop();
      return true;
  }
}

let isTold = false;
let putting: Promise<string[]> = Promise.resolve([]);

/** Puts one key after the other, and resolves with those that were acknowledged. */
async function putAll(prefix: string): Promise<string[]> {
  const acknowledged: string[] = [];
  for (let i = 0; !isTold; i++) {
    const result = await PaxosKV.put(`${prefix}${i}`, i).catch(() => null);
    if (result?.ok === true) acknowledged.push(`${prefix}${i}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  return acknowledged;
}

/** Puts `count` new keys with that many outstanding. */
async function load(
  prefix: string,
  count: number,
  outstanding: number,
): Promise<{ perSecond: number; cpuMicros: number; systemMicros: number }> {
  let next = 0;
  const started = performance.now();
  const cpu = process.cpuUsage();
  const worker = async (): Promise<void> => {
    while (next < count) {
      const i = next++;
      const result = await PaxosKV.put(`${prefix}${i}`, i);
      if (!result.ok) throw new Error(result.error);
    }
  };
  await Promise.all(Array.from({ length: outstanding }, worker));
  const { user, system } = process.cpuUsage(cpu);
  const cpuMicros = (user + system) / count;
  return { perSecond: (count / (performance.now() - started)) * 1000, cpuMicros, systemMicros: system / count };
}

function describe(error: unknown): { readonly code: unknown; readonly message: string } {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return { code, message: String(message) };
}

try {
  const quorate = await startQuorate(options);
  process.on('message', (command: Command) => {
    carryOut(quorate, command).then(
      (value) => process.send?.({ id: command.id, value } satisfies Answer),
      (error: unknown) => process.send?.({ id: command.id, error: describe(error) } satisfies Answer),
    );
  });
  process.on('disconnect', () => process.exit(0));
  process.send?.({ id: 0, value: 'started' } satisfies Answer);
} catch (error) {
  process.send?.({ id: 0, error: describe(error) } satisfies Answer);
  process.disconnect();
}
