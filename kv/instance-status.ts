/** How far a key is on each member of its bucket, for those who want to see the protocol at work, or why an operation waits. */
import { collectInstance } from './bucket/collect-keys.ts';
import { isBucketHere } from './bucket/client.ts';
import { noBucket } from './errors.ts';
import { encodeKey } from './key.ts';
import { readStatusOptions, type StatusOptions } from './kv-options.ts';
import { NO_QUORUM, type Found, type NoQuorum, type Refused } from './results.ts';
import { entryStatus, type InstanceStatus } from './roles.ts';
import { presentScheduler } from './run-request.ts';
import { within } from './within.ts';

export type ReplicaStatus =
  | Omit<Exclude<InstanceStatus, { readonly kind: 'nil' }>, 'value'>
  | { readonly kind: 'nil' }
  /** The member is not connected, or does not answer. */
  | { readonly kind: 'unknown' };

/**
 * The status of a key on every member, by node name, each as that member sees it now: no agreement is made or awaited. `no_quorum` when this node
 * does not know the members yet, or time is up. Rejects with `no_bucket`, `aborted`, `no_node`.
 */
export async function instanceStatus(
  key: unknown,
  options: StatusOptions = {},
): Promise<Found<ReadonlyMap<string, ReplicaStatus>> | NoQuorum | Refused> {
  const read = readStatusOptions(options);
  if (!read.ok) return read;
  const encoded = encodeKey(key);
  if (!encoded.ok) return encoded;
  const { bucket, timeoutMs } = read.value;
  const at = presentScheduler();
  const held = await within(collectInstance(at, bucket, encoded.value), at.env, timeoutMs, options.signal);
  if (held === null && !isBucketHere(at, bucket)) throw noBucket(bucket);
  if (held === null) return NO_QUORUM;
  const all = [...held].map(([name, entry]): readonly [string, ReplicaStatus] => {
    if (entry === null) return [name, { kind: 'unknown' }];
    const { value: _value, ...status } = { value: null, ...entryStatus(entry) };
    return [name, status];
  });
  return { ok: true, value: new Map(all) };
}
