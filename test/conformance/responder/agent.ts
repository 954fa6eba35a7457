/**
 * An agent of the interoperability contract: answers `{From, Ref, Op}` with `{Ref, Result}`, and keeps every other message in its log.
 */
import { Atom, atom, hasCode, isTuple, Pid, Ref, tuple, type LocalNode, type Self } from '../../../runtime/index.ts';
import { CallError, callServer } from '../../../supervisors/index.ts';
import { startServer } from './server.ts';

const OK = atom('ok');
const ERROR = atom('error');
const BADARG = atom('badarg');
const BADOP = tuple(ERROR, atom('badop'));
const FEATURES = [atom('gen_server'), atom('spawn'), atom('lossless')];

/** An op's answer; `NO_ANSWER` when the contract says that none is given. */
type Answer = unknown;

export class Agent {
  readonly #self: Self;
  readonly #node: LocalNode;
  #log: unknown[] = [];

  constructor(self: Self, node: LocalNode) {
    this.#self = self;
    this.#node = node;
  }

  async run(): Promise<void> {
    for (;;) await this.#onMessage(await this.#self.receive());
  }

  async #onMessage(message: unknown): Promise<void> {
    const isOp = isTuple(message) && message.length === 3 && message[0] instanceof Pid && message[1] instanceof Ref;
    if (!isOp) {
      this.#log.push(message);
      return;
    }
    const [from, ref, op] = message as readonly [Pid, Ref, unknown];
    const answer = op instanceof Atom ? await this.#plain(op.name) : await this.#operation(op);
    this.#self.send(from, tuple(ref, answer));
  }

  /** Ops that are an atom. */
  async #plain(name: string): Promise<Answer> {
    switch (name) {
      case 'ping':
        return atom('pong');
      case 'self':
        return this.#self.pid;
      case 'features':
        return FEATURES;
      case 'os_pid':
        return process.pid;
      case 'spawn_child':
        return startAgent(this.#node);
      case 'spawn_gs':
        return startServer(this.#self);
      case 'log':
        return this.#log;
      case 'log_size':
        return this.#log.length;
      case 'clear':
        this.#log = [];
        return OK;
      case 'nodes':
        return this.#node.nodes().map((node) => atom(node));
      default:
        return BADOP;
    }
  }

  /** Ops that are a tuple. An argument that cannot be taken is `{error, badarg}`. */
  async #operation(op: unknown): Promise<Answer> {
    if (!isTuple(op) || !(op[0] instanceof Atom)) return BADOP;
    const [what, ...args] = op as readonly [Atom, ...unknown[]];
    try {
      return await this.#apply(what.name, args as never[]);
    } catch (error) {
      if (hasCode(error, 'badarg')) return tuple(ERROR, BADARG);
      throw error;
    }
  }

  async #apply(what: string, args: readonly never[]): Promise<Answer> {
    const self = this.#self;
    const [first, second, third] = args as readonly [never, never, never];
    switch (what) {
      case 'echo':
        return first;
      case 'size':
        return (first as unknown) instanceof Uint8Array ? (first as Uint8Array).length : Buffer.byteLength(first);
      case 'exit':
        return self.exit(first as unknown);
      case 'trap':
        self.trapExit(first);
        return OK;
      case 'monitor':
        return self.monitor(first);
      case 'demonitor':
        self.demonitor(first, { flush: true });
        return OK;
      case 'link':
        self.link(first);
        return OK;
      case 'unlink':
        self.unlink(first);
        return OK;
      case 'exit2':
        self.exit(first as Pid, second as unknown);
        return OK;
      case 'register':
        self.register(first);
        return OK;
      case 'unregister':
        self.unregister(first);
        return OK;
      default:
        return this.#toOthers(what, first, second, third);
    }
  }

  async #toOthers(what: string, first: never, second: never, third: never): Promise<Answer> {
    const self = this.#self;
    switch (what) {
      case 'send':
        self.send(first, second);
        return OK;
      case 'send_n':
        this.#sendMany(first, second);
        return OK;
      case 'send_n_exit':
        this.#sendMany(first, second);
        return self.exit(third as unknown);
      case 'is_alive':
        return self.isAlive(first);
      case 'connect':
        return this.#node.connect(first);
      case 'disconnect':
        return this.#node.disconnect(first);
      case 'gen_call':
        return this.#call(first, second, third);
      default:
        return BADOP;
    }
  }

  #sendMany(to: never, howMany: number): void {
    const seq = atom('seq');
    for (let n = 1; n <= howMany; n++) this.#self.send(to, tuple(seq, n));
  }

  async #call(server: never, request: unknown, timeoutMs: number): Promise<Answer> {
    try {
      return tuple(OK, await callServer(this.#self, server, request, timeoutMs));
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      return tuple(ERROR, error.code === 'exit' ? error.why : atom(error.code));
    }
  }
}

/** Starts an agent with an empty log, linked to nobody. */
export function startAgent(node: LocalNode, name?: string): Pid {
  return node.spawn((self) => new Agent(self, node).run(), {
    implicitSelf: false,
    ...(name === undefined ? {} : { name }),
  });
}
