import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { hasCode } from '../../runtime/errors.ts';
import { createRecord, takeBoot } from '../../kv/cluster/record.ts';
import { defaultStateDir, openRecordFile, removeRecord } from '../../kv/cluster/record-file.ts';

async function inFolder(fn: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'quorate-record-'));
  try {
    await fn(join(folder, 'n1'));
  } finally {
    await rm(folder, { recursive: true });
  }
}

test('a record that was saved is there after the storage was opened again', async () => {
  await inFolder(async (folder) => {
    const first = await openRecordFile(folder);
    assert.equal(await first.load(), null);
    const record = takeBoot(createRecord('n1@127.0.0.1', 'a1'));
    await first.save(record);
    await first.release();
    const second = await openRecordFile(folder);
    assert.deepEqual(await second.load(), record);
    await second.release();
  });
});

test('what is saved while a save is under way comes after it, and is what a load then reads', async () => {
  await inFolder(async (folder) => {
    const storage = await openRecordFile(folder);
    let record = createRecord('n1@127.0.0.1', 'a1');
    const saves: Promise<void>[] = [];
    for (let i = 0; i < 5; i++) saves.push(storage.save((record = takeBoot(record))));
    assert.deepEqual(await storage.load(), record);
    await Promise.all(saves);
    assert.deepEqual(await storage.load(), record);
    await storage.release();
  });
});

test('a folder in use is refused, by open and by reset, and free after release', async () => {
  await inFolder(async (folder) => {
    const storage = await openRecordFile(folder);
    await storage.save(createRecord('n1', 'a1'));
    await assert.rejects(openRecordFile(folder), (e) => hasCode(e, 'state_in_use'));
    await assert.rejects(removeRecord(folder), (e) => hasCode(e, 'state_in_use'));
    await storage.release();
    assert.equal(await removeRecord(folder), true);
    const again = await openRecordFile(folder);
    assert.equal(await again.load(), null, 'reset removed it');
    await again.release();
  });
});

test('the lock of a dead process is taken over, also when its process id is in use again', async () => {
  await inFolder(async (folder) => {
    await (await openRecordFile(folder)).release();
    const dead = spawnSync(process.execPath, ['-e', '']).pid;
    await writeFile(join(folder, 'lock'), JSON.stringify({ pid: dead, started: '', token: 'x' }));
    await (await openRecordFile(folder)).release();
    await writeFile(join(folder, 'lock'), JSON.stringify({ pid: process.pid, started: 'at another time', token: 'x' }));
    await (await openRecordFile(folder)).release();
  });
});

test('a damaged record is refused, not taken for an empty one', async () => {
  await inFolder(async (folder) => {
    const storage = await openRecordFile(folder);
    await storage.save(createRecord('n1', 'a1'));
    const path = join(folder, 'record.json');
    await writeFile(path, (await readFile(path, 'utf8')).replace('"a1"', '"a2"'));
    await assert.rejects(storage.load(), (e) => hasCode(e, 'state_damaged'));
    await storage.release();
  });
});

test('a record of another version is refused, not misread', async () => {
  await inFolder(async (folder) => {
    const storage = await openRecordFile(folder);
    await storage.save({ ...createRecord('n1', 'a1'), version: 2 as 1 });
    await assert.rejects(storage.load(), (e) => hasCode(e, 'state_damaged') && /version 2/.test((e as Error).message));
    await storage.release();
  });
});

test('a folder that cannot be made is refused with its name and what would be right', async () => {
  const place = `${process.execPath}/state`;
  await assert.rejects(openRecordFile(place), (e) => {
    assert.ok(e instanceof Error && hasCode(e, 'state_unusable'));
    return e.message.startsWith(`cannot use ${place} `) && e.message.endsWith('give another stateDir');
  });
});

test('reset of a node that never ran here finds nothing', async () => {
  await inFolder(async (folder) => assert.equal(await removeRecord(folder), false));
});

test("the default folder lies in the user's state folder, one per node name", () => {
  assert.equal(defaultStateDir('1@127.0.0.1', { XDG_STATE_HOME: '/state' }), '/state/quorate/1%40127.0.0.1');
});
