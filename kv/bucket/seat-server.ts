/**
 * Gives up the bucket's seat when the bucket is stopped on this node: it is the last child of the bucket's supervisor, so it is the first
 * to be stopped, and the acceptors still vote while the others agree on going on without them.
 */
import { nameAtom, type Atom } from '../../runtime/term/atom.ts';
import { GenServer, Next, type CallResult, type ChildSpec, type InitResult } from '../../supervisors/index.ts';
import { ClusterServer } from '../cluster/cluster-server.ts';
import { CLUSTER_PROCESS } from '../cluster/system-messages.ts';

const CLUSTER: Atom = nameAtom(CLUSTER_PROCESS);
/** With a quorum a seat is given up in a moment; without one there is no use in waiting. */
export const LEAVE_MS = 2000;
const SHUTDOWN_MS = 4000;

export class SeatServer extends GenServer<string, never, never, unknown, string> {
  override init(bucket: string): InitResult<string> {
    this.self.trapExit(true);
    return Next.ok(bucket);
  }

  override handleCall(_request: never, _from: never, bucket: string): CallResult<string, never> {
    return Next.noreply(bucket);
  }

  override async terminate(_reason: unknown, bucket: string): Promise<void> {
    const { self } = this;
    const server = self.whereis(CLUSTER);
    if (server === undefined) return;
    try {
      const request = { kind: 'leave', bucket } as const;
      await ClusterServer.call(
        server,
        { kind: 'request', request, timeoutMs: LEAVE_MS },
        { self, timeoutMs: 2 * LEAVE_MS },
      );
    } catch {
      // the cluster's process ended before us: the bucket's boot is lost anyway, and comes back as a new one
    }
  }
}

export function seatSpec(bucket: string): ChildSpec {
  return { id: 'seat', start: (self) => SeatServer.startLink(bucket, { self }), shutdown: SHUTDOWN_MS };
}
