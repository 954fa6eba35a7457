/**
 * The first step of every npm script. Makes a checkout ready, then runs a program of it in this same process:
 *
 *   node test/tooling/setup.mjs [dist/program.js [arguments]]
 *
 * Ready means: the dependencies of the lock file are installed, and the build is that of the present sources. What is
 * missing or stale is made, with one line on stderr for each; when nothing is, this takes a few file look-ups. Two starts
 * at once are safe: one works, the other waits. Plain JavaScript, without dependencies, and parsed by old versions of
 * Node too, so that those get an error they can act on.
 */
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const NODE_MAJOR_MIN = 20;

async function setUp(root) {
  const { dependenciesAreFresh, installDependencies } = await import('./setup/dependencies.mjs');
  const { buildIsFresh, build } = await import('./setup/build.mjs');
  if (dependenciesAreFresh(root) && buildIsFresh(root)) return;
  const { withLock } = await import('./setup/lock.mjs');
  await withLock(join(root, 'dist', '.setup-lock'), () => {
    // Another start may have done it while this one waited for the lock.
    if (!dependenciesAreFresh(root)) installDependencies(root);
    if (!buildIsFresh(root)) build(root);
  });
}

async function main() {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < NODE_MAJOR_MIN) {
    throw new Error(
      'this is Node ' +
        process.versions.node +
        ', but Node ' +
        NODE_MAJOR_MIN +
        ' or newer is needed: https://nodejs.org',
    );
  }
  const root = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..');
  await setUp(root);
  const program = process.argv[2];
  if (program === undefined) return;
  const file = join(root, program);
  process.argv.splice(1, 2, file);
  await import(pathToFileURL(file).href);
}

main().catch((error) => {
  // A set-up problem is told in one line; anything else is a bug of the program, and its stack is wanted.
  console.error(error.isSetUpError || error.message.startsWith('this is Node') ? 'quorate: ' + error.message : error);
  process.exitCode = 1;
});
