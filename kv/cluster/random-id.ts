/** Random identities in hexadecimal: of records, clusters and lock holders. */
import type { Env } from '../../runtime/env.ts';

export function randomId(env: Env, bytes = 16): string {
  return Buffer.from(env.randomBytes(bytes)).toString('hex');
}
