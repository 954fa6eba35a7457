/** Processes that the thread case starts on another thread, and the bare worker it is compared with. */
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { type Pid, type Self } from '../../runtime/index.ts';

/** Counts messages; tells `to` after every `count` of them. */
export async function countMessages(self: Self, to: Pid, count: number): Promise<void> {
  for (;;) {
    for (let i = 0; i < count; i++) await self.receive();
    self.send(to, count);
  }
}

export async function echoMessages(self: Self, to: Pid): Promise<void> {
  for (;;) self.send(to, await self.receive());
}

/** The same with nothing but a port. */
function startBareWorker(count: number): void {
  let seen = 0;
  parentPort?.on('message', (message: unknown) => {
    if (count === 0) parentPort?.postMessage(message);
    else if (++seen % count === 0) parentPort?.postMessage(count);
  });
}

const data = workerData as { readonly bareCount?: number } | null;
if (!isMainThread && data?.bareCount !== undefined) startBareWorker(data.bareCount);
