/** What each kind of signal that arrives from another thread or node does here. */
import type { Signal } from '../term/signal.ts';
import type { Scheduler } from './scheduler.ts';

/** The signal's terms are this thread's own. */
export function dispatchSignal(scheduler: Scheduler, signal: Signal): void {
  const { relations } = scheduler;
  switch (signal.kind) {
    case 'send':
      scheduler.find(signal.to)?.deliver(signal.message);
      return;
    case 'sendName': {
      const pid = scheduler.whereis(signal.name);
      if (pid !== undefined) scheduler.find(pid)?.deliver(signal.message);
      return;
    }
    case 'sendAlias':
      relations.sendAlias(signal.alias, signal.message);
      return;
    case 'link':
      relations.onLink(signal.from, signal.to);
      return;
    case 'unlink':
      relations.onUnlink(signal.id, signal.from, signal.to);
      return;
    case 'unlinkAck':
      relations.onUnlinkAck(signal.id, signal.from, signal.to);
      return;
    case 'linkExit':
      relations.onLinkExit(signal.from, signal.to, signal.reason);
      return;
    case 'exit': {
      const target = scheduler.find(signal.to);
      if (target !== undefined) relations.onExit(signal.from, target, signal.reason);
      return;
    }
    case 'monitor':
      relations.onMonitor(signal.from, signal.to, signal.ref);
      return;
    case 'demonitor':
      relations.onDemonitor(signal.to, signal.ref);
      return;
    case 'down':
      relations.onDown(signal.ref, signal.to, signal.reason);
      return;
    case 'spawnRequest':
      scheduler.spawner.onRequest(signal);
      return;
    case 'spawnReply':
      scheduler.spawner.onReply(signal);
      return;
    case 'groupLeader':
      return;
  }
}
