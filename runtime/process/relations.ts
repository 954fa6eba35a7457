/**
 * Links, monitors, aliases and node monitors of a thread's processes: what a process asks for, what signals from elsewhere bring, and what an end
 * or a lost connection sets off. The rules themselves are in `signals.ts`; semantics are those of OTP 25.
 *
 * Between processes of this thread both sides change at once. Towards others the signals of the distribution are used.
 */
import { BadArgumentError } from '../errors.ts';
import type { Atom } from '../term/atom.ts';
import { Exit } from '../term/exit-reason.ts';
import { Pid } from '../term/pid.ts';
import { Ref, sameRef } from '../term/ref.ts';
import { Aliases } from './aliases.ts';
import { assertDemonitorOptions } from './assert-options.ts';
import { LocalCalls } from './local-calls.ts';
import { addLink, addWatcher } from './link-maps.ts';
import { createDown, createExitMessage, DOWN, isDownOf } from './message.ts';
import { NodeWatchers } from './node-watchers.ts';
import type { HeldMonitor, Process } from './process.ts';
import { ELSEWHERE, GONE } from './place.ts';
import type { Scheduler } from './scheduler.ts';
import type { DemonitorOptions, MonitorOptions, MonitorTarget, RemoteName } from './self.ts';
import { effectOfExit, effectOfLinkExit, isUnlinkDone, stepLink, stepLinkIn, stepUnlink } from './signals.ts';
import { assertMonitorOptions, assertPid, createNoProcError, resolveTarget, toName } from './targets.ts';

const NO_OPTIONS: DemonitorOptions = {};

