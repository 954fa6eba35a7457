/** The help text, made from the tables of options and exit codes. */
import { EXIT_CODES } from './exit-codes.ts';
import { COMMANDS as ALL_COMMANDS, OPTIONS } from './options.ts';

const COMMANDS: readonly (readonly [form: string, help: string])[] = [
  ['quorate', 'the tour: three nodes on this machine, put to the test before your eyes'],
  ['quorate node NUMBER', 'starts node n<NUMBER>@127.0.0.1; _ takes the next free number'],
  ['quorate status', 'how a running node sees its cluster, and what it waits for'],
  ['quorate resize N', 'changes the number of seats, one agreed step at a time'],
  ['quorate replace A B', 'gives the seat of node A to node B, which runs without one'],
  ['quorate force-reset', 'the last resort: goes on with what the named nodes hold; values may be lost'],
  ['quorate reset', 'forgets what stopped local nodes remember of their cluster'],
];

function table(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}

/** The shorter of the list of commands and the list of the others. */
function belonging(commands: readonly string[]): string {
  const others = ALL_COMMANDS.filter((command) => !commands.includes(command));
  return commands.length <= others.length + 1 ? commands.join(', ') : `not ${others.join(', ')}`;
}

export function usage(): string {
  const options = OPTIONS.map(({ name, value, help, commands }) => {
    const belongs = commands.includes('tour') && commands.includes('node') ? '' : ` [${belonging(commands)}]`;
    return [`--${name}${value === undefined ? '' : ` ${value}`}`, help + belongs] as const;
  });
  return [
    'Usage: quorate [command] [options]',
    '',
    'Commands:',
    ...table(COMMANDS),
    '',
    'Options:',
    ...table(options),
    '',
    'Code can also be piped in: it is run line by line, each result is printed, and the node stops at its end:',
    `  printf 'await put("apple", 1)\\n' | quorate node 2`,
    '',
    'Exit codes:',
    ...table(Object.values(EXIT_CODES).map(({ code, meaning }) => [String(code).padStart(3), meaning] as const)),
    '',
  ].join('\n');
}
