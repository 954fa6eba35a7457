/** What must hold of the cluster as a whole, whatever happens to it: configurations, who votes, and that nothing is left behind. */
import { Violation } from '../invariants.ts';
import type { BootRecord, Config } from './system.ts';
import type { Site, World } from './world.ts';

const CLUSTER_CHAIN = '$c';

export class Checks {
  readonly counts = { configurations: 0, fresh: 0 };
  readonly #world: World;
  readonly #onFresh: () => void;
  /** What was recorded as decided, by chain and epoch. */
  readonly #decided: Map<string, { readonly config: Config; readonly text: string }> = new Map();
  #cluster: string | null = null;
  /** Of every bucket. */
  readonly #newest: Map<string, Config> = new Map();

  constructor(world: World, onFresh: () => void) {
    this.#world = world;
    this.#onFresh = onFresh;
  }

  /** A record is durable from now on; nothing that follows from it has been sent yet. */
  onSaved(site: Site, record: BootRecord): void {
    for (const config of record.system.configs) this.#onDecided(site, CLUSTER_CHAIN, config);
    for (const [bucket, chain] of Object.entries(record.buckets))
      for (const config of chain.configs) this.#onDecided(site, bucket, config);
  }

  /** Whoever votes in a bucket is a member of the configuration that it votes in. */
  votes(): void {
    for (const site of this.#world.sites) {
      const acceptor = this.#world.bucketOf(site)?.table.acceptor ?? null;
      if (acceptor === null || !acceptor.active) continue;
      const { me, config } = acceptor;
      const isListed = config?.M.some((m) => m.name === me.name && m.id === me.id && m.boot === me.boot) === true;
      if (!isListed) throw new Violation(`${site.name} votes as boot ${me.boot}, which has no seat`);
    }
  }

  /** May this machine lose its memory now, so that the others can still go on and give it back? */
  canSpare(site: Site): boolean {
    const isSpare = (config: Config, bucket: string): boolean => {
      if (!config.M.some(({ name }) => name === site.name)) return true;
      const others = this.#world.sites.filter((other) => other !== site && this.#holds(other, bucket, config));
      return others.length >= Math.max(config.r, config.prev?.r ?? 0);
    };
    for (const [bucket, newest] of this.#newest) if (!isSpare(newest, bucket)) return false;
    // what was voted on may have been decided, or will be
    for (const { disk } of this.#world.sites) {
      for (const [bucket, { vote }] of Object.entries(disk?.buckets ?? {})) {
        const isOver = (vote.config?.e ?? 0) <= (this.#newest.get(bucket)?.e ?? 0);
        if (vote.config !== null && !isOver && !isSpare(vote.config, bucket)) return false;
      }
    }
    return true;
  }

  /** Every node runs and sees all the others; every seat that can be filled is, by members that vote; nobody with a seat waits. */
  isSettled(): boolean {
    return this.#world.sites.every((site) => {
      const status = site.quorate?.status;
      if (site.isStopping || status == null || status.configuration === null) return false;
      const { configuration, buckets, members, clients } = status;
      if (members.length + clients.length !== this.#world.sites.length) return false;
      const isWhole = ({ seats, members: M }: typeof configuration): boolean =>
        seats === configuration.seats &&
        M.length === Math.min(seats, this.#world.sites.length) &&
        M.every(({ state, name }) => state === 'active' && members.includes(name));
      return (
        isWhole(configuration) && buckets.every(isWhole) && (clients.includes(site.name) || status.waits.length === 0)
      );
    });
  }

  describeUnsettled(): string {
    return this.#world.sites
      .map((site) => {
        const status = site.quorate?.status ?? null;
        if (status === null) return `${site.name} ${site.life === null ? 'does not run' : 'has not started'}`;
        return `${site.name} sees ${status.connected} of ${status.clusterSize}, waits: ${status.waits.join('; ') || 'no'}`;
      })
      .join('\n');
  }

  /** Has it something that a joiner can merge? */
  #holds(site: Site, bucket: string, { M, e }: Config): boolean {
    const acceptor = site.isStopping ? null : (this.#world.bucketOf(site, bucket)?.table.acceptor ?? null);
    if (acceptor === null || !(e === 1 || acceptor.active || acceptor.sealed !== null)) return false;
    const { me } = acceptor;
    return M.some((m) => m.name === me.name && m.id === me.id && m.boot === me.boot);
  }

  #onDecided(site: Site, chain: string, config: Config): void {
    const at = `${chain} ${config.e}`;
    const text = JSON.stringify(config);
    const known = this.#decided.get(at);
    if (known !== undefined) {
      if (known.text !== text) throw new Violation(`two configurations for ${at}: ${known.text} and ${text}`);
      return;
    }
    this.#decided.set(at, { config, text });
    this.counts.configurations += 1;
    this.#world.note(site.place, 'decided', `${at}: ${config.M.map((m) => `${m.name} ${m.boot}`).join(', ')}`);
    this.#cluster ??= config.cluster;
    if (config.cluster !== this.#cluster) throw new Violation(`two clusters: ${this.#cluster} and ${config.cluster}`);
    if (chain !== CLUSTER_CHAIN && config.e > (this.#newest.get(chain)?.e ?? 0)) this.#newest.set(chain, config);
    if (config.fresh === true && chain !== CLUSTER_CHAIN) this.#onFreshDecided(chain, config);
  }

  /** A bucket may begin anew only when nobody has anything of it any more. */
  #onFreshDecided(bucket: string, config: Config): void {
    this.counts.fresh += 1;
    const before = this.#decided.get(`${bucket} ${config.e - 1}`)?.config ?? null;
    for (const member of before?.M ?? []) {
      const site = this.#world.sites.find(({ name }) => name === member.name);
      const holder = site === undefined ? null : (this.#world.bucketOf(site, bucket)?.table.acceptor ?? null);
      if (holder !== null && holder.me.id === member.id && holder.me.boot === member.boot)
        throw new Violation(`bucket ${bucket} begins anew although ${member.name} has its state`);
    }
    if (bucket === this.#world.system.DEFAULT_BUCKET) this.#onFresh();
  }
}
