/**
 * The way from one node to another, under the test's control: a TCP proxy. Nodes connect to the proxy's port, which leads to where the other one listens
 * now. Bytes are delayed or held, never changed or left out, and a cut may come in the middle of a frame: that is what networks do below TCP.
 */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

export type LinkMode =
  | { readonly kind: 'open' }
  /** Connections are reset, after a part of what was under way; new ones too. */
  | { readonly kind: 'cut' }
  /** Nothing comes through, and nobody is told. What is sent meanwhile arrives when the link opens. */
  | { readonly kind: 'silent'; readonly towards: 'there' | 'back' | 'both' }
  | { readonly kind: 'slow'; readonly delayMs: number; readonly jitterMs: number };

const OPEN: LinkMode = { kind: 'open' };
/** A sender that is far ahead is held back, as by a full window. */
const HELD_BYTES_MAX = 256 * 1024;

/** A proxy for connections that one node makes to another; their bytes go both ways. */
export class Link {
  readonly #server: Server;
  readonly #connections = new Set<ProxiedConnection>();
  readonly #random: () => number;
  #targetPort: number | null = null;
  #mode: LinkMode = OPEN;

  private constructor(server: Server, random: () => number) {
    this.#server = server;
    this.#random = random;
    server.on('connection', (socket) => this.#accept(socket));
  }

  static async open(random: () => number): Promise<Link> {
    const server = createServer({ allowHalfOpen: true });
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
    return new Link(server, random);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Where the other node listens now; null: nowhere. */
  leadTo(port: number | null): void {
    this.#targetPort = port;
  }

  set(mode: LinkMode): void {
    this.#mode = mode;
    for (const connection of this.#connections) connection.set(mode);
  }

  async close(): Promise<void> {
    for (const connection of this.#connections) connection.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(socket: Socket): void {
    if (this.#targetPort === null || this.#mode.kind === 'cut') {
      socket.on('error', () => undefined).resetAndDestroy();
      return;
    }
    const target = connect({ host: '127.0.0.1', port: this.#targetPort, allowHalfOpen: true });
    const connection = new ProxiedConnection(socket, target, this.#random, () => this.#connections.delete(connection));
    this.#connections.add(connection);
    connection.set(this.#mode);
  }
}

class ProxiedConnection {
  readonly #there: Direction;
  readonly #back: Direction;
  readonly #onEnd: () => void;
  readonly #sockets: readonly Socket[];

  constructor(from: Socket, to: Socket, random: () => number, onEnd: () => void) {
    this.#sockets = [from, to];
    this.#there = new Direction(from, to, random);
    this.#back = new Direction(to, from, random);
    this.#onEnd = onEnd;
    for (const socket of this.#sockets) {
      socket.setNoDelay(true);
      // a reset is passed on at once, unless the link is silent: then nobody hears of it
      socket.on('error', () => undefined).on('close', () => this.#closed());
    }
  }

  set(mode: LinkMode): void {
    if (mode.kind === 'cut') return this.cut();
    this.#there.set(mode, mode.kind === 'silent' && mode.towards !== 'back');
    this.#back.set(mode, mode.kind === 'silent' && mode.towards !== 'there');
    this.#closed();
  }

  cut(): void {
    this.#there.breakOff();
    this.#back.breakOff();
    for (const socket of this.#sockets) socket.resetAndDestroy();
    this.#onEnd();
  }

  #closed(): void {
    const [from, to] = this.#sockets as [Socket, Socket];
    if (from.destroyed && to.destroyed) this.#onEnd();
    else if (from.destroyed && !this.#there.isHeld) to.resetAndDestroy();
    else if (to.destroyed && !this.#back.isHeld) from.resetAndDestroy();
  }
}

interface HeldChunk {
  readonly bytes: Buffer;
  readonly dueAt: number;
}

/** The bytes of a connection in one direction, in order. */
class Direction {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #random: () => number;
  readonly #held: HeldChunk[] = [];
  #heldBytes = 0;
  #mode: LinkMode = OPEN;
  #isSilent = false;
  #hasEnded = false;
  #timer: NodeJS.Timeout | null = null;

  constructor(from: Socket, to: Socket, random: () => number) {
    this.#from = from;
    this.#to = to;
    this.#random = random;
    from.on('data', (bytes: Buffer) => this.#take(bytes));
    from.on('end', () => {
      this.#hasEnded = true;
      this.#flush();
    });
    to.on('close', () => this.#clearTimer());
  }

  get isHeld(): boolean {
    return this.#isSilent;
  }

  set(mode: LinkMode, isSilent: boolean): void {
    this.#mode = mode;
    this.#isSilent = isSilent;
    this.#flush();
  }

  /** Lets through a part of what it holds, as when a cable is pulled. */
  breakOff(): void {
    this.#clearTimer();
    const [first] = this.#held;
    if (first !== undefined && !this.#to.destroyed) {
      this.#to.write(first.bytes.subarray(0, Math.floor(this.#random() * first.bytes.length)));
    }
    this.#held.length = 0;
  }

  #take(bytes: Buffer): void {
    const delayMs = this.#mode.kind === 'slow' ? this.#mode.delayMs + this.#random() * this.#mode.jitterMs : 0;
    const after = this.#held.at(-1)?.dueAt ?? 0;
    this.#held.push({ bytes, dueAt: Math.max(performance.now() + delayMs, after) });
    this.#heldBytes += bytes.length;
    if (this.#heldBytes > HELD_BYTES_MAX) this.#from.pause();
    this.#flush();
  }

  #flush(): void {
    if (this.#isSilent || this.#to.destroyed) return;
    this.#clearTimer();
    const at = performance.now();
    for (let next = this.#held[0]; next !== undefined && next.dueAt <= at; next = this.#held[0]) {
      this.#held.shift();
      this.#heldBytes -= next.bytes.length;
      this.#to.write(next.bytes);
    }
    if (this.#heldBytes <= HELD_BYTES_MAX) this.#from.resume();
    const [waiting] = this.#held;
    if (waiting !== undefined) this.#timer = setTimeout(() => this.#flush(), Math.max(1, waiting.dueAt - at));
    else if (this.#hasEnded) this.#to.end();
  }

  #clearTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
