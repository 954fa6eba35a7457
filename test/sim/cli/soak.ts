/**
 * Seed after seed, scenario after scenario, until it is told to stop. Begins at a seed taken from the time unless one
 * is given, so that every soak sees new ones; a line of progress now and then. The first violation ends it.
 */
import { addTo, describeTotals } from './output.ts';
import { UsageError } from './options.ts';
import { reportFailure, scenarioOptions } from './void.ts';
import type { Totals } from './output.ts';
import type { SimOptions } from './options.ts';
import type { Scenario } from '../scenario.ts';

const PROGRESS_MS = 10_000;
/** Seeds of one scenario before the next has its turn. */
const TURN = 10;

export async function soak(scenarios: readonly Scenario[], options: SimOptions): Promise<number> {
  const running = scenarios.filter((scenario) => scenario.mustFail !== true);
  if (running.length === 0) throw new UsageError('soak takes scenarios that hold');
  let isTold = false;
  const stop = (): void => {
    isTold = true;
  };
  process.on('SIGINT', stop).on('SIGTERM', stop);
  const startedMs = performance.now();
  const untilMs = options.minutes === null ? Infinity : startedMs + options.minutes * 60_000;
  const first = options.start > 1 ? options.start : (Math.floor(Date.now() / 1000) % 900_000) * 1000;
  const totals: Totals = { scenario: 'soak', seeds: 0, events: 0, seconds: 0, counts: {} };
  let toldMs = startedMs;
  try {
    if (!options.json) console.log(`soak of ${running.length} scenarios from seed ${first} on; Ctrl-C ends it`);
    for (let turn = 0; ; turn++) {
      for (const scenario of running) {
        for (let i = 0; i < Math.ceil(TURN / (scenario.oneIn ?? 1)); i++) {
          // A signal is only heard between turns of the event loop.
          await new Promise((resolve) => setImmediate(resolve));
          const nowMs = performance.now();
          totals.seconds = (nowMs - startedMs) / 1000;
          if (isTold || nowMs >= untilMs) return finish(totals, options);
          if (nowMs - toldMs >= PROGRESS_MS) {
            toldMs = nowMs;
            progress(totals, options);
          }
          const seed = first + turn * TURN + i;
          const report = await scenario.run(seed, scenarioOptions(options, null));
          addTo(totals, report);
          if (report.violation === null) continue;
          const { knobs, off } = options;
          await reportFailure(scenario, { scenario: scenario.name, seed, knobs, off, report }, options);
          return 1;
        }
      }
    }
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
  }
}

function progress(totals: Totals, options: SimOptions): void {
  console.log(options.json ? JSON.stringify({ progress: true, ...totals }) : describeTotals(totals));
}

function finish(totals: Totals, options: SimOptions): number {
  console.log(
    options.json ? JSON.stringify({ ok: true, ...totals }) : `ended without a violation: ${describeTotals(totals)}`,
  );
  return 0;
}
