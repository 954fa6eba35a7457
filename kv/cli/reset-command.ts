/** `quorate reset`: removes what stopped local nodes remember of their cluster, and says what that gives up. */
import { hasCode } from '../../runtime/errors.ts';
import { CommandError, EXIT_CODES } from './exit-codes.ts';
import { nodeFolder, rememberedNodes, stateFolder } from './local-state.ts';
import type { ResetCommand } from './options.ts';

/** Removes the record in a node's folder; false when there was none. Rejects with `state_in_use` while the node runs. */
export type RemoveRecord = (folder: string) => Promise<boolean>;

export async function runResetCommand(command: ResetCommand, removeRecord: RemoveRecord): Promise<number> {
  const folder = stateFolder(command.stateDir);
  const running: string[] = [];
  let removed = 0;
  for (const name of rememberedNodes(folder)) {
    try {
      if (!(await removeRecord(nodeFolder(folder, name)))) continue;
      removed += 1;
      process.stdout.write(`${name} is forgotten\n`);
    } catch (error) {
      if (!hasCode(error, 'state_in_use')) throw error;
      running.push(name);
    }
  }
  if (removed > 0) {
    process.stdout.write(
      'A node that is forgotten comes back as a new one. Where a majority of the founders is, another cluster may be founded.\n',
    );
  } else if (running.length === 0) process.stdout.write(`nothing to forget in ${folder}\n`);
  if (running.length > 0) throw new CommandError('state', `still running: ${running.join(', ')}; stop them first`);
  return EXIT_CODES.ok.code;
}
