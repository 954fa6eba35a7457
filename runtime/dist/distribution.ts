/**
 * The distribution of one node: listens, dials, and connects the pure parts (mesh, handshake, peer life) with sockets and
 * timers. It carries signals and says who is up; what signals mean is the business of the node above it.
 *
 * Guarantees: signals to one node that is connected, or being connected, arrive in the order sent, each at most once.
 * `onUp` and `onDown` of a node alternate. A signal comes only between them. What was queued for a node that cannot be
 * reached is dropped and told once by `onUnreachable`.
 *
 * Effects of the mesh are carried out one after the other, never inside each other: what a callback asks for comes after
 * what was decided before.
 */
import { AtomBudget, CONNECTION_ATOMS_MAX } from '../codec/atom-budget.ts';
import { flagBit, missingMandatory, ourFlags } from '../codec/flags.ts';
import { BadArgumentError } from '../errors.ts';
import type { QuorateError } from '../errors.ts';
import { nameAtom } from '../term/atom.ts';
import type { Atom } from '../term/atom.ts';
import type { Signal } from '../term/signal.ts';
import { tcpTransport } from '../transport/tcp.ts';
import type { Connection, ConnectionEvents, Listener, Transport } from '../transport/transport.ts';
import { ByteFields, joinBytes } from './byte-fields.ts';
import { challengeDigest } from './digest.ts';
import type { Registration } from './directory.ts';
import type { Distribution, DistributionOptions, PeerInfo } from './distribution-types.ts';
import { Established } from './established.ts';
import type { EstablishedLimits } from './established.ts';
import type { HandshakeLocal, HandshakePeer } from './handshake.ts';
import { Link } from './link.ts';
import type { LinkOwner } from './link.ts';
import { connectingNodes, createMesh, nextLinkId, stepMesh } from './mesh.ts';
import type { Mesh, MeshEffect, MeshEvent } from './mesh.ts';
import { assertNodeName } from './node-name.ts';
import { checkIntervalMs } from './peer.ts';
import { NO_EVENTS } from '../transport/transport.ts';
import { Route } from './route.ts';
import type { Env, TimerHandle } from '../env.ts';

const PUBLISHED = flagBit('PUBLISHED');
const MIB = 1_048_576;
const HELLO_BYTES_MAX = 200;
const STOP_PATIENCE_MS = 2_500;

/** What our nodes send behind their name: the word and the version of what they speak among themselves. */
export const QUORATE_HELLO: Uint8Array = joinBytes('quorate', [1, 1]);
/** How much of it is the word. */
export const HELLO_WORD_BYTES = 7;

/**
 * Starts the distribution: listens, then registers the name.
 *
 * @throws `badarg` for a name, cookie or hello that cannot be; `port_in_use`, `port_forbidden`, `bad_address` or `listen_failed` when
 *   it cannot listen; `name_taken` or `epmd_unreachable` from the directory.
 */
export async function startDistribution(options: DistributionOptions): Promise<Distribution> {
  assertNodeName(options.name.name);
  if (options.cookie === '') throw new BadArgumentError('the cookie is empty: give the same one to all nodes');
  if ((options.hello?.length ?? 0) > HELLO_BYTES_MAX) {
    throw new BadArgumentError(`the hello has ${options.hello?.length} bytes, at most ${HELLO_BYTES_MAX} are allowed`);
  }
  const transport = options.transport ?? tcpTransport;
  const started: { shell: DistributionShell | null } = { shell: null };
  const listener = await transport.listen(options.listen, (connection) => {
    if (started.shell !== null) return started.shell.accept(connection);
    connection.destroy();
    return NO_EVENTS;
  });
  try {
    const registration = await options.directory.register(options.name.name, listener.port, options.hidden ?? true);
    started.shell = new DistributionShell(options, transport, listener, registration);
    return started.shell;
  } catch (error) {
    await listener.close();
    throw error;
  }
}

class DistributionShell implements Distribution, LinkOwner {
  readonly creation: number;
  readonly port: number;
  readonly env: Env;
  readonly local: HandshakeLocal;
  readonly frameBytesMax: number;
  readonly handshakeLengthBytes: 2 | 4;
  readonly #options: DistributionOptions;
  readonly #limits: EstablishedLimits;
  readonly #transport: Transport;
  readonly #listener: Listener;
  readonly #registration: Registration;
  /** Of nodes that have one of their own. */
  readonly #cookies = new Map<string, string>();
  readonly #mesh: Mesh;
  /** All links that the mesh may speak of. */
  readonly #links = new Map<number, Link>();
  /** Links with a socket that is not closed yet. */
  readonly #open = new Set<Link>();
  /** Accepted links that have not proved themselves, oldest first. */
  readonly #handshakes = new Set<Link>();
  readonly #routes = new Map<Atom, Route>();
  readonly #effects: MeshEffect[] = [];
  #performing = false;
  #stopped = false;
  #onAllGone: (() => void) | null = null;
  #tickTimer: TimerHandle | null = null;

