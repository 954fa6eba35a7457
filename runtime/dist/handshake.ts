/**
 * Both sides of the handshake as pure state machines: a message in, the next state and what is to be done out. Time,
 * sockets and random numbers are the caller's; any message out of order ends it.
 *
 * The dialler: `status` -> `challenge` -> `ack` -> `done`. The acceptor: `name` -> `verdict` (the caller decides, knowing
 * all connections) -> perhaps `stillAlive` -> `reply` -> `done`. Both prove the cookie, and both check the other's
 * proof before `proved`: only then may anything that exists be changed.
 *
 * After the acceptor took `reply`, and after the dialler took `ack`, the next byte belongs to a frame with a length of
 * four bytes; it may have come in the same segment.
 */
import { flagBit } from '../codec/flags.ts';
import {
  encodeAck,
  encodeChallenge,
  encodeName,
  encodeReply,
  encodeStatus,
  parseAck,
  parseChallenge,
  parseName,
  parseReply,
  parseStatus,
  sameDigest,
} from './handshake-messages.ts';
import type { HandshakeStatus, NodeClaim } from './handshake-messages.ts';

/** A node started without a name asks for one with this flag. We give none. */
const NAME_ME = flagBit('NAME_ME');

/** What this node is, and how it knows the cookie. */
export interface HandshakeLocal extends NodeClaim {
  /** The proof for a challenge, in a handshake with that node. */
  digestOf(challenge: number, peer: string): Uint8Array;
  /** Names of the flags that a peer must have and has not. */
  missingFlags(flags: bigint): readonly string[];
}

/** The other side, after it proved the cookie. `flags` are those that both have. */
export type HandshakePeer = NodeClaim;

/**
 * `closed` after the cookie's proof was sent means that the other side did not like it: that is what a wrong cookie looks
 * like to the dialler.
 */
export type HandshakeFailure =
  'bad_cookie' | 'bad_handshake' | 'bad_name' | 'not_allowed' | 'missing_flags' | 'refused_by_peer';

export type HandshakeEffect =
  | { readonly kind: 'send'; readonly body: Uint8Array }
  /** Acceptor only: somebody says to be `claim`; answer with `decideAcceptor`. */
  | { readonly kind: 'claimed'; readonly claim: NodeClaim }
  /** Dialler only: the other side dials us itself; wait for its connection instead. */
  | { readonly kind: 'yield' }
  | { readonly kind: 'proved'; readonly peer: HandshakePeer }
  /** Close, after what is to be sent: another connection between the two takes precedence. Nothing is wrong. */
  | { readonly kind: 'outdone' }
  /** Close, after what is to be sent. `message` says what was found. */
  | { readonly kind: 'failed'; readonly failure: HandshakeFailure; readonly message: string };

export type DiallerState =
  | { readonly phase: 'status' | 'challenge' }
  | { readonly phase: 'ack'; readonly peer: HandshakePeer }
  | { readonly phase: 'done' };

export type AcceptorState =
  | { readonly phase: 'name' | 'done' }
  | { readonly phase: 'verdict' | 'stillAlive' | 'reply'; readonly claim: NodeClaim };

export interface HandshakeStep<State> {
  readonly state: State;
  readonly effects: readonly HandshakeEffect[];
}

const DONE = { phase: 'done' } as const;

/** The dialler speaks first. */
export function startDialler(local: HandshakeLocal): HandshakeStep<DiallerState> {
  return { state: { phase: 'status' }, effects: [{ kind: 'send', body: encodeName(local) }] };
}

/**
 * One message for the dialler.
 *
 * @param dialled the name that was dialled; another one is refused.
 * @param challenge our challenge, unpredictable, the same in every step.
 */
export function stepDialler(
  state: DiallerState,
  body: Uint8Array,
  local: HandshakeLocal,
  dialled: string,
  challenge: number,
): HandshakeStep<DiallerState> {
  switch (state.phase) {
    case 'status':
      return takeStatus(body, dialled);
    case 'challenge':
      return takeChallenge(body, local, dialled, challenge);
    case 'ack': {
      const digest = parseAck(body);
      if (digest === null)
        return failed('bad_handshake', `${dialled} sent something else than its proof of the cookie`);
      if (!sameDigest(local.digestOf(challenge, dialled), digest)) {
        return failed('bad_cookie', `${dialled} does not know our cookie`);
      }
      return { state: DONE, effects: [{ kind: 'proved', peer: state.peer }] };
    }
    case 'done':
      return failed('bad_handshake', `${dialled} sent a handshake message after the handshake`);
  }
}

export function startAcceptor(): HandshakeStep<AcceptorState> {
  return { state: { phase: 'name' }, effects: [] };
}

/** One message for the acceptor. */
export function stepAcceptor(
  state: AcceptorState,
  body: Uint8Array,
  local: HandshakeLocal,
  challenge: number,
): HandshakeStep<AcceptorState> {
  switch (state.phase) {
    case 'name':
      return takeName(body, local);
    case 'stillAlive':
      if (parseStatus(body) === 'true') return sendChallenge(state.claim, local, challenge, []);
      return { state: DONE, effects: [{ kind: 'outdone' }] };
    case 'reply':
      return takeReply(body, state.claim, local, challenge);
    case 'verdict':
    case 'done':
      return failed('bad_handshake', 'a handshake message came out of turn');
  }
}

