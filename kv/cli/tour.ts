/**
 * The tour: starts nodes as processes of the operating system on loopback, walks through the steps, and says of each what
 * was expected and what happened. State lies in a fresh temporary folder and the port mapper on a port of its own, so
 * that nothing of this machine is touched and two tours can run at once; nothing is left behind, whatever happens.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Env } from '../../runtime/env.ts';
import { CommandError } from './exit-codes.ts';
import type { Reply } from './reply.ts';
import { runNodeOnTerminal, TourNode } from './tour-node.ts';
import type { NodePlace } from './tour-node.ts';
import type { CheckResult, TourReport } from './tour-report.ts';
import type { TourAction } from './tour-steps.ts';

/** How long to wait before code whose result is not yet the expected one is run again. */
const AGAIN_MS = 50;

type Check = Extract<TourAction, { kind: 'check' }>;

export class Tour {
  readonly #env: Env;
  readonly #report: TourReport;
  readonly #folder = mkdtempSync(join(tmpdir(), 'quorate-tour-'));
  readonly #nodes = new Map<number, TourNode>();
  readonly #leaving = new AbortController();
  readonly #onExit = (): void => this.#cleanNow();
  #onNews: (line: string) => void;
  #epmdPort = 0;

  constructor(env: Env, report: TourReport) {
    this.#env = env;
    this.#report = report;
    this.#onNews = (line) => report.news(line);
    process.once('exit', this.#onExit);
  }

  /** Walks through the steps; true when every expectation held. Rejects with `interrupted`, or `failed` when a node cannot start. */
  async run(steps: readonly TourAction[]): Promise<boolean> {
    try {
      return await this.#walk(steps);
    } catch (error) {
      // Whatever was under way has failed for that reason.
      if (this.#leaving.signal.aborted) throw new CommandError('interrupted', 'the tour was interrupted');
      throw error;
    }
  }

  async #walk(steps: readonly TourAction[]): Promise<boolean> {
    this.#epmdPort = await findFreePort();
    const results: CheckResult[] = [];
    let stepNumber = 0;
    for (const action of steps) {
      if (action.kind === 'say') this.#report.step(++stepNumber, action.text);
      else if (action.kind === 'start') await this.start(action.node);
      else if (action.kind === 'kill') await this.#kill(action.node);
      else {
        const result = await this.#check(action);
        this.#report.check(result);
        results.push(result);
      }
    }
    this.#report.end(results);
    return results.length > 0 && results.every(({ held }) => held);
  }

  async start(number: number): Promise<TourNode> {
    this.#leaving.signal.throwIfAborted();
    const node = new TourNode({ ...this.#place(number), env: this.#env, onNews: (line) => this.#onNews(line) });
    this.#nodes.set(number, node);
    await node.ready();
    return node;
  }

  /** Starts a node that has the terminal of this process to itself, without the others' news; resolves when it is left. */
  startOnTerminal(number: number): Promise<void> {
    this.#onNews = () => {};
    return runNodeOnTerminal(this.#place(number), this.#leaving.signal);
  }

  /** Stops all nodes and removes the folder. */
  async close(): Promise<void> {
    await this.stopNodes();
    process.off('exit', this.#onExit);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async stopNodes(): Promise<void> {
    await Promise.all([...this.#nodes.values()].filter((node) => node.isRunning).map((node) => node.stop()));
    this.#nodes.clear();
  }

  /** Ends what runs now; `run` then rejects with `interrupted`. */
  interrupt(): void {
    this.#leaving.abort();
    for (const node of this.#nodes.values()) node.killNow();
  }

  #place(number: number): NodePlace {
    return { number, stateDir: join(this.#folder, 'state'), epmdPort: this.#epmdPort };
  }

  async #kill(number: number): Promise<void> {
    await this.#nodeOf(number).kill();
    this.#report.news(`n${number} was killed with SIGKILL`);
  }

  async #check({ node, code, expected, withinMs = 0 }: Check): Promise<CheckResult> {
    const begin = this.#env.now();
    for (;;) {
      const happened = await this.#evaluate(node, code);
      const elapsedMs = this.#env.now() - begin;
      const held = happened === expected;
      if (held || elapsedMs >= withinMs) return { node, code, expected, happened, held, elapsedMs };
      await new Promise<void>((resolve) => this.#env.setTimer(AGAIN_MS, resolve));
    }
  }

  async #evaluate(number: number, code: string): Promise<string> {
    let reply: Reply;
    try {
      reply = await this.#nodeOf(number).evaluate(code);
    } catch (error) {
      if (this.#leaving.signal.aborted) throw error;
      return (error as Error).message;
    }
    return reply.kind === 'value' ? reply.text : (reply.text.split('\n')[0] ?? '');
  }

  #nodeOf(number: number): TourNode {
    const node = this.#nodes.get(number);
    if (node === undefined) throw new CommandError('bug', `the steps use node n${number} before they start it`);
    return node;
  }

  #cleanNow(): void {
    this.#leaving.abort();
    for (const node of this.#nodes.values()) node.killNow();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** A port that nobody listens on now. */
async function findFreePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
