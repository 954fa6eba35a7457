import assert from 'node:assert/strict';
import { test } from 'node:test';
import { atom } from '../../runtime/term/atom.ts';
import { describeTerm } from '../../runtime/term/describe.ts';
import { tuple } from '../../runtime/term/tuple.ts';
import { checkChildSpec, checkChildSpecs } from '../../supervisors/child-spec.ts';
import type { ChildSpecError } from '../../supervisors/errors.ts';
import { checkFlags } from '../../supervisors/supervisor-flags.ts';

const start = (): never => {
  throw new Error('never called');
};

function errorOf(fn: () => unknown): ChildSpecError {
  try {
    fn();
  } catch (error) {
    return error as ChildSpecError;
  }
  throw new assert.AssertionError({ message: 'nothing was thrown' });
}

test('a spec with id and start is a permanent worker with 5 s to shut down; a supervisor has for ever', () => {
  const spec = checkChildSpec({ id: 'c', start }, 'never');
  assert.deepEqual(
    { ...spec, start: 0 },
    {
      id: 'c',
      start: 0,
      restart: 'permanent',
      shutdown: 5000,
      type: 'worker',
      significant: false,
      modules: atom('dynamic'),
    },
  );
  assert.equal(checkChildSpec({ id: 'c', start, type: 'supervisor' }, 'never').shutdown, 'infinity');
});

test('the words of OTP are understood as those of TypeScript', () => {
  const spec = checkChildSpec({ id: 1, start, restart: atom('transient'), shutdown: atom('brutal_kill') }, null);
  assert.deepEqual([spec.restart, spec.shutdown], ['transient', 'brutalKill']);
  assert.equal(checkFlags({ strategy: atom('rest_for_one') }).strategy, 'restForOne');
});

const wrong: [string, object, string][] = [
  ['id', { start }, 'missing_id'],
  ['start', { id: 'c' }, 'missing_start'],
  ['start', { id: 'c', start: 5 }, '{invalid_mfa,5}'],
  ['restart', { id: 'c', start, restart: atom('always') }, '{invalid_restart_type,always}'],
  ['significant', { id: 'c', start, significant: 1 }, '{invalid_significant,1}'],
  [
    'significant',
    { id: 'c', start, restart: 'permanent', significant: true },
    '{bad_combination,[{restart,permanent},{significant,true}]}',
  ],
  [
    'significant',
    { id: 'c', start, restart: 'transient', significant: true },
    '{bad_combination,[{auto_shutdown,never},{significant,true}]}',
  ],
  ['type', { id: 'c', start, type: atom('boss') }, '{invalid_child_type,boss}'],
  ['shutdown', { id: 'c', start, shutdown: -1 }, '{invalid_shutdown,-1}'],
  ['modules', { id: 'c', start, modules: atom('mod') }, '{invalid_modules,mod}'],
  ['modules', { id: 'c', start, modules: [atom('a'), 1] }, '{invalid_module,1}'],
];

for (const [field, spec, reason] of wrong) {
  test(`a spec is refused for its ${field} with ${reason}, and the message names the field`, () => {
    const error = errorOf(() => checkChildSpec(spec, 'never'));
    assert.equal(error.code, 'bad_child_spec');
    assert.equal(error.field, field);
    assert.equal(describeTerm(error.reason).replaceAll(' ', ''), reason);
    assert.match(error.message, new RegExp(field));
  });
}

test('an id may be any term but not twice', () => {
  const specs = [
    { id: tuple(atom('a'), 1), start },
    { id: tuple(atom('a'), 2), start },
  ];
  assert.equal(checkChildSpecs(specs, 'never').length, 2);
  const error = errorOf(() => checkChildSpecs([...specs, { id: tuple(atom('a'), 1), start }], 'never'));
  assert.deepEqual(error.reason, tuple(atom('duplicate_child_name'), tuple(atom('a'), 1)));
});

const wrongFlags: [string, unknown, string][] = [
  ['flags', atom('flags'), '{invalid_type,flags}'],
  ['strategy', { strategy: atom('one_for_none') }, '{invalid_strategy,one_for_none}'],
  ['intensity', { intensity: -1 }, '{invalid_intensity,-1}'],
  ['periodMs', { periodMs: 0 }, '{invalid_period,0}'],
  ['autoShutdown', { autoShutdown: atom('sometimes') }, '{invalid_auto_shutdown,sometimes}'],
];

for (const [field, flags, reason] of wrongFlags) {
  test(`flags are refused for their ${field} with ${reason}`, () => {
    const error = errorOf(() => checkFlags(flags));
    assert.equal(error.code, 'bad_supervisor_flags');
    assert.equal(error.field, field);
    assert.equal(describeTerm(error.reason).replaceAll(' ', ''), reason);
  });
}
