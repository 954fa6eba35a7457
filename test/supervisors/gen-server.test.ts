import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { isDown, isExit } from '../../runtime/process/message.ts';
import type { Self } from '../../runtime/process/self.ts';
import { atom } from '../../runtime/term/atom.ts';
import { Exit } from '../../runtime/term/exit-reason.ts';
import type { Pid } from '../../runtime/term/pid.ts';
import { tuple } from '../../runtime/term/tuple.ts';
import {
  GenServer,
  getState,
  Next,
  resume,
  suspend,
  type Call,
  type CallError,
  type CallResult,
  type CastResult,
  type From,
  type InitResult,
  type StartError,
} from '../../supervisors/index.ts';
import { createLog, createTestNode, crashName, type Log, type TestNode } from './kit.ts';

type Request =
  | 'get'
  | 'later'
  | 'crash'
  | 'sleep'
  | 'stop'
  | 'badReturn'
  | 'unsendable'
  | 'continue'
  | 'timeout'
  | { readonly add: number };
type CounterCall = Call<{ readonly add: number }, number> | Call<Exclude<Request, object>, unknown>;

interface CounterArgs {
  readonly start?: number;
  readonly log?: Log;
  readonly trap?: boolean;
  readonly init?: 'fail' | 'ignore' | 'crash' | 'hang';
}

class Counter extends GenServer<number, CounterCall, 'inc' | 'stop' | 'slow', unknown, CounterArgs | undefined> {
  #log: Log | undefined;
  #waiting: From | undefined;

  override async init(args: CounterArgs | undefined): Promise<InitResult<number>> {
    this.#log = args?.log;
    if (args?.trap === true) this.self.trapExit(true);
    if (args?.init === 'fail') return Next.fail(atom('no_luck'));
    if (args?.init === 'ignore') return Next.ignore();
    if (args?.init === 'crash') throw new Error('boom');
    if (args?.init === 'hang') await new Promise(() => undefined);
    return Next.ok(args?.start ?? 0);
  }

  override handleCall(
    request: Request,
    from: From,
    count: number,
  ): CallResult<number, unknown> | Promise<CallResult<number, unknown>> {
    if (typeof request === 'object') return Next.reply(count + request.add, count + request.add);
    switch (request) {
      case 'get':
        return Next.reply(count, count);
      case 'later':
        this.#waiting = from;
        return Next.noreply(count);
      case 'crash':
        throw new Error('boom');
      case 'sleep':
        return this.self.receive((m): m is unknown => m === 'wake').then(() => Next.reply('slept', count));
      case 'stop':
        return Next.stopReply(Exit.normal, 'stopping', count);
      case 'badReturn':
        return 'nonsense' as unknown as CallResult<number, unknown>;
      case 'unsendable':
        return Next.reply(() => 1, count);
      case 'continue':
        return Next.reply('first', count, { continue: 'more' });
      case 'timeout':
        return Next.reply('waiting', count, { timeoutMs: 5 });
    }
  }

  override handleCast(
    message: 'inc' | 'stop' | 'slow',
    count: number,
  ): CastResult<number> | Promise<CastResult<number>> {
    if (message === 'stop') return Next.stop(Exit.shutdown, count);
    return message === 'slow' ? Promise.resolve(Next.noreply(count + 100)) : Next.noreply(count + 1);
  }

