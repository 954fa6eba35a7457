import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Evaluator } from '../../../kv/cli/evaluator.ts';

let evaluator: Evaluator;
const stray: unknown[] = [];
let strayArrived: () => void = () => {};
let depth = 0;

before(() => {
  evaluator = new Evaluator({
    bindings: { later: async (value: unknown) => value, depth: () => depth },
    runInside: (fn) => {
      depth = 1;
      fn();
      depth = 0;
    },
    onStrayError: (error) => {
      stray.push(error);
      strayArrived();
    },
  });
});
after(() => evaluator.close());

const value = async (code: string): Promise<unknown> => {
  const evaluation = await evaluator.evaluate(code);
  assert.equal(evaluation.kind, 'value', code);
  return evaluation.kind === 'value' ? evaluation.value : undefined;
};

const failure = async (code: string): Promise<string> => {
  const evaluation = await evaluator.evaluate(code);
  assert.equal(evaluation.kind, 'error', code);
  return evaluation.kind === 'error' ? String(evaluation.error) : '';
};

test('code is an expression, an object, or statements; await works at the top; declarations last', async () => {
  assert.equal(await value('1 + 1'), 2);
  assert.deepEqual(await value('{ a: 1 }'), { a: 1 });
  assert.equal(await value('const x = await later(20); x + 1'), 21);
  assert.equal(await value('x'), 20);
  assert.equal(await value('function twice(n) {\n  return 2 * n;\n}\ntwice(x)'), 40);
});

test('the beginning of something longer is incomplete, nonsense is an error', async () => {
  assert.equal((await evaluator.evaluate('function f() {')).kind, 'incomplete');
  assert.match(await failure('}{'), /SyntaxError/);
});

test('whatever way it is thrown, an error is the result, and the next code runs', async () => {
  assert.equal(await failure('throw new Error("at once")'), 'Error: at once');
  assert.equal(await failure('await later(1); throw new Error("after await")'), 'Error: after await');
  assert.equal(await failure('await Promise.reject(new Error("rejected"))'), 'Error: rejected');
  assert.match(await failure('nothing.at.all'), /ReferenceError: nothing is not defined/);
  assert.equal(await failure('throw "text"'), 'text');
  assert.equal(await value('"still here"'), 'still here');
});

test('code begins where the options say', async () => assert.equal(await value('depth()'), 1));

test('an error that arrives between two pieces of code is stray', async () => {
  const arrived = new Promise<void>((resolve) => (strayArrived = resolve));
  await value('setTimeout(() => { throw new Error("late"); }, 1); 0');
  await arrived;
  assert.deepEqual(stray.map(String), ['Error: late']);
});
