/** The names of the options of `startQuorate`: a misspelt one would be passed over, and its default taken, without a word. */
import { BadArgumentError } from '../runtime/errors.ts';
import { assertOptions } from '../runtime/process/assert-options.ts';
import type { QuorateOptions } from './quorate.ts';

/** A record, so that the compiler misses an option that is not listed here. */
const NAMES: Readonly<Record<keyof QuorateOptions, true>> = {
  name: true,
  cookie: true,
  clusterSize: true,
  founders: true,
  join: true,
  stateDir: true,
  bootstrap: true,
  buckets: true,
  globalNames: true,
  logger: true,
  storage: true,
  threads: true,
  hidden: true,
  listen: true,
  epmd: true,
  resolve: true,
  keepFloats: true,
  netTicktimeMs: true,
  tls: true,
  limits: true,
  implicitSelf: true,
  modules: true,
  placement: true,
  offloadThreads: true,
  threadMemoryLimitMb: true,
  longScheduleMs: true,
  resolveFrom: true,
  preload: true,
  threadEntry: true,
  env: true,
  transport: true,
};

/** @throws `badarg` */
export function assertQuorateOptions(options: QuorateOptions): void {
  assertOptions(options, 'startQuorate');
  const given = (options as QuorateOptions | undefined) ?? {};
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(NAMES, name))
      throw new BadArgumentError(`startQuorate: there is no option ${name}${likely(name)}`);
  }
  const { name } = given as Partial<QuorateOptions>;
  if (typeof name !== 'string' || !/^[^@]+@[^@]+$/.test(name)) {
    throw new BadArgumentError(`startQuorate: name must be the name of a node like n1@127.0.0.1, not ${String(name)}`);
  }
}

/** What is meant most likely: the port and the host stand inside of `listen`. */
function likely(name: string): string {
  if (name === 'port' || name === 'host') return `; it is listen: { ${name} }`;
  return `; there are ${Object.keys(NAMES).join(', ')}`;
}
