/** What operators ask of a cluster while it works: more seats, fewer, and one member for another. */
import { Violation } from '../invariants.ts';
import type { Checks } from './checks.ts';
import type { PlannedFault } from './plan.ts';
import type { Site, World } from './world.ts';

const PATIENCE_MS = 8000;
/** Answers that tell an operator why nothing, or not all, was done. */
const REFUSALS: readonly string[] = [
  'timeout',
  'resize_conflict',
  'member_already',
  'no_member',
  'no_cluster',
  'not_connected',
];

export class Operators {
  readonly counts = { requests: 0, granted: 0 };
  /** Requests without an answer. */
  openCount = 0;
  readonly #world: World;
  readonly #checks: Checks;

  constructor(world: World, checks: Checks) {
    this.#world = world;
    this.#checks = checks;
  }

  grow(at: Site): void {
    const size = at.quorate?.status?.clusterSize;
    const { length } = this.#world.sites;
    if (size !== undefined && size < length) this.#ask(at, `grow to ${size + 1}`, size + 1);
  }

  /** Somebody stops, and gets no seat when it comes back. */
  async shrink(at: Site, leaving: Site, onDone: () => void): Promise<void> {
    const status = at.quorate?.status;
    const isMember = status?.members.includes(leaving.name) === true;
    if (status == null || !isMember || status.clusterSize < 3 || !this.#isFree(leaving)) return;
    await this.#world.stop(leaving);
    this.#ask(at, `shrink to ${status.clusterSize - 1}`, status.clusterSize - 1, onDone);
  }

  replace(at: Site, { roll }: PlannedFault): void {
    const status = at.quorate?.status;
    if (status == null || status.clients.length === 0) return;
    const pick = (names: readonly string[]): string => names[Math.floor(roll * names.length)] as string;
    const [leaving, joining] = [pick(status.members), pick(status.clients)];
    const { Cluster } = this.#world.system;
    this.#request(at, `replace ${leaving} by ${joining}`, () =>
      Cluster.replaceMember(leaving, joining, { timeoutMs: PATIENCE_MS }),
    );
  }

  #isFree(site: Site): boolean {
    return site.quorate !== null && !site.isStopping && site.life?.isFrozen === false && this.#checks.canSpare(site);
  }

  #ask(at: Site, what: string, clusterSize: number, onDone?: () => void): void {
    const { Cluster } = this.#world.system;
    this.#request(at, what, () => Cluster.resizeCluster(clusterSize, { timeoutMs: PATIENCE_MS }), onDone);
  }

  #request(at: Site, what: string, ask: () => Promise<void>, onDone: () => void = () => undefined): void {
    const { quorate, life } = at;
    if (quorate === null || life === null || at.isStopping) return onDone();
    this.counts.requests += 1;
    this.openCount += 1;
    this.#world.note(at.place, 'asked to', what);
    let isOpen = true;
    const close = (answer: string): void => {
      if (!isOpen) return;
      isOpen = false;
      this.openCount -= 1;
      this.#world.note(at.place, 'answers', `${what}: ${answer}`);
      onDone();
    };
    quorate.node
      .run(ask)
      .then(() => {
        if (life.isOver) return close('ended');
        this.counts.granted += 1;
        close('done');
      })
      .catch((error: unknown) => {
        const { code = '', name } = error as { readonly code?: string; readonly name: string };
        close(life.isOver ? 'ended' : code);
        // a CallError: the process that was asked was killed
        if (life.isOver || at.isStopping || REFUSALS.includes(code) || name === 'CallError') return;
        this.#world.fail(new Violation(`${what}, asked of ${at.name}, failed: ${String(error)}`));
      });
  }
}
