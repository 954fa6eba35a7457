/** Schedules over epochs: who merges from whom, and what old and inherited acceptances are worth. */
import { incarnationOf } from './stage.ts';
import type { Script } from './script.ts';
import type { Stage } from './stage.ts';

/** `name` proposes from these members only: a classic attempt, accepted where `accepting` says. */
function putClassic(stage: Stage, name: string, members: string, accepting: string, clock = 0): void {
  stage.proposer(name, clock);
  stage.cut(name, 'ABCDE'.replaceAll(new RegExp(`[${members}]`, 'g'), ''));
  stage.put(name);
  stage.deliver(name, members, 'prepare');
  stage.deliver(name, accepting, 'accept');
}

function look(stage: Stage, name: string, members: string, clock = 200): void {
  stage.proposer(name, clock);
  stage.read(name);
  stage.round(name, members);
  stage.retry(name);
  stage.round(name, members);
}

export const EPOCH_SCRIPTS: readonly Script[] = [
  {
    control: 'inherited-counts',
    story:
      'X at B, Y (higher) at C, none chosen; D inherits X from A and B; B and D report X; the next round sees Y at C',
    members: 'ABC',
    steps: (stage) => {
      putClassic(stage, 'X', 'AB', 'B');
      putClassic(stage, 'Y', 'AC', 'C', 5);
      stage.decide({ kind: 'replace', member: incarnationOf('D'), leaving: 'A' });
      stage.adopt('B');
      stage.adopt('D');
      stage.merge('D', 'AB');
      stage.proposer('W', 100);
      stage.read('W');
      stage.round('W', 'BD');
      stage.retry('W');
      stage.round('W', 'BD');
      stage.adopt('C');
      look(stage, 'Z', 'CD');
    },
  },
  {
    control: 'round-leads-ballot',
    story: 'a cell of the old epoch with a big round at A dominates the chosen one of the new epoch with a small round',
    members: 'ABC',
    steps: (stage) => {
      putClassic(stage, 'X', 'AC', 'A', 100);
      stage.decide({ kind: 'replace', member: incarnationOf('D'), leaving: 'C' });
      for (const member of 'ABD') stage.adopt(member);
      stage.merge('D', 'BC');
      stage.proposer('Y');
      stage.cut('Y', 'AC');
      stage.put('Y');
      stage.round('Y', 'D');
      stage.round('Y', 'BD');
      stage.retry('Y');
      stage.round('Y', 'BD');
      look(stage, 'Z', 'AB');
    },
  },
  {
    control: 'floor-by-round',
    story:
      'X is applied at 1.9; epoch 2 begins with low rounds: erased and forgotten, floor 2.2; the retry of X compares 2 with 9',
    members: 'ABC',
    steps: (stage) => {
      stage.proposer('X', 8);
      stage.put('X', true);
      stage.deliverSilently('X', 'ABC', 'prepare');
      look(stage, 'V', 'ABC', 9);
      stage.decide({ kind: 'replace', member: incarnationOf('D'), leaving: 'C' });
      for (const member of 'ABD') stage.adopt(member);
      stage.merge('D', 'AB');
      stage.proposer('Y');
      stage.erase('Y', 'A', 'ABD');
      stage.round('Y', 'ABD');
      stage.deliver('Y', 'ABD', 'forget');
      look(stage, 'U', 'ABD', 3);
      stage.learns('X');
      for (let i = 0; i < 2; i++) {
        stage.round('X', 'ABD');
        stage.retry('X');
      }
      look(stage, 'Z', 'ABD');
    },
  },
  {
    control: 'few-merge-always',
    story: 'X is chosen at A, B, E; E leaves; F takes the seat of A and merges from C and D, which missed X',
    members: 'ABCDE',
    steps: (stage) => {
      putClassic(stage, 'X', 'ABE', 'ABE');
      stage.decide({ kind: 'vacate', name: 'E' });
      for (const member of 'ABCDE') stage.adopt(member);
      stage.decide({ kind: 'replace', member: incarnationOf('F'), leaving: 'A' });
      for (const member of 'BCDF') stage.adopt(member);
      stage.merge('F', 'CDB');
      look(stage, 'Z', 'CDF');
    },
  },
  {
    control: 'no-merge-after-vacate',
    story: 'X is chosen at A and B; the seat of B is vacated; D takes the seat of A and merges from C, which missed X',
    members: 'ABC',
    steps: (stage) => {
      putClassic(stage, 'X', 'AB', 'AB');
      stage.decide({ kind: 'vacate', name: 'B' });
      for (const member of 'ABC') stage.adopt(member);
      stage.merge('A', 'AB');
      stage.merge('C', 'CB');
      stage.decide({ kind: 'replace', member: incarnationOf('D'), leaving: 'A' });
      for (const member of 'CD') stage.adopt(member);
      stage.merge('D', 'C');
      look(stage, 'Z', 'CD');
    },
  },
  {
    control: 'no-merge-after-shrink',
    story: 'X is chosen at A and B; three seats become two, and two become one: C is left, which missed X',
    members: 'ABC',
    steps: (stage) => {
      putClassic(stage, 'X', 'AB', 'AB');
      stage.decide({ kind: 'shrink', name: 'A' });
      for (const member of 'ABC') stage.adopt(member);
      stage.merge('B', 'BC');
      stage.merge('C', 'CB');
      stage.decide({ kind: 'shrink', name: 'B' });
      stage.adopt('C');
      stage.merge('C', 'C');
      look(stage, 'Z', 'C');
    },
  },
  {
    control: 'serves-unsealed',
    story: 'D merges from B and C; C accepts X afterwards in the old epoch: chosen by A and C, unseen by B and D',
    members: 'ABC',
    steps: (stage) => {
      putClassic(stage, 'X', 'AC', '');
      stage.decide({ kind: 'replace', member: incarnationOf('D'), leaving: 'A' });
      stage.adopt('D');
      stage.merge('D', 'BC');
      stage.deliver('X', 'AC', 'accept');
      for (const member of 'BC') stage.adopt(member);
      look(stage, 'Z', 'BD');
    },
  },
  {
    control: 'joiner-votes-blank',
    story: 'X is chosen at A and B; D takes the seat of A and votes at once: C and D know nothing',
    members: 'ABC',
    steps: (stage) => {
      putClassic(stage, 'X', 'AB', 'AB');
      stage.decide({ kind: 'replace', member: incarnationOf('D'), leaving: 'A' });
      for (const member of 'BCD') stage.adopt(member);
      look(stage, 'Z', 'CD');
      stage.merge('D', 'BC');
    },
  },
  {
    control: 'merges-from-one',
    story: 'X is chosen at A and B; D takes the seat of A and merges from C alone, which missed X',
    members: 'ABC',
    steps: (stage) => {
      putClassic(stage, 'X', 'AB', 'AB');
      stage.decide({ kind: 'replace', member: incarnationOf('D'), leaving: 'A' });
      for (const member of 'BCD') stage.adopt(member);
      stage.merge('D', 'CB');
      look(stage, 'Z', 'CD');
    },
  },
  {
    control: 'no-epoch-check',
    story: 'A and B still accept X in epoch 1 after D merged from B and C: chosen there, unseen by C and D in epoch 2',
    members: 'ABC',
    steps: (stage) => {
      putClassic(stage, 'X', 'AB', '');
      stage.decide({ kind: 'replace', member: incarnationOf('D'), leaving: 'A' });
      for (const member of 'ABCD') stage.adopt(member);
      stage.merge('D', 'BC');
      stage.deliver('X', 'AB', 'accept');
      look(stage, 'Z', 'CD');
    },
  },
];
