import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkIntervalMs, checkPeer, createPeerLife } from '../../runtime/dist/peer.ts';

const TICKTIME_MS = 60_000;
const INTERVAL_MS = checkIntervalMs(TICKTIME_MS);

test('a connection is looked at four times per tick time', () => {
  assert.equal(INTERVAL_MS, 15_000);
});

test('a tick is due when nothing was sent since the last look, and only then', () => {
  const peer = createPeerLife(TICKTIME_MS, 0);
  assert.equal(checkPeer(peer, INTERVAL_MS, 1, 0), 'tick');
  assert.equal(checkPeer(peer, 2 * INTERVAL_MS, 2, 4), 'fine');
  assert.equal(checkPeer(peer, 3 * INTERVAL_MS, 3, 4), 'tick');
});

test('a peer that sends nothing for a tick time is gone, not earlier', () => {
  const peer = createPeerLife(TICKTIME_MS, 0);
  for (let look = 1; look <= 3; look++) assert.notEqual(checkPeer(peer, look * INTERVAL_MS, 0, look), 'silent');
  assert.equal(checkPeer(peer, 4 * INTERVAL_MS, 0, 4), 'silent');
});

test('a single byte within a tick time keeps the peer', () => {
  const peer = createPeerLife(TICKTIME_MS, 0);
  let received = 0;
  for (let look = 1; look <= 40; look++) {
    if (look % 4 === 0) received++;
    assert.notEqual(checkPeer(peer, look * INTERVAL_MS, received, look), 'silent', `look ${look}`);
  }
});

test('after a long pause of our own the peer gets one more interval before it is judged', () => {
  const peer = createPeerLife(TICKTIME_MS, 0);
  assert.notEqual(checkPeer(peer, 10 * TICKTIME_MS, 0, 0), 'silent');
  assert.equal(checkPeer(peer, 10 * TICKTIME_MS + INTERVAL_MS, 0, 1), 'silent');
});

test('after a long pause a peer whose bytes are read then stays', () => {
  const peer = createPeerLife(TICKTIME_MS, 0);
  assert.notEqual(checkPeer(peer, 10 * TICKTIME_MS, 0, 0), 'silent');
  assert.notEqual(checkPeer(peer, 10 * TICKTIME_MS + INTERVAL_MS, 4, 1), 'silent');
});