/** The caller's verdict about who asked, as told by `claimed`. */
export function decideAcceptor(
  state: AcceptorState,
  status: HandshakeStatus,
  local: HandshakeLocal,
  challenge: number,
): HandshakeStep<AcceptorState> {
  if (state.phase !== 'verdict') return failed('bad_handshake', 'a verdict came out of turn');
  const effects: readonly HandshakeEffect[] = [{ kind: 'send', body: encodeStatus(status) }];
  const { claim } = state;
  switch (status) {
    case 'ok':
    case 'ok_simultaneous':
      return sendChallenge(claim, local, challenge, effects);
    case 'alive':
      return { state: { phase: 'stillAlive', claim }, effects };
    case 'nok':
      return { state: DONE, effects: [...effects, { kind: 'outdone' }] };
    case 'not_allowed':
      return failed('not_allowed', `${claim.name} may not connect`, effects);
  }
}

function takeStatus(body: Uint8Array, dialled: string): HandshakeStep<DiallerState> {
  const status = parseStatus(body);
  switch (status) {
    case 'ok':
    case 'ok_simultaneous':
      return { state: { phase: 'challenge' }, effects: [] };
    case 'alive':
      // It has an old connection to us; we would not dial if ours still were.
      return { state: { phase: 'challenge' }, effects: [{ kind: 'send', body: encodeStatus('true') }] };
    case 'nok':
      return { state: DONE, effects: [{ kind: 'yield' }] };
    case 'not_allowed':
      return failed('refused_by_peer', `${dialled} does not allow this node to connect`);
    default:
      return failed('bad_handshake', `${dialled} answered with no status that we know`);
  }
}

function takeChallenge(
  body: Uint8Array,
  local: HandshakeLocal,
  dialled: string,
  challenge: number,
): HandshakeStep<DiallerState> {
  const claim = parseChallenge(body);
  if (claim === null) return failed('bad_handshake', `${dialled} sent something else than its challenge`);
  if (claim.name !== dialled) return failed('bad_name', `the node at the address of ${dialled} is ${claim.name}`);
  const missing = local.missingFlags(claim.flags);
  if (missing.length > 0) return failed('missing_flags', `${dialled} lacks ${missing.join(', ')}`);
  const peer = agreed(claim, local);
  const reply = encodeReply(challenge, local.digestOf(claim.challenge, dialled));
  return { state: { phase: 'ack', peer }, effects: [{ kind: 'send', body: reply }] };
}

function takeName(body: Uint8Array, local: HandshakeLocal): HandshakeStep<AcceptorState> {
  const claim = parseName(body);
  if (claim === null) return failed('bad_handshake', 'what came is no handshake of version 6');
  const refuse: readonly HandshakeEffect[] = [{ kind: 'send', body: encodeStatus('not_allowed') }];
  if ((claim.flags & NAME_ME) !== 0n) return failed('not_allowed', `a node on ${claim.name} asks for a name`, refuse);
  if (!claim.validName) return failed('bad_name', 'what calls itself no proper node name');
  const missing = local.missingFlags(claim.flags);
  if (missing.length > 0) return failed('missing_flags', `${claim.name} lacks ${missing.join(', ')}`, refuse);
  return { state: { phase: 'verdict', claim }, effects: [{ kind: 'claimed', claim }] };
}

function takeReply(
  body: Uint8Array,
  claim: NodeClaim,
  local: HandshakeLocal,
  challenge: number,
): HandshakeStep<AcceptorState> {
  const reply = parseReply(body);
  if (reply === null) return failed('bad_handshake', `${claim.name} sent something else than its proof of the cookie`);
  if (!sameDigest(local.digestOf(challenge, claim.name), reply.digest)) {
    return failed('bad_cookie', `${claim.name} does not know our cookie`);
  }
  const ack = encodeAck(local.digestOf(reply.challenge, claim.name));
  return {
    state: DONE,
    effects: [
      { kind: 'send', body: ack },
      { kind: 'proved', peer: agreed(claim, local) },
    ],
  };
}

function sendChallenge(
  claim: NodeClaim,
  local: HandshakeLocal,
  challenge: number,
  before: readonly HandshakeEffect[],
): HandshakeStep<AcceptorState> {
  const body = encodeChallenge({ ...local, challenge });
  return { state: { phase: 'reply', claim }, effects: [...before, { kind: 'send', body }] };
}

function agreed(claim: NodeClaim, local: HandshakeLocal): HandshakePeer {
  return { name: claim.name, creation: claim.creation, flags: claim.flags & local.flags, hello: claim.hello };
}

function failed(
  failure: HandshakeFailure,
  message: string,
  before: readonly HandshakeEffect[] = [],
): HandshakeStep<{ readonly phase: 'done' }> {
  return { state: DONE, effects: [...before, { kind: 'failed', failure, message }] };
}
