/** What the command needs of a running node. The store and the runtime stand behind it; tests put something smaller there. */
import type { Evaluation } from './evaluator.ts';

export interface SessionStatus {
  readonly hasQuorum: boolean;
  readonly connected: number;
  readonly clusterSize: number;
  /** In words, what the node waits for. */
  readonly waits: readonly string[];
}

export interface SessionEvents {
  /** A line for people: the quorum, nodes that come and go, what went wrong beside the code. */
  onNews(line: string): void;
  /** Another node has another cookie. */
  onWrongCookie(reason: string): void;
}

export interface Session {
  readonly name: string;
  evaluate(code: string): Promise<Evaluation>;
  /** Resolves when a majority is connected and decides, or when the time is up. */
  waitForQuorum(timeoutMs: number): Promise<boolean>;
  stop(): Promise<void>;
}

/** `[quorum:yes] [cluster:2/3]`, as it stands in logs. */
export function describeStatus({ hasQuorum, connected, clusterSize, waits }: SessionStatus): string {
  const counts = `[quorum:${hasQuorum ? 'yes' : 'no'}] [cluster:${connected}/${clusterSize}]`;
  return waits.length === 0 ? counts : `${counts} ${waits.join('; ')}`;
}
