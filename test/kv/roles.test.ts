/** The tutorial's cases on the public roles: acceptors, phases, and what each replica knows. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PaxosKV, PaxosRoles, type InstanceStatus } from '../../kv/index.ts';
import { hasCode } from '../../runtime/errors.ts';
import { withInside } from './kit/cluster-inside.ts';

const { accept, ballotOf, commit, phase1, phase2, prepare, runPaxos, startAcceptors, statusOf } = PaxosRoles;
const X = 1;
const Y = 2;
type Acceptors = ReturnType<typeof startAcceptors>;

function three(): [Acceptors[0], Acceptors[0], Acceptors[0]] {
  return startAcceptors(3) as [Acceptors[0], Acceptors[0], Acceptors[0]];
}

function kinds(acceptors: Acceptors, key: unknown): InstanceStatus['kind'][] {
  return acceptors.map((acceptor) => statusOf(acceptor, key).kind);
}

describe('an acceptor', () => {
  it('raises its promise with a Prepare, and has accepted nothing by that', () => {
    const [a] = three();
    const reply = prepare(a, 'k', ballotOf(3, X));
    assert.ok(reply.kind === 'promise' && reply.ab.r === 0 && reply.cell === null);
    assert.deepEqual(statusOf(a, 'k'), { kind: 'nil' });
    const refused = prepare(a, 'k', ballotOf(2, Y));
    assert.ok(refused.kind === 'nack' && refused.p.r === 3);
  });

  it('overwrites what it has with an Accept, unless it promised a higher ballot', () => {
    const [a] = three();
    assert.equal(accept(a, 'k', ballotOf(1, X), 'x').kind, 'accepted');
    assert.equal(accept(a, 'k', ballotOf(2, Y), 'y').kind, 'accepted');
    assert.equal(accept(a, 'k', ballotOf(1, X), 'late').kind, 'nack');
    assert.deepEqual(statusOf(a, 'k'), { kind: 'accepted', ballot: ballotOf(2, Y), fast: false, value: 'y' });
  });
});

describe('the tutorial', () => {
  it('slide 32: one proposer alone gets its value chosen by two of three', () => {
    const [a, b, c] = three();
    const ballot = ballotOf(1, X);
    assert.deepEqual(phase1([a, b], 'k', ballot), { ok: true, found: null });
    assert.deepEqual(phase2([a, b], 'k', ballot, 'x'), { ok: true });
    assert.deepEqual(kinds([a, b, c], 'k'), ['accepted', 'accepted', 'nil']);
    assert.deepEqual(phase1([b, c], 'k', ballotOf(2, Y)), { ok: true, found: { value: 'x' } });
  });

  it("slide 33: X and Y duel: X comes too late with its Accept, and adopts Y's value with a higher ballot", () => {
    const [a, b, c] = three();
    const first = ballotOf(1, X);
    assert.deepEqual(phase1([a, b], 'k', first), { ok: true, found: null });
    const higher = ballotOf(2, Y);
    assert.deepEqual(phase1([b, c], 'k', higher), { ok: true, found: null });
    assert.deepEqual(phase2([a, b], 'k', first, 'x'), { ok: false, highest: higher });
    assert.deepEqual(phase2([b, c], 'k', higher, 'y'), { ok: true });
    const again = ballotOf(3, X);
    assert.deepEqual(phase1([a, b], 'k', again), { ok: true, found: { value: 'y' } }, 'not its own x, which a has');
    assert.deepEqual(phase2([a, b], 'k', again, 'y'), { ok: true });
    assert.deepEqual(runPaxos([a, c], 'k', ballotOf(1, X), 'x'), { value: 'y', ballot: ballotOf(4, X) });
  });

  it('set and get: every version of a key is an instance of its own', () => {
    const all = startAcceptors(3);
    assert.equal(runPaxos(all, ['foo', 1], ballotOf(1, X), 'one')?.value, 'one');
    assert.equal(runPaxos(all, ['foo', 2], ballotOf(1, X), 'two')?.value, 'two');
    assert.equal(runPaxos(all, ['foo', 1], ballotOf(1, Y), 'other')?.value, 'one');
    assert.equal(runPaxos(all.slice(0, 1), ['foo', 1], ballotOf(9, Y), 'other'), null, 'one of three is no quorum');
  });
});

describe('the three sequences', () => {
  it('propose: accepted by its quorum, committed there, and by the third when it hears of it', () => {
    const [a, b, c] = three();
    const ballot = ballotOf(1, X);
    runPaxos([a, b], 'k', ballot, 'v');
    commit([a, b, c], 'k', ballot);
    assert.deepEqual(kinds([a, b, c], 'k'), ['committed', 'committed', 'nil']);
    accept(c, 'k', ballot, 'v');
    commit([c], 'k', ballot);
    assert.deepEqual(statusOf(c, 'k'), { kind: 'committed', ballot, value: 'v' });
  });

  it('repair: a replica without the value finds it by Prepare, has it accepted, and commits it everywhere', () => {
    const [a, b, c] = three();
    phase1([a, b], 'k', ballotOf(1, X));
    accept(a, 'k', ballotOf(1, X), 'v'); // and then its proposer ends
    const repair = ballotOf(2, Y);
    const found = phase1([a, c], 'k', repair);
    assert.deepEqual(found, { ok: true, found: { value: 'v' } });
    assert.deepEqual(phase2([a, b, c], 'k', repair, 'v'), { ok: true });
    commit([a, b, c], 'k', repair);
    assert.deepEqual(kinds([a, b, c], 'k'), ['committed', 'committed', 'committed']);
  });

  it('repair after a re-send: of two accepted ballots the higher one counts', () => {
    const [a, b, c] = three();
    phase1([a, b], 'k', ballotOf(1, X));
    accept(a, 'k', ballotOf(1, X), 'v1'); // its answer is lost: the client sends again, to another replica, with a value of its own
    phase1([b, c], 'k', ballotOf(2, Y));
    accept(b, 'k', ballotOf(2, Y), 'v2');
    const repaired = runPaxos([a, b, c], 'k', ballotOf(3, X), 'mine');
    assert.deepEqual(repaired, { value: 'v2', ballot: ballotOf(3, X) });
    assert.ok([a, b, c].every((acceptor) => statusOf(acceptor, 'k').kind === 'accepted'));
  });
});

it('bad counts and keys are invalid_value', () => {
  assert.throws(
    () => startAcceptors(0),
    (error) => hasCode(error, 'invalid_value'),
  );
  assert.throws(
    () => statusOf(three()[0], Symbol('no')),
    (error) => hasCode(error, 'invalid_value'),
  );
});

it('the status of an instance is asked of every member: nothing, accepted, committed, or no answer', async () => {
  await withInside(async (cluster) => {
    await cluster.startSettled(1, 2, 3);
    const statuses = async (key: unknown): Promise<string[]> => {
      const found = await PaxosKV.instanceStatus(key);
      assert.ok(found.ok);
      return cluster3.map((name) => found.value.get(name)?.kind ?? 'missing');
    };
    const cluster3 = [1, 2, 3].map((number) => cluster.name(number));
    assert.deepEqual(await statuses('nothing'), ['nil', 'nil', 'nil']);
    await PaxosKV.put('key', 'value');
    while ((await statuses('key')).includes('accepted')) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual(await statuses('key'), ['committed', 'committed', 'committed']);
    await assert.rejects(PaxosKV.instanceStatus('key', { bucket: 'Other' }), (e) => hasCode(e, 'no_bucket'));
    const bad = await PaxosKV.instanceStatus(Symbol('no'));
    assert.equal(!bad.ok && bad.error, 'invalid_value');
  });
});
