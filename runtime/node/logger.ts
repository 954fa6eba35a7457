/**
 * The node's log: what the diagnostics channels say about processes of this node, as lines for people. By default they go to stderr; any logger
 * with pino's `info`, `warn` and `error` can take them, with the report as fields.
 */
import {
  crashChannel,
  longScheduleChannel,
  supervisorChannel,
  traceChannel,
  type CrashReport,
  type LongScheduleReport,
  type SupervisorReport,
  type TraceReport,
} from '../channels.ts';
import type { Atom } from '../term/atom.ts';
import { describeTerm } from '../term/describe.ts';
import type { Pid } from '../term/pid.ts';

/** Pino's order: fields first, then the text. */
export interface Logger {
  info(fields: object, text: string): void;
  warn(fields: object, text: string): void;
  error(fields: object, text: string): void;
}

const TERM_CHARACTERS_MAX = 1000;

/** Writes lines with time and level to `write`. */
export function createTextLogger(write: (text: string) => void, now: () => number): Logger {
  const log = (level: string) => (_fields: object, text: string) =>
    write(`${new Date(now()).toISOString()} ${level} ${text}\n`);
  return { info: log('info'), warn: log('warn'), error: log('error') };
}

/** Logs what concerns processes of that node until the returned function is called. */
export function logReports(node: Atom, creation: number, logger: Logger): () => void {
  const isOurs = (pid: Pid): boolean => pid.node === node && pid.creation === creation;
  const onCrash = (message: unknown): void => {
    const report = message as CrashReport;
    if (isOurs(report.pid)) logger.error({ report }, describeCrash(report));
  };
  const onSupervisor = (message: unknown): void => {
    const report = message as SupervisorReport;
    if (isOurs(report.supervisor)) logger.warn({ report }, describeSupervisorReport(report));
  };
  const onTrace = (message: unknown): void => {
    const report = message as TraceReport;
    if (isOurs(report.pid)) logger.info({ report }, describeTrace(report));
  };
  const onLongSchedule = (message: unknown): void => {
    const report = message as LongScheduleReport;
    if (report.node === node.name) logger.warn({ report }, describeLongSchedule(report));
  };
  crashChannel.subscribe(onCrash);
  supervisorChannel.subscribe(onSupervisor);
  traceChannel.subscribe(onTrace);
  longScheduleChannel.subscribe(onLongSchedule);
  return () => {
    crashChannel.unsubscribe(onCrash);
    supervisorChannel.unsubscribe(onSupervisor);
    traceChannel.unsubscribe(onTrace);
    longScheduleChannel.unsubscribe(onLongSchedule);
  };
}

/** Several lines: what and why, then what it was doing, then where. */
export function describeCrash(report: CrashReport): string {
  const { server, stack, error } = report;
  const lines = [
    `${describeWho(report.pid, report.registeredName)} (${report.initialCall}) crashed: ${describeWhy(report)}`,
  ];
  if (server !== undefined) {
    lines.push(`    last message: ${server.lastMessage === undefined ? 'none, in init' : show(server.lastMessage)}`);
    lines.push(`    state: ${show(server.state)}`);
  }
  if (report.messageQueueLen > 0) {
    const more = report.messageQueueLen > report.messages.length ? ', ...' : '';
    lines.push(`    ${report.messageQueueLen} messages in its mailbox: ${report.messages.map(show).join(', ')}${more}`);
  }
  if (report.links.length > 0) lines.push(`    linked to: ${report.links.map(String).join(', ')}`);
  if (report.monitors.length > 0) lines.push(`    monitoring: ${report.monitors.map(show).join(', ')}`);
  if (report.monitoredBy.length > 0) lines.push(`    monitored by: ${report.monitoredBy.map(String).join(', ')}`);
  if (error instanceof Error && stack.length === 0) lines.push(`    by: ${error.message}`);
  return [...lines, ...stack.map((line) => `    ${line}`)].join('\n');
}

/** The message of an Error, else the reason; a reason's own stack is shown below. */
function describeWhy({ error, reason, stack }: CrashReport): string {
  if (stack.length > 0 && Array.isArray(reason))
    return error instanceof Error ? `${error.name}: ${error.message}` : show(reason[0]);
  return show(reason);
}

export function describeSupervisorReport({
  supervisor,
  registeredName,
  context,
  reason,
  child,
}: SupervisorReport): string {
  const who = `supervisor ${describeWho(supervisor, registeredName)}`;
  const which = `${show(child.id)}${child.pid === undefined ? '' : ` ${child.pid.toString()}`}`;
  switch (context) {
    case 'child_terminated':
      return `${who}: child ${which} terminated: ${show(reason)}`;
    case 'start_error':
      return `${who}: child ${which} did not start: ${show(reason)}`;
    case 'shutdown_error':
      return `${who}: child ${which} did not shut down as told: ${show(reason)}`;
    case 'shutdown':
      return `${who} gives up: child ${which}: ${show(reason)}`;
  }
}

export function describeTrace({ pid, registeredName, event, message, to, state }: TraceReport): string {
  const who = `*DBG* ${describeWho(pid, registeredName)}`;
  if (event === 'in') return `${who} got ${show(message)}`;
  if (event === 'noreply') return `${who} new state ${show(state)}`;
  return `${who} sent ${show(message)} to ${String(to)}, new state ${show(state)}`;
}

export function describeLongSchedule({ thread, durationMs, ended, pid }: LongScheduleReport): string {
  const took = `thread ${thread} has not got to its event loop for ${Math.round(durationMs)} ms`;
  if (ended) return `thread ${thread} goes on after ${Math.round(durationMs)} ms`;
  return pid === undefined ? took : `${took}; ${pid.toString()} holds it up`;
}

function describeWho(pid: Pid, name: Atom | undefined): string {
  return name === undefined ? pid.toString() : `${name.name} ${pid.toString()}`;
}

function show(term: unknown): string {
  return describeTerm(term, TERM_CHARACTERS_MAX);
}
