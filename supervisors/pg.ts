/**
 * Process groups across the cluster: any process joins any group on its own node, every node knows all members, and members go with their process or their
 * node. Memberships are eventually consistent: right after a join other nodes may not know of it yet.
 *
 * A scope is a process with a name, by default `pg`; scopes of that name on connected nodes keep each other informed in the protocol of OTP's `pg`, so
 * that Erlang's `pg:join`, `pg:get_members` and `pg:monitor` see our members and the reverse. A hidden node (our default) is not discovered by
 * Erlang's scope, but is by ours as soon as the nodes are connected; an Erlang scope that starts later than that is found when the nodes connect anew.
 *
 * Source: OTP 25, pg(3).
 */
import type { Self } from '../runtime/process/self.ts';
import { nameAtom, type Atom } from '../runtime/term/atom.ts';
import type { Pid } from '../runtime/term/pid.ts';

import { tuple2, tuple3 } from '../runtime/term/tuple.ts';
import { BadArgumentError } from '../runtime/errors.ts';
import { callServer } from './call.ts';
import { inProcess, requireCaller, type CallerOptions } from './caller.ts';
import type { ChildSpec } from './child-spec.ts';
import type { ServerPid } from './gen-server-types.ts';
import { PgServer } from './pg-server.ts';
import type { StartOptions } from './start.ts';
import { stopServer } from './system.ts';
import { isRef, type Ref } from '../runtime/term/ref.ts';
import { OK } from './atoms.ts';

export interface PgOptions extends CallerOptions {
  /** Default `pg`. */
  readonly scope?: string | Atom;
}

const DEFAULT_SCOPE = 'pg';
const NODE_MISMATCH: Atom = nameAtom('nolocal');

export class Pg {
  /** Starts a scope, linked to the caller. @throws StartError (rejects) `already_started` */
  static startLink(
    scope: string | Atom = DEFAULT_SCOPE,
    options: Omit<StartOptions, 'name'> = {},
  ): Promise<ServerPid<PgServer>> {
    return PgServer.startLink(scope, { ...options, name: scope });
  }

  /** The spec of a scope as a child. */
  static childSpec(scope: string | Atom = DEFAULT_SCOPE, spec: Partial<ChildSpec> = {}): ChildSpec {
    return PgServer.childSpec(scope, { id: scope, ...spec }, { name: scope });
  }

  /** Adds processes of this node to a group; one that joins twice has to leave twice. @throws `badarg` for processes of other nodes */
  static async join(group: unknown, pids: Pid | readonly Pid[], options?: PgOptions): Promise<void> {
    const answer = await ask(options, tuple3(nameAtom('join_local'), group, pids));
    if (answer === OK) return;
    throw new BadArgumentError(
      answer === NODE_MISMATCH
        ? 'Pg.join: a process joins on its own node, and one of these is of another'
        : 'Pg.join: takes a pid or a list of pids',
    );
  }

  /** Takes processes out of a group, once each. False when none of them was in it. */
  static async leave(group: unknown, pids: Pid | readonly Pid[], options?: PgOptions): Promise<boolean> {
    return (await ask(options, tuple3(nameAtom('leave_local'), group, pids))) === OK;
  }

  /** The members on all nodes, each as often as it joined. */
  static getMembers(group: unknown, options?: PgOptions): Promise<Pid[]> {
    return ask(options, tuple2(nameAtom('get_members'), group)) as Promise<Pid[]>;
  }

  static getLocalMembers(group: unknown, options?: PgOptions): Promise<Pid[]> {
    return ask(options, tuple2(nameAtom('get_local_members'), group)) as Promise<Pid[]>;
  }

  /** The groups that have members. */
  static whichGroups(options?: PgOptions): Promise<unknown[]> {
    return ask(options, nameAtom('which_groups')) as Promise<unknown[]>;
  }

  /** The members of a group now; from now on the caller gets `{ref, join | leave, group, pids}` for each change. */
  static async monitor(
    group: unknown,
    options?: PgOptions,
  ): Promise<{ readonly ref: Ref; readonly members: readonly Pid[] }> {
    const self = requireCaller(options?.self, 'Pg.monitor');
    const [ref, members] = (await ask({ ...options, self }, tuple2(nameAtom('monitor'), group))) as [Ref, Pid[]];
    return { ref, members };
  }

  /** As `monitor` for all groups: `groups` holds `{group, members}` tuples. */
  static async monitorScope(
    options?: PgOptions,
  ): Promise<{ readonly ref: Ref; readonly groups: readonly (readonly [group: unknown, members: readonly Pid[]])[] }> {
    const self = requireCaller(options?.self, 'Pg.monitorScope');
    const answer = await ask({ ...options, self }, nameAtom('monitor'));
    const [ref, groups] = answer as [Ref, (readonly [unknown, Pid[]])[]];
    return { ref, groups };
  }

  /** Ends a monitor and takes what it sent from the mailbox. False when there was none. */
  static async demonitor(ref: Ref, options?: PgOptions): Promise<boolean> {
    const self = requireCaller(options?.self, 'Pg.demonitor');
    const found = (await ask({ ...options, self }, tuple2(nameAtom('demonitor'), ref))) === OK;
    await flush(self, ref);
    return found;
  }

  static stop(options?: PgOptions): Promise<void> {
    return inProcess(options?.self, (self) => stopServer(self, options?.scope ?? DEFAULT_SCOPE));
  }
}

function ask(options: PgOptions | undefined, request: unknown): Promise<unknown> {
  return inProcess(options?.self, (self) => callServer(self, options?.scope ?? DEFAULT_SCOPE, request, Infinity));
}

async function flush(self: Self, ref: Ref): Promise<void> {
  const isChange = (message: unknown): message is readonly unknown[] =>
    Array.isArray(message) && message.length === 4 && isRef(message[0]) && message[0].equals(ref);
  while ((await self.receive(isChange, { timeoutMs: 0, otherwise: null })) !== null);
}
