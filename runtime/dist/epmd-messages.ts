/**
 * The messages of EPMD, the Erlang port mapper (distribution protocol guide, "EPMD Protocol"). Pure.
 *
 * A request is `<<Length:16, Request>>`; an answer has no length. A registration lasts as long as its socket; after
 * every other request the server closes.
 */
import { ByteFields, joinBytes, withLength16 } from './byte-fields.ts';

export const EPMD_PORT = 4369;
/** Longest name that we register or keep; longer requests are refused. */
export const EPMD_NAME_BYTES_MAX = 255;
/** Longest request that a server reads. */
export const EPMD_REQUEST_BYTES_MAX = 1024;

const ALIVE2_REQUEST = 120;
const ALIVE2_ANSWER = 121;
const ALIVE2_ANSWER_6 = 118;
const PORT_REQUEST = 122;
const PORT_ANSWER = 119;
const NAMES_REQUEST = 110;
const TYPE_VISIBLE = 77;
const TYPE_HIDDEN = 72;
const VERSION_HIGHEST = 6;
const VERSION_LOWEST = 5;

export interface EpmdRegistration {
  /** Without `@host`. */
  readonly name: string;
  readonly port: number;
  readonly hidden: boolean;
  readonly protocol: number;
  readonly versionHighest: number;
  readonly versionLowest: number;
  readonly extra: Uint8Array;
}

export type EpmdRequest =
  | { readonly kind: 'register'; readonly registration: EpmdRegistration }
  | { readonly kind: 'port'; readonly name: string }
  | { readonly kind: 'names' };

export interface EpmdName {
  readonly name: string;
  readonly port: number;
}

/** What this program registers a node with. */
export function ourRegistration(name: string, port: number, hidden: boolean): EpmdRegistration {
  return {
    name,
    port,
    hidden,
    protocol: 0,
    versionHighest: VERSION_HIGHEST,
    versionLowest: VERSION_LOWEST,
    extra: new Uint8Array(0),
  };
}

/** A request with its length in front. */
export function encodeEpmdRequest(request: EpmdRequest): Uint8Array {
  switch (request.kind) {
    case 'register':
      return withLength16(joinBytes([ALIVE2_REQUEST, 1], registrationFields(request.registration)));
    case 'port':
      return withLength16(joinBytes([PORT_REQUEST, 1], request.name));
    case 'names':
      return withLength16(joinBytes([NAMES_REQUEST, 1]));
  }
}

/** A request without its length; null when it is none that we know. */
export function parseEpmdRequest(body: Uint8Array): EpmdRequest | null {
  const fields = new ByteFields(body);
  switch (fields.u8()) {
    case ALIVE2_REQUEST: {
      const registration = readRegistration(fields);
      return registration === null ? null : { kind: 'register', registration };
    }
    case PORT_REQUEST:
      return fields.left === 0 ? null : { kind: 'port', name: fields.text(fields.left) };
    case NAMES_REQUEST:
      return { kind: 'names' };
    default:
      return null;
  }
}

/** `creation` null: the name is taken. The newer answer goes to those who speak version 6. */
export function encodeRegisterAnswer(versionHighest: number, creation: number | null): Uint8Array {
  const result = creation === null ? 1 : 0;
  if (versionHighest >= 6) return joinBytes([ALIVE2_ANSWER_6, 1], [result, 1], [creation ?? 0, 4]);
  return joinBytes([ALIVE2_ANSWER, 1], [result, 1], [(creation ?? 0) & 0xffff, 2]);
}

export type RegisterAnswer =
  | { readonly kind: 'registered'; readonly creation: number }
  | { readonly kind: 'taken' }
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'bad' };

/** `incomplete`: more bytes are needed. */
export function parseRegisterAnswer(bytes: Uint8Array): RegisterAnswer {
  const fields = new ByteFields(bytes);
  if (fields.left < 2) return { kind: 'incomplete' };
  const tag = fields.u8();
  const result = fields.u8();
  if (tag !== ALIVE2_ANSWER && tag !== ALIVE2_ANSWER_6) return { kind: 'bad' };
  if (result !== 0) return { kind: 'taken' };
  const creation = tag === ALIVE2_ANSWER_6 ? fields.u32() : fields.u16();
  return fields.ok ? { kind: 'registered', creation } : { kind: 'incomplete' };
}

/** Null: no node of that name. */
export function encodePortAnswer(registration: EpmdRegistration | null): Uint8Array {
  if (registration === null) return joinBytes([PORT_ANSWER, 1], [1, 1]);
  return joinBytes([PORT_ANSWER, 1], [0, 1], registrationFields(registration));
}

/** The whole answer (EPMD has closed): the registration, null for an unknown name, undefined when it makes no sense. */
export function parsePortAnswer(bytes: Uint8Array): EpmdRegistration | null | undefined {
  const fields = new ByteFields(bytes);
  const tag = fields.u8();
  const result = fields.u8();
  if (!fields.ok || tag !== PORT_ANSWER) return undefined;
  return result !== 0 ? null : (readRegistration(fields) ?? undefined);
}

export function encodeNamesAnswer(epmdPort: number, names: readonly EpmdName[]): Uint8Array {
  const lines = names.map(({ name, port }) => `name ${name} at port ${port}\n`);
  return joinBytes([epmdPort, 4], lines.join(''));
}

/** The whole answer (EPMD has closed). Lines that are none are left out. */
export function parseNamesAnswer(bytes: Uint8Array): readonly EpmdName[] {
  const fields = new ByteFields(bytes);
  fields.u32();
  return fields
    .text(fields.left)
    .split('\n')
    .map((line) => /^name (\S+) at port (\d+)$/.exec(line))
    .filter((match) => match !== null)
    .map((match) => ({ name: match[1] as string, port: Number(match[2]) }));
}

function registrationFields(registration: EpmdRegistration): Uint8Array {
  return joinBytes(
    [registration.port, 2],
    [registration.hidden ? TYPE_HIDDEN : TYPE_VISIBLE, 1],
    [registration.protocol, 1],
    [registration.versionHighest, 2],
    [registration.versionLowest, 2],
    [registration.name.length, 2],
    registration.name,
    [registration.extra.length, 2],
    registration.extra,
  );
}

function readRegistration(fields: ByteFields): EpmdRegistration | null {
  const port = fields.u16();
  const hidden = fields.u8() === TYPE_HIDDEN;
  const protocol = fields.u8();
  const versionHighest = fields.u16();
  const versionLowest = fields.u16();
  const name = fields.text(fields.u16());
  const extra = fields.bytes(fields.u16());
  if (!fields.ok || name.length === 0 || name.length > EPMD_NAME_BYTES_MAX) return null;
  return { name, port, hidden, protocol, versionHighest, versionLowest, extra };
}
