/**
 * Where a package's module lies, as `import` in a module of the application would find it: installed packages and the application's own name, by the
 * `exports` of their package.json. Node tells this only to modules about themselves, or with a warning about an experiment.
 *
 * Source: Node's documentation, "Modules: Packages" and the resolution algorithm of "Modules: ECMAScript modules".
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const CONDITIONS: readonly string[] = ['node', 'import', 'default'];
const SPECIFIER = /^((?:@[^/\\%]+\/)?[^./\\%@#][^/\\%]*)(\/.*)?$/;

interface PackageFile {
  readonly name?: unknown;
  readonly exports?: unknown;
}

/** The module's file URL; undefined when it is not to be found this way (and `import` may know another). */
export function resolvePackage(specifier: string, from: string): string | undefined {
  const [, name, subpath = ''] = SPECIFIER.exec(specifier) ?? [];
  if (name === undefined || !from.startsWith('file:')) return undefined;
  const require = createRequire(from);
  for (const folder of candidates(require, specifier, name, fileURLToPath(from))) {
    const found = readPackage(folder);
    if (found === undefined) continue;
    if (found.exports === undefined || found.exports === null) return resolvePlain(require, specifier);
    const target = resolveExports(found.exports, `.${subpath}`);
    return target === undefined ? undefined : pathToFileURL(join(folder, target)).href;
  }
  return undefined;
}

/** The application itself, when it calls itself by name, then the places of installed packages. */
function candidates(require: NodeJS.Require, specifier: string, name: string, from: string): string[] {
  const places = (require.resolve.paths(specifier) ?? []).map((modules) => join(modules, name));
  for (let folder = from; folder !== dirname(folder); folder = dirname(folder)) {
    const own = readPackage(folder);
    if (own === undefined) continue;
    return own.name === name && own.exports !== undefined ? [folder, ...places] : places;
  }
  return places;
}

function readPackage(folder: string): PackageFile | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as PackageFile;
  } catch {
    return undefined;
  }
}

/** Packages without `exports` are found alike by `import` and `require`. */
function resolvePlain(require: NodeJS.Require, specifier: string): string | undefined {
  try {
    return pathToFileURL(require.resolve(specifier)).href;
  } catch {
    return undefined;
  }
}

function resolveExports(exports: unknown, subpath: string): string | undefined {
  const isMap =
    typeof exports === 'object' && exports !== null && Object.keys(exports).some((key) => key.startsWith('.'));
  if (!isMap) return subpath === '.' ? resolveTarget(exports, '') : undefined;
  const map = exports as Readonly<Record<string, unknown>>;
  if (Object.hasOwn(map, subpath)) return resolveTarget(map[subpath], '');
  // The most specific pattern counts: the one with the longest part before its star.
  const patterns = Object.keys(map).filter((key) => key.includes('*'));
  patterns.sort((a, b) => b.indexOf('*') - a.indexOf('*') || b.length - a.length);
  for (const pattern of patterns) {
    const [start = '', end = ''] = pattern.split('*');
    const fits = subpath.startsWith(start) && subpath.endsWith(end) && subpath.length > start.length + end.length;
    if (fits) return resolveTarget(map[pattern], subpath.slice(start.length, subpath.length - end.length));
  }
  return undefined;
}

/** @param star what stands for the `*` of the pattern */
function resolveTarget(target: unknown, star: string): string | undefined {
  if (typeof target === 'string') return target.startsWith('./') ? target.replaceAll('*', star) : undefined;
  if (Array.isArray(target))
    return target.map((each) => resolveTarget(each, star)).find((found) => found !== undefined);
  if (typeof target !== 'object' || target === null) return undefined;
  for (const [condition, inner] of Object.entries(target)) {
    const found = CONDITIONS.includes(condition) ? resolveTarget(inner, star) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}
