/** Sending to what is not a live process of this thread: pids of elsewhere, aliases, names. */
import { BadArgumentError } from '../errors.ts';
import { Atom } from '../term/atom.ts';
import { copyTerm } from '../term/copy.ts';
import { Pid } from '../term/pid.ts';
import { Ref, refThread } from '../term/ref.ts';
import { isTuple } from '../term/tuple.ts';
import { GONE } from './place.ts';
import type { Scheduler } from './scheduler.ts';
import type { Destination } from './self.ts';
import { assertPid, isNameless, toName } from './targets.ts';

export function sendAway(scheduler: Scheduler, from: Pid, to: Pid, message: unknown): void {
  const place = scheduler.locate(to);
  if (place === scheduler.thread || place === GONE) void copyTerm(message);
  else scheduler.route(to, { kind: 'send', from, to, message });
}

export function sendToAlias(scheduler: Scheduler, from: Pid, alias: Ref, message: unknown): void {
  if (alias.node !== scheduler.nodeName) {
    scheduler.routeToNode(alias.node, { kind: 'sendAlias', from, alias, message });
  } else if (alias.creation === scheduler.creation) {
    if (refThread(alias) === scheduler.thread) scheduler.relations.sendAlias(alias, copyTerm(message));
    else scheduler.outside.toThread(refThread(alias), { kind: 'sendAlias', from, alias, message });
  }
}

export function sendToName(scheduler: Scheduler, from: Pid, to: unknown, message: unknown): void {
  if (to instanceof Atom || typeof to === 'string') {
    const pid = scheduler.whereis(to);
    if (pid === undefined) throw new BadArgumentError(`send: no process is registered as ${toName(to, 'send').name}`);
    scheduler.send(from, pid, message);
  } else if (isTuple(to) && to.length === 2 && isNameless(to[0]) && to[1] instanceof Atom) {
    // Erlang sends to `{undefined, Node}`, which nobody can be.
    void copyTerm(message);
  } else if (isTuple(to) && to.length === 2 && to[0] instanceof Atom && to[1] instanceof Atom) {
    const [name, node] = to;
    if (node !== scheduler.nodeName) scheduler.routeToNode(node, { kind: 'sendName', from, name, message });
    else {
      const pid = scheduler.whereis(name);
      if (pid !== undefined) scheduler.send(from, pid, message);
    }
  } else throw new BadArgumentError('send: takes a pid, an alias, a registered name, or {Name, Node}');
}

export function sendExit(scheduler: Scheduler, from: Pid, to: Pid, reason: unknown): void {
  assertPid(to, 'exit');
  const target = scheduler.find(to);
  const place = scheduler.locate(to);
  if (target !== undefined) scheduler.relations.onExit(from, target, copyTerm(reason, 'reason'));
  else if (place !== scheduler.thread && place !== GONE) scheduler.route(to, { kind: 'exit', from, to, reason });
}

/** Whether a message to `to` would leave at once: it stays in this node, or goes to one that is connected. */
export function isConnected(scheduler: Scheduler, to: Destination): boolean {
  const isLocalName = to instanceof Atom || typeof to === 'string';
  if (isLocalName) return true;
  const node = to instanceof Pid || to instanceof Ref ? to.node : isTuple(to) ? to[1] : scheduler.nodeName;
  return node === scheduler.nodeName || scheduler.outside.nodes().includes(node as Atom);
}
