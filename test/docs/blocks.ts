/**
 * The code blocks of a markdown text, and how each kind is put to the test.
 *
 * A `js` block is a program: it is run against the built package, and what it prints must be, line by line, what its
 * comments `// -> ...` promise. An `sh` block holds commands: those of npm must name scripts that exist, and their options
 * must be in the command's own help. Any other language is a mistake, so that no block goes unchecked.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../kit/ports.ts';
import { repositoryRoot } from '../tooling/repository.ts';

const PROGRAM_TIMEOUT_MS = 60_000;

export interface Block {
  readonly language: string;
  /** Line of the opening fence. */
  readonly line: number;
  readonly code: string;
}

export function findBlocks(markdown: string): Block[] {
  const blocks: Block[] = [];
  let open: { language: string; line: number; lines: string[] } | undefined;
  markdown.split('\n').forEach((text, index) => {
    const fence = /^```(\S*)/.exec(text);
    if (fence === null) open?.lines.push(text);
    else if (open === undefined) open = { language: fence[1] ?? '', line: index + 1, lines: [] };
    else {
      blocks.push({ language: open.language, line: open.line, code: `${open.lines.join('\n')}\n` });
      open = undefined;
    }
  });
  if (open !== undefined) throw new Error(`the block of line ${open.line} has no end`);
  return blocks;
}

/** What the comments of a program say that it prints. */
export function promisedLines(code: string): string[] {
  return code.split('\n').flatMap((line) => /\/\/ -> (.*)$/.exec(line)?.[1] ?? []);
}

export interface ProgramRun {
  readonly status: number | null;
  readonly printed: readonly string[];
  readonly stderr: string;
}

/** Runs a program in an empty folder where the package is installed, with a state folder and a port mapper of its own. */
export async function runProgram(code: string): Promise<ProgramRun> {
  const epmdPort = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'quorate-docs-'));
  try {
    mkdirSync(join(folder, 'node_modules'));
    symlinkSync(repositoryRoot, join(folder, 'node_modules', 'quorate'));
    writeFileSync(join(folder, 'example.mjs'), code);
    const { status, stdout, stderr } = spawnSync(process.execPath, ['example.mjs'], {
      cwd: folder,
      encoding: 'utf8',
      timeout: PROGRAM_TIMEOUT_MS,
      env: { ...process.env, XDG_STATE_HOME: join(folder, 'state'), ERL_EPMD_PORT: String(epmdPort) },
    });
    return { status, printed: stdout.split('\n').filter((line) => line !== ''), stderr };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What is wrong with the commands of a block. */
export function checkCommands(code: string, help: string): string[] {
  const manifest = JSON.parse(readFileSync(join(repositoryRoot, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  const commands = code.split('\n').map((line) => line.replace(/\s+#.*$/, '').trim());
  return commands.flatMap((command) => {
    const words = command.replace(/^.*\|\s*/, '').split(/\s+/);
    if (command === '') return [];
    if (words[0] === 'npx' && words[1] === 'quorate') return checkArguments(words.slice(2), help);
    if (words[0] !== 'npm') return [`unknown command: ${command}`];
    if (words[1] === 'install' || words[1] === 'ci') return [];
    const script = words[1] === 'run' ? words[2] : words[1];
    if (script === undefined || manifest.scripts[script] === undefined) return [`no such script: ${command}`];
    return script === 'start' && words.includes('--') ? checkArguments(words.slice(words.indexOf('--') + 1), help) : [];
  });
}

function checkArguments(words: readonly string[], help: string): string[] {
  const options = words.filter((word) => word.startsWith('--')).map((word) => word.split('=')[0] ?? '');
  const unknown = options.filter((option) => !help.includes(`${option} `) && !help.includes(`${option}\n`));
  const command = words[0] ?? '';
  if (!command.startsWith('--') && !help.includes(` ${command}`)) unknown.push(command);
  return unknown.map((word) => `not in the help: ${word}`);
}
