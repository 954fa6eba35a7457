#!/usr/bin/env node
/**
 * The `quorate` command: reads its arguments, does what they ask for, and ends with an exit code of its table. Results go to
 * stdout, everything else to stderr; a foreseeable failure is one line that names the remedy.
 */
import { readFileSync } from 'node:fs';
import { realEnv } from '../runtime/env.ts';
import { endWith, EXIT_CODES } from './cli/exit-codes.ts';
import { runNodeCommand } from './cli/node-command.ts';
import { parseCommand } from './cli/options.ts';
import type { Command } from './cli/options.ts';
import { runAskCommand } from './cli/ask-command.ts';
import { runResetCommand } from './cli/reset-command.ts';
import { startLocalSession } from './cli/local-session.ts';
import { runTourCommand } from './cli/tour-command.ts';
import { usage } from './cli/usage.ts';
import { removeRecord } from './cluster/record-file.ts';

function run(command: Command): number | Promise<number> {
  switch (command.command) {
    case 'help':
      process.stdout.write(usage());
      return EXIT_CODES.ok.code;
    case 'version':
      process.stdout.write(`${readVersion()}\n`);
      return EXIT_CODES.ok.code;
    case 'reset':
      return runResetCommand(command, removeRecord);
    case 'status':
    case 'resize':
    case 'replace':
    case 'force-reset':
      return runAskCommand(command);
    case 'node':
      return runNodeCommand(command, startLocalSession);
    case 'tour':
      return runTourCommand(command, realEnv);
  }
}

/** From the manifest of the package, two folders above the built file. */
function readVersion(): string {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return manifest.version;
}

// Not process.exit: what was written to a pipe would be lost.
process.exitCode = await endWith(() => run(parseCommand(process.argv.slice(2))));
