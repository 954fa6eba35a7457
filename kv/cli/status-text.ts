/** The status of a cluster as lines of text. */
import type { ClusterStatus, ConfigStatus } from '../cluster/status.ts';

export function describeStatus(status: ClusterStatus): string[] {
  const { configuration, hasQuorum, connected, clusterSize } = status;
  const lines = [`[quorum:${hasQuorum ? 'yes' : 'no'}] [cluster:${connected}/${clusterSize}] seen by ${status.node}`];
  if (configuration !== null && status.cluster !== null) {
    lines.push(`cluster ${status.cluster}: ${describeConfiguration(configuration)}`);
  }
  for (const bucket of status.buckets) lines.push(`bucket ${bucket.bucket}: ${describeConfiguration(bucket)}`);
  if (status.clients.length > 0) lines.push(`clients, without a seat: ${status.clients.join(', ')}`);
  for (const { epoch, members } of status.resets) {
    lines.push(`reset by force to ${members.join(', ')} (epoch ${epoch}): values may be missing or back since then`);
  }
  for (const text of status.waits) lines.push(`waits: ${text}`);
  if (status.waits.length === 0) lines.push(missing(configuration) ?? 'all is well');
  return lines;
}

/** Nothing is waited for, and yet one more loss may be too many. */
function missing(configuration: ConfigStatus | null): string | undefined {
  const names = configuration?.members.filter(({ state }) => state === 'missing').map(({ name }) => name) ?? [];
  return names.length === 0 ? undefined : `all is served; missing: ${names.join(', ')}`;
}

function describeConfiguration({ epoch, seats, quorum, members }: ConfigStatus): string {
  const names = members.map(({ name, state }) => (state === 'active' ? name : `${name} (${state})`));
  return `epoch ${epoch}, ${seats} seats, ${quorum} must agree: ${names.join(', ')}`;
}
