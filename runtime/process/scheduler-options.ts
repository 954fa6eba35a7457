/** What a thread's scheduler is made with. */
import type { Env } from '../env.ts';
import type { Atom } from '../term/atom.ts';
import type { ModuleLoader } from './load-function.ts';
import type { NameTable } from './names.ts';
import type { ModuleTable } from './spawner.ts';

export interface SchedulerOptions {
  readonly nodeName: Atom;
  readonly creation: number;
  readonly thread?: number;
  readonly env: Env;
  readonly implicitSelf?: boolean;
  /** Shared with the node's other threads; a single thread needs none. */
  readonly sharedTable?: SharedArrayBuffer;
  readonly names?: NameTable;
  readonly modules?: ModuleTable;
  readonly load?: ModuleLoader;
}
