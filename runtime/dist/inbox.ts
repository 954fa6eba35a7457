/**
 * Frames of one established connection to signals: headers, reassembly of parts, control messages, and the rule that a
 * peer may link, unlink and monitor only for its own processes. Pure; everything wrong is a `WireError`, and
 * the connection it came from is to be closed.
 */
import type { AtomBudget } from '../codec/atom-budget.ts';
import { FRAGMENT_FIRST, FRAGMENT_NEXT, FragmentAssembler } from '../codec/fragments.ts';
import { readControl } from '../codec/control.ts';
import type { PendingSignal } from '../codec/control.ts';
import { TermReader } from '../codec/term-reader.ts';
import type { DecodeOptions } from '../codec/term-reader.ts';
import { SendCache } from './send-cache.ts';
import { WireError } from '../errors.ts';
import type { Atom } from '../term/atom.ts';
import { Pid } from '../term/pid.ts';
import type { Signal } from '../term/signal.ts';

const VERSION = 131;
const PASS_THROUGH = 112;
const HEADER_NORMAL = 68;

export interface InboxOptions {
  readonly node: Atom;
  /** FRAGMENTS was agreed: frames have a header, and parts may come. */
  readonly fragments: boolean;
  /** All parts under way together may have that many bytes. */
  readonly bytesMax: number;
  readonly atoms: AtomBudget;
}

export type OnPending = (pending: PendingSignal, payload: Uint8Array | null) => void;

export class Inbox {
  readonly #options: InboxOptions;
  readonly #onPending: OnPending;
  readonly #decode: DecodeOptions;
  readonly #assembler: FragmentAssembler;
  readonly #sends = new SendCache();

  constructor(options: InboxOptions, onPending: OnPending) {
    this.#options = options;
    this.#onPending = onPending;
    this.#decode = { atoms: options.atoms };
    this.#assembler = new FragmentAssembler({ bytesMax: options.bytesMax });
  }

  /** One frame that is not empty. @throws `bad_frame` */
  take(frame: Uint8Array): void {
    if (!this.#options.fragments) {
      if (frame[0] !== PASS_THROUGH || frame[1] !== VERSION) throw new WireError('a frame of a kind not agreed', 0);
      return this.#dispatch(frame, 2, true);
    }
    if (frame[0] !== VERSION) throw new WireError('a frame of a kind not agreed', 0);
    switch (frame[1]) {
      case HEADER_NORMAL:
        if (frame[2] !== 0) throw new WireError('a frame with references to cached atoms, which were not agreed', 2);
        return this.#dispatch(frame, 3, false);
      case FRAGMENT_FIRST:
      case FRAGMENT_NEXT: {
        const whole = this.#assembler.add(frame);
        return whole === null ? undefined : this.#dispatch(whole, 0, false);
      }
      default:
        throw new WireError('a frame with an unknown header', 1);
    }
  }

  #dispatch(bytes: Uint8Array, start: number, versioned: boolean): void {
    const kept = this.#sends.find(bytes, start);
    if (kept !== null) return this.#deliver(kept, bytes, this.#sends.end, versioned);
    const reader = new TermReader(bytes, start, bytes.length, this.#decode);
    const pending = readControl(reader);
    const { signal } = pending;
    if (isOfSenderOnly(signal.kind) && 'from' in signal && !isFrom(signal.from, this.#options.node)) {
      throw new WireError(`a ${signal.kind} for a process that is not of ${this.#options.node.name}`, start);
    }
    if (signal.kind === 'send') this.#sends.keep(bytes, start, pending);
    this.#deliver(pending, bytes, reader.position, versioned);
  }

  /** `controlEnd`: where the payload begins, if there is one. */
  #deliver(pending: PendingSignal, bytes: Uint8Array, controlEnd: number, versioned: boolean): void {
    if (pending.payload === null) return this.#onPending(pending, null);
    const at = versioned ? controlEnd + 1 : controlEnd;
    if (at >= bytes.length) throw new WireError('the payload is missing', at);
    if (versioned && bytes[at - 1] !== VERSION) throw new WireError('a payload without its version', at - 1);
    this.#onPending(pending, bytes.subarray(at));
  }
}

/** Signals that a node may send for its own processes only. */
function isOfSenderOnly(kind: Signal['kind']): boolean {
  return kind === 'link' || kind === 'unlink' || kind === 'unlinkAck' || kind === 'monitor' || kind === 'demonitor' || kind === 'spawnRequest';
}

function isFrom(sender: unknown, node: Atom): boolean {
  return sender instanceof Pid && sender.node === node;
}
