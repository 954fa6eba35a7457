/** All directed scripts. */
import { EPOCH_SCRIPTS } from './epochs.ts';
import { ROUND_SCRIPTS } from './rounds.ts';
import type { Script } from './script.ts';

export const SCRIPTS: readonly Script[] = [...ROUND_SCRIPTS, ...EPOCH_SCRIPTS];

export function scriptFor(control: string): Script | undefined {
  return SCRIPTS.find((script) => script.control === control);
}
