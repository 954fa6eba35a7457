/**
 * A small web API over the store. Started once per node of the cluster; every node answers every request.
 *
 *   npm run -s example:http -- --name n1@127.0.0.1 --port 8081 --join n2@127.0.0.1,n3@127.0.0.1 --cookie C --cluster-size 3
 *
 * SIGTERM and SIGINT: requests under way are answered, the node leaves its cluster in order, exit code 0. Exit code 2: wrong arguments;
 * 1: the node or the port cannot be had.
 */
import { startQuorate, type Quorate } from 'quorate';
import { parseCommand, usage, UsageError, type ServeOptions } from './options.ts';
import { createApi } from './server.ts';

const DRAIN_MS = 10_000;

async function serve(options: ServeOptions): Promise<void> {
  const { name, cookie, host, port, join, founders, clusterSize, stateDir, timeoutMs } = options;
  const stopping = new Promise<void>((resolve) => {
    process.once('SIGTERM', resolve).once('SIGINT', resolve);
  });
  // The port first: a node that cannot serve should not become a member of anything.
  const { promise: started, resolve: announce } = withResolver<Quorate>();
  const api = createApi({ started, timeoutMs });
  const actualPort = await api.listen(host, port).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EADDRINUSE') throw error;
    throw new Error(`${host}:${port} is in use by another program (EADDRINUSE): give another --port`, { cause: error });
  });
  try {
    const quorate = await startQuorate({
      name,
      cookie,
      clusterSize,
      join,
      stateDir,
      listen: { host },
      ...(founders === undefined ? {} : { founders }),
    });
    announce(quorate);
    console.error(`${name} serves http://${host}:${actualPort}`);
    await stopping;
    await api.drain(DRAIN_MS);
    await quorate.stop();
  } finally {
    await api.drain(0);
  }
}

function withResolver<T>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((settle) => (resolve = settle));
  return { promise, resolve };
}

async function main(): Promise<number> {
  try {
    const command = parseCommand(process.argv.slice(2));
    if (command.kind === 'help') process.stdout.write(usage());
    else await serve(command.options);
    return 0;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    if (error instanceof UsageError) console.error('--help shows all options');
    return error instanceof UsageError ? 2 : 1;
  }
}

process.exitCode = await main();
