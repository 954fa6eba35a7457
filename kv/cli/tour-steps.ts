/** What the tour shows, as data: nodes that start and are killed, and code whose result is known beforehand. */
export type TourAction =
  | { readonly kind: 'say'; readonly text: string }
  | { readonly kind: 'start'; readonly node: number }
  | { readonly kind: 'kill'; readonly node: number }
  | {
      readonly kind: 'check';
      readonly node: number;
      readonly code: string;
      /** The result as it is printed. */
      readonly expected: string;
      /** What is not true at once, but must become so: the code is run again for so long. */
      readonly withinMs?: number;
    };

const say = (text: string): TourAction => ({ kind: 'say', text });
const start = (node: number): TourAction => ({ kind: 'start', node });
const kill = (node: number): TourAction => ({ kind: 'kill', node });
const check = (node: number, code: string, expected: string, withinMs?: number): TourAction =>
  withinMs === undefined ? { kind: 'check', node, code, expected } : { kind: 'check', node, code, expected, withinMs };

/** How long losing and finding a quorum, and the erasure of a key, may take on a busy machine. */
const SOON_MS = 10_000;

const ok = (value: string): string => `{ ok: true, value: '${value}' }`;
const refused = (error: string): string => `{ ok: false, error: '${error}' }`;

export const TOUR_STEPS: readonly TourAction[] = [
  say('A node alone is one of three: no quorum, so nothing is promised'),
  start(1),
  check(1, "await put('apple', 'red')", refused('no_quorum')),

  say('Two of three are a quorum: the put is decided'),
  start(2),
  check(2, '(await Cluster.status()).hasQuorum', 'true', SOON_MS),
  check(1, "await put('apple', 'red')", ok('red'), SOON_MS),

  say('The third node finds what was decided before it came'),
  start(3),
  check(1, '(await Cluster.status()).connected', '3', SOON_MS),
  check(3, "await get('apple')", ok('red'), SOON_MS),

  say('A second put gets the first value, on every node: what is chosen stays chosen'),
  check(2, "await put('apple', 'green')", ok('red')),
  check(3, "await put('apple', 'blue')", ok('red')),
  check(1, "await get('apple')", ok('red')),

  say('A key can be bound to the life of a process'),
  check(3, "worker = spawn(() => receive()); await put('session', 'open', { pid: worker })", ok('open')),
  check(1, "await get('session')", ok('open')),
  check(3, "exit(worker, 'done'); await get('session')", refused('not_found'), SOON_MS),
  check(1, "await get('session')", refused('not_found'), SOON_MS),
  check(2, "await get('session')", refused('not_found'), SOON_MS),

  say('kill -9 of one node: the other two go on, and forget nothing'),
  kill(3),
  check(1, "await get('apple')", ok('red'), SOON_MS),
  check(2, "await put('banana', 'yellow')", ok('yellow'), SOON_MS),
  check(1, "await put('banana', 'brown')", ok('yellow'), SOON_MS),

  say('kill -9 of the second: one of three is left, and it refuses rather than risk two truths'),
  kill(2),
  check(1, "await put('cherry', 'dark')", refused('no_quorum'), SOON_MS),
  check(1, "await get('apple')", refused('no_quorum'), SOON_MS),
];
