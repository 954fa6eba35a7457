/**
 * Exit reasons: why a process ended. They are terms, compared and never thrown. The well-known ones
 * are Erlang's; their effect on linked processes is in `process/signals.ts`.
 */
import { nameAtom, type Atom } from './atom.ts';

export const Exit: {
  readonly normal: Atom<'normal'>;
  readonly shutdown: Atom<'shutdown'>;
  readonly kill: Atom<'kill'>;
  readonly killed: Atom<'killed'>;
  readonly noproc: Atom<'noproc'>;
  readonly noconnection: Atom<'noconnection'>;
  readonly timeout: Atom<'timeout'>;
} = Object.freeze({
  /** The process did what it was for. Does not end linked processes. */
  normal: nameAtom('normal'),
  /** A supervisor asked it to stop. */
  shutdown: nameAtom('shutdown'),
  /** The reason of an exit signal that cannot be trapped. */
  kill: nameAtom('kill'),
  /** What others see of a process that got `kill`. */
  killed: nameAtom('killed'),
  /** There was no such process. */
  noproc: nameAtom('noproc'),
  /** The connection to its node was lost, or never made. */
  noconnection: nameAtom('noconnection'),
  timeout: nameAtom('timeout'),
});
