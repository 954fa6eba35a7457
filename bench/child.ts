/**
 * The process that one variant runs in: `child.js CASE VARIANT smoke|real`. Sends `{ samples }` or `{ error }` to its parent.
 * It ends when the parent goes away, and by itself when it has reported: what a variant left open does not matter.
 */
import { benchCases } from './cases/index.ts';
import { Size, type Samples } from './case.ts';

export type ChildReport = { readonly samples: Samples } | { readonly error: string };

async function runVariant(caseName: string, variantName: string, smoke: boolean): Promise<Samples> {
  const found = benchCases.find((benchCase) => benchCase.name === caseName);
  const variant = found?.variants.find(({ name }) => name === variantName);
  if (variant === undefined) throw new Error(`there is no variant ${variantName} of a case ${caseName}`);
  return variant.run(new Size(smoke));
}

function report(message: ChildReport): void {
  process.send?.(message, () => process.exit('error' in message ? 1 : 0));
}

const [caseName = '', variantName = '', size = ''] = process.argv.slice(2);
process.on('disconnect', () => process.exit(1));
runVariant(caseName, variantName, size === 'smoke').then(
  (samples) => report({ samples }),
  (error: unknown) => report({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
);
