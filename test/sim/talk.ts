/** What nodes tell each other about configurations, and the states they ask for: over the same bad network as all else. */
import type { Config } from '../../kv/paxos/messages.ts';
import type { SimulatedNode } from './node.ts';
import type { World } from './world.ts';

export class Talk {
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  /** The newest that `from` knows; whoever turns out to be newer answers with what `from` lacks. */
  say(from: number, to: number): void {
    const newest = this.#known(from);
    if (from === to || newest === 0) return;
    this.#send(from, to, (node) => {
      if (this.#known(to) > newest) return this.tell(to, from, newest);
      node.learn(this.#world.invariants.configAt(newest), from);
    });
  }

  /** Those after epoch `after`, in order. */
  tell(from: number, to: number, after: number): void {
    const configs = this.#world.invariants.configs.slice(after, this.#known(from));
    if (from === to || configs.length === 0) return;
    this.#send(from, to, (node) => {
      for (const config of configs) node.learn(config, from);
    });
  }

  ask(from: number, to: number, after: number): void {
    if (from !== to) this.#send(from, to, () => this.tell(to, from, after));
  }

  /** The receiver adopts the configuration before it serves its state: nothing is accepted in the old epoch after that. */
  askForState(from: number, to: number, config: Config): void {
    const asker = (this.#world.nodes[from] as SimulatedNode).member;
    this.#send(from, to, (node) => {
      const { e } = node.member.acceptor;
      if (e > config.e) return this.tell(to, from, config.e);
      if (!this.#world.isOff('seal')) {
        if (e > 0 && e < config.e - 1) return this.ask(to, from, e);
        if (e > 0 && e < config.e) node.learn(config, from);
      }
      node.member.serve(config, (copy, page, standsAt) => {
        this.#send(to, from, (receiver) => {
          if (receiver.member === asker) asker.onPage(copy, page, standsAt);
        });
      });
    });
  }

  #known(index: number): number {
    const { member, proposerEpoch } = this.#world.nodes[index] as SimulatedNode;
    return Math.max(member.acceptor.e, proposerEpoch);
  }

  #send(from: number, to: number, deliver: (node: SimulatedNode) => void): void {
    this.#world.network.send(from, to, () => {
      const node = this.#world.nodes[to] as SimulatedNode;
      if (node.isUp) deliver(node);
    });
  }
}
