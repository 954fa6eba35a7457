/**
 * The directory that is EPMD. Registering asks the EPMD of this machine, and serves one itself when none runs there.
 *
 * When the EPMD goes away (it may have been another node of ours that served it), the name is registered again: at once,
 * then every two seconds as OTP does. Whoever comes first serves. The creation that the node got first stays its own.
 * A lookup asks the EPMD of the node's own host, which is the part of its name behind `@`.
 */
import { QuorateError } from '../errors.ts';
import { askNames, askPort, askRegister, unreachableError } from './epmd-client.ts';
import type { EpmdAsk, EpmdRegistered } from './epmd-client.ts';
import { EPMD_PORT } from './epmd-messages.ts';
import { startEpmdServer } from './epmd-server.ts';
import type { EpmdServer } from './epmd-server.ts';
import { assertNodeName, parseNodeName } from './node-name.ts';
import type { NodeDirectory, Registration } from './directory.ts';
import type { Env, TimerHandle } from '../env.ts';
import type { Transport } from '../transport/transport.ts';

/** How often a lost registration is tried again. */
const REGISTER_AGAIN_MS = 2_000;
/** A name is free again only when EPMD has seen the old socket close: how long, and how often, "taken" is tried again. */
const TAKEN_PATIENCE_MS = 2_000;
const TAKEN_AGAIN_MS = 100;

export interface EpmdDirectoryOptions {
  readonly transport: Transport;
  readonly env: Env;
  /** Where this machine's EPMD is or will be served. Default 127.0.0.1. */
  readonly host?: string;
  /** Default 4369; `epmdPortOf(process.env)` honours `ERL_EPMD_PORT`. Lookups on other hosts use it too. */
  readonly port?: number;
  /** Serve an EPMD here when none answers. Default true. */
  readonly serve?: boolean;
}

export interface EpmdDirectory extends NodeDirectory {
  /** Whether the EPMD of this machine is served here, now. */
  readonly serving: boolean;
  /** Stops serving. Registrations are closed by their owners. */
  close(): Promise<void>;
}

/** The EPMD port that the environment asks for, 4369 when it asks for none. */
export function epmdPortOf(environment: Readonly<Record<string, string | undefined>>): number {
  const port = Number(environment['ERL_EPMD_PORT']);
  return Number.isInteger(port) && port > 0 && port < 65_536 ? port : EPMD_PORT;
}

export function createEpmdDirectory(options: EpmdDirectoryOptions): EpmdDirectory {
  const port = options.port ?? EPMD_PORT;
  const local: EpmdAsk = { ...options, address: { host: options.host ?? '127.0.0.1', port } };
  const askAt = (host: string): EpmdAsk => ({ ...local, address: { host, port } });
  const keeper = new EpmdKeeper(local, options.serve ?? true);
  return {
    get serving() {
      return keeper.serving;
    },
    register: (name, nodePort, hidden) => registerName(keeper, name, nodePort, hidden),
    async lookup(node) {
      const parts = parseNodeName(node.name);
      if (parts === null) return null;
      const found = await askPort(askAt(parts.host), parts.short).catch(() => null);
      return found === null ? null : { host: parts.host, port: found.port };
    },
    names: (host) => askNames(askAt(host)).catch(() => []),
    close: () => keeper.close(),
  };
}

async function registerName(keeper: EpmdKeeper, name: string, port: number, hidden: boolean): Promise<Registration> {
  const { short } = assertNodeName(name);
  const giveUpAt = keeper.env.now() + TAKEN_PATIENCE_MS;
  for (;;) {
    const result = await keeper.register(short, port, hidden);
    if (result.kind === 'registered') return keepRegistered(keeper, result, short, port, hidden);
    if (result.kind === 'unreachable') throw unreachableError(keeper.address, result.reason);
    if (keeper.env.now() >= giveUpAt) throw takenError(keeper, short, name);
    await keeper.pause(TAKEN_AGAIN_MS);
  }
}

/** Keeps the name registered until `close`. */
function keepRegistered(
  keeper: EpmdKeeper,
  first: EpmdRegistered,
  short: string,
  port: number,
  hidden: boolean,
): Registration {
  let current: EpmdRegistered | null = first;
  let timer: TimerHandle | null = null;
  let closed = false;
  const again = async (): Promise<void> => {
    const result = await keeper.register(short, port, hidden);
    if (result.kind === 'registered') {
      if (closed) return result.close();
      current = result;
      result.onLost = lost;
    } else if (!closed) {
      timer = keeper.env.setTimer(REGISTER_AGAIN_MS, () => void again(), true);
    }
  };
  const lost = (): void => {
    current = null;
    // A little apart, or all nodes of the machine try to serve in the same instant.
    timer = keeper.env.setTimer(keeper.env.random() * 100, () => void again(), true);
  };
  first.onLost = lost;
  return {
    creation: first.creation,
    close: () => {
      closed = true;
      timer?.cancel();
      current?.close();
    },
  };
}

/** The one EPMD server that this directory may run. */
class EpmdKeeper {
  readonly env: Env;
  readonly #ask: EpmdAsk;
  readonly #serve: boolean;
  #server: EpmdServer | null = null;
  #starting: Promise<void> | null = null;
  #closed = false;

  constructor(ask: EpmdAsk, serve: boolean) {
    this.#ask = ask;
    this.#serve = serve;
    this.env = ask.env;
  }

  get serving(): boolean {
    return this.#server !== null;
  }

  get address(): EpmdAsk['address'] {
    return this.#ask.address;
  }

  /** Registers; when nobody answers, serves and registers there. */
  async register(short: string, port: number, hidden: boolean): ReturnType<typeof askRegister> {
    const result = await askRegister(this.#ask, short, port, hidden);
    if (result.kind !== 'unreachable' || !this.#serve || this.#server !== null || this.#closed) return result;
    this.#starting ??= this.#start().finally(() => (this.#starting = null));
    await this.#starting;
    return askRegister(this.#ask, short, port, hidden);
  }

  pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.env.setTimer(delayMs, resolve));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#starting;
    await this.#server?.close();
    this.#server = null;
  }

  async #start(): Promise<void> {
    try {
      this.#server = await startEpmdServer(this.#ask.transport, this.env, this.#ask.address);
    } catch (error) {
      // Somebody else was faster, and serves now. Anything else shows as an EPMD that does not answer.
      if (!(error instanceof QuorateError)) throw error;
    }
  }
}

function takenError(keeper: EpmdKeeper, short: string, name: string): QuorateError {
  const { host, port } = keeper.address;
  return new QuorateError(
    'name_taken',
    `cannot start as ${name}: the EPMD at ${host}:${port} has a living node of the name ${short}; choose another name, or stop that node`,
    { details: { name, host, port } },
  );
}
