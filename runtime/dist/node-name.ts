/**
 * Node names: `name@host`, printable ASCII, exactly one `@`, both parts there, at most 255 bytes. OTP takes Latin-1,
 * but answers `nok` to what is not ASCII, so nothing else is a name here.
 */
import { BadArgumentError } from '../errors.ts';

export interface NodeNameParts {
  /** What EPMD knows the node by. */
  readonly short: string;
  readonly host: string;
}

const NAME = /^([!-?A-~]+)@([!-?A-~]+)$/;

/** The two parts, or null when it is not a node name. */
export function parseNodeName(name: string): NodeNameParts | null {
  const parts = name.length <= 255 ? NAME.exec(name) : null;
  return parts === null ? null : { short: parts[1] as string, host: parts[2] as string };
}

/** @throws `badarg` when it is not a node name. */
export function assertNodeName(name: string): NodeNameParts {
  const parts = parseNodeName(name);
  if (parts !== null) return parts;
  throw new BadArgumentError(`'${name}' is not a node name: it must be name@host in ASCII, such as n1@127.0.0.1`);
}
