/**
 * What every simulation is to the command line (`npm run sim`): a name, and a run that a seed determines wholly.
 *
 * A run draws everything from its seed and from `knobs`, never from a clock, from Math.random or from the order in
 * which promises settle: the same seed and knobs give the same events, line by line, and the same digest.
 */

/** Numbers that a run is shaped by: how many operations, how much loss, or 1 for a single planned thing (0: without it). */
export type Knobs = Readonly<Record<string, number>>;

export interface ScenarioOptions {
  /** Gets one line per event; null: events are only counted and digested. */
  readonly print: ((line: string) => void) | null;
  /** Instead of what the seed says for the names that are in it. */
  readonly knobs?: Knobs;
  /** The name of a negative control: run with this rule switched off. */
  readonly off?: string;
}

export interface ScenarioReport {
  /** What was broken, or null. */
  readonly violation: string | null;
  /** The settings of this run, for people. */
  readonly parameters: string;
  /** What happened, by name; summed over seeds. */
  readonly counts: Record<string, number>;
  readonly events: number;
  /** Of all events: two runs with different digests were different. */
  readonly digest: string;
}

export interface Scenario {
  /** Of the form group/variant. */
  readonly name: string;
  readonly about: string;
  /** A setup that is wrong on purpose: to find the violation is its success. */
  readonly mustFail?: true;
  /** Of how many seeds one is run when many scenarios run at once: 4 for those that take long. 1 by default. */
  readonly oneIn?: number;
  run(seed: number, options: ScenarioOptions): Promise<ScenarioReport>;
  /** What a failing run can be made smaller by: greedily lowered while it still fails. */
  knobs?(seed: number): Knobs;
}

/** A command beside the scenarios, with a command line of its own. */
export interface Command {
  readonly name: string;
  readonly about: string;
  /** Gets what follows its name; resolves with the exit code. */
  run(args: readonly string[]): Promise<number>;
}
