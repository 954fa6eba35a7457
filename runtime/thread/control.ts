/**
 * The control plane between a node's threads: few, typed calls through comlink, never on the path of a message. Terms cross it encoded.
 * A call to a thread that dies would never settle, so callers race every call with the thread's end (`ThreadPool.call`).
 */
import * as Comlink from 'comlink';
import adapter from 'comlink/dist/umd/node-adapter.js';
import type { MessagePort } from 'node:worker_threads';
import type { PlainError } from '../errors.ts';
import type { TlsOptions } from '../transport/tls.ts';
import type { Placement } from '../process/self.ts';
import type { ReportKind } from './reports.ts';

/** What a worker thread is started with. Everything in it can be cloned or transferred. */
export interface ThreadTask {
  readonly nodeName: string;
  readonly creation: number;
  readonly thread: number;
  /** The thread that holds the connections to other nodes. */
  readonly systemThread: number;
  readonly implicitSelf: boolean;
  /** How many threads processes are placed on; higher numbers are those of isolated processes. */
  readonly workers: number;
  readonly placement: Placement;
  /** The thread ends when its last process has. */
  readonly isolated: boolean;
  /** Where package names are looked up from. */
  readonly resolveFrom: string;
  /** Modules to load before anything runs. */
  readonly preload: readonly string[];
  readonly vitals: SharedArrayBuffer;
  readonly beatMs: number;
  readonly tables: readonly SharedArrayBuffer[];
  readonly names: SharedArrayBuffer;
  /** New atoms that one connection may make the thread hold; absent for the usual number. */
  readonly atomsMax?: number;
  readonly control: MessagePort;
  /** To the node's other threads, by number. */
  readonly ports: readonly (readonly [number, MessagePort])[];
}

/** What a worker thread offers to the thread that started the node. */
export interface ThreadControl {
  /** Resolves when the thread takes part in the node, to what kept a module of `preload` from being loaded, if anything did. */
  ready(): Promise<PlainError | null>;
  attach(thread: number, port: MessagePort, table: SharedArrayBuffer): void;
  /** Resolves when all that the lost thread had sent is delivered and every link and monitor to its processes has fired. */
  threadLost(thread: number, reason: Uint8Array): Promise<void>;
  /** The encoded infos of all its processes, without their messages. */
  processes(): Uint8Array;
  stats(): ThreadStats;
  /** The port it listens on, or what went wrong. */
  startNetwork(options: NetworkOptions, resolver: MessagePort | null): Promise<StartedPort>;
  stopNetwork(): Promise<void>;
  /** Ends its processes; the thread's task is then over. */
  stop(): Promise<void>;
}

/** What the thread that started the node offers to the others. */
export interface NodeControl {
  nodeUp(node: string, hidden: boolean): void;
  nodeDown(node: string, reason: string): void;
  unreachable(node: string, reason: string): void;
  refused(error: PlainError): void;
  /** Something was published on one of the thread's diagnostics channels. */
  report(kind: ReportKind, report: Uint8Array): void;
}

export interface StartedPort {
  /** The port that the node listens on. */
  readonly port: number;
  /** What went wrong; the port means nothing then. */
  readonly error: PlainError | null;
}

export interface ThreadStats {
  readonly thread: number;
  readonly processes: number;
  readonly heapUsedBytes: number;
}

/** How the node is found and reached by others. Can be cloned. */
export interface NetworkOptions {
  readonly nodeName: string;
  readonly creation: number;
  readonly cookie: string;
  readonly hidden: boolean;
  readonly listen: { readonly host: string; readonly port: number };
  readonly epmd: EpmdOptions | null;
  readonly netTicktimeMs: number;
  readonly limits: WireLimits;
  readonly tls: TlsOptions | null;
  /** Whole floats of other nodes become `Float`s. */
  readonly keepFloats: boolean;
  /** Placed on the wire after the node's name, for nodes of our own kind. */
  readonly hello?: Uint8Array;
}

/** What connections to other nodes may cost. */
export interface WireLimits {
  /** A process that sends to a node for which more than this waits is held back. Default 1 MiB. */
  readonly highWaterBytes?: number;
  /** When more than this waits for a node, its connection is ended (`overload`). Default 512 MiB. */
  readonly backlogBytesMax?: number;
  /** Largest message that is accepted, and all unfinished ones of a connection together. Default 128 MiB. */
  readonly frameBytesMax?: number;
  /** Connections that have not proved the cookie yet; the oldest goes for the next one. Default 64. */
  readonly handshakesMax?: number;
  /** New atoms that one connection may make one thread hold at a time. Default 250,000. */
  readonly atomsMax?: number;
}

export interface EpmdOptions {
  readonly host?: string;
  readonly port?: number;
  /** Serve as EPMD when none runs (default true). */
  readonly embedded?: boolean;
}

export type Remote<T> = Comlink.Remote<T>;

/** The adapter's types say `{ default }`; as a CommonJS module it is the function itself. */
const nodeEndpoint = adapter as unknown as (port: MessagePort) => Comlink.Endpoint;

export function exposeControl(api: object, port: MessagePort): void {
  Comlink.expose(api, nodeEndpoint(port));
}

export function wrapControl<T>(port: MessagePort): Comlink.Remote<T> {
  return Comlink.wrap<T>(nodeEndpoint(port));
}

/** Marks a port so that it moves to the other side with the call. */
export function moved(port: MessagePort): MessagePort {
  return Comlink.transfer(port, [port] as never);
}
