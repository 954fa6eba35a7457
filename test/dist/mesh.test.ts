import assert from 'node:assert/strict';
import { test } from 'node:test';
import { INBOUND_PATIENCE_MS, YIELD_PATIENCE_MS, createMesh, nextLinkId, stepMesh } from '../../runtime/dist/mesh.ts';
import type { Mesh, MeshEffect } from '../../runtime/dist/mesh.ts';

const SELF = 'm@h';
/** Greater than ours: its attempts win over ours. */
const GREATER = 'z@h';
const SMALLER = 'a@h';

function kinds(effects: readonly MeshEffect[]): readonly string[] {
  return effects.map((effect) => (effect.kind === 'verdict' ? effect.verdict : effect.kind));
}

/** Dials and has spoken; gives the link. */
function dialling(mesh: Mesh, node: string, spoke = true): number {
  const [effect] = stepMesh(mesh, { kind: 'wanted', node });
  assert.equal(effect?.kind, 'dial');
  const link = (effect as { link: number }).link;
  if (spoke) stepMesh(mesh, { kind: 'spoke', node, link });
  return link;
}

function claim(mesh: Mesh, node: string): { link: number; effects: readonly MeshEffect[] } {
  const link = nextLinkId(mesh);
  return { link, effects: stepMesh(mesh, { kind: 'claimed', node, link }) };
}

function up(mesh: Mesh, node: string): number {
  const { link } = claim(mesh, node);
  assert.deepEqual(kinds(stepMesh(mesh, { kind: 'proved', node, link })), ['up']);
  return link;
}

test('a wanted node is dialled once, however often it is wanted', () => {
  const mesh = createMesh(SELF);
  dialling(mesh, GREATER);
  assert.deepEqual(stepMesh(mesh, { kind: 'wanted', node: GREATER }), []);
});

test('a proved dial is up, its end is down once, and nothing is kept', () => {
  const mesh = createMesh(SELF);
  const link = dialling(mesh, GREATER);
  assert.deepEqual(kinds(stepMesh(mesh, { kind: 'proved', node: GREATER, link })), ['up']);
  const ended = { kind: 'ended', node: GREATER, link, reason: 'closed' } as const;
  assert.deepEqual(kinds(stepMesh(mesh, ended)), ['down']);
  assert.deepEqual(stepMesh(mesh, ended), []);
  assert.equal(mesh.nodes.size, 0);
});

test('a dial that fails makes the node unreachable, once', () => {
  const mesh = createMesh(SELF);
  const link = dialling(mesh, GREATER);
  const ended = { kind: 'ended', node: GREATER, link, reason: 'refused' } as const;
  assert.deepEqual(stepMesh(mesh, ended), [{ kind: 'unreachable', node: GREATER, reason: 'refused' }]);
  assert.deepEqual(stepMesh(mesh, ended), []);
  assert.equal(mesh.nodes.size, 0);
});

test('when both dial, a greater name is told ok_simultaneous and our attempt is dropped', () => {
  const mesh = createMesh(SELF);
  const dialled = dialling(mesh, GREATER);
  const { link, effects } = claim(mesh, GREATER);
  assert.deepEqual(effects[0], { kind: 'drop', link: dialled });
  assert.equal(kinds(effects).at(-1), 'ok_simultaneous');
  assert.deepEqual(kinds(stepMesh(mesh, { kind: 'proved', node: GREATER, link })), ['up']);
});

test('when both dial, a smaller name is told nok and our attempt goes on', () => {
  const mesh = createMesh(SELF);
  const dialled = dialling(mesh, SMALLER);
  assert.deepEqual(kinds(claim(mesh, SMALLER).effects), ['nok']);
  assert.deepEqual(kinds(stepMesh(mesh, { kind: 'proved', node: SMALLER, link: dialled })), ['up']);
});

test('an attempt that has not spoken yet gives way without nok', () => {
  const mesh = createMesh(SELF);
  const dialled = dialling(mesh, SMALLER, false);
  const { effects } = claim(mesh, SMALLER);
  assert.deepEqual(effects[0], { kind: 'drop', link: dialled });
  assert.equal(kinds(effects).at(-1), 'ok');
});

test('after nok the other side is waited for, and its connection is taken', () => {
  const mesh = createMesh(SELF);
  const dialled = dialling(mesh, GREATER);
  const waiting = stepMesh(mesh, { kind: 'yielded', node: GREATER, link: dialled });
  assert.deepEqual(kinds(waiting), ['drop', 'timer']);
  assert.equal((waiting[1] as { delayMs: number }).delayMs, YIELD_PATIENCE_MS);
  const { link, effects } = claim(mesh, GREATER);
  assert.deepEqual(kinds(effects), ['ok']);
  assert.deepEqual(kinds(stepMesh(mesh, { kind: 'proved', node: GREATER, link })), ['up']);
  const token = (waiting[1] as { token: number }).token;
  assert.deepEqual(stepMesh(mesh, { kind: 'timer', node: GREATER, token }), [], 'the timer means nothing any more');
});

