/** Terms of the messages about configurations and state transfer. Codes from 32 on. */
import { tuple } from '../../runtime/term/tuple.ts';
import {
  encodeBallot,
  encodeConfig,
  encodeEntry,
  encodeIncarnation,
  encodeMaybe,
  malformed,
  PROTOCOL_VERSION,
} from './wire-fields.ts';
import type { ClusterMessage, RegisterName } from './messages.ts';
import type { Fields, Term } from './wire-fields.ts';

const CODE = {
  config: 32,
  snapshotRequest: 33,
  snapshot: 34,
  hello: 35,
  helloAck: 36,
  systemPrepare: 37,
  systemAccept: 38,
  systemVote: 39,
} as const;

export function encodeClusterMessage(m: ClusterMessage): Term {
  return tuple(PROTOCOL_VERSION, CODE[m.kind], ...encodeFields(m));
}

function encodeFields(m: ClusterMessage): readonly unknown[] {
  switch (m.kind) {
    case 'config':
      return [encodeConfig(m.config), m.before.map(encodeConfig)];
    case 'snapshotRequest':
      return [encodeConfig(m.config), encodeIncarnation(m.asker), m.page];
    case 'snapshot':
      return [
        encodeIncarnation(m.from),
        m.e,
        encodeBallot(m.floor),
        m.clock,
        m.entries.map(encodeEntry),
        m.page,
        m.last,
      ];
    case 'hello':
      return [encodeIncarnation(m.from), m.bucket, m.cluster, m.founders, m.clusterSize];
    case 'helloAck':
      return [encodeIncarnation(m.from), m.bucket, encodeMaybe(m.config, encodeConfig), m.active, m.clock];
    case 'systemPrepare':
      return [m.e, m.register.bucket, m.register.e, encodeBallot(m.b), encodeMaybe(m.known, encodeConfig)];
    case 'systemAccept': {
      const known = encodeMaybe(m.known, encodeConfig);
      return [m.e, m.register.bucket, m.register.e, encodeBallot(m.b), known, encodeConfig(m.config)];
    }
    case 'systemVote': {
      const asked = [m.e, m.register.bucket, m.register.e, encodeBallot(m.b)];
      const vote = [encodeBallot(m.p), encodeBallot(m.ab), m.ae, m.chosen, encodeMaybe(m.config, encodeConfig)];
      return [...asked, ...vote, m.name, m.id, m.boot, m.active, encodeMaybe(m.newest, encodeConfig)];
    }
  }
}

export function decodeClusterMessage(code: number, f: Fields): ClusterMessage {
  switch (code) {
    case CODE.config:
      return { kind: 'config', config: f.config(), before: f.list((inner) => inner.config()) };
    case CODE.snapshotRequest:
      return { kind: 'snapshotRequest', config: f.config(), asker: f.incarnation(), page: f.count() };
    case CODE.snapshot:
      return {
        kind: 'snapshot',
        from: f.incarnation(),
        e: f.count(),
        floor: f.ballot(),
        clock: f.round(),
        entries: f.list((inner) => inner.entry()),
        page: f.count(),
        last: f.boolean(),
      };
    case CODE.hello:
      return {
        kind: 'hello',
        from: f.incarnation(),
        bucket: f.maybe(() => f.text()),
        cluster: f.maybe(() => f.text()),
        founders: f.list((inner) => inner.text()),
        clusterSize: f.count(),
      };
    case CODE.helloAck:
      return {
        kind: 'helloAck',
        from: f.incarnation(),
        bucket: f.maybe(() => f.text()),
        config: f.maybe(() => f.config()),
        active: f.boolean(),
        clock: f.round(),
      };
    case CODE.systemPrepare:
      return {
        kind: 'systemPrepare',
        e: f.count(),
        register: register(f),
        b: f.ballot(),
        known: f.maybe(() => f.config()),
      };
    case CODE.systemAccept: {
      const e = f.count();
      const asked = { register: register(f), b: f.ballot() };
      return { kind: 'systemAccept', e, ...asked, known: f.maybe(() => f.config()), config: f.config() };
    }
    case CODE.systemVote: {
      const asked = { e: f.count(), register: register(f), b: f.ballot() };
      const vote = {
        p: f.ballot(),
        ab: f.ballot(),
        ae: f.count(),
        chosen: f.boolean(),
        config: f.maybe(() => f.config()),
      };
      const voter = { name: f.text(), id: f.text(), boot: f.count(), active: f.boolean() };
      return { kind: 'systemVote', ...asked, ...vote, ...voter, newest: f.maybe(() => f.config()) };
    }
    default:
      throw malformed('a message', 'a known code', code);
  }
}

function register(f: Fields): RegisterName {
  return { bucket: f.maybe(() => f.text()), e: f.count() };
}
