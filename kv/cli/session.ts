/** What the command needs of a running node. The store and the runtime stand behind it; tests put something smaller there. */
export interface SessionEvents {
  /** A line for people: the quorum, nodes that come and go, what went wrong beside the code. */
  onNews(line: string): void;
}

export interface Session {
  readonly name: string;
  /** What typed code knows by name. */
  readonly bindings: Readonly<Record<string, unknown>>;
  /** Where a terminal keeps what was typed. */
  readonly historyFile: string;
  /** Calls the function as code of the shell's process. */
  runInside(fn: () => void): void;
  /** Resolves when a majority is connected and decides, or when the time is up. */
  waitForQuorum(timeoutMs: number): Promise<boolean>;
  stop(): Promise<void>;
}
