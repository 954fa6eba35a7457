/** All negative controls, by name. */
import { EPOCH_CONTROLS } from './epochs.ts';
import { FOUNDING_CONTROLS } from './founding.ts';
import { ROUND_CONTROLS } from './rounds.ts';
import type { Control } from './control.ts';

export const CONTROLS: readonly Control[] = [...ROUND_CONTROLS, ...EPOCH_CONTROLS, ...FOUNDING_CONTROLS];

export function findControl(name: string): Control | undefined {
  return CONTROLS.find((control) => control.name === name);
}