  constructor(options: DistributionOptions, transport: Transport, listener: Listener, registration: Registration) {
    const { env, name } = options;
    this.env = env;
    this.#options = options;
    this.#transport = transport;
    this.handshakeLengthBytes = transport.handshakeLengthBytes ?? 2;
    this.#listener = listener;
    this.#registration = registration;
    this.#mesh = createMesh(name.name);
    this.port = listener.port;
    this.frameBytesMax = options.frameBytesMax ?? 128 * MIB;
    this.#limits = {
      frameBytesMax: this.frameBytesMax,
      highWaterBytes: options.highWaterBytes ?? MIB,
      backlogBytesMax: options.backlogBytesMax ?? 512 * MIB,
      netTicktimeMs: options.netTicktimeMs ?? 60_000,
    };
    this.creation = options.creation ?? (registration.creation > 3 ? registration.creation : randomCreation(env));
    this.local = {
      name: name.name,
      creation: this.creation,
      flags: ourFlags({ hidden: options.hidden ?? true }),
      hello: options.hello ?? QUORATE_HELLO,
      digestOf: (challenge, peer) => challengeDigest(this.#cookies.get(peer) ?? options.cookie, challenge),
      missingFlags: (flags) => missingMandatory(flags),
    };
    this.#checkLater();
  }

