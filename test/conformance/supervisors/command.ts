/** The command `supervisors [--placement P] FILES...` of the conformance runner. */
import { parseArgs } from 'node:util';
import { PLACEMENTS, type Placement } from './place.ts';
import { readScenarios, runSupervisorKit } from './runner.ts';

/** Traces go to standard output; what could not be run, with the reason, to standard error. Resolves to the exit status. */
export async function runSupervisors(args: string[]): Promise<number> {
  const options = { placement: { type: 'string', default: 'thread' } } as const;
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options });
  const placement = PLACEMENTS.find((one) => one === values.placement);
  if (placement === undefined) {
    process.stderr.write(`placement must be one of ${PLACEMENTS.join(', ')}, not ${values.placement}\n`);
    return 2;
  }
  const failures = await runSupervisorKit(readScenarios(positionals), placement satisfies Placement, {
    trace: (line) => void process.stdout.write(`${line}\n`),
    failed: (file, error) => {
      const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
      process.stderr.write(`${file}: ${why}\n`);
    },
  });
  return failures === 0 ? 0 : 1;
}
