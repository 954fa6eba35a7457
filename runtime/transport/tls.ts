/**
 * The transport over TLS: the streams of TCP, encrypted, with a certificate on both sides. Each side shows its own and takes only one
 * that the given authorities signed; the dialling side also looks whether it is for the host it dialled. Nothing that came before
 * that is decided reaches the distribution. Nodes of OTP with `-proto_dist inet_tls` speak the same; as clients they compare a node's
 * host with the DNS names in its certificate only, so nodes that they dial need names with a host name, not an address.
 *
 * An accepted connection counts from its first byte on: whoever never finishes the TLS handshake is subject to the limits of the
 * distribution on silent connections, like everybody else.
 */
import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { connect, createSecureContext, createServer } from 'node:tls';
import type { SecureContextOptions, TLSSocket } from 'node:tls';
import { QuorateError } from '../errors.ts';
import { closeReason, listenOn, SocketConnection } from './tcp.ts';
import type { Address, CloseReason, Connection, ConnectionEvents, Transport } from './transport.ts';

/** Each of `cert`, `key` and `ca` is PEM text, or the path of a PEM file. */
export interface TlsOptions {
  /** The node's certificate, for servers and clients, with intermediate ones behind it. */
  readonly cert: string;
  readonly key: string;
  /** The authorities whose certificates are taken; no others are. */
  readonly ca: string;
  readonly passphrase?: string;
  /** Whether a dialled node's certificate must be for the host dialled (a name or an address). Default true. */
  readonly verifyHost?: boolean;
}

const HANDSHAKE_TIMEOUT_MS = 7_000;
const NO_PEER_CERTIFICATE = 'tls_no_certificate';

/** @throws `bad_certificate` for a file that cannot be read, PEM that is none, or a key that does not fit. */
export async function createTlsTransport(options: TlsOptions): Promise<Transport> {
  const pems = {
    cert: await readPem('cert', options.cert),
    key: await readPem('key', options.key),
    ca: await readPem('ca', options.ca),
  };
  const secure: SecureContextOptions = {
    ...pems,
    minVersion: 'TLSv1.2',
    ...(options.passphrase === undefined ? {} : { passphrase: options.passphrase }),
  };
  try {
    createSecureContext(secure);
  } catch (cause) {
    const found = cause instanceof Error ? cause.message : String(cause);
    throw new QuorateError('bad_certificate', `cannot use the certificate and key of tls: ${found}`, { cause });
  }
  return {
    handshakeLengthBytes: 4,
    listen: (address, onConnection) => listenTls(secure, address, onConnection),
    dial: (address, events) => dialTls(secure, address, events, options.verifyHost ?? true),
  };
}

async function readPem(option: string, value: string): Promise<string> {
  if (typeof value === 'string' && value.includes('-----BEGIN ')) return value;
  try {
    return await readFile(value, 'utf8');
  } catch (cause) {
    const message = `cannot read tls.${option}: ${String(value)} is neither PEM text nor the path of a readable file`;
    throw new QuorateError('bad_certificate', message, { cause });
  }
}

