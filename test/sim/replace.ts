/** Negative controls are made in copies of compiled modules: one piece of a module's text is another one there. */
import { readFileSync, writeFileSync } from 'node:fs';

/** The text must occur exactly once, so that a control cannot rot silently when the code around it changes. */
export function replaceOnce(path: string, from: string, to: string): void {
  const parts = readFileSync(path, 'utf8').split(from);
  if (parts.length !== 2) {
    throw new Error(`the control's text must occur once in ${path}, it occurs ${parts.length - 1} times: ${from}`);
  }
  writeFileSync(path, parts.join(to));
}
