/** The clients of gen_server scenarios: each carries out one operation at a time and logs what arrives that answers none of its requests. */
import type { Scheduler } from '../../../runtime/process/scheduler.ts';
import type { Destination, MonitorTarget, Self } from '../../../runtime/process/self.ts';
import { atom, nameAtom, type Atom } from '../../../runtime/term/atom.ts';
import type { Pid } from '../../../runtime/term/pid.ts';
import { isRef } from '../../../runtime/term/ref.ts';
import { isTagged, tuple } from '../../../runtime/term/tuple.ts';
import {
  abcastFrom,
  callServer,
  castServer,
  checkResponse,
  GenServer,
  multiCallFrom,
  RequestCollection,
  startClass,
  type RequestId,
  type Response,
  type ServerRef,
} from '../../../supervisors/index.ts';
import { startTerm } from '../../../supervisors/start.ts';
import { receiveResponseIn, sendRequestFrom, waitResponseIn } from '../../../supervisors/request.ts';
import { createActor, resultOf, type Actor } from './actor.ts';
import { Shown, type Log, type Result } from './log.ts';
import type { ServerName } from '../../../supervisors/names.ts';
import { kitRegistry } from './global-names.ts';
import { KIT_MODULE } from './peers.ts';
import { STARTED, TableServer, type ServerArgs, type Table } from './server.ts';
import { placeOf } from './spread.ts';
import { termOf, type Json } from './terms.ts';

export type Step = Readonly<Record<string, Json>>;

const REQUEST_OPERATIONS: ReadonlySet<string> = new Set([
  'send_request',
  'reqids_size',
  'check_response',
  'receive_response',
  'wait_response',
]);
const OK = atom('ok');
const TIMEOUT = atom('timeout');
const NO_REQUEST = atom('no_request');

export class Client {
  readonly actor: Actor;
  readonly #log: Log;
  readonly #name: string;
  readonly #servers: Readonly<Record<string, Table>>;
  readonly #now: () => number;
  #starts = 0;
  readonly #requests = new Map<string, RequestId>();
  readonly #collections = new Map<string, RequestCollection>();

