/** What the parts of the set-up share: how they speak, and how they fail. */
import { readFileSync } from 'node:fs';

/** A failure that one line explains; no stack is shown for it. */
export class SetUpError extends Error {
  isSetUpError = true;
}

/** On stderr: stdout belongs to the program that is started afterwards. */
export function say(line) {
  process.stderr.write(`quorate: ${line}\n`);
}

export function readIfThere(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}
