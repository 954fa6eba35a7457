/** `quorate`: the tour, and then, on a terminal, a REPL on node 1 of a fresh cluster of three. */
import type { Env } from '../../runtime/env.ts';
import { EXIT_CODES } from './exit-codes.ts';
import type { TourCommand } from './options.ts';
import { createJsonReport, createTextReport } from './tour-report.ts';
import { TOUR_STEPS } from './tour-steps.ts';
import type { TourAction } from './tour-steps.ts';
import { Tour } from './tour.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export async function runTourCommand(
  command: TourCommand,
  env: Env,
  steps: readonly TourAction[] = TOUR_STEPS,
): Promise<number> {
  const { stdin, stdout } = process;
  const tour = new Tour(env, command.json ? createJsonReport(stdout) : createTextReport(stdout));
  const onSignal = (): void => tour.interrupt();
  for (const signal of SIGNALS) process.once(signal, onSignal);
  try {
    const held = await tour.run(steps);
    if (command.repl ?? (stdin.isTTY && stdout.isTTY && !command.json)) await playground(tour);
    return held ? EXIT_CODES.ok.code : EXIT_CODES.failed.code;
  } finally {
    await tour.close();
    for (const signal of SIGNALS) process.off(signal, onSignal);
  }
}

/** Two nodes were killed; what a person plays with should work again. The store is in memory, so it begins empty. */
async function playground(tour: Tour): Promise<void> {
  process.stdout.write('\nAll three nodes start again; every value was in memory, so the store begins empty.\n');
  await tour.stopNodes();
  await Promise.all([tour.start(2), tour.start(3)]);
  process.stdout.write("Try  await put('apple', 1)  or  await keys()  - and .exit to leave.\n");
  await tour.startOnTerminal(1);
}
