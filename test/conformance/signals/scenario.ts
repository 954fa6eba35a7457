/** The files of the kit: a scenario as read, and a trace as printed. */
import type { Json } from './terms.ts';

export type Step = { readonly in: string; readonly op: string } & { readonly [field: string]: Json };

export interface Scenario {
  readonly name: string;
  readonly nodes: readonly string[];
  readonly procs: Readonly<Record<string, string>>;
  readonly steps: readonly Step[];
}

export type Result = { readonly [field: string]: Json };

export interface Trace {
  readonly name: string;
  readonly results: readonly Result[];
  readonly final_mail: Readonly<Record<string, readonly Json[]>>;
  readonly exits: Readonly<Record<string, Json>>;
  readonly alive: readonly string[];
}
