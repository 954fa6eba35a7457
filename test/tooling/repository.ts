/** Where the repository is, and the texts in it: what is neither installed nor built nor git's own. */
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** This file runs from dist/test/tooling/. */
export const repositoryRoot: string = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');

const SKIPPED_FOLDERS = new Set(['node_modules', 'dist', 'coverage', '.git']);
const TEXT_NAME = /(?:\.(?:ts|mjs|js|json|md|txt|erl|ex|exs|sh)|^LICENSE|^run|^\.[a-z]+ignore)$/;

export interface RepositoryText {
  /** Relative to the root, with slashes. */
  readonly path: string;
  readonly text: string;
}

export function readRepositoryTexts(folder = ''): RepositoryText[] {
  return readdirSync(join(repositoryRoot, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) return SKIPPED_FOLDERS.has(entry.name) ? [] : readRepositoryTexts(path);
    if (!entry.isFile() || !TEXT_NAME.test(entry.name)) return [];
    return [{ path, text: readFileSync(join(repositoryRoot, path), 'utf8') }];
  });
}
