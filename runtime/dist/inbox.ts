/**
 * Frames of one established connection to signals: headers, reassembly of parts, control messages, and the rule that a
 * peer may link, unlink and monitor only for its own processes. Pure; everything wrong is a `WireError`, and
 * the connection it came from is to be closed.
 */
import { TermReader } from '../codec/decode.ts';
import { readControl } from '../codec/control.ts';
import type { PendingSignal } from '../codec/control.ts';
import { WireError } from '../errors.ts';
import { Pid } from '../term/pid.ts';
import type { Atom } from '../term/atom.ts';

const VERSION = 131;
const PASS_THROUGH = 112;
const HEADER_NORMAL = 68;
const HEADER_FIRST_PART = 69;
const HEADER_NEXT_PART = 70;
/** Large messages under way at a time from one peer. */
const STREAMS_MAX = 4_096;

export interface InboxOptions {
  readonly node: Atom;
  /** FRAGMENTS was agreed: frames have a header, and parts may come. */
  readonly fragments: boolean;
  /** All parts under way together may have that many bytes. */
  readonly bytesMax: number;
}

export type OnPending = (pending: PendingSignal, payload: Uint8Array | null) => void;