  override handleInfo(message: unknown, count: number): CastResult<number> {
    this.#log?.add(`info ${String(message)}`);
    if (message === 'answer' && this.#waiting !== undefined) GenServer.reply(this.#waiting, count, { self: this.self });
    return Next.noreply(count);
  }

  override handleContinue(term: unknown, count: number): CastResult<number> {
    this.#log?.add(`continue ${String(term)}`);
    return Next.noreply(count + 1000);
  }

  override terminate(reason: unknown, count: number): void {
    this.#log?.add(`terminate ${String(reason)} ${count}`);
  }
}

let node: TestNode;
before(() => {
  node = createTestNode();
});
after(() => node.stop());

async function callErrorOf(promise: Promise<unknown>): Promise<CallError> {
  try {
    await promise;
  } catch (error) {
    return error as CallError;
  }
  throw new assert.AssertionError({ message: 'the call was answered' });
}

/** Lets other processes and promises have their turn. */
async function pause(self: Self): Promise<void> {
  const token = self.makeRef();
  self.sendAfter(5, self.pid, token);
  await self.receive((message): message is unknown => token.equals(message));
}

async function reasonOfDown(self: Self, pid: Pid): Promise<unknown> {
  return (await self.receive(isDown(self.monitor(pid)), { timeoutMs: 10_000 })).reason;
}

test('a call is answered with the new state kept, from inside a process and from outside', async () => {
  const counter = await Counter.start({ start: 5 });
  assert.equal(await GenServer.call(counter, { add: 2 }), 7);
  await node.run(async () => {
    assert.equal(await GenServer.call(counter, 'get'), 7);
  });
  await GenServer.stop(counter);
});

test('casts are handled in order, and a server that awaits handles nothing else meanwhile', () =>
  node.run(async (self) => {
    const counter = await Counter.startLink({});
    GenServer.cast(counter, 'inc');
    GenServer.cast(counter, 'slow');
    self.spawn(async (own) => own.send(self.pid, await GenServer.call(counter, 'sleep')));
    self.spawn(async (own) => own.send(self.pid, await GenServer.call(counter, 'get')));
    self.sendAfter(10, counter, 'wake');
    assert.deepEqual([await self.receive(), await self.receive()], ['slept', 101]);
  }));

test('a reply may come later, from another callback', () =>
  node.run(async (self) => {
    const counter = await Counter.startLink({ start: 3 });
    self.sendAfter(5, counter, 'answer');
    assert.equal(await GenServer.call(counter, 'later'), 3);
  }));

test('a call that gets no reply in time rejects with timeout and the exit reason of OTP; the late reply never arrives', () =>
  node.run(async (self) => {
    const counter = await Counter.startLink({ start: 3 });
    const error = await callErrorOf(GenServer.call(counter, 'later', { timeoutMs: 10 }));
    assert.equal(error.code, 'timeout');
    assert.deepEqual(
      error.reason,
      tuple(Exit.timeout, tuple(atom('gen_server'), atom('call'), [counter, 'later', 10])),
    );
    self.send(counter, 'answer');
    assert.equal(await GenServer.call(counter, 'get'), 3);
    assert.equal(await self.receive({ timeoutMs: 0, otherwise: 'nothing' }), 'nothing');
    assert.equal(self.processInfo().monitors.length, 0);
  }));

test('calling nobody is noproc, by name and by a dead pid; calling oneself is calling_self', () =>
  node.run(async (self) => {
    const byName = await callErrorOf(GenServer.call('nobody_here', 'get'));
    assert.equal(byName.code, 'noproc');
    assert.deepEqual(
      byName.reason,
      tuple(Exit.noproc, tuple(atom('gen_server'), atom('call'), [atom('nobody_here'), 'get'])),
    );
    const gone = self.spawn(() => undefined);
    await reasonOfDown(self, gone);
    assert.equal((await callErrorOf(GenServer.call(gone, 'get'))).code, 'noproc');
    assert.equal((await callErrorOf(GenServer.call(self.pid, 'get'))).code, 'calling_self');
  }));

test('an uncaught CallError ends the caller with its exit reason', () =>
  node.run(async (self) => {
    const [, ref] = self.spawnMonitor(async () => void (await GenServer.call('nobody_here', 'get')));
    const down = await self.receive(isDown(ref));
    assert.deepEqual(
      down.reason,
      tuple(Exit.noproc, tuple(atom('gen_server'), atom('call'), [atom('nobody_here'), 'get'])),
    );
  }));

test('a callback that throws ends the server after terminate with the old state, and the caller gets the reason', () =>
  node.run(async () => {
    const log = createLog();
    const counter = await Counter.start({ start: 1, log });
    const error = await callErrorOf(GenServer.call(counter, 'crash'));
    assert.equal(error.code, 'exit');
    assert.equal(crashName(error.why), 'boom');
    assert.equal(log.lines.length, 1);
    assert.match(log.lines[0] ?? '', /^terminate .* 1$/);
  }));

test('a callback that returns nonsense ends the server with bad_return_value', () =>
  node.run(async () => {
    const counter = await Counter.start({});
    const error = await callErrorOf(GenServer.call(counter, 'badReturn'));
    assert.deepEqual(error.why, tuple(atom('bad_return_value'), 'nonsense'));
  }));

test('a reply that cannot be sent ends the server with not_sendable instead of leaving the caller to wait', () =>
  node.run(async () => {
    const counter = await Counter.start({});
    const error = await callErrorOf(GenServer.call(counter, 'unsendable', { timeoutMs: 500 }));
    assert.equal(error.code, 'exit');
  }));

test('stopReply runs terminate before the caller is answered', () =>
  node.run(async (self) => {
    const log = createLog();
    const counter = await Counter.start({ log });
    const monitor = self.monitor(counter);
    assert.equal(await GenServer.call(counter, 'stop'), 'stopping');
    assert.deepEqual(log.lines, ['terminate normal 0']);
    assert.equal((await self.receive(isDown(monitor))).reason, Exit.normal);
  }));

test('continue runs before the next message; timeout comes when there is none', () =>
  node.run(async () => {
    const log = createLog();
    const counter = await Counter.start({ log });
    assert.equal(await GenServer.call(counter, 'continue'), 'first');
    assert.equal(await GenServer.call(counter, 'get'), 1000);
    assert.equal(await GenServer.call(counter, 'timeout'), 'waiting');
    assert.deepEqual(await log.until(2), ['continue more', 'info timeout']);
  }));

test('an init that fails, ignores, crashes or takes too long rejects with its code', () =>
  node.run(async (self) => {
    const codeOf = (args: CounterArgs): Promise<unknown> =>
      Counter.start(args, { timeoutMs: 20 }).then(
        () => 'started',
        (error: StartError) => error.code,
      );
    assert.equal(await codeOf({ init: 'fail' }), 'start_failed');
    assert.equal(await codeOf({ init: 'ignore' }), 'ignore');
    assert.equal(await codeOf({ init: 'crash' }), 'start_failed');
    assert.equal(await codeOf({ init: 'hang' }), 'timeout');
    assert.equal(await codeOf({}), 'started');
    assert.equal(self.processInfo().messageQueueLen, 0);
  }));

test('a linked start that fails leaves the EXIT message of OTP 25 to a caller that traps exits', () =>
  node.run(async (self) => {
    await assert.rejects(Counter.startLink({ init: 'fail' }), { code: 'start_failed', reason: atom('no_luck') });
    assert.equal((await self.receive(isExit())).reason, atom('no_luck'));
  }));

test('a name is registered before init and free after the end; a taken one is already_started with its holder', () =>
  node.run(async (self) => {
    const counter = await Counter.start({ start: 9 }, { name: 'the_counter' });
    assert.equal(await Counter.call('the_counter', 'get'), 9);
    await assert.rejects(Counter.start({}, { name: 'the_counter' }), (error: StartError) => {
      return error.code === 'already_started' && error.pid?.equals(counter) === true;
    });
    await GenServer.stop('the_counter');
    assert.equal(self.whereis('the_counter'), undefined);
  }));

test('a server that traps exits ends with its parent, through terminate, and not with others', () =>
  node.run(async (self) => {
    const log = createLog();
    let counter: Pid | undefined;
    const ready = self.makeRef();
    const parent = self.spawn(async (own) => {
      counter = await Counter.startLink({ log, trap: true });
      own.send(self.pid, ready);
      await own.receive((m): m is unknown => m === 'go');
      own.exit(atom('gone'));
    });
    await self.receive();
    assert.ok(counter !== undefined);
    self.exit(counter, atom('stranger'));
    await log.until(1);
    assert.match(log.lines[0] ?? '', /^info EXIT/);
    const monitor = self.monitor(counter);
    self.send(parent, 'go');
    assert.equal((await self.receive(isDown(monitor))).reason, atom('gone'));
    assert.equal(log.lines[1], 'terminate gone 0');
  }));

test('stop ends a server after what is in its mailbox and reports noproc when there is none', () =>
  node.run(async () => {
    const log = createLog();
    const counter = await Counter.start({ log });
    GenServer.cast(counter, 'inc');
    await GenServer.stop(counter, atom('enough'));
    assert.deepEqual(log.lines, ['terminate enough 1']);
    await assert.rejects(GenServer.stop(counter), { code: 'noproc', reason: Exit.noproc });
  }));

test('a server killed while its callback waits does not go on to terminate', () =>
  node.run(async (self) => {
    const log = createLog();
    let release = (): void => undefined;
    class Slow extends GenServer<null, Call<'wait', 'ok'>> {
      override async handleCall(): Promise<CallResult<null, 'ok'>> {
        await new Promise<void>((resolve) => (release = resolve));
        return Next.stopReply(Exit.normal, 'ok', null);
      }
      override terminate(): void {
        log.add('terminate');
      }
    }
    const slow = await Slow.start();
    self.spawn(async (own) =>
      self.send(self.pid, (await callErrorOf(GenServer.call(slow, 'wait', { self: own }))).why),
    );
    await pause(self);
    self.exit(slow, Exit.kill);
    assert.equal(await self.receive(), Exit.killed);
    release();
    await pause(self);
    assert.deepEqual(log.lines, []);
  }));

test('getState, suspend and resume work on a live server; an unknown system message is answered', () =>
  node.run(async (self) => {
    const counter = await Counter.start({ start: 4 });
    assert.equal(await getState(counter), 4);
    await suspend(counter);
    GenServer.cast(counter, 'inc');
    assert.equal((await callErrorOf(GenServer.call(counter, 'get', { timeoutMs: 10 }))).code, 'timeout');
    assert.equal(await getState(counter), 4);
    await resume(counter);
    assert.equal(await GenServer.call(counter, 'get'), 5);
    const tag = self.makeRef();
    self.send(counter, tuple(atom('system'), tuple(self.pid, tag), atom('dance')));
    const answer = (await self.receive()) as readonly unknown[];
    assert.deepEqual(answer[1], tuple(atom('error'), tuple(atom('unknown_system_msg'), atom('dance'))));
    await GenServer.stop(counter);
  }));

test('messages that only look like calls are ordinary messages', () =>
  node.run(async (self) => {
    const log = createLog();
    const counter = await Counter.start({ log });
    self.send(counter, tuple(atom('$gen_call'), 'nobody', 'get'));
    self.send(counter, tuple(atom('$gen_call')));
    self.send(counter, tuple(atom('system'), 1, 2));
    await log.until(3);
    assert.equal(await GenServer.call(counter, 'get'), 0);
    await GenServer.stop(counter);
  }));