export class Relations {
  readonly #scheduler: Scheduler;
  readonly #aliases: Aliases;
  readonly #calls: LocalCalls;
  readonly #nodeWatchers = new NodeWatchers();
  /** Processes with a link or monitor to or from another thread or node, by that place; a superset. */
  readonly #tracked = new Map<number | Atom, Set<Process>>();
  #unlinkId = 0n;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
    this.#aliases = new Aliases(scheduler);
    this.#calls = new LocalCalls(scheduler);
  }

  // Links

  link(self: Process, pid: Pid): void {
    assertPid(pid, 'link');
    const scheduler = this.#scheduler;
    const other = scheduler.find(pid);
    if (other === self) return;
    if (other !== undefined) {
      addLink(self, scheduler.keyOf(pid), pid);
      addLink(other, self.count, self.pid);
      return;
    }
    const place = scheduler.locate(pid);
    if (place === scheduler.thread || place === GONE || (place !== ELSEWHERE && !scheduler.outside.isAlive(pid))) {
      if (!self.trapping) throw createNoProcError('link', pid);
      self.deliver(createExitMessage(pid, Exit.noproc));
      return;
    }
    const links = (self.links ??= new Map());
    const step = stepLink(links.get(pid.key), pid);
    links.set(pid.key, step.link);
    this.#track(self, pid);
    if (step.send) scheduler.route(pid, { kind: 'link', from: self.pid, to: pid });
  }

  unlink(self: Process, pid: Pid): void {
    assertPid(pid, 'unlink');
    const scheduler = this.#scheduler;
    const key = scheduler.keyOf(pid);
    if (typeof key === 'number') {
      self.links?.delete(key);
      scheduler.find(pid)?.links?.delete(self.count);
      return;
    }
    this.#unlinkId += 1n;
    if (!stepUnlink(self.links?.get(key), this.#unlinkId)) return;
    scheduler.route(pid, { kind: 'unlink', id: this.#unlinkId, from: self.pid, to: pid });
  }

  onLink(from: Pid, to: Pid): void {
    const scheduler = this.#scheduler;
    const self = scheduler.find(to);
    if (self === undefined) {
      scheduler.route(from, { kind: 'linkExit', from: to, to: from, reason: Exit.noproc });
      return;
    }
    const links = (self.links ??= new Map());
    const key = scheduler.keyOf(from);
    links.set(key, stepLinkIn(links.get(key), from));
    this.#track(self, from);
  }

  onUnlink(id: bigint | null, from: Pid, to: Pid): void {
    const scheduler = this.#scheduler;
    const self = scheduler.find(to);
    const key = scheduler.keyOf(from);
    if (self?.links?.get(key)?.active === true) self.links.delete(key);
    if (id !== null) scheduler.route(from, { kind: 'unlinkAck', id, from: to, to: from });
  }

  onUnlinkAck(id: bigint, from: Pid, to: Pid): void {
    const self = this.#scheduler.find(to);
    const key = this.#scheduler.keyOf(from);
    if (isUnlinkDone(self?.links?.get(key), id)) self?.links?.delete(key);
  }

  onLinkExit(from: Pid, to: Pid, reason: unknown): void {
    const self = this.#scheduler.find(to);
    if (self !== undefined) this.breakLink(self, this.#scheduler.keyOf(from), from, reason);
  }

  /** The other end of a link is gone: acts only while this side still holds it active. */
  breakLink(self: Process, key: number | string, from: Pid, reason: unknown): void {
    const link = self.links?.get(key);
    if (link === undefined) return;
    self.links?.delete(key);
    if (!link.active) return;
    const effect = effectOfLinkExit(reason, self.trapping);
    if (effect.kind === 'message') self.deliver(createExitMessage(from, reason));
    else if (effect.kind === 'terminate') this.#scheduler.terminate(self, effect.reason);
  }

  onExit(from: Pid, self: Process, reason: unknown): void {
    const effect = effectOfExit(reason, self.trapping, from === self.pid);
    if (effect.kind === 'message') self.deliver(createExitMessage(from, reason));
    else if (effect.kind === 'terminate') this.#scheduler.terminate(self, effect.reason);
  }

  // Monitors

  monitor(self: Process, target: MonitorTarget, options: MonitorOptions = {}): Ref {
    assertMonitorOptions(options);
    const scheduler = this.#scheduler;
    const asked = target instanceof Pid ? null : resolveTarget(scheduler, target);
    const ref = scheduler.makeRef();
    const pid = asked === null ? (target as Pid) : asked.pid;
    // A process that monitors itself gets a reference and nothing else, no alias either.
    if (pid !== null && scheduler.find(pid) === self) return ref;
    const object = asked === null ? (target as Pid) : asked.object;
    this.#watch(self, this.#hold(self, ref, pid, asked === null ? null : asked.node, object, options));
    return ref;
  }

  /** `monitor(target, { alias: 'replyDemonitor' })` for a call whose reply is waited for. @internal */
  monitorForCall(self: Process, target: Pid): Ref {
    const server = self.call === null ? this.#scheduler.find(target) : undefined;
    if (server === undefined || server === self) return this.monitor(self, target, { alias: 'replyDemonitor' });
    return this.#calls.begin(self, server);
  }

  /** A monitor that was asked for together with the spawn of its target: elsewhere the target has it already. */
  adoptMonitor(self: Process, ref: Ref, pid: Pid, options: MonitorOptions): void {
    this.#hold(self, ref, pid, null, pid, options);
    const other = this.#scheduler.find(pid);
    if (other === undefined) this.#track(self, pid);
    else addWatcher(other, this.#scheduler.countOf(ref), { ref, from: self.pid, name: null });
  }

  #hold(
    self: Process,
    ref: Ref,
    target: Pid | null,
    node: Atom | null,
    object: Pid | RemoteName,
    options: MonitorOptions,
  ): HeldMonitor {
    const held: HeldMonitor = {
      ref,
      target,
      node,
      object,
      tag: options.tag,
      hasTag: 'tag' in options,
      alias: options.alias ?? null,
    };
    if (options.alias !== undefined) this.#aliases.add(self, ref, options.alias);
    (self.monitors ??= new Map()).set(this.#scheduler.countOf(ref), held);
    return held;
  }

  #watch(self: Process, held: HeldMonitor): void {
    const scheduler = this.#scheduler;
    const { ref, target, node, object } = held;
    if (target === null) {
      if (node === null) this.onDown(ref, self.pid, Exit.noproc);
      else {
        this.#trackPlace(self, node);
        const name = (object as RemoteName)[0];
        scheduler.routeToNode(node, { kind: 'monitor', from: self.pid, to: name, ref });
      }
      return;
    }
    const other = scheduler.find(target);
    if (other !== undefined) {
      addWatcher(other, scheduler.countOf(ref), { ref, from: self.pid, name: null });
      return;
    }
    const place = scheduler.locate(target);
    if (place === GONE || place === scheduler.thread) this.onDown(ref, self.pid, Exit.noproc);
    else {
      this.#track(self, target);
      scheduler.route(target, { kind: 'monitor', from: self.pid, to: target, ref });
    }
  }

  demonitor(self: Process, ref: Ref, options: DemonitorOptions = NO_OPTIONS): boolean {
    if (options !== NO_OPTIONS) assertDemonitorOptions(options);
    const scheduler = this.#scheduler;
    if (!(ref instanceof Ref)) throw new BadArgumentError('demonitor: takes the reference that monitor returned');
    if (!scheduler.isOwnNode(ref.node, ref.creation)) {
      throw new BadArgumentError(`demonitor: ${ref.toString()} is a reference of another node`);
    }
    const held = self.monitors?.get(this.#scheduler.countOf(ref));
    const isHeld = held !== undefined && sameRef(held.ref, ref);
    const found = isHeld || this.#endCall(self, ref);
    if (isHeld) {
      self.monitors?.delete(this.#scheduler.countOf(ref));
      if (held.alias !== null && held.alias !== 'explicitUnalias')
        this.#aliases.drop(self, this.#scheduler.countOf(ref));
      this.#unwatch(self, held);
    }
    if (options.flush === true && !found) self.discardFirst(isDownOf(ref));
    return options.info === true ? found : true;
  }

  #endCall(self: Process, ref: Ref): boolean {
    return self.call !== null && self.call.ref.equals(ref) && this.#calls.end(ref) !== null;
  }

  #unwatch(self: Process, held: HeldMonitor): void {
    const scheduler = this.#scheduler;
    const { ref, target, node } = held;
    if (target === null) {
      if (node === null) return;
      const name = (held.object as RemoteName)[0];
      scheduler.routeToNode(node, { kind: 'demonitor', from: self.pid, to: name, ref });
      return;
    }
    const other = scheduler.find(target);
    if (other !== undefined) other.watchers?.delete(this.#scheduler.countOf(ref));
    else if (scheduler.locate(target) !== scheduler.thread) {
      scheduler.route(target, { kind: 'demonitor', from: self.pid, to: target, ref });
    }
  }

  onMonitor(from: Pid, to: Pid | Atom, ref: Ref): void {
    const scheduler = this.#scheduler;
    const pid = to instanceof Pid ? to : scheduler.whereis(to);
    const self = pid === undefined ? undefined : scheduler.find(pid);
    if (self === undefined) {
      scheduler.route(from, { kind: 'down', from: to, to: from, ref, reason: Exit.noproc });
      return;
    }
    addWatcher(self, scheduler.refKey(ref), { ref, from, name: to instanceof Pid ? null : to });
    this.#track(self, from);
  }

  onDemonitor(to: Pid | Atom, ref: Ref): void {
    const scheduler = this.#scheduler;
    const key = scheduler.refKey(ref);
    const pid = to instanceof Pid ? to : scheduler.whereis(to);
    const self = pid === undefined ? undefined : scheduler.find(pid);
    if (self?.watchers?.delete(key) === true || to instanceof Pid) return;
    // The name may have moved since: the monitor follows the process, not the name.
    for (const process of this.#tracked.get(ref.node) ?? []) process.watchers?.delete(key);
  }

  onDown(ref: Ref, to: Pid, reason: unknown): void {
    const self = this.#scheduler.find(to);
    const held = self?.monitors?.get(this.#scheduler.countOf(ref));
    if (self === undefined || held === undefined || !sameRef(held.ref, ref)) return;
    self.monitors?.delete(this.#scheduler.countOf(ref));
    if (held.alias !== null && held.alias !== 'explicitUnalias') this.#aliases.drop(self, this.#scheduler.countOf(ref));
    self.deliver(createDown(ref, held.object, reason, held.hasTag ? held.tag : DOWN));
  }

  // Aliases

  alias(self: Process, mode: 'explicitUnalias' | 'reply'): Ref {
    return this.#aliases.alias(self, mode);
  }

  unalias(self: Process, ref: Ref): boolean {
    return this.#aliases.unalias(self, ref);
  }

  /** A message to an alias of this thread; dropped when it is none any more. */
  sendAlias(ref: Ref, message: unknown): void {
    const caller = this.#calls.end(ref);
    if (caller !== null) {
      caller.deliver(message);
      return;
    }
    const found = this.#aliases.find(ref);
    if (found === undefined) return;
    const { process, mode } = found;
    if (mode === 'reply') this.#aliases.drop(process, this.#scheduler.countOf(ref));
    else if (mode === 'replyDemonitor') this.demonitor(process, found.ref);
    process.deliver(message);
  }

  // Nodes

  monitorNode(self: Process, node: Atom | string, flag: boolean): void {
    if (typeof flag !== 'boolean') throw new BadArgumentError('monitorNode: the flag must be true or false');
    const name = toName(node, 'monitorNode');
    if (name === this.#scheduler.nodeName) return;
    this.#nodeWatchers.change(self, name, flag ? 1 : -1);
    if (flag) {
      this.#trackPlace(self, name);
      this.#scheduler.outside.watchNode(name);
    }
  }

  /** The connection to a node ended, or could not be made: every link and monitor across it fires `noconnection`. */
  onNodeLost(node: Atom): void {
    this.#onLost(node, Exit.noconnection);
    this.#nodeWatchers.tell(node);
  }

  /** A thread of this node ended: its processes did, with that reason. */
  onThreadLost(thread: number, reason: unknown): void {
    this.#onLost(thread, reason);
  }

  #onLost(place: number | Atom, reason: unknown): void {
    const tracked = this.#tracked.get(place);
    if (tracked === undefined) return;
    this.#tracked.delete(place);
    for (const process of tracked) if (process.alive) this.#cut(process, place, reason);
  }

  #cut(self: Process, place: number | Atom, reason: unknown): void {
    for (const [key, watcher] of self.watchers ?? []) {
      if (this.#isAt(watcher.from, place)) self.watchers?.delete(key);
    }
    for (const held of [...(self.monitors?.values() ?? [])]) {
      const there = held.target === null ? held.node === place : this.#isAt(held.target, place);
      if (there) this.onDown(held.ref, self.pid, reason);
    }
    for (const [key, link] of [...(self.links ?? [])]) {
      if (this.#isAt(link.pid, place)) this.breakLink(self, key, link.pid, reason);
    }
  }

  #isAt(pid: Pid, place: number | Atom): boolean {
    const where = this.#scheduler.locate(pid);
    return typeof place === 'number' ? where === place : where === ELSEWHERE && pid.node === place;
  }

  #track(self: Process, pid: Pid): void {
    const place = this.#scheduler.locate(pid);
    if (place === ELSEWHERE) this.#trackPlace(self, pid.node);
    else if (place !== this.#scheduler.thread) this.#trackPlace(self, place);
  }

  #trackPlace(self: Process, place: number | Atom): void {
    let tracked = this.#tracked.get(place);
    if (tracked === undefined) {
      tracked = new Set();
      this.#tracked.set(place, tracked);
    }
    tracked.add(self);
    self.tracked = true;
  }

  // The end of a process

  /** Tells everybody who is linked to or monitors a process that it ended, and forgets what it held. */
  onEnd(self: Process, reason: unknown): void {
    const scheduler = this.#scheduler;
    this.#calls.onEnd(self, reason);
    if (self.aliases !== null) for (const count of self.aliases) this.#aliases.forget(count);
    if (self.monitors !== null) {
      for (const [count, held] of self.monitors) {
        if (held.alias !== null) this.#aliases.forget(count);
        this.#unwatch(self, held);
      }
    }
    if (self.tracked) {
      for (const tracked of this.#tracked.values()) tracked.delete(self);
      this.#nodeWatchers.forget(self);
    }
    if (self.watchers !== null) {
      for (const watcher of self.watchers.values()) {
        if (scheduler.find(watcher.from) !== undefined) this.onDown(watcher.ref, watcher.from, reason);
        else {
          const { ref, from, name } = watcher;
          scheduler.route(from, { kind: 'down', from: name ?? self.pid, to: from, ref, reason });
        }
      }
    }
    if (self.links !== null) {
      for (const link of self.links.values()) {
        if (!link.active) continue;
        const other = scheduler.find(link.pid);
        if (other !== undefined) this.breakLink(other, self.count, self.pid, reason);
        else scheduler.route(link.pid, { kind: 'linkExit', from: self.pid, to: link.pid, reason });
      }
    }
    self.aliases = self.monitors = self.watchers = self.links = null;
  }
}
