/** What is done to the machines, the connections between them and the programs that run there. */
import type { Checks } from './checks.ts';
import type { Operators } from './operators.ts';
import type { PlannedFault } from './plan.ts';
import type { Site, World } from './world.ts';

/** A machine whose program ended starts it again after that long at the earliest. */
const RESTART_MS = 5;

export class Faults {
  readonly counts = { breaks: 0, partitions: 0, crashes: 0, stops: 0, freezes: 0, kills: 0 };
  readonly #world: World;
  readonly #checks: Checks;
  readonly #operators: Operators;
  readonly #onSkewed: (site: Site) => void;
  /** Of blocked directions, how many faults block each. */
  readonly #blocks: Map<number, number> = new Map();
  #isHealed = false;

  constructor(world: World, checks: Checks, operators: Operators, onSkewed: (site: Site) => void) {
    this.#world = world;
    this.#checks = checks;
    this.#operators = operators;
    this.#onSkewed = onSkewed;
  }

  plan(fault: PlannedFault): void {
    this.#world.clockwork.after(fault.atMs, () => this.#strike(fault));
  }

  /** Everything works again from now on, and every machine runs. */
  heal(): void {
    this.#isHealed = true;
    const { network, sites } = this.#world;
    this.#world.note(-1, 'everything heals');
    network.heal();
    for (const site of sites) {
      site.life?.thaw();
      this.#world.start(site);
    }
  }

  #strike(fault: PlannedFault): void {
    const { sites, network, random } = this.#world;
    const site = sites[fault.a] as Site;
    const { forMs } = fault;
    switch (fault.kind) {
      case 'break':
        this.counts.breaks += 1;
        this.#world.note(fault.a, 'connection breaks', `to n${fault.b + 1}`);
        return network.break(fault.a, fault.b, () => (random.chance(0.2) ? forMs : random.between(0, 5)));
      case 'partition':
        return this.#partition(fault.side, fault.isOneWay, fault.isTold, forMs);
      case 'nodeSplit':
        return this.#partition(1 << fault.a, false, fault.isTold, forMs);
      case 'slow':
        this.#world.note(fault.a, 'slow', `to n${fault.b + 1}`);
        network.slow(fault.a, fault.b, 5 + fault.roll * 100);
        return this.#later(forMs, () => network.slow(fault.a, fault.b, 1));
      case 'crash':
        return this.#crash(site, fault.isTold, forMs);
      case 'blackout':
        return this.#blackout(forMs);
      case 'stop':
        return this.#stop(site, forMs);
      case 'freeze':
        return this.#freeze(site, forMs);
      case 'kill':
        return this.#kill(site, fault.roll);
      case 'killBucket':
        if (!this.#checks.canSpare(site)) return;
        return this.#killNamed(site, this.#world.system.DEFAULT_BUCKET);
      case 'skew':
        site.skewMs += (fault.roll - 0.5) * 4000;
        this.#world.note(fault.a, 'clock set', `by ${((fault.roll - 0.5) * 4000).toFixed(0)} ms`);
        return this.#onSkewed(site);
      case 'grow':
        return this.#operators.grow(site);
      case 'replace':
        return this.#operators.replace(site, fault);
      case 'shrink': {
        const leaving = sites[fault.b] as Site;
        const restart = (): void => this.#startAgain(leaving, forMs);
        return void this.#operators.shrink(site, leaving, restart);
      }
    }
  }

  #partition(side: number, isOneWay: boolean, isNoticed: boolean, forMs: number): void {
    const { sites, network, random } = this.#world;
    this.counts.partitions += 1;
    this.#world.note(-1, 'partition', `${side.toString(2).padStart(sites.length, '0')}${isOneWay ? ' one way' : ''}`);
    for (const from of sites) {
      for (const to of sites) {
        const isAcross = ((side >> from.place) & 1) !== ((side >> to.place) & 1);
        if (!isAcross || (isOneWay && ((side >> from.place) & 1) === 1)) continue;
        this.#block(from.place, to.place, 1);
        this.#later(forMs, () => this.#block(from.place, to.place, -1));
        if (isNoticed) network.break(from.place, to.place, () => random.between(0, 20));
      }
    }
  }

  #block(from: number, to: number, by: number): void {
    const direction = from * 64 + to;
    const count = (this.#blocks.get(direction) ?? 0) + by;
    this.#blocks.set(direction, count);
    if (count === 0) this.#world.network.unblock(from, to);
    else this.#world.network.block(from, to);
  }

  #crash(site: Site, isTold: boolean, forMs: number): void {
    if (site.life === null || !this.#checks.canSpare(site)) return;
    this.counts.crashes += 1;
    this.#world.crash(site, isTold);
    this.#later(RESTART_MS + forMs, () => this.#world.start(site));
  }

  /** All machines lose power; they come back one after the other. */
  #blackout(forMs: number): void {
    const { sites, random } = this.#world;
    this.#world.note(-1, 'blackout');
    for (const site of sites) {
      if (site.life !== null) this.counts.crashes += 1;
      this.#world.crash(site, false);
      this.#later(RESTART_MS + forMs * random.unit(), () => this.#world.start(site));
    }
  }

  #stop(site: Site, forMs: number): void {
    if (!this.#world.isUp(site) || site.isStopping || site.life?.isFrozen === true || !this.#checks.canSpare(site))
      return;
    this.counts.stops += 1;
    const restart = (): void => this.#startAgain(site, forMs);
    this.#world.stop(site).then(restart, (error: unknown) => this.#world.fail(error as Error));
  }

  /** Also when it stopped only after everything had healed. */
  #startAgain(site: Site, forMs: number): void {
    if (this.#isHealed) this.#world.start(site);
    else this.#later(RESTART_MS + forMs, () => this.#world.start(site));
  }

  #freeze(site: Site, forMs: number): void {
    const { life } = site;
    if (life === null || life.isFrozen) return;
    this.counts.freezes += 1;
    this.#world.note(site.place, 'stands still');
    life.freeze();
    this.#later(forMs, () => {
      if (life.isOver) return;
      this.#world.note(site.place, 'goes on');
      life.thaw();
    });
  }

  /** One of the store's processes on a machine: it loses nothing. */
  #kill(site: Site, roll: number): void {
    const { DEFAULT_BUCKET } = this.#world.system;
    const parts = ['Acceptor', 'Proposer', 'Learner'].map((part) => `${DEFAULT_BUCKET}.${part}`);
    const names = [...parts, '$cluster.Acceptor'];
    this.#killNamed(site, names[Math.floor(roll * names.length)] as string);
  }

  #killNamed(site: Site, name: string): void {
    const { quorate, life } = site;
    const pid = quorate?.node.whereis(name);
    if (quorate === null || pid === undefined || life === null || life.isFrozen) return;
    this.counts.kills += 1;
    this.#world.note(site.place, 'killed', name);
    quorate.node.spawn((self) => self.exit(pid, this.#world.system.Exit.kill));
  }

  #later(delayMs: number, fn: () => void): void {
    this.#world.clockwork.after(delayMs, () => {
      if (!this.#isHealed) fn();
    });
  }
}
