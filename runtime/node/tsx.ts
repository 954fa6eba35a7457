/**
 * tsx compiles TypeScript as it is loaded. Worker threads are started with the options of the program, but where Node has no hooks that threads
 * share (before `module.registerHooks`) tsx is at work in the main thread only; in the others it is asked to by its own interface.
 */
import module from 'node:module';
import { pathToFileURL } from 'node:url';
import { isMainThread } from 'node:worker_threads';
import { resolvePackage } from './resolve-package.ts';

/** `tsx`, or where tsx itself tells Node to find it, in front of its interface. */
const LOADER = /^(?:file:.*\/tsx\/dist\/)(?=loader\.mjs$|esm\/index\.mjs$)/;

let registered: Promise<void> | null = null;

/** Resolves when this thread loads what the main thread does, once per thread. Rejects with what tsx rejects with. */
export function registerTsx(): Promise<void> {
  registered ??= register();
  return registered;
}

async function register(): Promise<void> {
  if (isMainThread || 'registerHooks' in module) return;
  const words = [...process.execArgv, ...(process.env['NODE_OPTIONS'] ?? '').split(/\s+/)];
  const found = findTsx(words);
  if (found === null) return;
  const tsx = (await import(found)) as { register(): unknown };
  tsx.register();
}

/** URL of the interface of the tsx that these options of Node name; null when they name none. */
function findTsx(options: readonly string[]): string | null {
  for (const option of options) {
    const value = option.replace(/^--(import|loader|experimental-loader)=/, '');
    const [folder] = LOADER.exec(value) ?? [];
    if (folder !== undefined) return `${folder}esm/api/index.mjs`;
    if (value === 'tsx' || value === 'tsx/esm') {
      return resolvePackage('tsx/esm/api', pathToFileURL(`${process.cwd()}/`).href) ?? null;
    }
  }
  return null;
}
