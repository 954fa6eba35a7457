/** Cells, messages and histories in words, for traces and violations. */
import { historyOf } from '../../kv/paxos/change.ts';
import { describeBallot, isZero } from '../../kv/paxos/ballot.ts';
import type { Cell, Incarnation, RegisterReply, RegisterRequest } from '../../kv/paxos/messages.ts';
import type { HistoryOperation } from './linearizable.ts';

export function describeCell(cell: Cell | null): string {
  if (cell === null) return 'nothing';
  const hist = historyOf(cell).map(describeBallot).join(' ');
  const value = cell.live ? `[${String(cell.value)}] of ${describeBallot(cell.ver)}` : 'tombstone';
  return `${value} (${hist}${isZero(cell.cut) ? '' : `, cut ${describeBallot(cell.cut)}`})`;
}

export function describeHistory(operations: readonly HistoryOperation[]): string {
  return operations
    .map((o) => {
      const result =
        o.answeredAt === Infinity ? 'no answer' : o.result === undefined ? 'applied' : `[${String(o.result)}]`;
      const target = o.kind === 'erase' ? ` of what ${o.target} created` : '';
      const expected = o.kind === 'cas' ? ` over [${String(o.expected)}]` : '';
      return `  ${o.calledAt} to ${o.answeredAt}: ${o.kind} ${o.id}${target}${expected} -> ${result}`;
    })
    .join('\n');
}

export function describeMessage(m: RegisterRequest): string {
  const head = `${m.kind} ${m.key} ${describeBallot(m.b)}`;
  if (m.kind === 'prepare') return m.fast === null ? head : `${head} fast ${describeCell(m.fast)}`;
  if (m.kind !== 'accept') return head;
  return `${head} ${describeCell(m.cell)}${m.next === null ? '' : ` next ${describeBallot(m.next)}`}`;
}

export function describeReply(reply: RegisterReply): string {
  const head = `${reply.kind} ${describeBallot(reply.b)}`;
  if (reply.kind === 'nack') return `${head} promised ${describeBallot(reply.p)}`;
  if (reply.kind === 'oldEpoch') return `${head}: it is epoch ${reply.e}`;
  if (reply.kind !== 'promise' && reply.kind !== 'state') return head;
  const chosen = reply.chosen ? ' chosen' : '';
  return `${head} holding ${reply.fast ? 'fast ' : ''}${describeBallot(reply.ab)} ${describeCell(reply.cell)}${chosen}`;
}

/** One string per incarnation. */
export function incarnationKey({ name, id, boot }: Incarnation): string {
  return `${name}#${boot}#${id}`;
}
