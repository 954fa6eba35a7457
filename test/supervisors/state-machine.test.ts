/** State machines: the contract of OTP's gen_statem about events, states, timeouts, postponing, entering and replies. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { isDown } from '../../runtime/process/message.ts';
import type { Self } from '../../runtime/process/self.ts';
import { atom } from '../../runtime/term/atom.ts';
import { isTagged, tuple } from '../../runtime/term/tuple.ts';
import {
  Action,
  GenStateMachine,
  getState,
  Transition,
  type AnyEvent,
  type Call,
  type CallError,
  type MachineAction,
  type MachineEvent,
  type MachineInit,
  type StepResult,
} from '../../supervisors/index.ts';
import { createLog, createTestNode, type Log, type TestNode } from './kit.ts';

let node: TestNode;
before(() => {
  node = createTestNode();
});
after(() => node.stop());

type Handler = (event: AnyEvent, state: string, data: number) => unknown;

interface ProbeArgs {
  readonly handle: Handler;
  readonly enter?: (oldState: string, state: string, data: number) => unknown;
  readonly actions?: readonly MachineAction[];
  readonly log?: Log;
}

/** A machine whose behaviour each test gives. It starts in state `a` with 0. */
class Probe extends GenStateMachine<string, number, Call<unknown, unknown>, unknown, unknown, ProbeArgs> {
  #args: ProbeArgs | undefined;
  override init(args: ProbeArgs): MachineInit<string, number> {
    this.#args = args;
    return Transition.start('a', 0, args.actions);
  }
  override handleEvent(event: AnyEvent, state: string, data: number): StepResult<string, number> {
    return this.#args?.handle(event, state, data) as StepResult<string, number>;
  }
  override terminate(reason: unknown, state: string, data: number): void {
    this.#args?.log?.add(`terminate ${String(reason)} ${state} ${data}`);
  }
}

class EnteringProbe extends Probe {
  #enter: ProbeArgs['enter'];
  override init(args: ProbeArgs): MachineInit<string, number> {
    this.#enter = args.enter;
    return super.init(args);
  }
  override handleEnter(oldState: string, state: string, data: number): never {
    return this.#enter?.(oldState, state, data) as never;
  }
}

/** What an event is about. */
const subject = (event: AnyEvent): unknown => {
  if (event.kind === 'call') return event.request;
  return event.kind === 'cast' || event.kind === 'info' ? event.message : event.content;
};

test('calls, casts and messages are events; a reply may be an action or come later from anywhere', () =>
  node.run(async (self) => {
    const probe = await Probe.startLink({
      handle: (event, state, data) => {
        if (event.kind === 'cast') return Transition.keep(data + 1);
        if (event.kind === 'call' && event.request === 'later') {
          self.send(self.pid, tuple(atom('from'), event.from));
          return Transition.keepAll();
        }
        return event.kind === 'call'
          ? Transition.keepAll([Action.reply(event.from, [state, data])])
          : Transition.keepAll();
      },
    });
    GenStateMachine.cast(probe, 'add');
    assert.deepEqual(await GenStateMachine.call(probe, 'get'), ['a', 1]);
    self.spawn(async (own) => own.send(self.pid, await GenStateMachine.call(probe, 'later', { self: own })));
    const found = await self.receive((m): m is readonly unknown[] => isTagged(m, atom('from')), { timeoutMs: 1000 });
    GenStateMachine.reply(found[1] as never, 'at last');
    assert.equal(await self.receive({ timeoutMs: 1000 }), 'at last');
    assert.deepEqual(await getState(probe), tuple('a', 1));
  }));

test('postponed events come again after the next change of state, oldest first and before newer ones', () =>
  node.run(async () => {
    const log = createLog();
    const probe = await Probe.startLink({
      handle: (event, state, data) => {
        const what = String(subject(event));
        log.add(`${state} ${what}`);
        if (what === 'go') return Transition.next('b', data);
        if (what === 'same') return Transition.next('a', data);
        return state === 'a' ? Transition.keepAll([Action.postpone()]) : Transition.keepAll();
      },
    });
    for (const what of ['1', '2', 'same', 'go', '3']) GenStateMachine.cast(probe, what);
    assert.deepEqual(await log.until(7), ['a 1', 'a 2', 'a same', 'a go', 'b 1', 'b 2', 'b 3']);
  }));

test('inserted events come in order before postponed ones, which come before what is in the mailbox', () =>
  node.run(async () => {
    const log = createLog();
    const probe = await Probe.startLink({
      handle: (event, state, data) => {
        const what = String(subject(event));
        log.add(what);
        if (what === 'go') return Transition.next('b', data, [Action.internal('i1'), Action.internal('i2')]);
        return state === 'a' ? Transition.keepAll([Action.postpone()]) : Transition.keepAll();
      },
    });
    for (const what of ['p', 'go', 'x']) GenStateMachine.cast(probe, what);
    assert.deepEqual(await log.until(6), ['p', 'go', 'i1', 'i2', 'p', 'x']);
  }));

