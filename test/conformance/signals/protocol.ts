/**
 * The messages of the kit (its README, "Mixed clusters"): between the driver, the factory of each node, and the agents. They are spoken to
 * agents of this runtime and to those of a real Erlang node alike.
 */
import { type Atom, atom, isTagged, type Pid, type Ref } from '../../../runtime/index.ts';

export const FACTORY: Atom = atom('conf_factory');
export const AGENT_MODULE: Atom = atom('conf_agent');
export const INIT: Atom = atom('init');

export const WHOAMI: Atom = atom('$conf_whoami');
export const ME: Atom = atom('$conf_me');
export const SPAWN: Atom = atom('$conf_spawn');
export const SPAWNED: Atom = atom('$conf_spawned');
export const BORN: Atom = atom('$conf_born');
export const BORN_OK: Atom = atom('$conf_born_ok');
export const QUERY: Atom = atom('$conf_query');
export const STATE: Atom = atom('$conf_state');
export const RESET: Atom = atom('$conf_reset');
export const RESET_OK: Atom = atom('$conf_reset_ok');
export const OPERATION: Atom = atom('$conf_op');
export const REPLY: Atom = atom('$conf_reply');
export const VARIABLE: Atom = atom('$var');

/** `none`, `return`, or `{exit | error | throw, Term}`: how an agent ends right after it was started. */
export type Then = Atom | readonly [Atom, unknown];

/** The fields of an operation, by name. */
export type Arguments = Readonly<Record<string, unknown>>;

/** `{'$conf_op', From, Seq, {Op, Args}}` */
export function isOperation(message: unknown): message is readonly [Atom, Pid, number, readonly [Atom, Arguments]] {
  return isTagged(message, OPERATION, 4);
}

export function isBornOk(ref: Ref): (message: unknown) => message is readonly [Atom, Ref] {
  return (message): message is readonly [Atom, Ref] => isTagged(message, BORN_OK, 2) && ref.equals(message[1]);
}
