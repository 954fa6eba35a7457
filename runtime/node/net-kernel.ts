/**
 * The process `net_kernel` that every Erlang node has: `net_adm:ping` asks it `is_auth`, and disconnects a node that does not answer `yes`.
 */
import type { Scheduler } from '../process/scheduler.ts';
import type { Self } from '../process/self.ts';
import { nameAtom } from '../term/atom.ts';
import { ImproperList } from '../term/opaque.ts';
import { Pid } from '../term/pid.ts';
import { Ref } from '../term/ref.ts';
import { isTagged, isTuple, tuple2 } from '../term/tuple.ts';

const NAME = nameAtom('net_kernel');
const GEN_CALL = nameAtom('$gen_call');
const IS_AUTH = nameAtom('is_auth');
const YES = nameAtom('yes');
const ALIAS = nameAtom('alias');

export function startNetKernel(scheduler: Scheduler): void {
  scheduler.spawn(netKernel, { name: NAME, implicitSelf: false });
}

async function netKernel(self: Self): Promise<void> {
  // A peer that asks and does not read the answers must not keep the others waiting.
  self.setAsyncDist(true);
  for (;;) {
    const message = await self.receive();
    if (!isTagged(message, GEN_CALL, 3) || !isTagged(message[2], IS_AUTH)) continue;
    const from = message[1];
    if (isTuple(from) && from[0] instanceof Pid) replyToCall(self, from[0], from[1], YES);
  }
}

/** A tag `[alias | Ref]` is answered to the alias, so that late answers go nowhere. */
export function replyToCall(self: Self, caller: Pid, tag: unknown, answer: unknown): void {
  const isAlias = tag instanceof ImproperList && tag.elements[0] === ALIAS && tag.tail instanceof Ref;
  self.send(isAlias ? (tag.tail as Ref) : caller, tuple2(tag, answer));
}
