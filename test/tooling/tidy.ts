/**
 * What the repository asks of every text in it, as a pure function from path and text to complaints. Rules that need to
 * understand the code (functions over 70 lines, banned calls, import cycles) are the linter's, see oxlint.json; here are
 * those that plain text tells.
 */
export const FILE_LINES_MAX = 400;
export const LINE_CHARACTERS_MAX = 160;

interface Rule {
  readonly name: string;
  readonly applies: (path: string) => boolean;
  /** What is wrong with a line, or undefined. */
  readonly check: (line: string) => string | undefined;
}

const isCode = (path: string): boolean => /\.(?:ts|mjs)$/.test(path);
const isLayer = (path: string): boolean => /^(?:runtime|supervisors|kv)\/.*\.ts$/.test(path);

/** A rule that complains about each line in which the pattern is found. */
function forbid(name: string, pattern: RegExp, applies: (path: string) => boolean, instead: string): Rule {
  return {
    name,
    applies,
    check: (line) => {
      const found = pattern.exec(line)?.[0];
      return found === undefined ? undefined : `${JSON.stringify(found)}: ${instead}`;
    },
  };
}

// Spelled in halves, so that this file does not complain about itself.
const MARKERS = new RegExp(`\\b(?:${['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX', 'HA' + 'CK'].join('|')})\\b`);

const RULES: readonly Rule[] = [
  forbid('leftover', MARKERS, () => true, 'do it now, or open an issue'),
  forbid('only', /\.only\(|\bonly: true/, isCode, 'it would hide all other tests'),
  forbid('machine-path', /(?<![\w.~-])\/(?:home|Users|root|work)\/[\w.]/, () => true, 'the path of one machine'),
  forbid('registry', /https?:\/\/(?!registry\.npmjs\.org\/)[^/\s"']*registry[^/\s"']*/, () => true, 'a private host'),
  forbid('clock', /\bnew Date\(\)/, (path) => isLayer(path) && path !== 'runtime/env.ts', 'use env.systemTime()'),
  forbid('export-star', /^export \* from/, (path) => path.endsWith('index.ts'), 'list the names, each is a decision'),
  {
    name: 'line-length',
    applies: isCode,
    check: (line) => (line.length > LINE_CHARACTERS_MAX ? `${line.length} characters` : undefined),
  },
];

/** Complaints about one file, each as `path:line: rule: what`. */
export function findProblems(path: string, text: string): string[] {
  const lines = text.split('\n');
  const problems: string[] = [];
  for (const rule of RULES) {
    if (!rule.applies(path)) continue;
    lines.forEach((line, index) => {
      const problem = rule.check(line);
      if (problem !== undefined) problems.push(`${path}:${index + 1}: ${rule.name}: ${problem}`);
    });
  }
  const lineCount = text.endsWith('\n') ? lines.length - 1 : lines.length;
  if (isCode(path) && lineCount > FILE_LINES_MAX) problems.push(`${path}:1: file-length: ${lineCount} lines, split it`);
  const isEmptyModule = text.trim() === 'export {};';
  if (isLayer(path) && !isEmptyModule && !/^(?:#!.*\n)?\/\*\*/.test(text)) {
    problems.push(`${path}:1: header: begin with a comment that says what the file is for`);
  }
  return problems;
}
