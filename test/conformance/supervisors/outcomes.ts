/** What a callback of OTP may return, as the outcome that stands for it here. Any other term stays as it is: a bad return. */
import { atom } from '../../../runtime/term/atom.ts';
import { isTagged, isTuple } from '../../../runtime/term/tuple.ts';
import { Next, type After } from '../../../supervisors/index.ts';

export function readOutcome(term: unknown, callback: 'init' | 'call' | 'other'): unknown {
  if (callback === 'init') return readInit(term);
  if (!isTuple(term)) return term;
  const [kind, first, second, third] = term;
  if (kind === atom('noreply') && term.length <= 3) return withAfter(term, 2, (after) => Next.noreply(first, after));
  if (kind === atom('stop') && term.length === 3) return Next.stop(first, second);
  if (callback === 'other') return term;
  if (kind === atom('reply') && term.length >= 3)
    return withAfter(term, 3, (after) => Next.reply(first, second, after));
  if (kind === atom('stop') && term.length === 4) return Next.stopReply(first, second, third);
  return term;
}

function readInit(term: unknown): unknown {
  if (term === atom('ignore')) return Next.ignore();
  if (isTagged(term, atom('stop'), 2)) return Next.fail(term[1]);
  if (isTuple(term) && term[0] === atom('ok') && term.length >= 2) {
    return withAfter(term, 2, (after) => Next.ok(term[1], after));
  }
  return term;
}

/** With the last element, if there is one at `index` and it is a good one. */
function withAfter(term: readonly unknown[], index: number, make: (after: After | undefined) => unknown): unknown {
  if (term.length === index) return make(undefined);
  if (term.length !== index + 1) return term;
  const last = term[index];
  if (last === atom('hibernate')) return make({ hibernate: true });
  if (last === atom('infinity')) return make({ timeoutMs: Infinity });
  if (typeof last === 'number' && last >= 0) return make({ timeoutMs: last });
  return isTagged(last, atom('continue'), 2) ? make({ continue: last[1] }) : term;
}
