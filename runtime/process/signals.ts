/**
 * The rules of exit signals and links, as functions over plain state: what a process does with a signal.
 * They are those of Erlang/OTP 25 (reference manual, "Processes": "Links" and "Error handling"), and for links between threads and nodes
 * the unlink-id protocol of the distribution ("Protocol for unlink between nodes").
 */
import { Exit } from '../term/exit-reason.ts';
import type { Pid } from '../term/pid.ts';

/** What an exit signal does to its receiver. */
export type ExitEffect =
  { readonly kind: 'ignore' } | { readonly kind: 'message' } | { readonly kind: 'terminate'; readonly reason: unknown };

const IGNORE: ExitEffect = { kind: 'ignore' };
const MESSAGE: ExitEffect = { kind: 'message' };

/**
 * `exit(Pid, Reason)` arrived. `kill` cannot be trapped and shows to others as `killed`;
 * `normal` is ignored unless trapped, except from the process itself.
 */
export function effectOfExit(reason: unknown, trapping: boolean, fromSelf: boolean): ExitEffect {
  if (reason === Exit.kill) return { kind: 'terminate', reason: Exit.killed };
  if (trapping) return MESSAGE;
  if (reason === Exit.normal && !fromSelf) return IGNORE;
  return { kind: 'terminate', reason };
}

/** A linked process ended. Here `kill` is a reason like any other. */
export function effectOfLinkExit(reason: unknown, trapping: boolean): ExitEffect {
  if (trapping) return MESSAGE;
  if (reason === Exit.normal) return IGNORE;
  return { kind: 'terminate', reason };
}

/** One side of a link. Inactive: this side has unlinked and waits for the acknowledgement of `unlinkId`. */
export interface Link {
  readonly pid: Pid;
  active: boolean;
  unlinkId: bigint | null;
}

/** This side links. `send`: whether a LINK signal has to go out. */
export function stepLink(link: Link | undefined, pid: Pid): { readonly link: Link; readonly send: boolean } {
  if (link === undefined) return { link: { pid, active: true, unlinkId: null }, send: true };
  const send = !link.active;
  link.active = true;
  link.unlinkId = null;
  return { link, send };
}

/** A LINK signal came: it creates the link, or is ignored if there is any state, even inactive. */
export function stepLinkIn(link: Link | undefined, pid: Pid): Link {
  return link ?? { pid, active: true, unlinkId: null };
}

/** This side unlinks. False: there was nothing to unlink, and nothing goes out. */
export function stepUnlink(link: Link | undefined, unlinkId: bigint): boolean {
  if (link === undefined || !link.active) return false;
  link.active = false;
  link.unlinkId = unlinkId;
  return true;
}

/** An acknowledgement came. True: the link's state can be dropped. */
export function isUnlinkDone(link: Link | undefined, unlinkId: bigint): boolean {
  return link !== undefined && !link.active && link.unlinkId === unlinkId;
}
