/** Finding what a module exports, for starts by module and name. */
import { QuorateError } from '../runtime/errors.ts';

/** An exported function or class. @throws (rejects) `module_not_found`, `undef` */
export async function loadExport(module: string, exported: string): Promise<(...args: unknown[]) => unknown> {
  let loaded: Readonly<Record<string, unknown>>;
  try {
    loaded = (await import(module)) as Readonly<Record<string, unknown>>;
  } catch (error) {
    throw new QuorateError('module_not_found', `cannot load ${module}: ${String(error)}`, { cause: error });
  }
  const found = loaded[exported];
  if (typeof found === 'function') return found as (...args: unknown[]) => unknown;
  throw new QuorateError(
    'undef',
    `${module} exports no function or class ${exported}; it has ${Object.keys(loaded).join(', ')}`,
  );
}
