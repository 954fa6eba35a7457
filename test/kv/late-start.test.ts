/** Starts and stops of a node whose disk is slow, or does not answer at all: no program waits for ever. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMemoryStorage, startQuorate, type Quorate, type RecordStorage } from '../../kv/index.ts';
import { MemoryNetwork } from '../../runtime/transport/memory.ts';
import { VirtualEnv } from '../dist/virtual-env.ts';

function start(env: VirtualEnv, storage: RecordStorage): Promise<Quorate> {
  return startQuorate({
    name: 'n1@127.0.0.1',
    cookie: 'late',
    clusterSize: 1,
    threads: 0,
    env,
    storage,
    transport: new MemoryNetwork({ env }).transport(),
    logger: null,
  });
}

/** What a promise came to, with time passing until it does. */
async function outcomeOf<T>(env: VirtualEnv, promise: Promise<T>): Promise<T | Error> {
  const seen: (T | Error)[] = [];
  void promise.then(
    (value) => seen.push(value),
    (error: unknown) => seen.push(error as Error),
  );
  await env.until(() => seen.length > 0, 'the outcome', 300_000);
  return seen[0] as T | Error;
}

function never<T>(): Promise<T> {
  return new Promise<T>(() => undefined);
}

test('a node whose disk takes seconds to save the boot record starts all the same, and its status is followed', async () => {
  const env = new VirtualEnv();
  const memory = createMemoryStorage();
  const save: RecordStorage['save'] = async (record) => {
    await new Promise<void>((resolve) => void env.setTimer(7000, resolve));
    await memory.save(record);
  };
  const quorate = await outcomeOf(env, start(env, { ...memory, save }));
  assert.ok(!(quorate instanceof Error), String(quorate));
  await env.until(() => quorate.status?.hasQuorum === true, 'the quorum', 120_000);
  await outcomeOf(env, quorate.stop());
});

test('a start whose boot record is never read or saved rejects, and says what it waited for', async () => {
  const memory = createMemoryStorage();
  let env = new VirtualEnv();
  const noLoad = await outcomeOf(env, start(env, { ...memory, place: '/state', load: never }));
  assert.match(String(noLoad), /has not started within 60000 ms: it waited for the cluster service; .* \/state can be/);
  env = new VirtualEnv();
  const save: RecordStorage['save'] = (record) => (record.boots === 0 ? memory.save(record) : never());
  const noSave = await outcomeOf(env, start(env, { ...memory, save }));
  assert.match(String(noSave), /bucket PaxosKV cannot start: the cluster service .* has not answered within 20000 ms/);
});

test('a stop ends although the boot record is never released', async () => {
  const env = new VirtualEnv();
  const quorate = await outcomeOf(env, start(env, { ...createMemoryStorage(), release: never }));
  assert.ok(!(quorate instanceof Error), String(quorate));
  assert.equal(await outcomeOf(env, quorate.stop()), undefined);
});
