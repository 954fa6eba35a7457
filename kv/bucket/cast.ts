/** How the processes of a bucket take messages from other nodes, and tell those of their own node something. */
import { hasCode } from '../../runtime/errors.ts';
import type { Self } from '../../runtime/process/self.ts';
import type { Atom } from '../../runtime/term/atom.ts';
import { nameAtom } from '../../runtime/term/atom.ts';
import { tuple2 } from '../../runtime/term/tuple.ts';
import { CLUSTER_PROCESS } from '../cluster/system-messages.ts';

const CLUSTER: Atom = nameAtom(CLUSTER_PROCESS);
const GEN_CAST: Atom = nameAtom('$gen_cast');

/**
 * Takes a message from another node. One that is malformed, or of another version of the protocol, is dropped and said so once: it must not
 * end a process that holds votes.
 */
export function takeOrDrop(self: Self, bucket: string, take: () => void): void {
  try {
    take();
  } catch (error) {
    if (!hasCode(error, 'bad_frame')) throw error;
    castTo(self, CLUSTER, { kind: 'misunderstood', text: `bucket ${bucket}: ${(error as Error).message}` });
  }
}

/** Dropped when nobody has the name: whoever takes it asks again when it is back. */
export function castTo(self: Self, name: Atom, message: unknown): void {
  if (self.whereis(name) !== undefined) self.send(name, tuple2(GEN_CAST, message));
}
