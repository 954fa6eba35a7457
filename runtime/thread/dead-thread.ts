/** What a thread that is not there would have answered: whoever waits for it gets what a dead process gives. */
import type { Scheduler } from '../process/scheduler.ts';
import { nameAtom } from '../term/atom.ts';
import { Exit } from '../term/exit-reason.ts';
import type { Signal } from '../term/signal.ts';

const NOCONNECTION = nameAtom('noconnection');

export function answerForDead(scheduler: Scheduler, signal: Signal): void {
  if (signal.kind === 'link') {
    scheduler.route(signal.from, { kind: 'linkExit', from: signal.to, to: signal.from, reason: Exit.noproc });
  } else if (signal.kind === 'monitor') {
    const { from, to, ref } = signal;
    scheduler.route(from, { kind: 'down', from: to, to: from, ref, reason: Exit.noproc });
  } else if (signal.kind === 'unlink' && signal.id !== null) {
    scheduler.route(signal.from, { kind: 'unlinkAck', id: signal.id, from: signal.to, to: signal.from });
  } else if (signal.kind === 'spawnRequest') {
    const { ref, from } = signal;
    const reply = { kind: 'spawnReply', ref, to: from, linked: false, monitored: false, result: NOCONNECTION } as const;
    scheduler.route(from, reply);
  }
}