async function listenTls(
  secure: SecureContextOptions,
  address: Address,
  onConnection: (connection: Connection) => ConnectionEvents,
): ReturnType<Transport['listen']> {
  // Certificates are judged by `whatIsWrong`: a server that rejects by itself does not say why.
  const server = createServer({
    ...secure,
    requestCert: true,
    rejectUnauthorized: false,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    noDelay: true,
    keepAlive: true,
  });
  const accepted = new Map<string, AcceptedConnection>();
  server.on('connection', (raw: Socket) => {
    const key = endOf(raw);
    const connection = new AcceptedConnection(raw, key);
    accepted.set(key, connection);
    raw.once('close', () => {
      if (accepted.get(key) === connection) accepted.delete(key);
    });
    connection.events = onConnection(connection);
  });
  server.on('secureConnection', (socket) => accepted.get(endOf(socket))?.onSecure(socket));
  server.on('tlsClientError', (error, socket) => accepted.get(endOf(socket))?.onFailure(error));
  await listenOn(server, address);
  return {
    port: (server.address() as { port: number }).port,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

/** From the first byte on: what comes before the other side is known to be trusted goes nowhere. */
class AcceptedConnection implements Connection {
  readonly remote: string;
  events: ConnectionEvents | null = null;
  readonly #raw: Socket;
  #secure: SocketConnection | null = null;
  #reason: CloseReason = 'closed';
  #error: QuorateError | undefined;

  constructor(raw: Socket, remote: string) {
    this.#raw = raw;
    this.remote = remote;
    raw.on('error', (error) => (this.#reason = closeReason(error)));
    raw.on('close', () => {
      if (this.#secure === null) this.events?.onClose(this.#reason, this.#error);
    });
  }

  get bufferedBytes(): number {
    return this.#secure?.bufferedBytes ?? 0;
  }

  onSecure(socket: TLSSocket): void {
    const wrong = whatIsWrong(socket);
    if (wrong === null) {
      this.#secure = new SocketConnection(socket, this.remote, {
        onOpen: () => undefined,
        onBytes: (bytes) => this.events?.onBytes(bytes),
        onDrain: () => this.events?.onDrain(),
        onClose: (reason) => this.events?.onClose(reason),
      });
      return;
    }
    this.#refuse(wrong.reason, wrong.message);
    socket.destroy();
  }

  onFailure(error: Error): void {
    this.#refuse('tls_failed', `the TLS handshake failed: ${lastLine(error)}`);
  }

  write(bytes: Uint8Array, onWritten?: () => void): boolean {
    return this.#secure?.write(bytes, onWritten) ?? true;
  }

  close(): void {
    if (this.#secure === null) this.#raw.destroy();
    else this.#secure.close();
  }

  destroy(): void {
    if (this.#secure === null) this.#raw.destroy();
    else this.#secure.destroy();
  }

  #refuse(reason: CloseReason, message: string): void {
    this.#reason = reason;
    this.#error = new QuorateError(reason, `connection from ${this.remote} refused: ${message}`, {
      details: { remote: this.remote },
    });
  }
}

function whatIsWrong(socket: TLSSocket): { readonly reason: CloseReason; readonly message: string } | null {
  if (socket.authorized) return null;
  if (Object.keys(socket.getPeerCertificate()).length === 0) {
    const message = 'it showed no certificate; give its node tls options with a certificate that our ca signed';
    return { reason: NO_PEER_CERTIFICATE, message };
  }
  const { authorizationError } = socket;
  return {
    reason: 'tls_bad_certificate',
    message: `its certificate is not one that our ca vouches for (${String(authorizationError)})`,
  };
}

function dialTls(
  secure: SecureContextOptions,
  address: Address,
  events: ConnectionEvents,
  verifyHost: boolean,
): Connection {
  const { host, port } = address;
  const remote = `${host}:${port}`;
  const socket = connect({
    ...secure,
    host,
    port,
    rejectUnauthorized: true,
    ...(verifyHost ? {} : { checkServerIdentity: () => undefined }),
  });
  socket.setNoDelay(true).setKeepAlive(true);
  const seen = { secure: false, bytes: false };
  let failure: Error | null = null;
  socket.on('secureConnect', () => {
    seen.secure = true;
    events.onOpen();
  });
  socket.on('error', (error) => (failure = error));
  return new SocketConnection(socket, remote, {
    onOpen: () => undefined,
    onBytes(bytes) {
      seen.bytes = true;
      events.onBytes(bytes);
    },
    onDrain: () => events.onDrain(),
    onClose(reason) {
      const tls = dialFailure(failure, seen.secure, seen.bytes);
      if (tls === null) return events.onClose(reason);
      const message = `connection to ${remote} failed: ${tls.message}`;
      events.onClose(tls.reason, new QuorateError(tls.reason, message, { details: { remote } }));
    },
  });
}

/** What about TLS made a dialled connection end; null when it was not TLS. */
function dialFailure(
  failure: Error | null,
  secured: boolean,
  answered: boolean,
): { readonly reason: CloseReason; readonly message: string } | null {
  const code = failure === null ? '' : String((failure as { code?: unknown }).code);
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return {
      reason: 'tls_wrong_host',
      message: 'its certificate is for other hosts; make one for this, or set verifyHost to false',
    };
  }
  if (code.includes('ALERT') || (secured && !answered)) {
    const alert = failure === null ? 'it closed the connection right after the TLS handshake' : lastLine(failure);
    return { reason: 'tls_refused', message: `the other side does not take our certificate (${alert})` };
  }
  if (code.startsWith('ERR_SSL') || (code === 'ECONNRESET' && !secured)) {
    return {
      reason: 'tls_failed',
      message: `the TLS handshake failed: ${lastLine(failure as Error)}; do both nodes use TLS?`,
    };
  }
  if (!secured && failure !== null && /CERT|SIGNATURE|ISSUER/.test(code)) {
    return { reason: 'tls_bad_certificate', message: `its certificate is not one that our ca vouches for (${code})` };
  }
  return null;
}

/** OpenSSL's messages are long lists with colons; the reason is the last part. */
function lastLine(error: Error): string {
  const { reason } = error as { reason?: unknown };
  return typeof reason === 'string' ? reason : error.message;
}

function endOf(socket: Socket): string {
  return `${socket.remoteAddress ?? '?'}:${socket.remotePort ?? 0}`;
}
