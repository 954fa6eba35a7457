/**
 * The process of a scope. Scopes of one name find each other by `{discover, Scope}` and answer with `{sync, Scope, Groups}`; after that each tells the
 * others `{join, Scope, Group, Pids}` and `{leave, Scope, Pids, Groups}`, and monitors them: with a scope or its node go its members.
 */
import type { Process } from '../runtime/process/process.ts';
import { isDown, type Down } from '../runtime/process/message.ts';
import { nameAtom, type Atom } from '../runtime/term/atom.ts';
import { equalTerms } from '../runtime/term/equal.ts';
import { Exit } from '../runtime/term/exit-reason.ts';
import { isPid, samePid, type Pid } from '../runtime/term/pid.ts';
import { isRef, type Ref } from '../runtime/term/ref.ts';
import { isTagged, tuple, tuple2, tuple3 } from '../runtime/term/tuple.ts';
import { GEN_CAST, OK } from './atoms.ts';
import { GenServer } from './gen-server.ts';
import { Next, type Call, type CallResult, type CastResult, type From, type InitResult } from './gen-server-types.ts';
import { Groups } from './pg-groups.ts';

const DISCOVER: Atom = nameAtom('discover');
const SYNC: Atom = nameAtom('sync');
const JOIN: Atom = nameAtom('join');
const LEAVE: Atom = nameAtom('leave');
const NODEUP: Atom = nameAtom('nodeup');
const NOT_JOINED: Atom = nameAtom('not_joined');
const NOLOCAL: Atom = nameAtom('nolocal');
const BADARG: Atom = nameAtom('badarg');
const AGAIN: Atom = nameAtom('$discover_again');

/** An Erlang scope that was started again does not find hidden nodes: we look for it, so often. */
const SEARCHES = 10;
const SEARCH_DELAY_MS = 500;

interface Peer {
  readonly pid: Pid;
  readonly monitor: Ref;
  groups: Groups;
}

interface Watcher {
  readonly ref: Ref;
  readonly pid: Pid;
  readonly monitor: Ref;
  /** Undefined: all groups. */
  readonly group: { readonly name: unknown } | undefined;
}

export class PgServer extends GenServer<object, Call<unknown, unknown>, unknown, unknown, string | Atom> {
  #scope: Atom = nameAtom('pg');
  readonly #all = new Groups();
  readonly #local = new Groups();
  readonly #monitors = new Map<string, { readonly pid: Pid; readonly ref: Ref }>();
  readonly #peers = new Map<string, Peer>();
  #watchers: Watcher[] = [];