test('a state timeout comes in its state only: a change of state cancels it', () =>
  node.run(async () => {
    const log = createLog();
    const probe = await Probe.startLink({
      handle: (event, state, data) => {
        const what = subject(event);
        if (event.kind === 'stateTimeout') log.add(`${state} ${String(what)}`);
        if (what === 'arm') return Transition.keepAll([Action.stateTimeout(15, 'first')]);
        if (what === 'go') return Transition.next('b', data, [Action.stateTimeout(25, 'second')]);
        return Transition.keepAll();
      },
    });
    for (const what of ['arm', 'go', 'other']) GenStateMachine.cast(probe, what);
    assert.deepEqual(await log.until(1), ['b second']);
  }));

test('an event timeout comes when nothing else does; any event cancels it', () =>
  node.run(async (self) => {
    const log = createLog();
    const probe = await Probe.startLink({
      handle: (event) => {
        if (event.kind === 'eventTimeout') log.add(String(event.content));
        return Transition.keepAll(subject(event) === 'arm' ? [Action.eventTimeout(15, 'idle')] : []);
      },
    });
    GenStateMachine.cast(probe, 'arm');
    GenStateMachine.cast(probe, 'other');
    self.sendAfter(30, self.pid, 'over');
    await self.receive();
    assert.deepEqual(log.lines, []);
    GenStateMachine.cast(probe, 'arm');
    assert.deepEqual(await log.until(1), ['idle']);
  }));

test('generic timeouts run by name through changes of state, one at a time, and can be cancelled and updated', () =>
  node.run(async () => {
    const log = createLog();
    const probe = await Probe.startLink({
      handle: (event, state, data) => {
        if (event.kind === 'timeout') log.add(`${String(event.name)} ${String(event.content)} in ${state}`);
        if (subject(event) !== 'arm') return Transition.keepAll();
        return Transition.next('b', data, [
          Action.timeout('replaced', 10, 'old'),
          Action.timeout('replaced', 30, 'new'),
          Action.timeout('gone', 10),
          Action.cancelTimeout('gone'),
          Action.timeout('updated', 10, 'before'),
          Action.updateTimeout('updated', 'after'),
          Action.updateTimeout('never set', 'at once'),
        ]);
      },
    });
    GenStateMachine.cast(probe, 'arm');
    assert.deepEqual(await log.until(3), ['never set at once in b', 'updated after in b', 'replaced new in b']);
  }));

test('a timeout of 0 comes after what is queued and before the mailbox; one that its state outlives is dropped', () =>
  node.run(async () => {
    const log = createLog();
    const probe = await Probe.startLink({
      handle: (event, state, data) => {
        const what = String(subject(event));
        log.add(`${state} ${what}`);
        if (what === 'go') return Transition.keepAll([Action.stateTimeout(0, 'zero'), Action.internal('inserted')]);
        if (what === 'drop') return Transition.keepAll([Action.stateTimeout(0, 'lost'), Action.internal('change')]);
        return what === 'change' ? Transition.next('b', data) : Transition.keepAll();
      },
    });
    for (const what of ['go', 'drop', 'last']) GenStateMachine.cast(probe, what);
    assert.deepEqual(await log.until(6), ['a go', 'a inserted', 'a zero', 'a drop', 'a change', 'b last']);
  }));

test('states are entered at the start, at each change and on repeat, not when the state stays', () =>
  node.run(async () => {
    const log = createLog();
    const probe = await EnteringProbe.startLink({
      enter: (oldState, state, data) => {
        log.add(`${oldState} -> ${state} ${data}`);
        return Transition.keep(data + 1, state === 'b' ? [Action.stateTimeout(0, 'entered')] : []);
      },
      handle: (event, state, data) => {
        const what = String(subject(event));
        log.add(`${state} ${what}`);
        if (what === 'go') return Transition.next('b', data, [Action.internal('inserted')]);
        return what === 'repeat' ? Transition.repeatAll() : Transition.next(state, data);
      },
    });
    for (const what of ['stay', 'repeat', 'go']) GenStateMachine.cast(probe, what);
    assert.deepEqual(await log.until(8), [
      'a -> a 0',
      'a stay',
      'a repeat',
      'a -> a 1',
      'a go',
      'a -> b 2',
      'b inserted',
      'b entered',
    ]);
  }));

test('entering a state may not go elsewhere: the machine ends with the reason of OTP', () =>
  node.run(async (self) => {
    const enter = (): unknown => Transition.next('c', 0);
    const probe = await EnteringProbe.start({ enter, handle: () => Transition.keepAll() });
    const { reason } = await self.receive(isDown(self.monitor(probe)), { timeoutMs: 10_000 });
    assert.ok(isTagged(reason, (reason as readonly unknown[])[0], 2));
    assert.deepEqual(reason[0], tuple(atom('bad_state_enter_return_from_state_function'), 'next'));
  }));

