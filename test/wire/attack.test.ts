/**
 * A whole node under attack, with and without a system thread. In every test the offender is closed, the node's memory stays bounded, and a
 * well-behaved node talks to it all the time without losing its connection or a message.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nameAtom } from '../../runtime/term/atom.ts';
import { Pid } from '../../runtime/index.ts';
import { until } from '../kit/wait.ts';
import { ask, Attacker, frameOf, termBytes, toName, withLength32, type Victim } from '../kit/wire.ts';
import { underAttack } from '../kit/under-attack.ts';

const MB = 1_000_000;

function refused(victim: Victim, code: string, who: string): Promise<RegExpExecArray> {
  return victim.program.printed(new RegExp(`^event refused ${code} .*${who}`, 'm'));
}

for (const threads of [0, 1]) {
  const where = threads === 0 ? 'on one thread' : 'with a system thread';

  test(`garbage, long messages and a wrong cookie before the proof are closed at once, ${where}`, async (t) => {
    await underAttack(t, { threads, grownMax: 60 * MB }, async (victim) => {
      const pokes = [
        Buffer.from('GET / HTTP/1.1\r\n\r\n'),
        Buffer.from([0, 0]),
        Buffer.alloc(100_000, 255),
        Buffer.from([0, 3, 1, 2, 3]),
      ];
      for (const [i, poke] of pokes.entries()) {
        const attacker = new Attacker(t, `poke${i}`, victim.port, (peer) => peer.write(poke));
        await attacker.untilClosed(`garbage ${i}`);
      }
      for (let i = 0; i < 20; i++) {
        const thief = new Attacker(t, 'thief@h', victim.port, (peer) => peer.name('good@127.0.0.1'));
        await until(() => thief.peer.lastStatus === 'alive', 'the status');
        thief.peer.status('true');
        await until(() => thief.peer.received.some((body) => body[0] === 0x4e), 'the challenge');
        thief.peer.reply('a wrong cookie');
        await thief.untilClosed('a wrong cookie');
      }
      await refused(victim, 'bad_cookie', '127.0.0.1');
    });
  });

  test(`after the proof, frames that are wrong or too large cost the connection only, ${where}`, async (t) => {
    await underAttack(t, { threads, limits: { frameBytesMax: 4 * MB }, grownMax: 120 * MB }, async (victim) => {
      const deep = Buffer.concat([Buffer.alloc(3 * MB, Buffer.from('6c00000001', 'hex')), Buffer.from([106])]);
      const big = Buffer.alloc(10 * MB);
      const stranger = new Pid(nameAtom('stranger@h'), 1, 0, 99);
      const hostile: Readonly<Record<string, (attacker: Attacker) => void>> = {
        'unknown op': ({ peer }) => peer.frame(new Uint8Array([131, 68, 0, 104, 2, 97, 99, 97, 1])),
        'no header': ({ peer }) => peer.frame(new Uint8Array([1, 2, 3, 4])),
        'link for another': ({ peer }) => peer.frame(frameOf({ kind: 'link', from: stranger, to: stranger }, null)),
        'payload cut off': (a) => a.peer.frame(toName(a.pid(), 'hoard', new Uint8Array([108, 0, 0, 0, 9, 97, 1]))),
        'payload no term': (a) => a.peer.frame(toName(a.pid(), 'hoard', new Uint8Array([255]))),
        'not a number': (a) => a.peer.frame(toName(a.pid(), 'hoard', Buffer.from('467ff8000000000000', 'hex'))),
        'deep term': (a) => a.peer.frame(toName(a.pid(), 'hoard', deep)),
        'a list as long as the world': (a) => a.peer.frame(toName(a.pid(), 'hoard', Buffer.from('6cffffffff', 'hex'))),
        'frame over the limit': ({ peer }) => peer.write(Buffer.from([0x7f, 255, 255, 255])),
        'frame over the limit, all of it': ({ peer }) => peer.frame(big),
        'parts over the limit': ({ peer }) => {
          peer.frame(
            Buffer.concat([Buffer.from('8345000000000000000100000000000000ff00', 'hex'), big.subarray(0, 3 * MB)]),
          );
          peer.frame(
            Buffer.concat([Buffer.from('8346000000000000000100000000000000fe', 'hex'), big.subarray(0, 3 * MB)]),
          );
        },
      };
      let count = 0;
      for (const [what, attack] of Object.entries(hostile)) {
        const attacker = await Attacker.proved(t, `x${(count += 1)}@h`, victim);
        attack(attacker);
        await attacker.untilClosed(what);
        await victim.program.printed(new RegExp(`^event down ${attacker.name} bad_frame$`, 'm'));
        await refused(victim, 'bad_frame', attacker.name);
      }
    });
  });

  test(`a payload that is no term in the name of another node costs its sender the connection, not the other, ${where}`, async (t) => {
    await underAttack(t, { threads, grownMax: 60 * MB }, async (victim, good) => {
      const attacker = await Attacker.proved(t, 'forger@h', victim);
      const innocent = await good.run((self) => self.pid);
      attacker.peer.frame(toName(innocent, 'hoard', new Uint8Array([255])));
      await attacker.untilClosed('the forged message');
      assert.doesNotMatch(victim.program.output(), /down good/);
    });
  });

  test(`a peer that floods with new atoms is closed, and the others may still bring new ones, ${where}`, async (t) => {
    await underAttack(t, { threads, limits: { atomsMax: 20_000 }, grownMax: 100 * MB }, async (victim, good) => {
      for (const round of ['one', 'two']) {
        const attacker = await Attacker.proved(t, `flood-${round}@h`, victim);
        for (let i = 0; i < 30 && !attacker.closed; i++) {
          const names = Array.from({ length: 1_000 }, (_, n) => nameAtom(`${round}_${i}_${n}`));
          attacker.peer.frame(toName(attacker.pid(), 'hoard', termBytes(names)));
        }
        await attacker.untilClosed('a flood of atoms');
        const fresh = Array.from({ length: 5_000 }, (_, n) => nameAtom(`good_${round}_${n}`));
        assert.deepEqual(await ask(good, 'echo', fresh), fresh);
      }
    });
  });

  test(`a stream of ever new atoms that nobody keeps does not fill memory, ${where}`, async (t) => {
    // The budget of a connection, 250,000 atoms, with names of 110 characters.
    await underAttack(t, { threads, grownMax: 400 * MB }, async (victim) => {
      const attacker = await Attacker.proved(t, 'names@h', victim);
      for (let i = 0; i < 300 && !attacker.closed; i++) {
        const name = (n: number): string => `nobody_${i}_${n}_${'x'.repeat(100)}`;
        const bodies = Array.from({ length: 1_000 }, (_, n) =>
          toName(attacker.pid(), name(n), new Uint8Array([97, 1])),
        );
        attacker.socket.write(Buffer.concat(bodies.map(withLength32)));
        await new Promise((resolve) => setTimeout(resolve, 1));
        await until(() => attacker.socket.writableLength === 0 || attacker.closed, 'the socket to take it');
      }
    });
  });

  test(`a peer that stops ticking is down within its tick time, ${where}`, async (t) => {
    await underAttack(t, { threads, netTicktimeMs: 1_000, grownMax: 60 * MB }, async (victim) => {
      const attacker = await Attacker.proved(t, 'mute@h', victim);
      const from = performance.now();
      await attacker.untilClosed('silence');
      const tookMs = performance.now() - from;
      assert.ok(tookMs > 750 && tookMs < 2_000, `closed after ${tookMs} ms`);
      await victim.program.printed(/^event down mute@h net_tick_timeout$/m);
    });
  });
}

test('the check of memory sees a node that keeps what it is sent', async (t) => {
  const attack = underAttack(t, { threads: 0, grownMax: 60 * MB }, async (victim) => {
    const attacker = await Attacker.proved(t, 'load@h', victim);
    for (let i = 0; i < 100; i++)
      attacker.peer.frame(toName(attacker.pid(), 'hoard', termBytes(new Uint8Array(MB).fill(i))));
    await until(() => attacker.socket.writableLength === 0, 'the socket to take it');
  });
  await assert.rejects(attack, /memory grew by/);
});
