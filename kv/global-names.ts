/**
 * Names that one process in the whole cluster has, `{ global: name }`, on the store: a name is a key of a bucket of its own whose value is the pid.
 *
 * The key is bound to a keeper, a process on the holder's thread that ends with the holder or when the name is given back; so a name can be free
 * before its holder has ended, which a start that is refused needs. Lookups are linearizable reads and cost what a `get` does; OTP's `global` reads a
 * table of its own node, which may be behind. Without a quorum lookups and starts reject with `no_quorum`, casts are lost.
 *
 * Not promised: a holder that is cut off from the majority loses its name, as every key bound to a pid goes, and is not told; monitor what must not
 * run twice, or lock it.
 */
import { scheduler } from '../runtime/node/default.ts';
import { isDown } from '../runtime/process/message.ts';
import type { Self } from '../runtime/process/self.ts';
import { describeTerm } from '../runtime/term/describe.ts';
import { equalTerms } from '../runtime/term/equal.ts';
import { Exit } from '../runtime/term/exit-reason.ts';
import { isPid, type Pid } from '../runtime/term/pid.ts';
import { setGlobalRegistry, type NameRegistry } from '../supervisors/index.ts';
import { StoreError } from './errors.ts';
import { PaxosKV } from './paxos-kv.ts';

export const GLOBAL_BUCKET = 'GlobalNames';

/** How long a name that belongs to a dead process of this node, or was given back, may take to be free. The members agree on it within milliseconds. */
const FREED_WITHIN_MS = 5000;
const LOOK_AGAIN_MS = 2;

interface Keeping {
  readonly name: unknown;
  readonly keeper: Pid;
}

/** Of processes of this thread that have names. */
const kept: WeakMap<Self, Keeping[]> = new WeakMap();

const globalNames: NameRegistry = { whereis, register, unregister };

let installed = 0;

/** Makes `{ global }` names of this thread those of the store, until as many have called `removeGlobalNames`. */
export function installGlobalNames(): void {
  if (installed === 0) setGlobalRegistry(globalNames);
  installed += 1;
}

export function removeGlobalNames(): void {
  installed -= 1;
  if (installed === 0) setGlobalRegistry(undefined);
}

async function holderOf(name: unknown): Promise<Pid | undefined> {
  const found = await PaxosKV.get(name, { bucket: GLOBAL_BUCKET, default: undefined });
  if (!found.ok) throw refused('find', name, found.error);
  return isPid(found.value) ? found.value : undefined;
}

/** A holder of this node that has ended is none, although the members may not have agreed on it yet. */
async function whereis(name: unknown): Promise<Pid | undefined> {
  const holder = await holderOf(name);
  return holder === undefined || isKnownDead(holder) ? undefined : holder;
}

function isKnownDead(pid: Pid): boolean {
  const own = scheduler();
  return pid.node === own.nodeName && !own.isAlive(pid);
}

/** Rejects with a StoreError: `no_quorum`, `unknown`, `no_bucket`. */
function register(name: unknown, self: Self): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const owner = self.pid;
    const keeper = self.spawn(async (own) => {
      const isOwnerDown = isDown(own.monitor(owner));
      own.signal.addEventListener('abort', () => reject(refused('register', name, 'its keeper was ended')));
      try {
        if (!(await take(name, owner, own.pid))) return resolve(false);
      } catch (error) {
        return reject(error as Error);
      }
      remember(self, { name, keeper });
      resolve(true);
      await own.receive(isOwnerDown);
    });
  });
}

/** Whether the cluster chose this holder. Waits for a name whose holder has ended. */
async function take(name: unknown, owner: Pid, keeper: Pid): Promise<boolean> {
  const deadline = scheduler().env.now() + FREED_WITHIN_MS;
  for (;;) {
    const put = await PaxosKV.put(name, owner, { bucket: GLOBAL_BUCKET, pid: keeper });
    if (!put.ok) throw refused('register', name, put.error);
    const holder = put.value as Pid;
    if (owner.equals(holder)) return true;
    if (!isKnownDead(holder) || scheduler().env.now() > deadline) return false;
    await pause();
  }
}

/** Resolves when the name is free. */
async function unregister(name: unknown, self: Self): Promise<void> {
  const all = kept.get(self) ?? [];
  const found = all.findIndex((one) => equalTerms(one.name, name));
  const [keeping] = found < 0 ? [] : all.splice(found, 1);
  if (keeping === undefined) return;
  self.exit(keeping.keeper, Exit.kill);
  const deadline = scheduler().env.now() + FREED_WITHIN_MS;
  while (self.pid.equals(await holderOf(name)) && scheduler().env.now() < deadline) await pause();
}

function remember(self: Self, keeping: Keeping): void {
  const all = kept.get(self);
  if (all === undefined) kept.set(self, [keeping]);
  else all.push(keeping);
}

function refused(what: string, name: unknown, why: string): StoreError {
  const code = why === 'no_quorum' || why === 'invalid_value' ? why : 'unknown';
  const text = `cannot ${what} the name { global: ${describeTerm(name)} }: ${why}`;
  return new StoreError(code, code === 'unknown' ? 'unknown' : 'not-applied', text);
}

function pause(): Promise<void> {
  return new Promise((resolve) => scheduler().env.setTimer(LOOK_AGAIN_MS, resolve));
}
