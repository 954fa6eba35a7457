/**
 * One state of a search, and its text: numbers, one code unit each. First what belongs to no member, then a block for each member.
 * Members that are alike are sorted by their blocks, so that states that differ only in their names are one state.
 *
 * The acceptances in a block are those of cells that are not chosen yet; `chosen` lists the others. Messages are never taken out:
 * `sent` only grows, and a reply waits until the operation has no more use for it.
 */

export interface MemberState {
  acceptor: number;
  /** Per operation: what of this member's replies was counted, and the replies that may still come. */
  readonly marks: number[];
  readonly replies: number[][];
  /** Offers that it accepted, ever. */
  accepted: number[];
  /** Incarnations that it held and watched, and those whose end it observed. */
  watched: number[];
  observed: number[];
  /** States it has collected for its next merge, and those members (as bits) that gave them. */
  collected: number[];
  givers: number;
  /** Requests that it got, where each arrives once. */
  got: number[];
}

export interface State {
  /** Per operation: those answered before it was called, as bits, plus 1; 0: not called. */
  readonly called: number[];
  readonly answers: number[];
  /** The incarnation that an erase is for, plus 1. */
  readonly aims: number[];
  readonly cores: number[];
  /** Per proposer. */
  readonly caches: number[];
  chosen: number[];
  sent: number[];
  readonly members: MemberState[];
}

export interface Shape {
  readonly operations: number;
  readonly proposers: number;
  readonly members: number;
}

export function initialState(shape: Shape, acceptors: readonly number[]): State {
  const zeros = (count: number): number[] => new Array<number>(count).fill(0);
  return {
    called: zeros(shape.operations),
    answers: zeros(shape.operations),
    aims: zeros(shape.operations),
    cores: zeros(shape.operations),
    caches: zeros(shape.proposers),
    chosen: [],
    sent: [],
    members: acceptors.map((acceptor) => ({
      acceptor,
      marks: zeros(shape.operations),
      replies: zeros(shape.operations).map(() => []),
      accepted: [],
      watched: [],
      observed: [],
      collected: [],
      givers: 0,
      got: [],
    })),
  };
}

export function copyState(state: State): State {
  return {
    called: [...state.called],
    answers: [...state.answers],
    aims: [...state.aims],
    cores: [...state.cores],
    caches: [...state.caches],
    chosen: state.chosen,
    sent: state.sent,
    members: [...state.members],
  };
}

/** The lists are replaced, never changed. */
export function copyMember(member: MemberState): MemberState {
  return { ...member, marks: [...member.marks], replies: [...member.replies] };
}

export function encodeHead(state: State): string {
  const { called, answers, aims, cores, caches, chosen, sent } = state;
  return (
    String.fromCharCode(...called, ...answers, ...aims, ...cores, ...caches, chosen.length, ...chosen) +
    String.fromCharCode(sent.length, ...sent)
  );
}

export function encodeMember(m: MemberState): string {
  let text = String.fromCharCode(m.acceptor, ...m.marks);
  for (const replies of m.replies) text += String.fromCharCode(replies.length, ...replies);
  return (
    text +
    String.fromCharCode(m.accepted.length, ...m.accepted, m.watched.length, ...m.watched) +
    String.fromCharCode(m.observed.length, ...m.observed, m.collected.length, ...m.collected, m.givers) +
    String.fromCharCode(m.got.length, ...m.got)
  );
}

export interface Decoded {
  readonly state: State;
  readonly head: string;
  readonly blocks: readonly string[];
}

export function decode(text: string, shape: Shape): Decoded {
  let at = 0;
  const next = (): number => text.charCodeAt(at++);
  const list = (length: number): number[] => {
    const numbers: number[] = [];
    for (let i = 0; i < length; i++) numbers.push(text.charCodeAt(at++));
    return numbers;
  };
  const { operations } = shape;
  const called = list(operations);
  const answers = list(operations);
  const aims = list(operations);
  const cores = list(operations);
  const caches = list(shape.proposers);
  const chosen = list(next());
  const sent = list(next());
  const head = text.slice(0, at);
  const members: MemberState[] = [];
  const blocks: string[] = [];
  for (let m = 0; m < shape.members; m++) {
    const from = at;
    const acceptor = next();
    const marks = list(operations);
    const replies: number[][] = [];
    for (let i = 0; i < operations; i++) replies.push(list(next()));
    const [accepted, watched, observed, collected] = [list(next()), list(next()), list(next()), list(next())];
    const givers = next();
    members.push({ acceptor, marks, replies, accepted, watched, observed, collected, givers, got: list(next()) });
    blocks.push(text.slice(from, at));
  }
  return { state: { called, answers, aims, cores, caches, chosen, sent, members }, head, blocks };
}

/** Sorts the blocks of members that are alike. With `order`, the members' numbers are moved along. */
export function join(
  head: string,
  blocks: string[],
  alike: readonly (readonly [number, number])[],
  order: number[] | null,
): string {
  for (const [from, to] of alike) {
    for (let i = from + 1; i < to; i++) {
      for (let j = i; j > from && (blocks[j] as string) < (blocks[j - 1] as string); j--) {
        [blocks[j - 1], blocks[j]] = [blocks[j] as string, blocks[j - 1] as string];
        if (order !== null) [order[j - 1], order[j]] = [order[j] as number, order[j - 1] as number];
      }
    }
  }
  return head + blocks.join('');
}

/** The sorted list with the number in it. */
export function withNumber(list: number[], number: number): number[] {
  if (list.includes(number)) return list;
  const at = list.findIndex((other) => other > number);
  return at < 0 ? [...list, number] : [...list.slice(0, at), number, ...list.slice(at)];
}
