/** The Paxos core stays small, and lines of code are counted as it is said. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countCodeLines, measureFolder } from './size.ts';

/** Of all that the protocol needs: rounds, fast values, reads, lifetimes, forgetting, epochs and state transfer. */
const CORE_LINES_MAX = 1500;

test('the Paxos core can be read in one sitting', () => {
  const { codeLines } = measureFolder('kv/paxos');
  assert.ok(codeLines > 500 && codeLines <= CORE_LINES_MAX, `kv/paxos has ${codeLines} lines of code`);
});

test('comments and empty lines are no code', () => {
  assert.equal(
    countCodeLines('/** A file. */\n\n// why\nconst a = 1; // here\n  /*\n   * more\n   */\nconst b = 2;\n'),
    2,
  );
});
