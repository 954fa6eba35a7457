/** What a thread needs of the distribution. An interface, because the distribution is wired in above (node/network.ts). */
import type { Atom } from '../term/atom.ts';
import type { Signal } from '../term/signal.ts';

/** The connections to other nodes, where they are: on the system thread. */
export interface Network {
  /** False: taken, and the connection is over its high-water mark. */
  send(node: Atom, signal: Signal): boolean;
  sendEncoded(node: Atom, control: Uint8Array, payload: Uint8Array | null): boolean;
  isBusy(node: Atom): boolean;
  drained(node: Atom): Promise<void>;
  /** Connects if need be; a failure is reported as a lost node. */
  watch(node: Atom): void;
  connect(node: Atom): Promise<boolean>;
  disconnect(node: Atom): boolean;
  /** What came over that connection is no term. */
  refuse(connectionId: number): void;
  setCookie(node: Atom, cookie: string | null): void;
  connecting(): readonly Atom[];
}
