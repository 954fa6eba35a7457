/**
 * The messages of handshake version 6 (distribution protocol guide, "Distribution Handshake"). Pure; without the two
 * bytes of length in front. Every parser gives null for what is not exactly such a message.
 *
 * ```
 * A -> B  'N' Flags:64 Creation:32 NameLength:16 Name Hello
 * B -> A  's' Status
 * A -> B  's' "true" | "false"                              only after the status "alive"
 * B -> A  'N' Flags:64 Challenge:32 Creation:32 NameLength:16 Name Hello
 * A -> B  'r' Challenge:32 Digest:16
 * B -> A  'a' Digest:16
 * ```
 *
 * What follows Name is not read by OTP; our own nodes tell each other there what they are.
 */
import { ByteFields, joinBytes } from './byte-fields.ts';
import { parseNodeName } from './node-name.ts';

export type HandshakeStatus = 'ok' | 'ok_simultaneous' | 'nok' | 'not_allowed' | 'alive';

const TAG_NAME = 0x4e;
const TAG_STATUS = 0x73;
const TAG_REPLY = 0x72;
const TAG_ACK = 0x61;
const DIGEST_BYTES = 16;

/** Who a node says it is. */
export interface NodeClaim {
  readonly name: string;
  readonly creation: number;
  readonly flags: bigint;
  /** Bytes behind the name; empty from an OTP node. */
  readonly hello: Uint8Array;
}

export interface NodeChallenge extends NodeClaim {
  readonly challenge: number;
}

export function encodeName(claim: NodeClaim): Uint8Array {
  const { name, creation, flags, hello } = claim;
  return joinBytes([TAG_NAME, 1], [flags, 8], [creation, 4], [name.length, 2], name, hello);
}

/** `validName` false: the fields are there but the name is none (a node may send only its host to get a name from us). */
export function parseName(body: Uint8Array): (NodeClaim & { readonly validName: boolean }) | null {
  const fields = new ByteFields(body);
  const tag = fields.u8();
  const flags = fields.u64();
  const creation = fields.u32();
  return readTail(fields, tag === TAG_NAME, { flags, creation });
}

export function encodeChallenge(challenge: NodeChallenge): Uint8Array {
  const { name, creation, flags, hello } = challenge;
  return joinBytes([TAG_NAME, 1], [flags, 8], [challenge.challenge, 4], [creation, 4], [name.length, 2], name, hello);
}

export function parseChallenge(body: Uint8Array): (NodeChallenge & { readonly validName: boolean }) | null {
  const fields = new ByteFields(body);
  const tag = fields.u8();
  const flags = fields.u64();
  const challenge = fields.u32();
  const creation = fields.u32();
  const claim = readTail(fields, tag === TAG_NAME, { flags, creation });
  return claim === null ? null : { ...claim, challenge };
}

export function encodeStatus(status: HandshakeStatus | 'true' | 'false'): Uint8Array {
  return joinBytes([TAG_STATUS, 1], status);
}

/** The text of a status, whatever it is. */
export function parseStatus(body: Uint8Array): string | null {
  const fields = new ByteFields(body);
  return fields.u8() === TAG_STATUS ? fields.text(fields.left) : null;
}

export function encodeReply(challenge: number, digest: Uint8Array): Uint8Array {
  return joinBytes([TAG_REPLY, 1], [challenge, 4], digest);
}

export function parseReply(body: Uint8Array): { readonly challenge: number; readonly digest: Uint8Array } | null {
  const fields = new ByteFields(body);
  const tag = fields.u8();
  const challenge = fields.u32();
  const digest = fields.bytes(DIGEST_BYTES);
  return fields.ok && fields.left === 0 && tag === TAG_REPLY ? { challenge, digest } : null;
}

export function encodeAck(digest: Uint8Array): Uint8Array {
  return joinBytes([TAG_ACK, 1], digest);
}

export function parseAck(body: Uint8Array): Uint8Array | null {
  const fields = new ByteFields(body);
  const tag = fields.u8();
  const digest = fields.bytes(DIGEST_BYTES);
  return fields.ok && fields.left === 0 && tag === TAG_ACK ? digest : null;
}

/** Compares without telling by its duration how much was right. */
export function sameDigest(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) difference |= (a[i] as number) ^ (b[i] ?? 0);
  return difference === 0;
}

function readTail(
  fields: ByteFields,
  tagIsRight: boolean,
  head: { readonly flags: bigint; readonly creation: number },
): (NodeClaim & { readonly validName: boolean }) | null {
  const name = fields.text(fields.u16());
  // Copied: the bytes belong to a buffer that is reused or large.
  const hello = fields.rest().slice();
  if (!fields.ok || !tagIsRight) return null;
  return { ...head, name, hello, validName: parseNodeName(name) !== null };
}
