/** How the tour is told: for people with what was expected beside what happened, or as a line of JSON for each check. */
import type { Writable } from 'node:stream';

export interface CheckResult {
  readonly node: number;
  readonly code: string;
  readonly expected: string;
  readonly happened: string;
  readonly held: boolean;
  readonly elapsedMs: number;
}

export interface TourReport {
  step(number: number, text: string): void;
  news(line: string): void;
  check(result: CheckResult): void;
  end(results: readonly CheckResult[]): void;
}

export function createTextReport(out: Writable): TourReport {
  const line = (text = ''): void => void out.write(`${text}\n`);
  return {
    step: (number, text) => line(`\n${number}. ${text}`),
    news: (text) => line(`   ${text}`),
    check({ node, code, expected, happened, held, elapsedMs }) {
      line(`   n${node}> ${code}`);
      line(`      expected  ${expected}`);
      line(`      happened  ${happened}   ${held ? 'held' : 'DID NOT HOLD'}, ${elapsedMs.toFixed(0)} ms`);
    },
    end(results) {
      const failed = results.filter(({ held }) => !held).length;
      line(
        `\n${failed === 0 ? `All ${results.length} expectations held.` : `${failed} of ${results.length} expectations did not hold.`}`,
      );
    },
  };
}

export function createJsonReport(out: Writable): TourReport {
  const line = (event: string, fields: object): void => void out.write(`${JSON.stringify({ event, ...fields })}\n`);
  return {
    step: (number, text) => line('step', { number, text }),
    news: (text) => line('news', { text }),
    check: (result) => line('check', result),
    end: (results) => line('end', { checks: results.length, failed: results.filter(({ held }) => !held).length }),
  };
}
