/** Which worker thread a process of a scenario goes to: each start of each id to another one. */
import type { LogRef } from './reporter.ts';

export function placeOf(log: LogRef, id: string, count: number): { thread?: number } {
  const workers = log.agents.length - 1;
  if (workers < 1) return {};
  let sum = count;
  for (const letter of id) sum += letter.charCodeAt(0);
  return { thread: 1 + (sum % workers) };
}
