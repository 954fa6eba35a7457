/**
 * Finding an exported function by module and name, as a spawn by module or an offloaded call does. The errors name the module: the wrong
 * specifier is the most frequent mistake there, and the thread that failed to load it is often not the one that asked.
 */
import { BadArgumentError, QuorateError } from '../errors.ts';

/** Loads a module by the specifier that a program gave. */
export type ModuleLoader = (specifier: string) => Promise<Readonly<Record<string, unknown>>>;

type AnyFunction = (...args: never[]) => unknown;

const NOT_FOUND: readonly unknown[] = [
  'ERR_MODULE_NOT_FOUND',
  'MODULE_NOT_FOUND',
  'ENOENT',
  'ERR_PACKAGE_PATH_NOT_EXPORTED',
  'ERR_UNSUPPORTED_DIR_IMPORT',
  'ERR_INVALID_MODULE_SPECIFIER',
  'ERR_UNSUPPORTED_ESM_URL_SCHEME',
  'ERR_UNKNOWN_BUILTIN_MODULE',
];

/**
 * @param registered the module, when the application registered one under that name; else it is loaded
 * @throws (rejects) `module_not_found`, `module_failed` (it was found, and threw while it was loaded), `undef`, `badarg` for a relative specifier
 */
export async function loadFunction(
  registered: Readonly<Record<string, unknown>> | undefined,
  load: ModuleLoader,
  module: string,
  exported: string,
  what: string,
): Promise<AnyFunction> {
  const loaded = registered ?? (await loadModule(load, module, what));
  const fn = Object.hasOwn(loaded, exported) ? loaded[exported] : undefined;
  if (typeof fn === 'function') return fn as AnyFunction;
  const names = Object.keys(loaded).join(', ');
  throw new QuorateError('undef', `${what}: ${module} exports no function ${exported}; it has ${names || 'nothing'}`, {
    details: { module, exported },
  });
}

async function loadModule(load: ModuleLoader, module: string, what: string): ReturnType<ModuleLoader> {
  if (/^\.{1,2}(?:\/|$)/.test(module)) {
    throw new BadArgumentError(
      `${what}: ${module} is relative, and nobody knows to what; give import.meta.url, new URL('${module}', import.meta.url).href or a package`,
      { details: { module } },
    );
  }
  try {
    return await load(module);
  } catch (error) {
    const code = (error as { code?: unknown } | null)?.code;
    const found = NOT_FOUND.includes(code) ? 'cannot find' : 'failed to load';
    throw new QuorateError(
      NOT_FOUND.includes(code) ? 'module_not_found' : 'module_failed',
      `${what}: ${found} ${module}: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error, details: { module } },
    );
  }
}
