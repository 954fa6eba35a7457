/** What compiles and what does not with the functions of the store. The compiler is the test; running it only counts. */
import { test } from 'node:test';
import {
  Cas,
  CASPaxos,
  Lww,
  PaxosKV,
  Versions,
  type ChangeResult,
  type GetResult,
  type PutResult,
  type Version,
  type Versioned,
  type WatchEvent,
} from '../../kv/index.ts';
import type { Atom, Pid } from '../../runtime/index.ts';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function assertType<_T extends true>(): void {
  return undefined;
}

interface User {
  readonly name: string;
}

async function results(pid: Pid): Promise<void> {
  const put = await PaxosKV.put('user', { name: 'anna' });
  assertType<Equal<typeof put, PutResult<{ name: string }>>>();
  // @ts-expect-error a result has a value only when it is ok
  String(put.value);
  if (!put.ok && put.error === 'invalid_value') String(put.path);
  // @ts-expect-error a put does not say not_found
  if (!put.ok && put.error === 'not_found') return;

  const unknown = await PaxosKV.get('user');
  assertType<Equal<typeof unknown, GetResult>>();
  const user = await PaxosKV.get<User>('user', { default: { name: 'nobody' } });
  assertType<Equal<typeof user, GetResult<User>>>();
  // @ts-expect-error the default is a user too
  await PaxosKV.get<User>('user', { default: 7 });
  const owner = await PaxosKV.pid('user');
  assertType<Equal<typeof owner, GetResult<Pid>>>();
  const ownerOrNot = await PaxosKV.pid('user', { default: null });
  assertType<Equal<typeof ownerOrNot, GetResult<Pid | null>>>();
  const home = await PaxosKV.node('user');
  assertType<Equal<typeof home, GetResult<Atom>>>();

  await PaxosKV.put('user', 1, { pid, until: 5, key: ['any', 'term'], node: 'n1@host' });
  // @ts-expect-error a pid is a pid
  await PaxosKV.put('user', 1, { pid: 'n1' });
  // @ts-expect-error there is no such word
  await PaxosKV.put('user', 1, { noQuorum: 'wait' });
  // @ts-expect-error a change has no lifetimes
  await Lww.write('user', 1, { pid });
  const keys = await PaxosKV.keys();
  assertType<Equal<typeof keys, unknown[]>>();
  const strict = await PaxosKV.keys({ strict: true });
  // @ts-expect-error strict keys are a result
  strict.map(String);
}

async function changes(): Promise<void> {
  const changed = await CASPaxos.changeQuery<number, string>('n', (n) => (n ?? 0) + 1, String);
  assertType<Equal<typeof changed, ChangeResult<string>>>();
  const show = (n: number | null): number => n ?? 0;
  // @ts-expect-error the value may be null
  await CASPaxos.changeQuery<number, number>('n', (n) => n + 1, show);
  // @ts-expect-error the new value is a number too
  await CASPaxos.changeQuery<number, number>('n', () => 'one', show);
  // @ts-expect-error a change is synchronous
  await CASPaxos.changeQuery<number, number>('n', () => Promise.resolve(1), show);
  const pair = await Cas.write('c', 0, { name: 'anna' });
  assertType<Equal<typeof pair, ChangeResult<Versioned<{ name: string }>>>>();
  // @ts-expect-error a version is a number
  await Cas.write('c', 'first', 1);
  const last = await Lww.read<User>('l');
  assertType<Equal<typeof last, ChangeResult<User | null>>>();
  const version = await Versions.append('log', 'line');
  assertType<Equal<typeof version, ChangeResult<Version<string>>>>();
}

async function watches(): Promise<void> {
  for await (const event of PaxosKV.watch<User>({ prefix: 'user/' })) {
    assertType<Equal<typeof event, WatchEvent<User>>>();
    if (event.kind === 'value') String(event.value.name + event.version.toString());
    // @ts-expect-error only a value has one
    String(event.value);
    // @ts-expect-error there is no such event
    if (event.kind === 'deleted') return;
    if (event.kind === 'gap' && event.reason === 'overflow') return;
  }
}

test('the store is typed from its arguments to its results', () => {
  void [results, changes, watches];
});