  send(node: Atom, signal: Signal): boolean {
    const established = this.#routes.get(node)?.established;
    if (established !== undefined && established !== null) return established.outbox.send(signal);
    if (this.#stopped) return true;
    const route = this.#routeTo(node);
    route.keep(signal);
    return this.#kept(route);
  }

  sendEncoded(node: Atom, control: Uint8Array, payload: Uint8Array | null): boolean {
    const established = this.#routes.get(node)?.established;
    if (established !== undefined && established !== null) return established.outbox.sendEncoded(control, payload);
    if (this.#stopped) return true;
    const route = this.#routeTo(node);
    route.keepEncoded(control, payload);
    return this.#kept(route);
  }

  isBusy(node: Atom): boolean {
    const route = this.#routes.get(node);
    return route !== undefined && route.pendingBytes > this.#limits.highWaterBytes;
  }

  drained(node: Atom): Promise<void> {
    return this.#routes.get(node)?.drained() ?? Promise.resolve();
  }

  connect(node: Atom): Promise<boolean> {
    if (this.#stopped) return Promise.resolve(false);
    const connected = this.#routeTo(node).whenConnected();
    this.#step({ kind: 'wanted', node: node.name });
    return connected;
  }

  disconnect(node: Atom): boolean {
    const isUp = (this.#routes.get(node)?.established ?? null) !== null;
    this.#step({ kind: 'disconnect', node: node.name, reason: 'disconnected' });
    return isUp;
  }

  refuse(connectionId: number, error: QuorateError): void {
    const link = this.#links.get(connectionId);
    if (!(link?.user instanceof Established)) return;
    link.user.outbox.drop();
    link.refuse(error);
  }

  setCookie(node: Atom, cookie: string | null): void {
    if (cookie === null) this.#cookies.delete(node.name);
    else this.#cookies.set(node.name, cookie);
  }

  connecting(): readonly Atom[] {
    return connectingNodes(this.#mesh).map((name) => nameAtom(name));
  }

  peers(): readonly PeerInfo[] {
    return [...this.#routes.values()].flatMap(({ established }) => (established === null ? [] : [established.info]));
  }

  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#tickTimer?.cancel();
    this.#registration.close();
    const closed = this.#listener.close();
    for (const node of this.#mesh.nodes.keys()) this.#step({ kind: 'disconnect', node, reason: 'stopped' });
    for (const link of this.#links.values()) link.drop(false);
    this.#links.clear();
    await this.#allGone();
    await closed;
  }

  /** A connection from outside. */
  accept(connection: Connection): ConnectionEvents {
    if (this.#stopped) {
      connection.destroy();
      return NO_EVENTS;
    }
    const link = new Link(nextLinkId(this.#mesh), null, this);
    link.attach(connection);
    this.#links.set(link.id, link);
    this.#open.add(link);
    this.#handshakes.add(link);
    if (this.#handshakes.size > (this.#options.handshakesMax ?? 64)) this.#dropOldestHandshake();
    return link;
  }

  onSpoke(link: Link): void {
    this.#step({ kind: 'spoke', node: link.node as string, link: link.id });
  }

  onClaimed(link: Link): void {
    this.#step({ kind: 'claimed', node: link.node as string, link: link.id });
  }

  onYielded(link: Link): void {
    this.#step({ kind: 'yielded', node: link.node as string, link: link.id });
  }

  onProved(link: Link, peer: HandshakePeer): void {
    this.#handshakes.delete(link);
    const info: PeerInfo = {
      node: nameAtom(peer.name),
      creation: peer.creation,
      flags: peer.flags,
      hidden: (peer.flags & PUBLISHED) === 0n,
      connectionId: link.id,
      hello: peer.hello,
      atoms: new AtomBudget(this.#options.atomsMax ?? CONNECTION_ATOMS_MAX),
    };
    link.user = new Established(link, link.connection as Connection, info, this.#options, this.#limits);
    this.#step({ kind: 'proved', node: peer.name, link: link.id });
  }

  onEnded(link: Link, reason: string, error: QuorateError | null): void {
    this.#links.delete(link.id);
    this.#handshakes.delete(link);
    if (error !== null) this.#options.onError?.(error);
    if (link.node !== null) this.#step({ kind: 'ended', node: link.node, link: link.id, reason });
  }

  onGone(link: Link): void {
    this.#open.delete(link);
    if (this.#open.size === 0) this.#onAllGone?.();
  }

  #routeTo(node: Atom): Route {
    let route = this.#routes.get(node);
    if (route === undefined) this.#routes.set(node, (route = new Route(node)));
    return route;
  }

  #kept(route: Route): boolean {
    this.#step({ kind: 'wanted', node: route.node.name });
    if (route.waitingBytes > this.#limits.backlogBytesMax) {
      this.#step({ kind: 'disconnect', node: route.node.name, reason: 'overload' });
    }
    return route.waitingBytes <= this.#limits.highWaterBytes;
  }

  #step(event: MeshEvent): void {
    this.#effects.push(...stepMesh(this.#mesh, event));
    if (this.#performing) return;
    this.#performing = true;
    try {
      for (let effect = this.#effects.shift(); effect !== undefined; effect = this.#effects.shift())
        this.#perform(effect);
    } finally {
      this.#performing = false;
    }
  }

  #perform(effect: MeshEffect): void {
    switch (effect.kind) {
      case 'dial':
        return void this.#dial(effect.node, effect.link);
      case 'verdict':
        return this.#links.get(effect.link)?.decide(effect.verdict);
      case 'drop':
        return this.#drop(effect.link);
      case 'up':
        return this.#up(effect.link);
      case 'down':
        return this.#down(effect.node, effect.link, effect.reason);
      case 'unreachable':
        return this.#unreachable(effect.node, effect.reason);
      case 'timer': {
        const { node, token } = effect;
        this.env.setTimer(effect.delayMs, () => this.#step({ kind: 'timer', node, token }), true);
      }
    }
  }

  async #dial(node: string, id: number): Promise<void> {
    const link = new Link(id, node, this);
    this.#links.set(id, link);
    const address = await this.#options.directory.lookup(nameAtom(node)).catch(() => null);
    if (link.ended) return;
    if (address === null) return link.fail('unknown_node', null);
    this.#open.add(link);
    link.attach(this.#transport.dial(address, link));
  }

  #up(id: number): void {
    const link = this.#links.get(id);
    if (!(link?.user instanceof Established)) return;
    this.#routeTo(link.user.info.node).open(link.user);
    this.#options.onUp(link.user.info);
  }

  #down(node: string, id: number, reason: string): void {
    const route = this.#routes.get(nameAtom(node));
    const established = route?.established;
    if (route === undefined || established?.info.connectionId !== id) return;
    // What was sent before a disconnect still goes out; on a broken connection this does nothing.
    established.outbox.end();
    route.close();
    this.#options.onDown(established.info, reason);
    this.#forgetIdle(route);
  }

  #unreachable(node: string, reason: string): void {
    const name = nameAtom(node);
    this.#routes.get(name)?.giveUp();
    this.#options.onUnreachable(name, reason);
    const route = this.#routes.get(name);
    if (route !== undefined) this.#forgetIdle(route);
  }

  #forgetIdle(route: Route): void {
    if (route.isIdle && this.#routes.get(route.node) === route) this.#routes.delete(route.node);
  }

  #drop(id: number): void {
    const link = this.#links.get(id);
    if (link === undefined) return;
    this.#links.delete(id);
    this.#handshakes.delete(link);
    link.drop(false);
  }

  #dropOldestHandshake(): void {
    for (const link of this.#handshakes) {
      link.fail('too_many_handshakes', null);
      return;
    }
  }

  /** Looks at every peer a few times per tick time. */
  #checkLater(): void {
    const intervalMs = checkIntervalMs(this.#limits.netTicktimeMs);
    this.#tickTimer = this.env.setTimer(intervalMs, () => this.#checkPeers(), true);
  }

  #checkPeers(): void {
    const now = this.env.now();
    for (const { established } of this.#routes.values()) {
      if (established?.check(now) !== 'silent') continue;
      established.outbox.drop();
      established.link.fail('net_tick_timeout', null);
    }
    if (!this.#stopped) this.#checkLater();
  }

  #allGone(): Promise<void> {
    if (this.#open.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.env.setTimer(STOP_PATIENCE_MS, resolve);
      this.#onAllGone = () => {
        timer.cancel();
        resolve();
      };
    });
  }
}

/** 0 to 3 mean something to old nodes. */
function randomCreation(env: Env): number {
  return Math.max(4, new ByteFields(env.randomBytes(4)).u32());
}
