import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  encodeEpmdRequest,
  encodeNamesAnswer,
  encodePortAnswer,
  encodeRegisterAnswer,
  ourRegistration,
  parseEpmdRequest,
  parseNamesAnswer,
  parsePortAnswer,
  parseRegisterAnswer,
} from '../../runtime/dist/epmd-messages.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));

test('a registration is encoded as the protocol document says', () => {
  const registration = ourRegistration('n1', 0x1234, true);
  assert.equal(hex(encodeEpmdRequest({ kind: 'register', registration })), '000f78123448000006000500026e310000');
  assert.deepEqual(parseEpmdRequest(bytes('78123448000006000500026e310000')), { kind: 'register', registration });
});

test('a visible node registers with type 77', () => {
  const request = encodeEpmdRequest({ kind: 'register', registration: ourRegistration('n', 1, false) });
  assert.equal(request[5], 77);
});

test('requests for a port and for all names are encoded and parsed', () => {
  assert.equal(hex(encodeEpmdRequest({ kind: 'port', name: 'abc' })), '00047a616263');
  assert.equal(hex(encodeEpmdRequest({ kind: 'names' })), '00016e');
  assert.deepEqual(parseEpmdRequest(bytes('7a616263')), { kind: 'port', name: 'abc' });
  assert.deepEqual(parseEpmdRequest(bytes('6e')), { kind: 'names' });
});

test('a request with lengths beyond its end, without a name, or of an unknown kind is none', () => {
  const bad = ['', '7a', '63', '78123448000006000500ff6e310000', '78123448000006000500006e310000', '781234'];
  for (const text of bad) assert.equal(parseEpmdRequest(bytes(text)), null, text);
});

test('the answer to a registration has four bytes of creation from version 6 on, two before', () => {
  assert.equal(hex(encodeRegisterAnswer(6, 0x01020304)), '760001020304');
  assert.equal(hex(encodeRegisterAnswer(5, 0x01020304)), '79000304');
  assert.deepEqual(parseRegisterAnswer(bytes('760001020304')), { kind: 'registered', creation: 0x01020304 });
  assert.deepEqual(parseRegisterAnswer(bytes('79000304')), { kind: 'registered', creation: 0x0304 });
  assert.deepEqual(parseRegisterAnswer(encodeRegisterAnswer(6, null)), { kind: 'taken' });
  assert.deepEqual(parseRegisterAnswer(bytes('7600010203')), { kind: 'incomplete' });
  assert.deepEqual(parseRegisterAnswer(bytes('ff00')), { kind: 'bad' });
});

test('the answer to a port request gives the registration back, or says that there is none', () => {
  const registration = ourRegistration('n1', 4711, false);
  assert.deepEqual(parsePortAnswer(encodePortAnswer(registration)), registration);
  assert.equal(parsePortAnswer(encodePortAnswer(null)), null);
  assert.equal(parsePortAnswer(bytes('')), undefined);
  assert.equal(parsePortAnswer(encodePortAnswer(registration).subarray(0, 9)), undefined);
});

test('a list of names survives its text form', () => {
  const names = [
    { name: 'n1', port: 4711 },
    { name: 'other-node', port: 9 },
  ];
  assert.deepEqual(parseNamesAnswer(encodeNamesAnswer(4369, names)), names);
  assert.deepEqual(parseNamesAnswer(new Uint8Array(0)), []);
});
