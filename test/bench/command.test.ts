import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { benchCases } from '../../bench/cases/index.ts';
import type { Report } from '../../bench/report.ts';

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const main = fileURLToPath(new URL('../../bench/main.js', import.meta.url));

function runBench(...args: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...args], { maxBuffer: 1 << 24 }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, stdout, stderr });
    });
  });
}

for (const { name, variants, figures } of benchCases) {
  test(`the case ${name} runs with tiny parameters, every variant that this machine has`, async () => {
    const { code, stdout, stderr } = await runBench(name, '--smoke', '--json');
    const report = JSON.parse(stdout) as Report;
    const [result] = report.cases;
    assert.equal(report.cases.length, 1);
    assert.equal(result?.name, name);
    assert.deepEqual(
      result.variants.map((variant) => [variant.name, variant.error]),
      variants.map((variant) => [variant.name, null]),
    );
    for (const variant of result.variants) {
      if (variant.missing !== null) continue;
      // An anchor may have no equivalent for one of the figures; ours have them all.
      const expected = variant.name.startsWith('quorate') ? Object.keys(figures) : Object.keys(variant.figures);
      assert.ok(expected.length > 0 && expected.every((figure) => figure in figures));
      assert.deepEqual(Object.keys(variant.figures), expected);
      for (const { median, low, high, samples, unit } of Object.values(variant.figures)) {
        assert.ok(median > 0 && low <= median && median <= high && samples > 0, JSON.stringify(variant));
        assert.ok(['per_s', 'us', 'bytes'].includes(unit));
      }
      assert.ok(stderr.includes(variant.name), 'progress goes to stderr');
    }
    assert.equal(code, 0);
  });
}

test('the report says what it was made on, and that it was a smoke run', async () => {
  const { stdout } = await runBench('codec', '--smoke', '--json');
  const report = JSON.parse(stdout) as Report;
  assert.equal(report.format, 1);
  assert.equal(report.node, process.version);
  assert.equal(report.smoke, true);
  assert.ok(report.cpus >= 1 && report.elapsedMs > 0 && report.loadBefore >= 0);
  const goal = report.cases[0]?.goals[0];
  assert.deepEqual([goal?.of, goal?.to, goal?.atLeast, typeof goal?.met], ['quorate, one buffer', 'v8', 8, 'boolean']);
});

test('without --json the results are a table on stdout', async () => {
  const { stdout, code } = await runBench('codec', '--smoke');
  assert.equal(code, 0);
  assert.match(stdout, /^codec: /);
  assert.match(stdout, /quorate, one buffer +rate [\d.]+ (k|M)?\/s \[/);
  assert.match(stdout, /-> quorate, one buffer \/ v8 rate: x [\d.]+ .* to reach >= 8: (yes|NO)/);
  assert.match(stdout, /--smoke: the figures mean nothing/);
});

test('--help shows every option and case and runs none', async () => {
  const { stdout, stderr, code } = await runBench('--help');
  assert.equal(code, 0);
  assert.equal(stderr, '');
  for (const option of ['--json', '--smoke', '--compare FILE', '--list', '--help']) assert.ok(stdout.includes(option));
  for (const { name } of benchCases) assert.ok(stdout.includes(name));
});

test('--list prints the names of the cases', async () => {
  const { stdout } = await runBench('--list');
  assert.deepEqual(
    stdout.trim().split('\n'),
    benchCases.map(({ name }) => name),
  );
});

test('an unknown option is an error that names the known ones', async () => {
  const { stdout, stderr, code } = await runBench('--jsno');
  assert.equal(code, 2);
  assert.equal(stdout, '');
  assert.match(stderr, /--jsno/);
  assert.match(stderr, /--json, --smoke, --compare, --list, --help/);
});

test('an unknown case is an error that names the known ones', async () => {
  const { stderr, code } = await runBench('spwan');
  assert.equal(code, 2);
  assert.match(stderr, /there is no case spwan; the cases are process\/spawn, /);
});

test('--compare shows each ratio of the former report next to the new one', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'quorate-bench-test-'));
  try {
    const file = join(folder, 'before.json');
    const before = await runBench('codec', '--smoke', '--json');
    await writeFile(file, before.stdout);
    const { stdout, code } = await runBench('codec', '--smoke', '--compare', file);
    assert.equal(code, 0);
    assert.match(stdout, /codec: quorate, one buffer \/ v8 rate: [\d.]+ -> [\d.]+, x [\d.]+/);
    await writeFile(file, '{}');
    const refused = await runBench('codec', '--smoke', '--compare', file);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /before.json is not a report of --json/);
  } finally {
    await rm(folder, { recursive: true });
  }
});
