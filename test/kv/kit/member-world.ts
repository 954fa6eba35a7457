/**
 * Cluster cores with real acceptors of one bucket: they adopt what is decided, hand over their state and merge, and clients write keys to them. A
 * key is written once, by one client at one ballot, so that a plain Accept is all of Paxos that is needed; what a quorum accepted is
 * acknowledged, and from then on every quorum of every later configuration has to show it. Rules can be left out, as negative controls.
 */
import { hasMember, stepRefusal } from '../../../kv/cluster/config.ts';
import type { ClusterEffect, Request } from '../../../kv/cluster/state.ts';
import { viewOf } from '../../../kv/cluster/view-of.ts';
import { createAcceptor, stepAcceptor, type Acceptor, type AcceptorEffect } from '../../../kv/paxos/acceptor.ts';
import { isZero, ZERO } from '../../../kv/paxos/ballot.ts';
import { choice, quorumSize, sameIncarnation } from '../../../kv/paxos/quorum.ts';
import { adopt, merge, serveSnapshot, sourcesOf } from '../../../kv/paxos/transfer.ts';
import type { SealedState } from '../../../kv/paxos/acceptor.ts';
import type { Accept, Cell, Config, Holding, Incarnation, Key, NodeName } from '../../../kv/paxos/messages.ts';
import { World, type WorldOptions } from './cluster-world.ts';

export const BUCKET = 'PaxosKV';
const ASK_MS = 100;

/** Rules that can be left out. */
export type LeftOut = 'merge' | 'enough states' | 'merge of all' | 'new boot';

interface Site {
  acceptor: Acceptor;
  joining: { readonly config: Config; readonly states: Map<NodeName, SealedState>; askedAt: number } | null;
}

type Body =
  | { readonly kind: 'accept'; readonly message: Accept }
  | { readonly kind: 'accepted'; readonly key: Key; readonly e: number; readonly place: number }
  | { readonly kind: 'ask'; readonly config: Config }
  | { readonly kind: 'state'; readonly from: Incarnation; readonly state: SealedState };

interface Writing {
  readonly config: Config;
  readonly places: Set<number>;
}

export class MemberWorld extends World {
  readonly sites: Map<NodeName, Site> = new Map();
  /** Acknowledged keys, with the epoch in which they were. */
  readonly acknowledged: Map<Key, number> = new Map();
  readonly violations: string[] = [];
  readonly answers: string[] = [];
  readonly #leftOut: LeftOut | null;
  readonly #writing: Map<Key, Writing> = new Map();
  readonly #effects: AcceptorEffect[] = [];
  #written = 0;
  #requests = 0;

  constructor(options: WorldOptions, leftOut: LeftOut | null = null) {
    super(options);
    this.#leftOut = leftOut;
  }

  startNode(name: NodeName): void {
    const before = this.sites.get(name)?.acceptor.me.boot ?? null;
    this.sites.delete(name);
    this.start(name);
    const boot = this.#leftOut === 'new boot' ? before : null;
    this.input(name, { kind: 'bucketUp', bucket: BUCKET, partitions: 1, boot });
    this.#createSite(name);
    const site = this.sites.get(name);
    const config = this.config(name, BUCKET);
    if (boot === null || site === undefined || config === null) return;
    adopt(site.acceptor, config);
    site.acceptor.active = site.acceptor.place >= 0;
  }

