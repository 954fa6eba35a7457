/** How large a part of the sources is: the Paxos core must stay small enough to be read in one sitting. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from './repository.ts';

interface Size {
  readonly files: number;
  readonly lines: number;
  /** Lines that are neither empty nor all comment. */
  readonly codeLines: number;
}

export function countCodeLines(text: string): number {
  const withoutBlocks = text.replace(/^\s*\/\*[\s\S]*?\*\/\s*$/gm, '');
  return withoutBlocks.split('\n').filter((line) => !/^\s*(?:\/\/.*)?$/.test(line)).length;
}

export function measureFolder(folder: string): Size {
  const names = readdirSync(join(repositoryRoot, folder), { recursive: true, encoding: 'utf8' });
  const texts = names
    .filter((name) => name.endsWith('.ts'))
    .map((name) => readFileSync(join(repositoryRoot, folder, name), 'utf8'));
  return {
    files: texts.length,
    lines: texts.reduce((sum, text) => sum + text.split('\n').length - 1, 0),
    codeLines: texts.reduce((sum, text) => sum + countCodeLines(text), 0),
  };
}

export function describeSize(folder: string): string {
  if (!existsSync(join(repositoryRoot, folder))) return `${folder}: not there`;
  const { files, lines, codeLines } = measureFolder(folder);
  return `${folder}: ${files} files, ${codeLines} lines of code, ${lines} with comments`;
}
