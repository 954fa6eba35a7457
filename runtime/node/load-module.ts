/**
 * How a thread loads the module of a spawn or an offloaded call: file URLs and absolute paths as they are, and package names as the application
 * would find them, not as this package would. Loaders of the program (`node --import LOADER app.ts`) are at work in every thread, since
 * worker threads inherit them; tsx needs a word (tsx.ts).
 */
import { isBuiltin } from 'node:module';
import { isAbsolute } from 'node:path';
import { pathToFileURL } from 'node:url';
import vm from 'node:vm';
import type { ModuleLoader } from '../process/load-function.ts';
import { resolvePackage } from './resolve-package.ts';
import { registerTsx } from './tsx.ts';

/** The program's main module, else its working folder: where package names are looked up from. */
export function defaultResolveFrom(): string {
  const [, main] = process.argv;
  return pathToFileURL(main ?? `${process.cwd()}/`).href;
}

/** @param resolveFrom file URL of a module of the application, or of its folder with a slash at the end */
export function createModuleLoader(resolveFrom: string): ModuleLoader {
  let importFromApplication: ModuleLoader | null = null;
  return async (specifier) => {
    await registerTsx();
    if (isAbsolute(specifier)) return import(pathToFileURL(specifier).href) as ReturnType<ModuleLoader>;
    if (URL.canParse(specifier) || isBuiltin(specifier)) return import(specifier) as ReturnType<ModuleLoader>;
    const url = resolvePackage(specifier, resolveFrom);
    if (url !== undefined) return import(url) as ReturnType<ModuleLoader>;
    importFromApplication ??= createImport(resolveFrom);
    return importFromApplication(specifier);
  };
}

/**
 * `import()` as a module at that place would do it: for names that only the program's loaders know, and for Node's own words about what cannot be
 * found. Node warns once that this is an experiment.
 */
function createImport(from: string): ModuleLoader {
  const script = new vm.Script('(specifier) => import(specifier)', {
    filename: from,
    importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  return script.runInThisContext() as ModuleLoader;
}
