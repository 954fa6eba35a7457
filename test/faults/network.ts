/** How the nodes of a run reach each other, and how that is broken: through proxies (proxies.ts), or in network namespaces (namespaces.ts). */
import type { Random } from '../sim/random.ts';

export interface Route {
  readonly host: string;
  readonly port: number;
}

/** What a node is started with. */
export interface Place {
  readonly listen: { readonly host: string; readonly port?: number };
  /** By the number of the other node. */
  readonly routes: ReadonlyMap<number, Route>;
  readonly execPath?: string;
  readonly execArgv?: readonly string[];
}

/** A way in which something is broken for a while. */
export interface Breakage {
  readonly text: string;
  begin(): Promise<void>;
  end(): Promise<void>;
}

export interface Network {
  placeOf(number: number): Place;
  /** The node listens there from now on; null: it has ended. */
  moved(number: number, port: number | null): void;
  /** Draws what is to be broken between these nodes. */
  draw(random: Random, numbers: readonly number[]): Breakage;
  close(): Promise<void>;
}

/** Draws a part of the nodes, at least one and not all. */
export function drawPart(random: Random, numbers: readonly number[]): number[] {
  const rest = [...numbers];
  const count = 1 + random.below(numbers.length - 1);
  return Array.from({ length: count }, () => rest.splice(random.below(rest.length), 1)[0] as number).sort();
}
