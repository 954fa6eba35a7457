/** A network of TCP proxies on loopback, one for each ordered pair of nodes. */
import type { Random } from '../sim/random.ts';
import { Link, type LinkMode } from './link.ts';
import { drawPart, type Breakage, type Network, type Place, type Route } from './network.ts';

const OPEN: LinkMode = { kind: 'open' };
const FLAP_MS = { least: 50, most: 400 };

interface Way {
  readonly from: number;
  readonly to: number;
}

export class ProxyNetwork implements Network {
  readonly #numbers: readonly number[];
  readonly #links: ReadonlyMap<string, Link>;
  /** How often a way is broken at present: what is broken twice opens when both are over. */
  readonly #broken = new Map<string, LinkMode[]>();

  private constructor(numbers: readonly number[], links: ReadonlyMap<string, Link>) {
    this.#numbers = numbers;
    this.#links = links;
  }

  static async open(numbers: readonly number[], random: Random): Promise<ProxyNetwork> {
    const links = new Map<string, Link>();
    for (const from of numbers) {
      for (const to of numbers) if (from !== to) links.set(nameOf({ from, to }), await Link.open(() => random.unit()));
    }
    return new ProxyNetwork(numbers, links);
  }

  placeOf(number: number): Place {
    const routes = new Map<number, Route>();
    for (const to of this.#numbers) {
      if (to !== number) routes.set(to, { host: '127.0.0.1', port: this.#link({ from: number, to }).port });
    }
    return { listen: { host: '127.0.0.1' }, routes };
  }

  moved(number: number, port: number | null): void {
    for (const from of this.#numbers) if (from !== number) this.#link({ from, to: number }).leadTo(port);
  }

  draw(random: Random, numbers: readonly number[]): Breakage {
    const part = drawPart(random, numbers);
    const others = numbers.filter((number) => !part.includes(number));
    const isPair = random.chance(0.4);
    const here = isPair ? [random.pick(part)] : part;
    const there = isPair ? [random.pick(others)] : others;
    const ways = here.flatMap((from) =>
      there.flatMap((to) => [
        { from, to },
        { from: to, to: from },
      ]),
    );
    const between = `${here.join('+')} and ${there.join('+')}`;
    switch (random.below(5)) {
      case 0:
        return this.#breakage(`cut between ${between}`, ways, () => ({ kind: 'cut' }));
      case 1:
        return this.#breakage(`silence between ${between}`, ways, () => ({ kind: 'silent', towards: 'both' }));
      case 2:
        return this.#breakage(`silence from ${here.join('+')} to ${there.join('+')}`, ways, ({ from }) => ({
          kind: 'silent',
          towards: here.includes(from) ? 'there' : 'back',
        }));
      case 3: {
        const delayMs = random.between(20, 400);
        const mode: LinkMode = { kind: 'slow', delayMs, jitterMs: random.between(0, 200) };
        return this.#breakage(`${delayMs.toFixed(0)} ms between ${between}`, ways, () => mode);
      }
      default:
        return this.#flapping(`flapping between ${between}`, ways, random);
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#links.values()].map((link) => link.close()));
  }

  #breakage(text: string, ways: readonly Way[], modeOf: (way: Way) => LinkMode): Breakage {
    const modes = ways.map((way) => ({ way, mode: modeOf(way) }));
    return {
      text,
      begin: () => Promise.resolve(modes.forEach(({ way, mode }) => this.#add(way, mode))),
      end: () => Promise.resolve(modes.forEach(({ way, mode }) => this.#remove(way, mode))),
    };
  }

  /** Connections are cut again and again, with just enough time in between to come back. */
  #flapping(text: string, ways: readonly Way[], random: Random): Breakage {
    const cut: LinkMode = { kind: 'cut' };
    let timer: NodeJS.Timeout | null = null;
    let isCut = false;
    const turn = (): void => {
      isCut = !isCut;
      for (const way of ways)
        if (isCut) this.#add(way, cut);
        else this.#remove(way, cut);
      timer = setTimeout(turn, random.between(FLAP_MS.least, FLAP_MS.most));
    };
    return {
      text,
      begin: () => Promise.resolve(turn()),
      end() {
        if (timer !== null) clearTimeout(timer);
        if (isCut) turn();
        if (timer !== null) clearTimeout(timer);
        return Promise.resolve();
      },
    };
  }

  #add(way: Way, mode: LinkMode): void {
    const name = nameOf(way);
    const modes = [...(this.#broken.get(name) ?? []), mode];
    this.#broken.set(name, modes);
    this.#link(way).set(mode);
  }

  #remove(way: Way, mode: LinkMode): void {
    const name = nameOf(way);
    const modes = [...(this.#broken.get(name) ?? [])];
    modes.splice(modes.indexOf(mode), 1);
    this.#broken.set(name, modes);
    this.#link(way).set(modes.at(-1) ?? OPEN);
  }

  #link(way: Way): Link {
    const link = this.#links.get(nameOf(way));
    if (link === undefined) throw new Error(`there is no way ${nameOf(way)}`);
    return link;
  }
}

function nameOf({ from, to }: Way): string {
  return `${from}>${to}`;
}
