/** On which thread of its node the next agent goes: on each worker thread in turn, or on thread 0 when there are none. */

const layout = { threads: 0, next: 0 };

/** The worker threads that agents started from this thread are spread over, and the one that was used last. */
export function spreadOver(threads: number, last: number = 0): void {
  layout.threads = threads;
  layout.next = last;
}

export function threadCount(): number {
  return layout.threads;
}

export function nextThread(): number {
  if (layout.threads === 0) return 0;
  layout.next = (layout.next % layout.threads) + 1;
  return layout.next;
}
