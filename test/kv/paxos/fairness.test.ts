/** Proposers that all want the same key get on, every one of them: the back-off is random, and nobody starves. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stepAcceptor, type AcceptorEffect } from '../../../kv/paxos/acceptor.ts';
import { createChange } from '../../../kv/paxos/operation.ts';
import { startOperation, stepReply, stepTime } from '../../../kv/paxos/proposer.ts';
import type { Acceptor } from '../../../kv/paxos/acceptor.ts';
import type { Change } from '../../../kv/paxos/change.ts';
import type { RegisterRequest } from '../../../kv/paxos/messages.ts';
import type { Proposer, ProposerEffect } from '../../../kv/paxos/proposer-state.ts';
import { Random } from '../../sim/random.ts';
import { Schedule } from '../../sim/schedule.ts';
import { SmallCluster } from './small-cluster.ts';

const RUN_MS = 4000;
const TICK_MS = 2;

const add: Change = (cell) => {
  const value = (cell !== null && cell.live ? (cell.value as number) : 0) + 1;
  return { draft: { live: true, value, bind: null }, result: value };
};

/** Members with a proposer each, in virtual time, each changing the same key again and again. */
class Contest {
  readonly done: number[];
  readonly longestMs: number[];
  readonly outcomes: Record<string, number> = {};
  readonly #cluster: SmallCluster;
  readonly #schedule = new Schedule();
  readonly #random: Random;
  readonly #startedAt: number[] = [];

  constructor(members: number, seed: number) {
    this.#random = new Random(seed);
    this.#cluster = new SmallCluster(members);
    this.done = Array.from({ length: members }, () => 0);
    this.longestMs = Array.from({ length: members }, () => 0);
    for (let i = 0; i < members; i++) {
      this.#schedule.after(this.#random.unit() * 5, () => this.#begin(i));
      this.#schedule.after(TICK_MS, () => this.#tick(i));
    }
    while (this.#schedule.step(RUN_MS));
    for (let i = 0; i < members; i++) this.#note(i);
  }

  #begin(i: number): void {
    const proposer = this.#cluster.proposers[i] as Proposer;
    proposer.clock = Math.max(proposer.clock, (this.#cluster.acceptors[i] as Acceptor).clock);
    this.#startedAt[i] = this.#schedule.nowMs;
    this.#propose(i, (out) => startOperation(proposer, createChange('k', add), this.#schedule.nowMs, out));
  }

  #note(i: number): void {
    const tookMs = this.#schedule.nowMs - (this.#startedAt[i] ?? 0);
    this.longestMs[i] = Math.max(this.longestMs[i] as number, tookMs);
  }

  #tick(i: number): void {
    this.#schedule.after(TICK_MS, () => this.#tick(i));
    this.#propose(i, (out) => stepTime(this.#cluster.proposers[i] as Proposer, this.#schedule.nowMs, out));
  }

  #propose(i: number, step: (out: ProposerEffect[]) => void): void {
    const out: ProposerEffect[] = [];
    step(out);
    for (const effect of out) {
      if (effect.kind === 'send') this.#send(i, effect.to, effect.message);
      if (effect.kind === 'hint') this.#send(i, -1, effect.message);
      if (effect.kind === 'backOff') {
        const { operation, leastMs, mostMs } = effect;
        operation.wakeAtMs = this.#schedule.nowMs + leastMs + this.#random.unit() * (mostMs - leastMs);
      }
      if (effect.kind === 'answer') this.#answered(i, effect.outcome.kind);
    }
  }

  /** A change that slept through more changes than a cell remembers cannot know whether it took effect. */
  #answered(i: number, kind: string): void {
    this.outcomes[kind] = (this.outcomes[kind] ?? 0) + 1;
    if (kind !== 'unknown') this.done[i] = (this.done[i] as number) + 1;
    this.#note(i);
    this.#schedule.after(0, () => this.#begin(i));
  }

  #send(i: number, places: number, message: RegisterRequest): void {
    for (const [member, acceptor] of this.#cluster.acceptors.entries()) {
      if ((places & (1 << member)) === 0) continue;
      this.#schedule.after(this.#latencyMs(i, member), () => {
        const effects: AcceptorEffect[] = [];
        stepAcceptor(acceptor, message, effects);
        for (const effect of effects) {
          if (effect.kind !== 'reply') continue;
          const { message: reply } = effect;
          const proposer = this.#cluster.proposers[i] as Proposer;
          this.#schedule.after(this.#latencyMs(member, i), () =>
            this.#propose(i, (out) => stepReply(proposer, reply, this.#schedule.nowMs, out)),
          );
        }
      });
    }
  }

  #latencyMs(from: number, to: number): number {
    return from === to ? 0.01 : 0.3 + this.#random.unit() * 0.7;
  }
}

describe('proposers that all change one key', () => {
  for (const members of [3, 5]) {
    it(`of ${members} each gets its share, and no change waits for longer than half a second`, () => {
      const shares: number[] = [];
      const longest: number[] = [];
      let unknown = 0;
      for (let seed = 1; seed <= 20; seed++) {
        const { done, longestMs, outcomes } = new Contest(members, seed);
        const sum = done.reduce((a, b) => a + b, 0);
        unknown += (outcomes['unknown'] ?? 0) / sum / 20;
        shares.push(Math.min(...done) / (sum / members));
        longest.push(Math.max(...longestMs));
        // a round trip is about 1.3 ms here: at least half of what one proposer alone would do
        assert.ok(sum > 1500, `${sum} changes in ${RUN_MS} ms`);
      }
      assert.ok(Math.min(...shares) > 0.33, `the least share of a fair one is ${Math.min(...shares)}`);
      assert.ok(Math.max(...longest) < 500, `the longest wait is ${Math.max(...longest)} ms`);
      assert.ok(unknown < 0.15, `${unknown} of the changes ended in unknown`);
    });
  }
});
