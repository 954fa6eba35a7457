/** A child that holds its supervisor until a function has resolved: the siblings after it start only then. */
import { nameAtom } from '../runtime/term/atom.ts';
import type { ChildSpec } from '../supervisors/index.ts';

const IGNORE = nameAtom('ignore');

export const PauseUntil: {
  /** `fn` runs in the supervisor's process; when it rejects the supervisor does not start. */
  childSpec(fn: () => unknown, id?: unknown): ChildSpec;
} = {
  childSpec(fn, id = 'pauseUntil') {
    return {
      id,
      restart: 'temporary',
      start: async () => {
        await fn();
        return IGNORE;
      },
    };
  },
};
