/** Directed scripts: with the rule on they hold, with it off they break. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findControl } from './controls/index.ts';
import { loadCores } from './cores.ts';
import { SCRIPTS } from './directed/index.ts';
import { play } from './directed/script.ts';

describe('a directed script', () => {
  for (const script of SCRIPTS) {
    it(`holds: ${script.story}`, async () => {
      assert.equal(play(script, await loadCores()), null);
    });

    const control = script.control === null ? undefined : findControl(script.control);
    if (control === undefined) continue;
    it(`breaks when this is off: ${control.rule}`, async () => {
      assert.notEqual(play(script, await loadCores(control.replacements), control.shell ?? []), null);
    });
  }

  it('is about a rule that can be switched off', () => {
    for (const { control } of SCRIPTS) assert.ok(control === null || findControl(control) !== undefined, control ?? '');
  });
});
