/** Where the module of a spawn or an offloaded call comes from: each way in a program of its own, outside of this repository. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startProgram } from '../kit/programs.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** Writes an application that has quorate installed; returns its folder. */
function createApplication(t: TestContext, files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'application-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const all = { 'package.json': '{ "name": "application", "type": "module" }', ...files };
  for (const [path, text] of Object.entries(all)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  mkdirSync(join(folder, 'node_modules'), { recursive: true });
  symlinkSync(root, join(folder, 'node_modules/quorate'));
  return folder;
}

async function run(t: TestContext, folder: string, args: readonly string[]): Promise<string> {
  const program = startProgram(
    t,
    process.execPath,
    args.map((arg) => (arg.startsWith('./') ? join(folder, arg) : arg)),
  );
  await program.ended();
  return program.output();
}

const WORKER = `
export async function answer(self, owner, what) { self.send(owner, [what, self.pid.serial & 1023]); await self.receive(); }
export function double(n) { return 2 * n; }
`;

/** Starts `answer` of the module everywhere and prints what came back. */
const MAIN = `
import { LocalNode } from 'quorate/runtime';
const [specifier, ...more] = process.argv.slice(2);
const node = await LocalNode.start({ threads: 1, ...JSON.parse(more[0] ?? '{}') });
await node.run(async (self) => {
  for (const options of [{ thread: 0 }, { thread: 1 }, { isolated: true }]) {
    try {
      await self.spawn(specifier, 'answer', [self.pid, 'hello'], options);
      console.log('thread', (await self.receive({ timeoutMs: 10000 })).join(' '));
    } catch (error) { console.log(error.code, error.message); }
  }
});
console.log('offload', await node.offload(specifier, 'double', [21]).catch((error) => error.code + ' ' + error.message));
await node.stop();
`;

const EVERYWHERE = /^thread hello 0\nthread hello 1\nthread hello 2\noffload 42$/m;

const PACKAGE = {
  'main.js': MAIN,
  'package.json': '{ "name": "application", "type": "module", "exports": { "./workers/*": "./lib/*.js" } }',
  'lib/own.js': WORKER,
  'node_modules/old-style/package.json': '{ "name": "old-style", "type": "module" }',
  'node_modules/old-style/w.js': WORKER,
  'node_modules/@scope/many/package.json': JSON.stringify({
    name: '@scope/many',
    type: 'module',
    exports: {
      '.': { types: './no.d.ts', node: { require: './no.cjs', import: './src/w.js' }, default: './no.js' },
      './jobs/*': null,
      './jobs/inner/*.js': ['bad', './src/*.js'],
    },
  }),
  'node_modules/@scope/many/src/w.js': WORKER,
  'node_modules/esm-only/package.json':
    '{ "name": "esm-only", "type": "module", "exports": { "./worker": { "import": "./w.js" } } }',
  'node_modules/esm-only/w.js': WORKER,
};

const PACKAGES = [
  'esm-only/worker',
  'old-style/w.js',
  '@scope/many',
  '@scope/many/jobs/inner/w.js',
  'application/workers/own',
];

test('a file URL, an absolute path, and a package as the application has it installed', async (t) => {
  const folder = createApplication(t, { ...PACKAGE, 'worker.js': WORKER });
  for (const specifier of [new URL(`file://${folder}/worker.js`).href, `${folder}/worker.js`, ...PACKAGES]) {
    const output = await run(t, folder, ['./main.js', specifier]);
    assert.match(output, EVERYWHERE, specifier);
    assert.doesNotMatch(output, /Warning/);
  }
  assert.match(await run(t, folder, ['./main.js', '@scope/many/jobs/other']), /^module_not_found /m);
});

test('a package that is looked up from where the application says', async (t) => {
  const elsewhere = createApplication(t, PACKAGE);
  const folder = createApplication(t, { 'main.js': MAIN });
  const options = JSON.stringify({ resolveFrom: `file://${elsewhere}/` });
  assert.match(await run(t, folder, ['./main.js', 'esm-only/worker', options]), EVERYWHERE);
  assert.doesNotMatch(await run(t, folder, ['./main.js', 'esm-only/worker']), EVERYWHERE);
});

test('what cannot be found is named, on each thread', async (t) => {
  const folder = createApplication(t, { 'main.js': MAIN, 'bad.js': 'throw new Error("bad at heart")' });
  const missing = await run(t, folder, ['./main.js', 'not-installed/worker']);
  assert.equal((missing.match(/^module_not_found .*cannot find not-installed\/worker/gm) ?? []).length, 3, missing);
  assert.match(missing, /^offload module_not_found offload: cannot find not-installed\/worker/m);
  const bad = await run(t, folder, ['./main.js', `${folder}/bad.js`]);
  assert.equal((bad.match(/^module_failed .*bad\.js: bad at heart/gm) ?? []).length, 3, bad);
  const relative = await run(t, folder, ['./main.js', './bad.js'.replace('./', '../')]);
  assert.equal((relative.match(/^badarg .*\.\.\/bad\.js is relative/gm) ?? []).length, 3, relative);
});

/** As tsx does: \`node --import LOADER app.ts\`, whose hooks compile TypeScript. This one knows one annotation. */
const LOADER = {
  'loader.js': `import { register } from 'node:module'; register('./hooks.js', import.meta.url);`,
  'hooks.js': `
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
export async function load(url, context, next) {
  if (!url.endsWith('.ts')) return next(url, context);
  const source = readFileSync(fileURLToPath(url), 'utf8').replaceAll(': any', '');
  return { format: 'module', shortCircuit: true, source };
}`,
};

test('TypeScript, by the loader that the program was started with', async (t) => {
  const typed = WORKER.replace('self, owner, what', 'self: any, owner: any, what: any').replace('(n)', '(n: any)');
  const folder = createApplication(t, {
    ...LOADER,
    'main.ts': MAIN.replace('async (self)', 'async (self: any)'),
    'worker.ts': typed,
  });
  const loader = `file://${folder}/loader.js`;
  assert.match(await run(t, folder, ['--import', loader, './main.ts', `${folder}/worker.ts`]), EVERYWHERE);
  // Newer versions of Node strip types by themselves.
  const plain = process.allowedNodeEnvironmentFlags.has('--strip-types') ? ['--no-strip-types'] : [];
  const without = await run(t, folder, [...plain, `${folder}/main.ts`, `${folder}/worker.ts`]);
  assert.doesNotMatch(without, EVERYWHERE);
});

test('TypeScript by tsx, whose hooks are at work in the main thread only unless threads ask for them', async (t) => {
  const register = `import { register as hook } from 'node:module';
let isOn = false;
export const register = () => { if (!isOn) hook(new URL('../../../hooks.js', import.meta.url)); isOn = true; };`;
  const loader = `import module from 'node:module'; import { isMainThread } from 'node:worker_threads'; import { register } from './esm/api/index.mjs';
if (isMainThread || 'registerHooks' in module) register();`;
  const typed = WORKER.replace('self, owner, what', 'self: any, owner: any, what: any').replace('(n)', '(n: any)');
  const folder = createApplication(t, {
    'hooks.js': LOADER['hooks.js'],
    'node_modules/tsx/package.json': JSON.stringify({
      name: 'tsx',
      type: 'module',
      exports: { '.': './dist/loader.mjs', './esm/api': './dist/esm/api/index.mjs' },
    }),
    'node_modules/tsx/dist/loader.mjs': loader,
    'node_modules/tsx/dist/esm/api/index.mjs': register.replace('../../../hooks.js', '../../../../../hooks.js'),
    'main.ts': MAIN.replace('async (self)', 'async (self: any)'),
    'worker.ts': typed,
  });
  const loaderUrl = `file://${folder}/node_modules/tsx/dist/loader.mjs`;
  assert.match(await run(t, folder, ['--import', loaderUrl, './main.ts', `${folder}/worker.ts`]), EVERYWHERE);
});

test('a bundled program gives its own thread entry, in which modules have names', async (t) => {
  const folder = createApplication(t, {
    'worker.js': WORKER,
    'thread.js': `
import { createThreadEntry } from 'quorate/runtime';
import * as worker from './worker.js';
export default createThreadEntry({ modules: { worker } });`,
    'main.js': `
import * as worker from './worker.js';
${MAIN.replace("...JSON.parse(more[0] ?? '{}')", "threadEntry: new URL('./thread.js', import.meta.url), modules: { worker }")}`,
  });
  assert.match(await run(t, folder, ['./main.js', 'worker']), /^thread hello 0\nthread hello 1\nthread hello 2\n/m);
});

test('preloaded modules are there before any process, on every worker thread; one that cannot be loaded refuses the start', async (t) => {
  const folder = createApplication(t, {
    'prepare.js': 'globalThis.prepared = "ready";',
    'bad.js': 'throw new Error("bad at heart")',
    'worker.js': WORKER.replace('[what,', '[globalThis.prepared ?? "not ready",'),
    'main.js': MAIN.replace('...JSON', 'preload: [new URL(process.argv.at(-1), import.meta.url)], ...JSON'),
  });
  const output = await run(t, folder, ['./main.js', `${folder}/worker.js`, '{}', 'prepare.js']);
  assert.match(output, /^thread not ready 0\nthread ready 1\nthread ready 2$/m);
  assert.match(await run(t, folder, ['./main.js', `${folder}/worker.js`, '{}', 'bad.js']), /module_failed/);
});
