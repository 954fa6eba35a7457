/**
 * The capabilities that nodes tell each other in the handshake. Both sides use what both have. Without the mandatory ones OTP
 * refuses a node (`not_allowed`), and so do we. MANDATORY_25_DIGEST stands for the eleven of them that OTP 25 asks for.
 */
import { BadArgumentError } from '../errors.ts';

export interface DistributionFlag {
  readonly name: string;
  readonly bit: bigint;
  readonly meaning: string;
  /** A node without it cannot be talked to. */
  readonly mandatory: boolean;
  /** We offer it. */
  readonly offered: boolean;
}

function flag(name: string, bit: bigint, use: 'mandatory' | 'offered' | 'known', meaning: string): DistributionFlag {
  return { name, bit, meaning, mandatory: use === 'mandatory', offered: use !== 'known' };
}

export const FLAGS: readonly DistributionFlag[] = [
  flag('PUBLISHED', 1n << 0n, 'known', 'a visible node'),
  flag('ATOM_CACHE', 1n << 1n, 'known', 'the first atom cache'),
  flag('EXTENDED_REFERENCES', 1n << 2n, 'mandatory', 'references of several words'),
  flag('DIST_MONITOR', 1n << 3n, 'offered', 'monitors between nodes'),
  flag('FUN_TAGS', 1n << 4n, 'mandatory', 'funs as terms of their own'),
  flag('DIST_MONITOR_NAME', 1n << 5n, 'offered', 'monitors of names'),
  flag('HIDDEN_ATOM_CACHE', 1n << 6n, 'known', 'the first atom cache, on hidden connections'),
  flag('NEW_FUN_TAGS', 1n << 7n, 'mandatory', 'funs with their identity'),
  flag('EXTENDED_PIDS_PORTS', 1n << 8n, 'mandatory', 'pids and ports of more than 15 bits'),
  flag('EXPORT_PTR_TAG', 1n << 9n, 'mandatory', 'fun M:F/A'),
  flag('BIT_BINARIES', 1n << 10n, 'mandatory', 'bitstrings'),
  flag('NEW_FLOATS', 1n << 11n, 'mandatory', 'floats as 8 bytes'),
  flag('UNICODE_IO', 1n << 12n, 'offered', 'Unicode in the I/O protocol'),
  flag('DIST_HDR_ATOM_CACHE', 1n << 13n, 'known', 'the atom cache in the header of each frame'),
  flag('SMALL_ATOM_TAGS', 1n << 14n, 'offered', 'atoms with one length byte'),
  flag('UTF8_ATOMS', 1n << 16n, 'mandatory', 'atoms in UTF-8'),
  flag('MAP_TAG', 1n << 17n, 'mandatory', 'maps'),
  flag('BIG_CREATION', 1n << 18n, 'mandatory', 'creations of 32 bits'),
  flag('SEND_SENDER', 1n << 19n, 'offered', 'messages that say who sent them'),
  flag('BIG_SEQTRACE_LABELS', 1n << 20n, 'offered', 'any term as a trace label'),
  flag('EXIT_PAYLOAD', 1n << 22n, 'offered', 'exit reasons behind the control message'),
  flag('FRAGMENTS', 1n << 23n, 'offered', 'large messages in parts'),
  flag('HANDSHAKE_23', 1n << 24n, 'mandatory', 'handshake version 6'),
  flag('UNLINK_ID', 1n << 25n, 'offered', 'unlinks that are acknowledged'),
  flag('MANDATORY_25_DIGEST', 1n << 26n, 'offered', 'all that is mandatory in OTP 25'),
  flag('SPAWN', 1n << 32n, 'offered', 'spawn requests'),
  flag('NAME_ME', 1n << 33n, 'known', 'a node that wants a name from its peer'),
  flag('V4_NC', 1n << 34n, 'offered', 'pids, ports and references of 64 bits and more'),
  flag('ALIAS', 1n << 35n, 'offered', 'process aliases'),
  flag('ALTACT_SIG', 1n << 37n, 'known', 'one control message for all variants of sending'),
];

/** The bit of a flag, by its name in the protocol. */
export function flagBit(name: string): bigint {
  const found = FLAGS.find((known) => known.name === name);
  if (found === undefined) throw new BadArgumentError(`there is no distribution flag ${name}`);
  return found.bit;
}

/** The node shows itself: both sides set it, or the connection is hidden. */
export const FLAG_PUBLISHED: bigint = flagBit('PUBLISHED');

const digest = flagBit('MANDATORY_25_DIGEST');
const offered = FLAGS.reduce((bits, each) => (each.offered ? bits | each.bit : bits), 0n);

/** What we offer. A hidden node does not publish itself. */
export function ourFlags(options: { readonly hidden: boolean }): bigint {
  return options.hidden ? offered : offered | FLAG_PUBLISHED;
}

/** Names of mandatory flags that a peer lacks; none when it offers the digest. */
export function missingMandatory(flags: bigint): string[] {
  if ((flags & digest) !== 0n) return [];
  return FLAGS.filter((each) => each.mandatory && (flags & each.bit) === 0n).map((each) => each.name);
}
