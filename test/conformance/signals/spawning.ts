/**
 * How an agent starts another one: by function on its own thread when the node has only that, else by module on a thread of its own, or on
 * another node. The modules there are told by name, as to a node of OTP.
 */
import {
  type Atom,
  atom,
  Exit,
  hasCode,
  tuple,
  type MonitorOptions,
  type Pid,
  type Ref,
  type Self,
  type SpawnRequestOptions,
} from '../../../runtime/index.ts';
import { nextThread, threadCount } from './layout.ts';
import { monitorOptions } from './monitor-options.ts';
import { AGENT_MODULE, INIT, type Arguments, type Then } from './protocol.ts';

const agentUrl = new URL('./agent.js', import.meta.url).href;

type InitArguments = readonly [name: string, trapExit: boolean, then: Then];

/** The function of an agent. */
export type Init = (self: Self, ...args: InitArguments) => Promise<void>;

function initArguments(args: Arguments, name: unknown): InitArguments {
  return [name as string, args['trap_exit'] === true, (args['then'] ?? atom('none')) as Then];
}

/** An agent by the factory's wish, neither linked nor monitored. */
export async function spawnFromFactory(self: Self, name: string, init: Init): Promise<Pid> {
  return (await start(self, init, undefined, [name, false, atom('none') as Then], false, undefined)) as Pid;
}

export async function spawnAgent(self: Self, args: Arguments, init: Init): Promise<unknown> {
  const link = args['link'] === true;
  const monitor = 'monitor' in args ? monitorOptions(args) : undefined;
  const given = initArguments(args, args['as']);
  const made = await start(self, init, nodeOf(self, args), given, link, monitor);
  return monitor === undefined ? (made as Pid) : tuple(...(made as [Pid, Ref]));
}

async function start(
  self: Self,
  init: Init,
  node: Atom | undefined,
  given: InitArguments,
  link: boolean,
  monitor: MonitorOptions | undefined,
): Promise<Pid | [Pid, Ref]> {
  if (node === undefined && threadCount() === 0) {
    const child = (process: Self): Promise<void> => init(process, ...given);
    return monitor === undefined ? self.spawn(child, { link }) : self.spawnMonitor(child, { link, monitor });
  }
  const { module, fn, args, place } = placed(node, given);
  try {
    if (monitor === undefined) return await self.spawn(module, fn, args, { ...place, link });
    return await self.spawnMonitor(module, fn, args, { ...place, link, monitor });
  } catch (error) {
    if (!hasCode(error, 'noconnection')) throw error;
    return startCrasher(self, link, monitor);
  }
}

/**
 * Where our spawn rejects with `noconnection`, Erlang's returns the pid of a process of its own that ends with that reason
 * (`erlang:crasher`); this is the same.
 */
function startCrasher(self: Self, link: boolean, monitor: MonitorOptions | undefined): Pid | [Pid, Ref] {
  const crasher = (process: Self): never => process.exit(Exit.noconnection);
  return monitor === undefined ? self.spawn(crasher, { link }) : self.spawnMonitor(crasher, { link, monitor });
}

/** Another node knows the agent by the kit's name for it, the threads of this one by where it is. */
function placed(node: Atom | undefined, given: InitArguments): Placed {
  if (node !== undefined) return { module: AGENT_MODULE.name, fn: INIT.name, args: given, place: { node } };
  const threads = threadCount();
  return { module: agentUrl, fn: 'init', args: [...given, threads], place: { thread: nextThread() } };
}

interface Placed {
  readonly module: string;
  readonly fn: string;
  readonly args: readonly unknown[];
  readonly place: { readonly node: Atom } | { readonly thread: number };
}

function nodeOf(self: Self, args: Arguments): Atom | undefined {
  const node = args['node'];
  return node === undefined || node === self.nodeName ? undefined : (node as Atom);
}

export function requestAgent(self: Self, asked: Arguments): Ref {
  const { module, fn, args, place } = placed(nodeOf(self, asked), initArguments(asked, asked['child']));
  return self.spawnRequest(module, fn, args, {
    ...place,
    link: asked['link'] === true,
    ...(asked['monitor'] === true ? { monitor: monitorOptions(asked) } : {}),
    ...('reply' in asked ? { reply: replyOf(asked['reply'] as Atom) } : {}),
    ...('reply_tag' in asked ? { replyTag: asked['reply_tag'] } : {}),
  });
}

function replyOf(value: Atom): NonNullable<SpawnRequestOptions['reply']> {
  const known: Record<string, SpawnRequestOptions['reply']> = { error_only: 'errorOnly', success_only: 'successOnly' };
  return known[value.name] ?? (value.name as 'yes' | 'no');
}
