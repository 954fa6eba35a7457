/**
 * Reports of a worker thread on their way to the thread that started the node, where they are published again: a log or another subscriber
 * sees every thread's. What in a report cannot be sent goes as its description.
 */
import { crashChannel, supervisorChannel, traceChannel } from '../channels.ts';
import { decodeTerm, encodeTerm } from '../codec/terms.ts';
import { copyTerm } from '../term/copy.ts';
import { describeTerm } from '../term/describe.ts';

export type ReportKind = 'crash' | 'supervisor' | 'trace';

const CHANNELS = { crash: crashChannel, supervisor: supervisorChannel, trace: traceChannel } as const;

/** Hands every report that is published on this thread to `forward`, until the returned function is called. */
export function forwardReports(forward: (kind: ReportKind, report: Uint8Array) => void): () => void {
  const stops = (Object.keys(CHANNELS) as ReportKind[]).map((kind) => {
    const onReport = (report: unknown): void => forward(kind, encodeReport(report as object));
    CHANNELS[kind].subscribe(onReport);
    return () => CHANNELS[kind].unsubscribe(onReport);
  });
  return () => {
    for (const stop of stops) stop();
  };
}

/** Publishes a report of another thread here. */
export function publishReport(kind: ReportKind, report: Uint8Array): void {
  CHANNELS[kind].publish(decodeTerm(report) as never);
}

function encodeReport(report: object): Uint8Array {
  return encodeTerm(sendable(report, 2));
}

/** The value itself, or the same with descriptions of those of its fields, `depth` levels down, that cannot be sent. */
function sendable(value: unknown, depth: number): unknown {
  try {
    return copyTerm(value);
  } catch {
    const isPlain = typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
    if (!isPlain || depth === 0) return describeTerm(value);
    return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, sendable(field, depth - 1)]));
  }
}