  ask(name: NodeName, request: Request, forMs = 20_000): void {
    this.#requests += 1;
    this.input(name, { kind: 'request', id: this.#requests, request, until: this.now + forMs });
  }

  /** Writes a new key through the configuration that the node knows. */
  write(name: NodeName): void {
    const config = this.config(name, BUCKET);
    if (config === null || this.nodes.get(name)?.state == null) return;
    this.#written += 1;
    const key = `k${this.#written}`;
    const b = { e: config.e, r: this.#written, p: this.#written };
    const cell: Cell = { live: true, value: key, ver: b, bind: null, hist: [], cut: ZERO };
    this.#writing.set(key, { config, places: new Set() });
    const message: Accept = { kind: 'accept', e: config.e, key, b, cell, next: null };
    for (const member of config.M) this.#say(name, member.name, { kind: 'accept', message });
  }

  isSettled(names: readonly NodeName[]): boolean {
    return names.every((name) => {
      const state = this.nodes.get(name)?.state;
      if (state == null || state.pending.size > 0 || state.rounds.size > 0) return false;
      const site = this.sites.get(name);
      const config = this.config(name, BUCKET);
      if (site === undefined || config === null) return false;
      return site.acceptor.e === config.e && (site.acceptor.place < 0 || site.acceptor.active);
    });
  }

  /** May this node lose what it holds, without too few being left to go on and to merge from? */
  canSpare(name: NodeName): boolean {
    const up = [...this.sites].filter(([one]) => this.nodes.get(one)?.state != null);
    const e = Math.max(0, ...up.map(([one]) => this.config(one, BUCKET)?.e ?? 0));
    const voting = up.filter(
      ([one, { acceptor }]) =>
        this.nodes.get(one)?.state?.isStopping !== true && acceptor.e === e && acceptor.active && acceptor.place >= 0,
    );
    const config = voting[0]?.[1].acceptor.config;
    if (config === undefined || config === null) return false;
    const left = voting.filter(([one]) => one !== name).length;
    return left >= Math.max(quorumSize(config.N), config.r);
  }

  /** Every quorum of members that vote in the newest epoch shows every acknowledged key. */
  check(): void {
    const active = [...this.sites.values()].map((site) => site.acceptor).filter((a) => a.active && a.place >= 0);
    const e = Math.max(0, ...active.map((a) => a.e));
    const members = active.filter((a) => a.e === e);
    const config = members[0]?.config;
    if (config === undefined || config === null) return;
    for (const quorum of subsets(members, quorumSize(config.N))) {
      for (const [key, since] of this.acknowledged) {
        if (since > e || choice(quorum.map((a) => holding(a, key)))?.cell.value === key) continue;
        this.violations.push(
          `${key} of epoch ${since} is lost at ${quorum.map((a) => a.me.name).join()} in epoch ${e}`,
        );
        this.acknowledged.delete(key);
      }
    }
  }

  protected override activate(name: NodeName): void {
    const state = this.nodes.get(name)?.state;
    if (state == null) return;
    const view = viewOf(state, BUCKET);
    const site = this.sites.get(name);
    if (site === undefined) return;
    const { acceptor } = site;
    const isBlank = acceptor.keys.size === 0 && !acceptor.active && acceptor.sealed === null && isZero(acceptor.floor);
    const isGivenUp =
      view.me === null ||
      view.renew === 'removed' ||
      (view.renew === 'hopeless' && isBlank) ||
      !sameIncarnation(view.me, acceptor.me);
    if (!isGivenUp) for (const config of view.configs) this.#adopt(site, config);
    if (isGivenUp || acceptor.e < (view.configs.at(-1)?.e ?? 0)) {
      this.input(name, { kind: 'bucketUp', bucket: BUCKET, partitions: 1, boot: null });
      this.#createSite(name);
      return;
    }
    this.#askForStates(name, site);
    const e = acceptor.active ? acceptor.e : 0;
    if (state.running.get(BUCKET)?.activeIn !== e)
      this.input(name, { kind: 'bucketActive', bucket: BUCKET, boot: acceptor.me.boot, partition: 0, e });
  }

  protected override onEffect(_name: NodeName, effect: ClusterEffect): void {
    if (effect.kind === 'dataLost') this.#forgetBefore(effect.config.e);
    if (effect.kind === 'answer') this.answers.push(effect.answer.ok ? 'ok' : effect.answer.code);
  }

  protected override onOther(to: NodeName, from: NodeName, body: unknown): void {
    const said = body as Body;
    const site = this.sites.get(to);
    if (said.kind === 'accepted') return this.#onAccepted(said);
    if (site === undefined || this.nodes.get(to)?.state == null) return;
    if (said.kind === 'accept') {
      stepAcceptor(site.acceptor, said.message, this.#effects);
      for (const effect of this.#effects.splice(0)) {
        if (effect.kind !== 'reply' || effect.message.kind !== 'accepted') continue;
        const { key, e } = said.message;
        this.#say(to, from, { kind: 'accepted', key, e, place: site.acceptor.place });
      }
    } else if (said.kind === 'ask') this.#onAsk(to, from, site, said.config);
    else this.#onState(site, said);
  }

  #createSite(name: NodeName): void {
    const record = this.nodes.get(name)?.state?.record;
    const boot = this.nodes.get(name)?.state?.running.get(BUCKET)?.boot;
    if (record === undefined || boot === undefined) return;
    this.sites.set(name, { acceptor: createAcceptor({ name, id: record.id, boot }, false), joining: null });
  }

  #onAccepted({ key, e, place }: Body & { kind: 'accepted' }): void {
    const writing = this.#writing.get(key);
    if (writing === undefined || writing.config.e !== e) return;
    writing.places.add(place);
    if (writing.places.size >= quorumSize(writing.config.N)) this.acknowledged.set(key, e);
  }

  #onAsk(to: NodeName, from: NodeName, site: Site, config: Config): void {
    const { acceptor } = site;
    if (acceptor.config !== null && stepRefusal(acceptor.config, config) === null) {
      this.#adopt(site, config);
      this.input(to, { kind: 'learned', bucket: BUCKET, config });
    }
    const state = serveSnapshot(acceptor, config);
    if (state !== null) this.#say(to, from, { kind: 'state', from: acceptor.me, state });
  }

  #onState({ acceptor, joining }: Site, { from, state }: Body & { kind: 'state' }): void {
    if (joining === null || state.e !== joining.config.e) return;
    if (!hasMember(sourcesOf(joining.config).from, from)) return;
    joining.states.set(from.name, state);
    this.#mergeWhenWhole(this.sites.get(acceptor.me.name) as Site);
  }

