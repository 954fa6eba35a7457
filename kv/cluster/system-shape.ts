/**
 * The shape of what cluster processes say to each other. A message of another shape, from a node with our cookie and a bug, is dropped
 * and logged: it must not end, again and again, the process that keeps the votes. What a well-shaped message means is not judged here.
 */
type Shape = (value: unknown) => boolean;
type Kind = 'hello' | 'vote' | 'voted' | 'snapshotAsk' | 'snapshotGiven';

const isText: Shape = (value) => typeof value === 'string';
const isFlag: Shape = (value) => typeof value === 'boolean';
const isCount: Shape = (value) => Number.isSafeInteger(value) && (value as number) >= 0;

const isBallot: Shape = object({ e: isCount, r: isCount, p: isCount });
const isIncarnation: Shape = object({ name: isText, id: isText, boot: isCount });
const isConfig: Shape = object({
  cluster: isText,
  e: isCount,
  N: isCount,
  r: isCount,
  uniform: isFlag,
  mergeAll: isFlag,
  M: listOf(isIncarnation),
  prev: orNull((value) => isConfig(value)),
});
const isChain: Shape = object({
  configs: listOf(isConfig),
  vote: object({ p: isBallot, ab: isBallot, config: orNull(isConfig) }),
});
const isBucketHello: Shape = object({
  boot: isCount,
  running: isFlag,
  active: isFlag,
  leaving: isFlag,
  partitions: isCount,
  configs: listOf(isConfig),
  complete: isCount,
});
const isHello: Shape = object({
  name: isText,
  id: isText,
  founders: listOf(isText),
  clusterSize: isCount,
  active: isFlag,
  configs: listOf(isConfig),
  buckets: mapOf(isBucketHello),
  knows: listOf(isText),
});
const isPromise: Shape = object({ ab: isBallot, config: orNull(isConfig), active: isFlag });
const isNack: Shape = object({ p: isBallot });

const SHAPES: Readonly<Record<Kind, Shape>> = {
  hello: object({ hello: isHello, ask: isFlag }),
  vote: object({ chain: isText, e: isCount, b: isBallot, base: orNull(isConfig), config: orNull(isConfig) }),
  voted: object({ chain: isText, e: isCount, b: isBallot, id: isText, reply: isVoteReply }),
  snapshotAsk: object({ config: isConfig }),
  snapshotGiven: object({ e: isCount, id: isText, buckets: mapOf(isChain) }),
};

export function hasShape(kind: Kind, body: unknown): boolean {
  return SHAPES[kind](body);
}

function isVoteReply(value: unknown): boolean {
  const kind = typeof value === 'object' && value !== null && 'kind' in value ? value.kind : null;
  if (kind === 'promise') return isPromise(value);
  if (kind === 'nack') return isNack(value);
  return kind === 'accepted' || kind === 'decided' || kind === 'behind' || kind === 'inactive';
}

function object(fields: Readonly<Record<string, Shape>>): Shape {
  const checks = Object.entries(fields);
  return (value) => isObject(value) && checks.every(([name, is]) => is(value[name]));
}

function mapOf(is: Shape): Shape {
  return (value) => isObject(value) && Object.values(value).every(is);
}

function listOf(is: Shape): Shape {
  return (value) => Array.isArray(value) && value.every(is);
}

function orNull(is: Shape): Shape {
  return (value) => value === null || is(value);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