  override init(scope: string | Atom): InitResult<object> {
    const { self } = this;
    this.#scope = typeof scope === 'string' ? nameAtom(scope) : scope;
    const { scheduler } = self as Process;
    const stop = scheduler.outside.onNodeUp((node) => scheduler.send(self.pid, self.pid, tuple2(NODEUP, node)));
    self.signal.addEventListener('abort', stop);
    for (const node of scheduler.outside.nodes()) this.#discover(node);
    return Next.ok({ scope: this.#scope });
  }

  #discover(node: Atom): void {
    this.self.send(tuple2(this.#scope, node), tuple2(DISCOVER, this.self.pid));
  }

  override handleCall(request: unknown, from: From, state: object): CallResult<object, unknown> {
    return Next.reply(this.#answer(request, from[0]), state);
  }

  #answer(request: unknown, caller: Pid): unknown {
    if (request === nameAtom('which_groups')) return this.#all.names();
    if (request === nameAtom('monitor')) return tuple2(this.#watch(caller, undefined), this.#all.terms());
    const [what, subject, pids] = request as readonly [unknown, unknown, unknown];
    switch (String(what)) {
      case 'join_local':
        return this.#join(subject, pids);
      case 'leave_local':
        return this.#leave(subject, listOf(pids));
      case 'get_members':
        return [...this.#all.members(subject)];
      case 'get_local_members':
        return [...this.#local.members(subject)];
      case 'monitor':
        return tuple2(this.#watch(caller, { name: subject }), [...this.#all.members(subject)]);
      case 'demonitor':
        return this.#unwatch(subject);
      default:
        return BADARG;
    }
  }

  override handleCast(message: unknown, state: object): CastResult<object> {
    if (isTagged(message, SYNC, 3) && isPid(message[1]) && Array.isArray(message[2]))
      this.#sync(message[1], message[2]);
    return Next.noreply(state);
  }

  override handleInfo(message: unknown, state: object): CastResult<object> {
    if (isDown()(message)) this.#onDown(message);
    else if (isTagged(message, DISCOVER) && isPid(message[1])) this.#onDiscover(message[1]);
    else if (isTagged(message, JOIN, 4) && isPid(message[1])) this.#onJoin(message[1], message[2], listOf(message[3]));
    else if (isTagged(message, LEAVE, 4) && isPid(message[1])) {
      this.#onLeave(message[1], listOf(message[2]), message[3] as readonly unknown[]);
    } else if (isTagged(message, NODEUP, 2)) this.#discover(message[1] as Atom);
    else if (isTagged(message, AGAIN, 3)) this.#searchAgain(message[1] as Atom, message[2] as number);
    return Next.noreply(state);
  }

  // Members of this node

  #join(group: unknown, given: unknown): unknown {
    const pids = listOf(given);
    if (pids.length === 0 || !pids.every(isPid)) return BADARG;
    if (pids.some((pid) => pid.node !== this.self.nodeName)) return NOLOCAL;
    this.#local.add(group, pids);
    for (const pid of pids) {
      if (!this.#monitors.has(pid.key)) this.#monitors.set(pid.key, { pid, ref: this.self.monitor(pid) });
    }
    this.#added(group, pids);
    this.#broadcast(tuple(JOIN, this.self.pid, group, given));
    return OK;
  }

  #leave(group: unknown, pids: readonly Pid[]): unknown {
    const left = this.#local.remove(group, pids);
    if (left.length === 0) return NOT_JOINED;
    for (const pid of left) {
      const held = this.#monitors.get(pid.key);
      if (held === undefined || this.#local.has(pid)) continue;
      this.self.demonitor(held.ref, { flush: true });
      this.#monitors.delete(pid.key);
    }
    this.#removed(group, left);
    this.#broadcast(tuple(LEAVE, this.self.pid, left, [group]));
    return OK;
  }

  #onLocalEnd(pid: Pid): void {
    this.#monitors.delete(pid.key);
    const groups = this.#local.removePid(pid);
    if (groups.length === 0) return;
    for (const group of groups) this.#removed(group, [pid]);
    this.#broadcast(tuple(LEAVE, this.self.pid, pid, groups));
  }

  #broadcast(message: unknown): void {
    for (const { pid } of this.#peers.values()) this.self.send(pid, message);
  }

  // Other scopes

  #onDiscover(pid: Pid): void {
    this.self.send(pid, tuple2(GEN_CAST, tuple3(SYNC, this.self.pid, this.#local.terms())));
    if (this.#peers.has(pid.key)) return;
    this.#addPeer(pid);
    this.self.send(pid, tuple2(DISCOVER, this.self.pid));
  }

  #addPeer(pid: Pid): Peer {
    const peer = { pid, monitor: this.self.monitor(pid), groups: new Groups() };
    this.#peers.set(pid.key, peer);
    return peer;
  }

  /** What the peer says now holds; only the differences are told. */
  #sync(pid: Pid, terms: readonly unknown[]): void {
    const peer = this.#peers.get(pid.key) ?? this.#addPeer(pid);
    const before = peer.groups;
    const now = new Groups();
    for (const term of terms) {
      const [group, pids] = term as readonly [unknown, readonly Pid[]];
      now.add(group, pids);
      this.#added(group, without(pids, before.members(group)));
    }
    for (const { group, pids } of before.entries()) this.#removed(group, without(pids, now.members(group)));
    peer.groups = now;
  }

  #onJoin(scope: Pid, group: unknown, pids: readonly Pid[]): void {
    const peer = this.#peers.get(scope.key);
    // From a scope that left meanwhile.
    if (peer === undefined) return;
    peer.groups.add(group, pids);
    this.#added(group, pids);
  }

  #onLeave(scope: Pid, pids: readonly Pid[], groups: readonly unknown[]): void {
    const peer = this.#peers.get(scope.key);
    if (peer === undefined) return;
    for (const group of groups) this.#removed(group, peer.groups.remove(group, pids));
  }

  #onDown({ ref, object, reason }: Down): void {
    if (!isPid(object)) return;
    const watcher = this.#watchers.find(({ monitor }) => monitor.equals(ref));
    if (watcher !== undefined) {
      this.#watchers = this.#watchers.filter((one) => one !== watcher);
      return;
    }
    if (this.#monitors.get(object.key)?.ref.equals(ref) === true) return this.#onLocalEnd(object);
    const peer = this.#peers.get(object.key);
    if (peer === undefined) return;
    this.#peers.delete(object.key);
    for (const { group, pids } of peer.groups.entries()) this.#removed(group, pids);
    if (reason !== Exit.noconnection) this.#searchLater(object.node, SEARCHES);
  }

  #searchLater(node: Atom, left: number): void {
    this.self.sendAfter(SEARCH_DELAY_MS, this.self.pid, tuple3(AGAIN, node, left));
  }

  #searchAgain(node: Atom, left: number): void {
    const known = [...this.#peers.values()].some(({ pid }) => pid.node === node);
    const connected = (this.self as Process).scheduler.outside.nodes().includes(node);
    if (known || !connected || left === 0) return;
    this.#discover(node);
    this.#searchLater(node, left - 1);
  }

  // Watchers

  #added(group: unknown, pids: readonly Pid[]): void {
    this.#all.add(group, pids);
    this.#tell(JOIN, group, pids);
  }

  #removed(group: unknown, pids: readonly Pid[]): void {
    this.#all.remove(group, pids);
    this.#tell(LEAVE, group, pids);
  }

  #tell(what: Atom, group: unknown, pids: readonly Pid[]): void {
    if (pids.length === 0) return;
    for (const { ref, pid, group: wanted } of this.#watchers) {
      if (wanted === undefined || equalTerms(wanted.name, group))
        this.self.send(pid, tuple(ref, what, group, [...pids]));
    }
  }

  #watch(pid: Pid, group: Watcher['group']): Ref {
    const ref = this.self.makeRef();
    this.#watchers.push({ ref, pid, monitor: this.self.monitor(pid), group });
    return ref;
  }

  #unwatch(ref: unknown): unknown {
    const watcher = this.#watchers.find((one) => isRef(ref) && one.ref.equals(ref));
    if (watcher === undefined) return false;
    this.self.demonitor(watcher.monitor, { flush: true });
    this.#watchers = this.#watchers.filter((one) => one !== watcher);
    return OK;
  }
}

function listOf(given: unknown): readonly Pid[] {
  return Array.isArray(given) ? (given as Pid[]) : [given as Pid];
}

/** The first list less the second, each taken away once. */
function without(pids: readonly Pid[], taken: readonly Pid[]): Pid[] {
  const rest = [...taken];
  return pids.filter((pid) => {
    const at = rest.findIndex((one) => samePid(one, pid));
    if (at >= 0) rest.splice(at, 1);
    return at < 0;
  });
}
