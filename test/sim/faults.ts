/** What goes wrong in a run, and when: partitions, restarts of all kinds, steps of the membership. All of it from the seed. */
import { streamOf } from './random.ts';
import type { Random } from './random.ts';
import type { SimulatedNode } from './node.ts';
import type { World } from './world.ts';

export class Faults {
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  plan(): void {
    const { partitions, crashes, restarts, amnesia, blackouts, steps } = this.#world.parameters;
    this.#plan('partition', partitions, (random) => this.#partition(random));
    this.#plan('crash', crashes, (random) => this.#up(random)?.crashProposer());
    this.#plan('restart', restarts, (random) => this.#restart(random));
    this.#plan('amnesia', amnesia, (random) => this.#loseState(random));
    this.#plan('blackout', blackouts, (random) => this.#blackout(random));
    this.#plan('step', steps, (random) => this.#world.membership.drawStep(random));
  }

  #plan(name: string, count: number, run: (random: Random) => void): void {
    for (let i = 0; i < count; i++) {
      if (this.#world.isDropped(`${name}${i}`)) continue;
      const random = streamOf(this.#world.seed, name, i);
      this.#world.schedule.after(random.between(0, this.#world.parameters.faultsMs), () => run(random));
    }
  }

  #up(random: Random, fits: (node: SimulatedNode) => boolean = () => true): SimulatedNode | undefined {
    const nodes = this.#world.nodes.filter((node) => node.isUp && fits(node));
    return nodes.length === 0 ? undefined : random.pick(nodes);
  }

  /** A durable member's acceptor stops and starts on its store. */
  #restart(random: Random): void {
    const node = this.#up(random, ({ member }) => member.isDurable);
    if (node === undefined) return;
    this.#world.trace(node.index, 'member restarts from its store');
    node.member.restart();
  }

  #loseState(random: Random): void {
    const node = this.#up(random, (one) => this.#world.membership.canLose(one));
    if (node !== undefined) this.#crash(node, random.between(1, 80));
  }

  /** Everybody who ever had a seat goes; those who never had stay, with the operations that they have begun. */
  #blackout(random: Random): void {
    this.#world.membership.onBlackout();
    for (const node of this.#world.nodes) {
      const downMs = random.between(1, 80);
      if (node.isUp && this.#world.membership.hadSeat(node)) this.#crash(node, downMs);
    }
  }

  #crash(node: SimulatedNode, downMs: number): void {
    this.#world.count('crashes');
    node.crash();
    this.#world.owners.onCrash(node);
    this.#world.links.announce(node.index);
    this.#world.schedule.after(downMs, () => {
      node.comeBack();
      this.#world.links.announce(node.index);
    });
  }

  #partition(random: Random): void {
    const { nodes, network, links, schedule } = this.#world;
    const side = nodes.map(() => random.chance(0.5));
    const isOneWay = random.chance(0.3);
    const isNoticed = random.chance(0.7);
    const mendMs = random.between(20, 250);
    this.#world.trace(0, 'partition', mendMs, () => `${side.map(Number).join('')}${isOneWay ? ' one way' : ''}`);
    for (let from = 0; from < side.length; from++) {
      for (let to = 0; to < side.length; to++) {
        if (side[from] === side[to] || (isOneWay && side[from] === true)) continue;
        network.break(from, to);
        schedule.after(mendMs, () => network.mend(from, to));
      }
    }
    if (!isNoticed) return;
    for (let a = 0; a < side.length; a++) {
      for (let b = 0; b < a; b++) {
        if (side[a] === side[b]) continue;
        links.cut(a, b);
        schedule.after(mendMs, () => links.mend(a, b));
      }
    }
  }
}