  #adopt(site: Site, config: Config): void {
    const { acceptor } = site;
    const wasActive = acceptor.active;
    const adoption = adopt(acceptor, config);
    if (adoption.kind === 'known' || adoption.kind === 'lags') return;
    site.joining = null;
    if (adoption.kind !== 'merges') return;
    const isLeftOut = this.#leftOut === 'merge' || (this.#leftOut === 'merge of all' && config.mergeAll && wasActive);
    if (isLeftOut) {
      acceptor.active = true;
      return;
    }
    const states = new Map<NodeName, SealedState>();
    if (acceptor.sealed !== null && hasMember(adoption.from, acceptor.me))
      states.set(acceptor.me.name, acceptor.sealed);
    site.joining = { config, states, askedAt: -Infinity };
    this.#mergeWhenWhole(site);
  }

  #mergeWhenWhole(site: Site): void {
    if (site.joining === null) return;
    const { config, states } = site.joining;
    const { from, need } = sourcesOf(config);
    const enough = this.#leftOut === 'enough states' ? 1 : need;
    if (states.size < enough) return;
    site.joining = null;
    merge(site.acceptor, [...states.values()], { ...from, r: enough }, this.#effects);
    this.#effects.length = 0;
  }

  #askForStates(name: NodeName, { joining }: Site): void {
    if (joining === null || this.now - joining.askedAt < ASK_MS) return;
    joining.askedAt = this.now;
    for (const member of sourcesOf(joining.config).from.M) {
      if (member.name !== name && !joining.states.has(member.name))
        this.#say(name, member.name, { kind: 'ask', config: joining.config });
    }
  }

  /** A bucket that begins anew holds nothing of before. */
  #forgetBefore(e: number): void {
    for (const [key, since] of this.acknowledged) if (since < e) this.acknowledged.delete(key);
    for (const [key, { config }] of this.#writing) if (config.e < e) this.#writing.delete(key);
  }

  #say(from: NodeName, to: NodeName, body: Body): void {
    if (from === to) this.onOther(to, from, body);
    else this.sendOther(from, to, body);
  }
}

function holding(acceptor: Acceptor, key: Key): Holding {
  return acceptor.keys.get(key) ?? { ab: ZERO, fast: false, cell: null, chosen: false, ae: 0, fl: ZERO };
}

function subsets<T>(all: readonly T[], size: number): readonly (readonly T[])[] {
  if (size === 0) return [[]];
  return all.flatMap((one, i) => subsets(all.slice(i + 1), size - 1).map((rest) => [one, ...rest]));
}
