/**
 * The messages that the runtime itself makes: `{'DOWN', Ref, process, Object, Reason}`, `{'EXIT', Pid, Reason}`,
 * `{nodedown, Node}`. They are tuples, and readable by name: `down.reason`.
 */
import type { Atom } from '../term/atom.ts';
import { nameAtom } from '../term/atom.ts';
import { samePid, type Pid } from '../term/pid.ts';
import { Ref, sameRef } from '../term/ref.ts';
import { Tuple, tuple2, type TupleOf } from '../term/tuple.ts';
import type { RemoteName } from './self.ts';

/** The first element of a DOWN whose monitor has no `tag` of its own. */
export const DOWN: Atom = nameAtom('DOWN');
const EXIT = nameAtom('EXIT');
const PROCESS = nameAtom('process');
const NODEDOWN = nameAtom('nodedown');

/** `{Tag, Ref, process, Object, Reason}`: a monitored process ended, or could not be reached. */
export class Down extends Tuple {
  get ref(): Ref {
    return this[1] as Ref;
  }
  /** What was asked for: the pid, or `{Name, Node}`. */
  get object(): Pid | RemoteName {
    return this[3] as Pid | RemoteName;
  }
  get reason(): unknown {
    return this[4];
  }
}

/** `{'EXIT', Pid, Reason}`: an exit signal that was trapped. */
export class ExitMessage extends Tuple {
  get pid(): Pid {
    return this[1] as Pid;
  }
  get reason(): unknown {
    return this[2];
  }
}

export function createDown(ref: Ref, object: Pid | RemoteName, reason: unknown, tag: unknown): Down {
  const made = new Down(5);
  made[0] = tag;
  made[1] = ref;
  made[2] = PROCESS;
  made[3] = object;
  made[4] = reason;
  return made;
}

export function createExitMessage(pid: Pid, reason: unknown): ExitMessage {
  const made = new ExitMessage(3);
  made[0] = EXIT;
  made[1] = pid;
  made[2] = reason;
  return made;
}

export function createNodeDown(node: Atom): TupleOf<readonly [Atom, Atom]> {
  return tuple2(NODEDOWN, node);
}

/** Matches the DOWN of that monitor, or of any: `await self.receive(isDown(ref))`. */
export function isDown(ref?: Ref): (message: unknown) => message is Down {
  return (message): message is Down => message instanceof Down && (ref === undefined || sameRef(message.ref, ref));
}

/** What `demonitor` with `flush` looks for: any tuple of the size of a DOWN with that reference, whatever its tag, as OTP does. */
export function isDownOf(ref: Ref): (message: unknown) => boolean {
  return (message) =>
    message instanceof Tuple && message.length === 5 && message[1] instanceof Ref && sameRef(message[1], ref);
}

/** Matches the trapped exit of that process, or of any. */
export function isExit(pid?: Pid): (message: unknown) => message is ExitMessage {
  return (message): message is ExitMessage =>
    message instanceof ExitMessage && (pid === undefined || samePid(message.pid, pid));
}