  constructor(
    scheduler: Scheduler,
    log: Log,
    name: string,
    trapExit: boolean,
    servers: Readonly<Record<string, Table>>,
    now: () => number,
  ) {
    this.#log = log;
    this.#name = name;
    this.#servers = servers;
    this.#now = now;
    const isExpected = (message: unknown): boolean =>
      [...this.#requests.values()].some((id) => checkResponse(message, id) !== undefined);
    this.actor = createActor(
      scheduler,
      trapExit,
      (message) => log.add('received', name, new Shown(message)),
      isExpected,
    );
    void log.watch(this.actor.pid, name, 'client_down', name);
  }

  /** Carries out a step; null for operations that have no result. */
  run(step: Step): Promise<Result | null> {
    return this.actor.run(async (self) => this.#carryOut(self, step));
  }

  runApart(step: Step): void {
    this.run(step).then(
      (result) => this.#log.add('result', this.#name, result),
      () => undefined,
    );
  }

  die(reason: unknown): void {
    this.actor.run((self) => self.exit(reason)).catch(() => undefined);
  }

  async #carryOut(self: Self, step: Step): Promise<Result | null> {
    let isVoid = false;
    const result = await resultOf(async () => {
      const value = await this.#operate(self, step);
      isVoid = value === null;
      return value;
    });
    return isVoid ? null : result;
  }

  async #operate(self: Self, step: Step): Promise<unknown> {
    switch (step['op']) {
      case 'start':
        return this.#start(self, step);
      case 'call':
        return callServer(self, this.#to(step), this.#term(step['msg']), timeoutOf(step));
      case 'cast':
        castServer(self, this.#to(step), this.#term(step['msg']));
        return OK;
      case 'stop':
        await GenServer.stop(this.#to(step), 'reason' in step ? this.#term(step['reason']) : atom('normal'), {
          self,
          timeoutMs: timeoutOf(step) ?? Infinity,
        });
        return OK;
      case 'multi_call':
        return this.#multiCall(self, step);
      case 'abcast':
        abcastFrom(self, this.#nodes(self, step), nameAtom(step['name'] as string), this.#term(step['msg']));
        return atom('abcast');
      default:
        return REQUEST_OPERATIONS.has(step['op'] as string) ? this.#request(self, step) : this.#primitive(self, step);
    }
  }

  async #start(self: Self, step: Step): Promise<unknown> {
    const id = step['server'] as string;
    const how = (step['how'] as string | undefined) ?? 'start_link';
    const name = nameOf(step['name'] as Step | undefined);
    const args = { log: this.#log.ref, id, table: this.#servers[id] ?? {} };
    if ('node' in step) return this.#startThere(self, this.#log.known.nodeOf(step['node'] as string), args, name);
    this.#starts += 1;
    const options = {
      ...placeOf(this.#log.ref, id, this.#starts),
      ...(name === undefined ? {} : { name }),
      ...('timeout' in step ? { timeoutMs: step['timeout'] as number } : {}),
    };
    const result = await startClass(self, TableServer, args, options, how === 'start_link');
    if (how !== 'start_monitor' || result.kind !== 'ok') return startTerm(result);
    return tuple(OK, tuple(result.pid, self.monitor(result.pid)));
  }

  async #startThere(self: Self, node: Atom, args: ServerArgs, name: ServerName | undefined): Promise<unknown> {
    const ref = self.makeRef();
    const isAnswer = (message: unknown): message is readonly unknown[] =>
      isTagged(message, STARTED, 3) && isRef(message[1]) && message[1].equals(ref);
    await self.spawn(KIT_MODULE, 'startServer', [self.pid, ref, args, name], { node });
    return (await self.receive(isAnswer))[2];
  }

  async #multiCall(self: Self, step: Step): Promise<unknown> {
    const nodes = this.#nodes(self, step);
    const name = nameAtom(step['name'] as string);
    const request = this.#term(step['msg']);
    const timeoutMs = timeoutOf(step) ?? Infinity;
    const { replies, bad } = await multiCallFrom(self, nodes, name, request, timeoutMs, this.#now);
    return tuple(
      replies.map(([node, reply]) => tuple(node, reply)),
      bad,
    );
  }

  #nodes(self: Self, step: Step): Atom[] {
    const nodes = step['nodes'] as string[] | undefined;
    if (nodes === undefined) return [self.nodeName];
    return nodes.map((node) => this.#log.known.nodeOf(node));
  }

  /** Requests that are answered later. */
  async #request(self: Self, step: Step): Promise<unknown> {
    const op = step['op'] as string;
    const collection = step['collection'] as string | undefined;
    if (op === 'send_request') return this.#sendRequest(self, step);
    if (op === 'reqids_size') return this.#collection(collection).size;
    if (op === 'check_response') return this.#check(self, step);
    const timeoutMs = timeoutOf(step) ?? Infinity;
    if (collection !== undefined) return this.#next(self, collection, op, timeoutMs, step['delete'] !== false);
    const id = this.#requests.get(step['req'] as string);
    if (id === undefined) throw new TypeError(`no request ${JSON.stringify(step['req'])}`);
    const receive = op === 'receive_response' ? receiveResponseIn : waitResponseIn;
    const response = await receive(self, id, timeoutMs);
    if (op === 'receive_response' || response !== undefined) this.#requests.delete(step['req'] as string);
    return response === undefined ? TIMEOUT : responseTerm(response);
  }

  #sendRequest(self: Self, step: Step): null {
    const id = sendRequestFrom(self, this.#to(step), this.#term(step['msg']));
    this.#requests.set(step['req'] as string, id);
    const name = step['collection'] as string | undefined;
    if (name !== undefined) {
      const collection = this.#collection(name);
      this.#collections.set(name, collection);
      collection.add(id, this.#term(step['label']));
    }
    return null;
  }

  #collection(name: string | undefined): RequestCollection {
    return this.#collections.get(name ?? '') ?? new RequestCollection();
  }

  async #next(self: Self, name: string, op: string, timeoutMs: number, isDelete: boolean): Promise<unknown> {
    const collection = this.#collection(name);
    if (collection.size === 0) return NO_REQUEST;
    const giveUp = op === 'receive_response';
    const ids = new Set(collection.ids());
    const found = await collection.next(self, timeoutMs, { keep: !isDelete, giveUp });
    if (found !== undefined) return tuple(responseTerm(found.response), found.label, collection.size);
    if (giveUp) for (const [req, id] of this.#requests) if (ids.has(id)) this.#requests.delete(req);
    return TIMEOUT;
  }

  async #check(self: Self, step: Step): Promise<unknown> {
    const req = step['req'] as string;
    const id = this.#requests.get(req);
    if (id === undefined) throw new TypeError(`no request ${req}`);
    let message = this.#term(step['msg']);
    if (!('msg' in step)) {
      const nothing = Symbol('nothing');
      message = await self.receive({ timeoutMs: timeoutOf(step) ?? 1000, otherwise: nothing });
      this.#requests.delete(req);
      if (message === nothing) return atom('nothing_arrived');
    }
    const response = checkResponse(message, id);
    return response === undefined ? atom('no_reply') : responseTerm(response);
  }

  #primitive(self: Self, step: Step): unknown {
    const pid = (): Pid => this.#to(step) as Pid;
    switch (step['op']) {
      case 'send':
        self.send(this.#to(step) as Destination, this.#term(step['msg']));
        return null;
      case 'exit':
        self.exit(pid(), this.#term(step['reason']));
        return null;
      case 'monitor':
        self.monitor(this.#to(step) as MonitorTarget);
        return null;
      case 'link':
        self.link(pid());
        return true;
      case 'unlink':
        self.unlink(pid());
        return true;
      case 'trap_exit':
        self.trapExit(step['value'] as boolean);
        return null;
      case 'register':
        self.register(step['name'] as string);
        return true;
      case 'unregister':
        self.unregister(step['name'] as string);
        return true;
      case 'whereis':
        return self.whereis(step['name'] as string);
      default:
        throw new TypeError(`unknown operation ${JSON.stringify(step['op'])}`);
    }
  }

  #to(step: Step): ServerRef {
    return this.#log.known.destinationOf(step['to'] ?? null);
  }

  #term(json: Json | undefined): unknown {
    return termOf(json, this.#log);
  }
}

function nameOf(name: Step | undefined): ServerName | undefined {
  if (name === undefined) return undefined;
  if ('local' in name) return name['local'] as string;
  if ('global' in name) return { global: nameAtom(name['global'] as string) };
  return { via: kitRegistry, name: nameAtom(name['via'] as string) };
}

function timeoutOf(step: Step): number | undefined {
  const timeout = step['timeout'];
  return timeout === 'infinity' ? Infinity : (timeout as number | undefined);
}

function responseTerm(response: Response): unknown {
  if (response.kind === 'reply') return tuple(atom('reply'), response.reply);
  return tuple(atom('error'), tuple(response.reason, response.server));
}
