/** Finding what a module exports, for starts by module and name. */
import { QuorateError } from '../runtime/errors.ts';

/** An exported function or class. @throws (rejects) `module_not_found`, `undef` */
export async function loadExport(module: string, exported: string): Promise<(...args: unknown[]) => unknown> {
  const found = await loadAny(module, exported);
  if (typeof found === 'function') return found as (...args: unknown[]) => unknown;
  throw createUndefError(module, `no function or class ${exported}`);
}

/** An exported class or object. @throws (rejects) `module_not_found`, `undef` */
export async function loadObject(module: string, exported: string): Promise<object> {
  const found = await loadAny(module, exported);
  if (typeof found === 'function' || (typeof found === 'object' && found !== null)) return found;
  throw createUndefError(module, `no class or object ${exported}`);
}

async function loadAny(module: string, exported: string): Promise<unknown> {
  try {
    return ((await import(module)) as Readonly<Record<string, unknown>>)[exported];
  } catch (error) {
    throw new QuorateError('module_not_found', `cannot load ${module}: ${String(error)}`, { cause: error });
  }
}

function createUndefError(module: string, what: string): QuorateError {
  return new QuorateError('undef', `${module} exports ${what}`);
}
