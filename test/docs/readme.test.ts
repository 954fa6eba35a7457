/** Every code block of the README does what it says; and a README that promised something else would be found out. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { repositoryRoot } from '../tooling/repository.ts';
import { checkCommands, findBlocks, promisedLines, runProgram } from './blocks.ts';

const readme = readFileSync(join(repositoryRoot, 'README.md'), 'utf8');
const help = spawnSync(process.execPath, [join(repositoryRoot, 'dist/kv/cli.js'), '--help'], {
  encoding: 'utf8',
}).stdout;

for (const { language, line, code } of findBlocks(readme)) {
  test(`the ${language} block of README.md line ${line} holds`, async () => {
    if (language === 'sh') assert.deepEqual(checkCommands(code, help), []);
    else {
      assert.equal(language, 'js', 'a block is js or sh');
      const { status, printed, stderr } = await runProgram(code);
      assert.deepEqual(
        { status, printed, stderr: status === 0 ? '' : stderr },
        { status: 0, printed: promisedLines(code), stderr: '' },
      );
    }
  });
}

test('the README has a program and commands', () => {
  const languages = new Set(findBlocks(readme).map(({ language }) => language));
  assert.deepEqual([...languages].sort(), ['js', 'sh']);
});

test('a program that prints something else than it promises is found out', async () => {
  const code = "import * as runtime from 'quorate/runtime';\nconsole.log(typeof runtime); // -> number\n";
  assert.deepEqual((await runProgram(code)).printed, ['object']);
  assert.deepEqual(promisedLines(code), ['number']);
  assert.notEqual((await runProgram("import 'quorate/nothing';\n")).status, 0);
});

test('a command that does not exist is found out', () => {
  const usage = 'Usage: quorate node <number>\n  --eval CODE  runs it\n';
  assert.deepEqual(
    checkCommands("npm start -- node 1 --eval 1\nprintf 'x' | npm start -- node 2\nnpm test # all\n", usage),
    [],
  );
  assert.deepEqual(checkCommands('npm run nothing\n', usage), ['no such script: npm run nothing']);
  assert.deepEqual(checkCommands('npm start -- node 1 --evil\n', usage), ['not in the help: --evil']);
  assert.deepEqual(checkCommands('npx quorate conquer\n', usage), ['not in the help: conquer']);
  assert.deepEqual(checkCommands('make it so\n', usage), ['unknown command: make it so']);
});

test('a block that is never closed is an error', () =>
  assert.throws(() => findBlocks('```js\n1;\n'), /line 1 has no end/));
