/**
 * A network of Linux network namespaces: each node in its own, with an interface on a bridge. What is broken here is the network itself - packets vanish,
 * and TCP is told nothing - where the proxies of proxies.ts only break connections. Needs root and `ip`; slow and lossy interfaces need `tc` with
 * netem too, and are not drawn where the kernel has none.
 */
import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import type { Random } from '../sim/random.ts';
import { drawPart, type Breakage, type Network, type Place, type Route } from './network.ts';

const execute = promisify(execFile);
const PORT = 9_100;
/** An address that nobody on the bridge has: packets to it are lost without a word. */
const NOBODY = '02:00:00:00:de:ad';

/** Why there are no namespaces here, or null. */
export function whyNoNamespaces(): string | null {
  if (process.platform !== 'linux') return 'network namespaces are there on Linux only';
  const name = `qf-probe-${process.pid}`;
  const made = spawnSync('ip', ['netns', 'add', name], { encoding: 'utf8' });
  if (made.error !== undefined) return 'there is no `ip` on the path (apt-get install iproute2)';
  if (made.status !== 0) return `namespaces cannot be made here, which takes root: ${made.stderr.trim()}`;
  const veth = spawnSync('ip', ['-n', name, 'link', 'add', 'name', 'qa', 'type', 'veth', 'peer', 'name', 'qb'], {
    encoding: 'utf8',
  });
  spawnSync('ip', ['netns', 'del', name]);
  return veth.status === 0 ? null : `interfaces cannot be made here: ${veth.stderr.trim()}`;
}

export class NamespaceNetwork implements Network {
  readonly #numbers: readonly number[];
  readonly #prefix: string;
  #hasNetem = false;

  private constructor(numbers: readonly number[]) {
    this.#numbers = numbers;
    this.#prefix = `qf${process.pid}-`;
  }

  static async open(numbers: readonly number[]): Promise<NamespaceNetwork> {
    const network = new NamespaceNetwork(numbers);
    try {
      await network.#build();
    } catch (error) {
      await network.close();
      throw error;
    }
    return network;
  }

  placeOf(number: number): Place {
    const routes = new Map<number, Route>();
    for (const to of this.#numbers) if (to !== number) routes.set(to, { host: addressOf(to), port: PORT });
    return {
      listen: { host: addressOf(number), port: PORT },
      routes,
      execPath: 'ip',
      execArgv: ['netns', 'exec', this.#space(number), process.execPath],
    };
  }

  moved(): void {
    // its address is always the same
  }

  draw(random: Random, numbers: readonly number[]): Breakage {
    const part = drawPart(random, numbers);
    const others = numbers.filter((number) => !part.includes(number));
    const victim = random.pick(part);
    switch (random.below(this.#hasNetem ? 4 : 3)) {
      case 0:
        return this.#commands(`all packets of ${victim} vanish`, [
          [this.#inHub('link', 'set', hubEnd(victim), 'down'), this.#inHub('link', 'set', hubEnd(victim), 'up')],
        ]);
      case 1:
        return this.#commands(`packets between ${part.join('+')} and ${others.join('+')} vanish`, [
          ...part.flatMap((from) => others.map((to) => this.#lose(from, to))),
          ...others.flatMap((from) => part.map((to) => this.#lose(from, to))),
        ]);
      case 2:
        return this.#commands(
          `packets from ${part.join('+')} to ${others.join('+')} vanish`,
          part.flatMap((from) => others.map((to) => this.#lose(from, to))),
        );
      default: {
        const [delayMs, loss] = [random.between(5, 150).toFixed(0), random.between(0, 20).toFixed(0)];
        const tc = (...args: string[]): string[] => ['netns', 'exec', this.#space(victim), 'tc', 'qdisc', ...args];
        return this.#commands(`packets of ${victim} are late by ${delayMs} ms, ${loss} % are lost`, [
          [
            tc('replace', 'dev', 'e0', 'root', 'netem', 'delay', `${delayMs}ms`, '10ms', 'loss', `${loss}%`),
            tc('del', 'dev', 'e0', 'root'),
          ],
        ]);
      }
    }
  }

  async close(): Promise<void> {
    for (const space of [...this.#numbers.map((number) => this.#space(number)), this.#hub]) {
      await ip('netns', 'del', space).catch(() => undefined);
    }
  }

  get #hub(): string {
    return `${this.#prefix}hub`;
  }

  async #build(): Promise<void> {
    await ip('netns', 'add', this.#hub);
    await ip(...this.#inHub('link', 'add', 'name', 'br0', 'type', 'bridge'));
    await ip(...this.#inHub('link', 'set', 'br0', 'up'));
    for (const number of this.#numbers) {
      const space = this.#space(number);
      const inside = ['-n', space];
      await ip('netns', 'add', space);
      await ip(
        ...inside,
        'link',
        'add',
        'name',
        'e0',
        'type',
        'veth',
        'peer',
        'name',
        hubEnd(number),
        'netns',
        this.#hub,
      );
      await ip(...this.#inHub('link', 'set', hubEnd(number), 'master', 'br0', 'up'));
      await ip(...inside, 'addr', 'add', `${addressOf(number)}/24`, 'dev', 'e0');
      await ip(...inside, 'link', 'set', 'e0', 'up');
      await ip(...inside, 'link', 'set', 'lo', 'up');
    }
    const probe = ['netns', 'exec', this.#space(1), 'tc', 'qdisc'];
    this.#hasNetem = await ip(...probe, 'add', 'dev', 'lo', 'root', 'netem', 'delay', '1ms').then(
      () => true,
      () => false,
    );
    if (this.#hasNetem) await ip(...probe, 'del', 'dev', 'lo', 'root');
  }

  /** What makes packets from one to the other vanish, and what ends that. */
  #lose(from: number, to: number): [begin: string[], end: string[]] {
    const neighbour = ['-n', this.#space(from), 'neigh'];
    const where = [addressOf(to), 'dev', 'e0'];
    return [
      [...neighbour, 'replace', addressOf(to), 'lladdr', NOBODY, 'dev', 'e0', 'nud', 'permanent'],
      [...neighbour, 'del', ...where],
    ];
  }

  #commands(
    text: string,
    commands: readonly (readonly [begin: readonly string[], end: readonly string[]])[],
  ): Breakage {
    return {
      text,
      begin: async () => void (await Promise.all(commands.map(([begin]) => ip(...begin)))),
      // when two of them overlap the first end ends both
      end: async () => void (await Promise.all(commands.map(([, end]) => ip(...end).catch(() => undefined)))),
    };
  }

  #inHub(...args: string[]): string[] {
    return ['-n', this.#hub, ...args];
  }

  #space(number: number): string {
    return `${this.#prefix}${number}`;
  }
}

function hubEnd(number: number): string {
  return `n${number}`;
}

function addressOf(number: number): string {
  return `10.77.0.${number}`;
}

async function ip(...args: string[]): Promise<void> {
  await execute('ip', args);
}