test('after nok and nothing more the node is unreachable', () => {
  const mesh = createMesh(SELF);
  const dialled = dialling(mesh, GREATER);
  const [, timer] = stepMesh(mesh, { kind: 'yielded', node: GREATER, link: dialled });
  const token = (timer as { token: number }).token;
  assert.deepEqual(kinds(stepMesh(mesh, { kind: 'timer', node: GREATER, token })), ['unreachable']);
  assert.equal(mesh.nodes.size, 0);
});

test('who claims a connected name is told alive, and the old link stays until the proof', () => {
  const mesh = createMesh(SELF);
  const old = up(mesh, GREATER);
  const { link, effects } = claim(mesh, GREATER);
  assert.deepEqual(kinds(effects), ['alive']);
  assert.deepEqual(stepMesh(mesh, { kind: 'proved', node: GREATER, link }), [
    { kind: 'down', node: GREATER, link: old, reason: 'replaced' },
    { kind: 'drop', link: old },
    { kind: 'up', node: GREATER, link },
  ]);
});

test('somebody without the cookie who claims a connected name changes nothing', () => {
  const mesh = createMesh(SELF);
  const old = up(mesh, GREATER);
  const { link } = claim(mesh, GREATER);
  assert.deepEqual(stepMesh(mesh, { kind: 'ended', node: GREATER, link, reason: 'bad_cookie' }), []);
  assert.deepEqual(kinds(stepMesh(mesh, { kind: 'ended', node: GREATER, link: old, reason: 'closed' })), ['down']);
});

test('our own name may not connect', () => {
  const mesh = createMesh(SELF);
  assert.deepEqual(kinds(claim(mesh, SELF).effects), ['not_allowed']);
  assert.equal(mesh.nodes.size, 0);
});

test('a node that is connecting to us is not dialled, but waited for only a second', () => {
  const mesh = createMesh(SELF);
  claim(mesh, GREATER);
  const [timer] = stepMesh(mesh, { kind: 'wanted', node: GREATER });
  assert.equal((timer as { delayMs: number }).delayMs, INBOUND_PATIENCE_MS);
  const token = (timer as { token: number }).token;
  assert.deepEqual(kinds(stepMesh(mesh, { kind: 'timer', node: GREATER, token })), ['dial']);
});

test('when the inbound handshake that was waited for fails, the node is dialled', () => {
  const mesh = createMesh(SELF);
  const { link } = claim(mesh, GREATER);
  stepMesh(mesh, { kind: 'wanted', node: GREATER });
  const effects = stepMesh(mesh, { kind: 'ended', node: GREATER, link, reason: 'bad_cookie' });
  assert.deepEqual(kinds(effects), ['dial']);
});

test('disconnecting brings one down, and drops what is under way', () => {
  const mesh = createMesh(SELF);
  const old = up(mesh, GREATER);
  const { link } = claim(mesh, GREATER);
  const effects = stepMesh(mesh, { kind: 'disconnect', node: GREATER, reason: 'disconnected' });
  assert.deepEqual(effects, [
    { kind: 'drop', link },
    { kind: 'down', node: GREATER, link: old, reason: 'disconnected' },
    { kind: 'drop', link: old },
  ]);
  assert.deepEqual(stepMesh(mesh, { kind: 'disconnect', node: GREATER, reason: 'disconnected' }), []);
});

test('whatever comes in whatever order, up and down of a node alternate', () => {
  let seed = 42;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  let ups = 0;
  for (let round = 0; round < 400; round++) {
    const mesh = createMesh(SELF);
    const node = round % 2 === 0 ? GREATER : SMALLER;
    const live = new Set<number>();
    const tokens: number[] = [];
    let connected = false;
    const take = (effects: readonly MeshEffect[]): void => {
      for (const effect of effects) {
        if (effect.kind === 'dial') live.add(effect.link);
        if (effect.kind === 'timer') tokens.push(effect.token);
        if (effect.kind === 'drop') live.delete(effect.link);
        if (effect.kind === 'up') {
          assert.equal(connected, false);
          connected = true;
          ups++;
        }
        if (effect.kind === 'down') {
          assert.equal(connected, true);
          connected = false;
        }
      }
    };
    for (let i = 0; i < 60; i++) {
      const links = [...live];
      const link = links[random(links.length)] ?? -1;
      switch (random(8)) {
        case 0:
          take(stepMesh(mesh, { kind: 'wanted', node }));
          break;
        case 1: {
          const made = claim(mesh, node);
          if (!kinds(made.effects).includes('nok')) live.add(made.link);
          take(made.effects);
          break;
        }
        case 2:
          take(stepMesh(mesh, { kind: 'spoke', node, link }));
          break;
        case 3:
          take(stepMesh(mesh, { kind: 'yielded', node, link }));
          break;
        case 4:
        case 5:
          take(stepMesh(mesh, { kind: 'proved', node, link }));
          break;
        case 6:
          live.delete(link);
          take(stepMesh(mesh, { kind: 'ended', node, link, reason: 'x' }));
          break;
        default:
          take(stepMesh(mesh, { kind: 'timer', node, token: tokens[random(tokens.length)] ?? -1 }));
      }
    }
    take(stepMesh(mesh, { kind: 'disconnect', node, reason: 'end' }));
    assert.equal(connected, false);
  }
  assert.ok(ups > 400, 'the walk connects often enough to mean something');
});
