/**
 * The cookie's proof in a handshake: MD5 of the cookie followed by the challenge in decimal. It keeps clusters that meet
 * by accident apart; against somebody on the wire only TLS helps.
 */
import { createHash } from 'node:crypto';

/** 16 bytes. The cookie is taken as UTF-8, which for the ASCII cookies of OTP is the same. */
export function challengeDigest(cookie: string, challenge: number): Uint8Array {
  return new Uint8Array(createHash('md5').update(`${cookie}${challenge}`, 'utf8').digest());
}