test('actions of init are done before the first message', () =>
  node.run(async () => {
    const log = createLog();
    await Probe.startLink({
      actions: [Action.internal('setup'), Action.stateTimeout(0, 'zero')],
      handle: (event) => {
        log.add(String(subject(event)));
        return Transition.keepAll();
      },
    });
    assert.deepEqual(await log.until(2), ['setup', 'zero']);
  }));

test('stop runs terminate with the last state and data; stopAndReply answers before', () =>
  node.run(async () => {
    const log = createLog();
    const probe = await Probe.start({
      log,
      handle: (event, _state, data) => {
        if (event.kind !== 'call') return Transition.next('b', data + 1);
        return Transition.stopAndReply(atom('normal'), [Action.reply(event.from, 'bye')]);
      },
    });
    GenStateMachine.cast(probe, 'go');
    assert.equal(await GenStateMachine.call(probe, 'stop'), 'bye');
    assert.deepEqual(await log.until(1), ['terminate normal b 1']);
  }));

test('a callback that fails in the middle of a chain ends the machine with the state from before that event', () =>
  node.run(async () => {
    const log = createLog();
    const probe = await Probe.start({
      log,
      handle: (event, _state, data) => {
        if (event.kind === 'internal') throw new Error('boom');
        return Transition.next('b', data + 1, [Action.internal('fail')]);
      },
    });
    GenStateMachine.cast(probe, 'go');
    assert.match((await log.until(1))[0] ?? '', /^terminate .*boom.* b 1$/);
  }));

test('a call of a machine waits for ever unless told otherwise, and its errors are those of gen_statem', () =>
  node.run(async () => {
    const probe = await Probe.start({
      handle: (event) => (subject(event) === 'bad' ? 'nonsense' : Transition.keepAll()),
    });
    const failed = (promise: Promise<unknown>): Promise<CallError> =>
      promise.then(
        () => assert.fail('answered'),
        (error: CallError) => error,
      );
    const late = await failed(GenStateMachine.call(probe, 'silent', { timeoutMs: 10 }));
    assert.deepEqual(
      late.reason,
      tuple(atom('timeout'), tuple(atom('gen_statem'), atom('call'), [probe, 'silent', 10])),
    );
    const bad = await failed(GenStateMachine.call(probe, 'bad'));
    assert.equal(bad.code, 'exit');
    const [why] = bad.why as readonly [readonly unknown[]];
    assert.deepEqual(why, tuple(atom('bad_return_from_state_function'), 'nonsense'));
    const nobody = await failed(GenStateMachine.call('nobody_here', 'x'));
    assert.deepEqual(
      nobody.reason,
      tuple(atom('noproc'), tuple(atom('gen_statem'), atom('call'), [atom('nobody_here'), 'x', atom('infinity')])),
    );
  }));

test('while a callback is awaited nothing else is handled', () =>
  node.run(async () => {
    const log = createLog();
    const probe = await Probe.startLink({
      handle: async (event: AnyEvent) => {
        log.add(`begin ${String(subject(event))}`);
        await new Promise((resolve) => setImmediate(resolve));
        log.add(`end ${String(subject(event))}`);
        return Transition.keepAll();
      },
    });
    GenStateMachine.cast(probe, '1');
    GenStateMachine.cast(probe, '2');
    assert.deepEqual(await log.until(4), ['begin 1', 'end 1', 'begin 2', 'end 2']);
  }));

test('a function per state handles its events, with the machine as this', () =>
  node.run(async (self: Self) => {
    type DoorCall = Call<'open' | 'close', string>;
    type DoorEvent = MachineEvent<DoorCall>;
    class Door extends GenStateMachine<'opened' | 'closed', number, DoorCall> {
      readonly #greeting = 'welcome';
      override init(): MachineInit<'opened' | 'closed', number> {
        return Transition.start('closed', 0);
      }
      override readonly states = {
        closed: (event: DoorEvent, count: number): StepResult<'opened' | 'closed', number> => {
          if (event.kind !== 'call' || event.request === 'close') return Transition.keepAll([Action.postpone()]);
          return Transition.next('opened', count + 1, [Action.reply(event.from, this.#greeting)]);
        },
        opened: (event: DoorEvent, count: number): StepResult<'opened' | 'closed', number> => {
          if (event.kind !== 'call') return Transition.keepAll();
          return Transition.next('closed', count, [Action.reply(event.from, `closed after ${count}`)]);
        },
      };
    }
    const door = await Door.startLink();
    self.spawn(async (own) => own.send(self.pid, await Door.call(door, 'close', { self: own })));
    assert.equal(await Door.call(door, 'open'), 'welcome');
    assert.equal(await self.receive({ timeoutMs: 1000 }), 'closed after 1');
  }));
