/** What steps of the configuration do to the acceptors of a bucket: who merges, who seals, and what a reset by force keeps. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { foundConfig, nextConfig, type ConfigStep } from '../../../kv/cluster/config.ts';
import { createAcceptor, stepAcceptor, type Acceptor, type AcceptorEffect } from '../../../kv/paxos/acceptor.ts';
import { ZERO } from '../../../kv/paxos/ballot.ts';
import { makeCell } from '../../../kv/paxos/change.ts';
import { choice } from '../../../kv/paxos/quorum.ts';
import { adopt, merge, serveSnapshot, sourcesOf } from '../../../kv/paxos/transfer.ts';
import type { Ballot, Config, Holding, Incarnation } from '../../../kv/paxos/messages.ts';

const member = (name: string, boot = 1): Incarnation => ({ name, id: `id ${name}`, boot });

class Members {
  config: Config;
  readonly acceptors: Map<string, Acceptor> = new Map();

  constructor(clusterSize: number, ...names: string[]) {
    this.config = foundConfig({ cluster: 'c', clusterSize, members: names.map((n) => member(n)), bucket: 'B' });
    for (const name of names) this.join(member(name));
  }

  /** A new boot, blank, that adopts what there is. */
  join(who: Incarnation): Acceptor {
    const acceptor = createAcceptor(who, false);
    this.acceptors.set(who.name, acceptor);
    adopt(acceptor, this.config);
    return acceptor;
  }

  /** The next configuration is decided; nobody has heard of it yet. */
  decide(step: ConfigStep): Config {
    this.config = nextConfig(this.config, step);
    return this.config;
  }

  at(name: string): Acceptor {
    const acceptor = this.acceptors.get(name);
    assert.ok(acceptor !== undefined);
    return acceptor;
  }

  /** True when the member took it. */
  accept(name: string, key: string, r: number, e: number, fast = false): boolean {
    const b: Ballot = { e, r, p: 1 };
    const cell = makeCell({ live: true, value: `${key}${r}`, bind: null }, null, b);
    const effects: AcceptorEffect[] = [];
    if (fast) stepAcceptor(this.at(name), { kind: 'prepare', e, key, b, fast: cell }, effects);
    else stepAcceptor(this.at(name), { kind: 'accept', e, key, b, cell, next: null }, effects);
    return effects.some(({ kind, ...effect }) => {
      const reply = kind === 'reply' ? (effect as { message: { kind: string; ok?: boolean } }).message : null;
      return reply?.kind === 'accepted' || reply?.ok === true;
    });
  }

  /** `name` adopts the newest configuration and merges what `from` hand over, which adopt it first. */
  merge(name: string, ...from: string[]): void {
    const acceptor = this.at(name);
    if (acceptor.e < this.config.e) adopt(acceptor, this.config);
    for (const other of from) adopt(this.at(other), this.config);
    const states = from.flatMap((other) => serveSnapshot(this.at(other), this.config) ?? []);
    if (acceptor.sealed !== null) states.push(acceptor.sealed);
    merge(acceptor, states, sourcesOf(this.config).from, []);
  }

  read(key: string, ...names: string[]): unknown {
    const nothing: Holding = { ab: ZERO, fast: false, cell: null, chosen: false, ae: 0, fl: ZERO };
    return choice(names.map((name) => this.at(name).keys.get(key) ?? nothing))?.cell.value ?? null;
  }
}

test('a member that handed over its state takes nothing of the former epoch any more: what a joiner merged stays all there is', () => {
  const members = new Members(3, 'a', 'b', 'c');
  members.accept('a', 'x', 1, 1);
  members.decide({ kind: 'replace', member: member('d'), leaving: 'a' });
  members.join(member('d'));
  members.merge('d', 'b', 'c');
  assert.equal(members.accept('c', 'x', 1, 1), false, 'with a it would be chosen, and b and d would not show it');
  assert.equal(members.read('x', 'b', 'd'), null);
});

test('after one seat fewer nobody votes before it merged, and two such steps leave no value with a minority', () => {
  const members = new Members(3, 'a', 'b', 'c');
  for (const name of ['a', 'c']) assert.ok(members.accept(name, 'x', 1, 1));
  members.decide({ kind: 'shrink', name: 'c' });
  for (const name of ['a', 'b']) adopt(members.at(name), members.config);
  assert.equal(members.at('b').active || members.at('a').active, false);
  assert.equal(members.accept('b', 'y', 2, 2), false);
  members.merge('b', 'a');
  members.merge('a', 'b');
  members.decide({ kind: 'shrink', name: 'a' });
  members.merge('b', 'a');
  assert.equal(members.read('x', 'b'), 'x1');
});

test('after a vacate that leaves a quorum all merge, and one of the two left may restart', () => {
  const members = new Members(3, 'a', 'b', 'c');
  for (const name of ['a', 'c']) assert.ok(members.accept(name, 'x', 1, 1));
  members.decide({ kind: 'vacate', name: 'c' });
  members.merge('b', 'a');
  members.merge('a', 'b');
  members.decide({ kind: 'replace', member: member('a', 2) });
  members.join(member('a', 2));
  members.merge('a', 'b');
  assert.equal(members.read('x', 'a', 'b'), 'x1');
});

test('a merge of fewer states than meet every quorum is refused', () => {
  const members = new Members(3, 'a', 'b', 'c');
  members.decide({ kind: 'replace', member: member('a', 2) });
  members.join(member('a', 2));
  assert.throws(() => members.merge('a', 'b'));
});

test('a removed member hands over what it held, and a blank newcomer hands over nothing', () => {
  const members = new Members(3, 'a', 'b', 'c');
  const next = members.decide({ kind: 'replace', member: member('d'), leaving: 'a' });
  for (const name of ['a', 'b']) adopt(members.at(name), next);
  assert.equal(members.at('a').active, false);
  assert.notEqual(serveSnapshot(members.at('a'), next), null);
  assert.equal(serveSnapshot(members.join(member('d')), next), null);
});

test('a reset by force keeps the highest acceptance that a survivor holds, a fast one too, and all survivors hold the same', () => {
  const members = new Members(5, 'a', 'b', 'c', 'd', 'e');
  members.accept('a', 'x', 1, 1);
  members.accept('b', 'x', 2, 1);
  members.accept('a', 'fast', 3, 1, true);
  members.accept('b', 'fast', 4, 1, true);
  members.decide({ kind: 'force', members: [member('a'), member('b')] });
  assert.equal(members.config.N, 3);
  for (const name of ['a', 'b']) adopt(members.at(name), members.config);
  members.merge('a', 'b');
  members.merge('b', 'a');
  for (const name of ['a', 'b']) {
    assert.deepEqual([members.read('x', name), members.read('fast', name)], ['x2', 'fast4']);
  }
  adopt(members.at('c'), members.config);
  assert.equal(members.at('c').active, false, 'one that was given up does not vote, whatever it holds');
});

test('a member that lags may jump to a reset by force, and to nothing else but a fresh start', () => {
  const members = new Members(3, 'a', 'b', 'c');
  const vacated = members.decide({ kind: 'vacate', name: 'c' });
  const filled = members.decide({ kind: 'fill', member: member('c', 2) });
  assert.deepEqual(adopt(members.at('a'), filled), { kind: 'lags', after: 1 });
  assert.equal(members.at('a').e, 1);
  assert.equal(vacated.e, 2);
  const forced = members.decide({ kind: 'force', members: [member('a')] });
  assert.equal(adopt(members.at('a'), forced).kind, 'merges');
});
