/**
 * What nodes know of the connections to each other: which are up, and the boot that the other end's Hello showed. News
 * comes late, and of a partition sometimes never.
 */
import type { Random } from './random.ts';
import type { SimulatedNode } from './node.ts';
import type { World } from './world.ts';

const NOTICE_MS = 15;

export class Links {
  readonly #world: World;
  readonly #random: Random;
  /** How many noticed partitions lie on `at * 64 + to`. */
  #cut: Map<number, number> = new Map();

  constructor(world: World, random: Random) {
    this.#world = world;
    this.#random = random;
  }

  cut(a: number, b: number): void {
    for (const link of [a * 64 + b, b * 64 + a]) this.#cut.set(link, (this.#cut.get(link) ?? 0) + 1);
    this.refresh(a, b);
  }

  mend(a: number, b: number): void {
    for (const link of [a * 64 + b, b * 64 + a]) this.#cut.set(link, Math.max(0, (this.#cut.get(link) ?? 0) - 1));
    this.refresh(a, b);
  }

  /** The node went, came, or took a new boot: the others hear of it, each in its time. */
  announce(index: number): void {
    for (let other = 0; other < this.#world.nodes.length; other++) if (other !== index) this.refresh(index, other);
  }

  heal(): void {
    this.#cut = new Map();
    for (let index = 0; index < this.#world.nodes.length; index++) this.announce(index);
  }

  /** Both ends learn, each after a while, how things are by then. */
  refresh(a: number, b: number): void {
    for (const [at, to] of [
      [a, b],
      [b, a],
    ] as const) {
      this.#world.schedule.after(this.#random.between(0, NOTICE_MS), () => {
        const other = this.#world.nodes[to] as SimulatedNode;
        const node = this.#world.nodes[at] as SimulatedNode;
        if (!node.isUp) return;
        const isUp = other.isUp && (this.#cut.get(at * 64 + to) ?? 0) === 0;
        const boot = isUp ? other.boot : 0;
        if (node.peers[to] === boot) return;
        node.onPeer(to, boot);
        this.#world.talk.say(at, to);
        this.#world.talk.ask(at, to, Math.max(node.member.acceptor.e, node.proposerEpoch));
      });
    }
  }
}
