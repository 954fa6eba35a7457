/**
 * Looking at a live node from its REPL: `ps()` lists processes, `tree()` what supervises what, `info(pid)` one process. They ask; nothing is
 * stopped. A supervisor that is busy for longer than a second is shown without its children.
 */
import type { LocalNode, ProcessInfo } from '../../runtime/index.ts';
import { BadArgumentError, describeTerm, Pid } from '../../runtime/index.ts';
import { pidThread } from '../../runtime/term/pid.ts';
import { getStatus, Supervisor, type ChildInfo } from '../../supervisors/index.ts';

const PATIENCE_MS = 1000;

/** Lines of text, shown as they are. */
export class Listing {
  readonly lines: readonly string[];

  constructor(lines: readonly string[]) {
    this.lines = lines;
  }

  toString(): string {
    return this.lines.join('\n');
  }
}

// As a symbol-named method it would have no type that can be declared in isolation.
Object.defineProperty(Listing.prototype, Symbol.for('nodejs.util.inspect.custom'), {
  value(this: Listing) {
    return this.toString();
  },
});

export interface Inspection {
  /** One line per process of the node: pid, name, initial call, thread, mailbox length, whether it waits. */
  ps(): Promise<Listing>;
  /** The supervisors of the node that nobody supervises, and under each its children; or one supervisor with its. */
  tree(root?: Pid | string): Promise<Listing>;
  /** All there is to know of one process, by pid or registered name; of a server its state too. Undefined when it is gone. */
  info(process: Pid | string): Promise<DetailedInfo | undefined>;
}

export interface DetailedInfo extends ProcessInfo {
  readonly thread: number;
  /** Of a server that answered. */
  readonly state?: unknown;
}

export function createInspection(node: LocalNode): Inspection {
  const find = (given: Pid | string): Pid => {
    const pid = typeof given === 'string' ? node.whereis(given) : given;
    if (pid instanceof Pid) return pid;
    throw new BadArgumentError(`info, tree: no process is registered as ${String(given)} here; give a pid or a name`);
  };
  return {
    ps: async () => new Listing(listProcesses(await node.processes())),
    tree: async (root) => new Listing(await drawTrees(node, root === undefined ? undefined : find(root))),
    info: (given) => describeProcess(node, find(given)),
  };
}

const HEADINGS = ['pid', 'name', 'initial call', 'kind', 'thread', 'mailbox', 'status'];

function listProcesses(infos: readonly ProcessInfo[]): string[] {
  const sorted = [...infos].sort((a, b) => pidThread(a.pid) - pidThread(b.pid) || a.pid.id - b.pid.id);
  const rows = sorted.map((info) => [
    info.pid.toString(),
    info.registeredName?.name ?? '',
    info.initialCall,
    info.kind,
    String(pidThread(info.pid)),
    String(info.messageQueueLen),
    info.status,
  ]);
  const widths = HEADINGS.map((heading, i) => Math.max(heading.length, ...rows.map((row) => row[i]?.length ?? 0)));
  return [HEADINGS, ...rows].map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

interface Branch {
  readonly label: string;
  readonly children: readonly Branch[];
}

async function drawTrees(node: LocalNode, root: Pid | undefined): Promise<string[]> {
  const infos = new Map((await node.processes()).map((info) => [info.pid.key, info]));
  const children = new Map<string, readonly ChildInfo[] | null>();
  const supervisors = [...infos.values()].filter(({ kind }) => kind === 'supervisor');
  await Promise.all(supervisors.map(async ({ pid }) => children.set(pid.key, await childrenOf(node, pid))));
  const supervised = new Set([...children.values()].flatMap((list) => (list ?? []).map(({ pid }) => pid?.key)));
  const roots =
    root === undefined ? supervisors.filter(({ pid }) => !supervised.has(pid.key)).map(({ pid }) => pid) : [root];
  const branchOf = (pid: Pid, prefix = ''): Branch => {
    const info = infos.get(pid.key);
    const list = children.get(pid.key);
    const busy = list === null ? ' (busy)' : '';
    return {
      label: `${prefix}${describeInfo(pid, info)}${busy}`,
      children: (list ?? []).map((child) => {
        const id = `${describeTerm(child.id)}: `;
        return child.pid === undefined ? { label: id + child.state, children: [] } : branchOf(child.pid, id);
      }),
    };
  };
  return roots.length === 0 ? ['no supervisors'] : roots.flatMap((pid) => draw(branchOf(pid), '', ''));
}

/** In the order of start; null when it does not answer. */
async function childrenOf(node: LocalNode, supervisor: Pid): Promise<readonly ChildInfo[] | null> {
  const asked = node.run((self) => Supervisor.whichChildren(supervisor, { self }));
  const patience = node.run((self) => self.receive({ timeoutMs: PATIENCE_MS, otherwise: null }));
  const list = await Promise.race([asked.catch(() => null), patience]);
  return list === null ? null : [...(list as readonly ChildInfo[])].reverse();
}

function describeInfo(pid: Pid, info: ProcessInfo | undefined): string {
  const name = info?.registeredName === undefined ? '' : ` ${info.registeredName.name}`;
  const queue = info !== undefined && info.messageQueueLen > 0 ? ` (${info.messageQueueLen} messages)` : '';
  return `${info?.initialCall ?? 'process'}${name} ${pid.toString()}${queue}`;
}

function draw({ label, children }: Branch, first: string, rest: string): string[] {
  const below = children.flatMap((child, i) => {
    const isLast = i === children.length - 1;
    return draw(child, `${rest}${isLast ? '└─ ' : '├─ '}`, `${rest}${isLast ? '   ' : '│  '}`);
  });
  return [first + label, ...below];
}

async function describeProcess(node: LocalNode, pid: Pid): Promise<DetailedInfo | undefined> {
  const info = await node.processInfo(pid);
  if (info === undefined) return undefined;
  const detailed = { ...info, thread: pidThread(pid) };
  if (info.kind !== 'server') return detailed;
  const status = await node.run((self) => getStatus(pid, { self, timeoutMs: PATIENCE_MS })).catch(() => null);
  return status === null ? detailed : { ...detailed, state: status.state };
}
