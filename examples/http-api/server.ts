/**
 * The HTTP side: finds the resource of a request, checks the method, reads the body, writes the answer. Requests that come while the node
 * is still starting wait for it. After `drain` those that are under way are finished, and their connections closed.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { answerFailure, HttpError, type Answer } from './answer.ts';
import { declaresTooMuch, readJson, tooLarge } from './body.ts';
import { findResource, type ResourceOptions } from './resources.ts';

export interface ApiServer {
  /** Rejects when the port cannot be had; resolves to the port. */
  listen(host: string, port: number): Promise<number>;
  /** Takes no more requests, and resolves when those under way are answered. Connections that are still there after `patienceMs` are cut. */
  drain(patienceMs: number): Promise<void>;
}

export interface ApiOptions extends ResourceOptions {
  /** Resolves when the node has started. */
  readonly started: Promise<unknown>;
}

export function createApi(options: ApiOptions): ApiServer {
  let draining = false;
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const answer = await handle(request, options).catch(answerFailure);
    if (draining) response.setHeader('connection', 'close');
    write(response, answer);
  };
  const server = createServer((request, response) => void serve(request, response));
  // A client that asks before it sends a large body (curl does) need not send it.
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    if (declaresTooMuch(request)) return write(response.setHeader('connection', 'close'), answerFailure(tooLarge()));
    response.writeContinue();
    void serve(request, response);
  });
  return {
    listen: (host, port) => listen(server, host, port),
    async drain(patienceMs) {
      draining = true;
      const timer = setTimeout(() => server.closeAllConnections(), patienceMs);
      await new Promise((resolve) => server.close(resolve));
      clearTimeout(timer);
    },
  };
}

async function handle(request: IncomingMessage, options: ApiOptions): Promise<Answer> {
  const { method = 'GET', url = '/' } = request;
  const [path = '', query] = url.split('?', 2);
  if (query !== undefined) throw new HttpError(400, 'bad_url', 'there are no parameters; a ? in a key is written %3F');
  const resource = findResource(path, options);
  if (resource === null) throw new HttpError(404, 'no_such_path', 'there are /kv/KEY, /cas/KEY and /healthz');
  switch (method) {
    case 'GET':
    case 'HEAD':
      await options.started;
      return resource.get();
    case 'PUT': {
      if (resource.put === undefined) throw notAllowed('GET, HEAD');
      const body = await readJson(request);
      await options.started;
      return resource.put(body);
    }
    default:
      throw notAllowed(resource.put === undefined ? 'GET, HEAD' : 'GET, HEAD, PUT');
  }
}

function notAllowed(allow: string): HttpError {
  return new HttpError(405, 'method_not_allowed', `this can be asked for with ${allow}`, { allow });
}

/** What is written to a client that has gone is dropped by Node. */
function write(response: ServerResponse, { status, body, headers = {} }: Answer): void {
  const text = `${JSON.stringify(body)}\n`;
  response.writeHead(status, {
    ...headers,
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
  });
  response.end(text);
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}
