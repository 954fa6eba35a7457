/** Schedules within one configuration: fast values, retries, erasing and forgetting. A, B, C, D are members; W, X, Y, Z propose. */
import type { Script } from './script.ts';
import type { Stage } from './stage.ts';

/** W puts, everybody takes it fast, its owner ends, all accept the tombstone at (1, 2, W); Forget is sent and not delivered. */
function liveAndDie(stage: Stage, members: string): void {
  stage.proposer('W');
  stage.put('W', true);
  stage.deliver('W', members, 'prepare');
  stage.erase('W', 'A', members);
  stage.round('W', members);
}

/** Somebody reads from these. */
function look(stage: Stage, name: string, members: string, clock = 60): void {
  stage.proposer(name, clock);
  stage.read(name);
  stage.round(name, members);
  stage.retry(name);
  stage.round(name, members);
}

/** X's value was taken by all, but X does not know; it was read, erased and forgotten. */
function appliedAndForgotten(stage: Stage, members: string): void {
  stage.proposer('X');
  stage.put('X', true);
  stage.deliverSilently('X', members, 'prepare');
  look(stage, 'V', members, 4);
  stage.proposer('Y', 8);
  stage.erase('Y', 'A', members);
  stage.round('Y', members);
  stage.deliver('Y', members, 'forget');
  look(stage, 'U', members, 20);
}

export const ROUND_SCRIPTS: readonly Script[] = [
  {
    control: 'fast-by-three-quarters',
    story: 'A, B, C forget the tombstone and take X fast; the tombstone at D is classic and dominates: X is gone',
    members: 'ABCD',
    steps: (stage) => {
      liveAndDie(stage, 'ABCD');
      stage.deliver('W', 'ABC', 'forget');
      stage.proposer('X', 20);
      stage.put('X');
      stage.deliver('X', 'ABC', 'prepare');
      stage.goOn('X');
      stage.round('X', 'ABC');
      look(stage, 'Z', 'BCD');
    },
  },
  {
    control: 'put-finishes-by-read',
    story: 'X reads the value of Y and answers; Y is erased and forgotten; then the late fast value of X creates X',
    members: 'ABC',
    steps: (stage) => {
      stage.proposer('X', 50);
      stage.put('X');
      stage.proposer('Y');
      stage.put('Y', true);
      stage.deliver('Y', 'ABC', 'prepare');
      stage.retry('X');
      stage.round('X', 'ABC');
      stage.proposer('W', 5);
      stage.erase('W', 'A', 'ABC');
      for (let i = 0; i < 2; i++) {
        stage.round('W', 'ABC');
        stage.retry('W');
      }
      stage.deliver('W', 'ABC', 'forget');
      stage.deliver('X', 'ABC', 'prepare', 0);
      look(stage, 'Z', 'ABC');
    },
  },
  {
    control: 'next-by-one-ack',
    story:
      'A alone accepted X and promised the next ballot; Z is chosen at B and C meanwhile; the next change of X overwrites it',
    members: 'ABC',
    steps: (stage) => {
      stage.proposer('X', 19);
      stage.change('X');
      stage.deliver('X', 'AB', 'prepare');
      stage.deliver('X', 'A', 'accept');
      stage.proposer('Z', 19);
      stage.cut('Z', 'A');
      stage.put('Z');
      stage.round('Z', 'BC');
      stage.change('X');
      stage.deliver('X', 'BC', 'accept');
      look(stage, 'Y', 'BC');
    },
  },
  {
    control: 'forgets-any-tombstone',
    story:
      'an old Forget hits the tombstone of the next life at A and B; C still holds the value of that life and revives it',
    members: 'ABC',
    steps: (stage) => {
      liveAndDie(stage, 'ABC');
      stage.deliver('W', 'ABC', 'forget');
      stage.proposer('X', 20);
      stage.cut('X', 'A');
      stage.put('X', true);
      stage.proposer('Y', 30);
      stage.round('X', 'BC');
      look(stage, 'V', 'AB', 26);
      stage.erase('Y', 'A', 'AB');
      stage.round('Y', 'AB');
      stage.proposer('U', 40);
      stage.read('U');
      stage.deliver('U', 'AB', 'read');
      stage.deliver('W', 'AB', 'forget');
      look(stage, 'Z', 'BC');
    },
  },
  {
    control: 'forgets-over-promise',
    story: 'A and B promised 4 to X, forget, and take Y (3) fast with C: Y is unanimous, and X writes at 4',
    members: 'ABC',
    steps: (stage) => {
      liveAndDie(stage, 'ABC');
      stage.proposer('X', 3);
      stage.put('X');
      stage.deliver('X', 'AB', 'prepare');
      stage.deliver('W', 'ABC', 'forget');
      stage.proposer('Y', 2);
      stage.put('Y');
      stage.deliver('Y', 'ABC', 'prepare');
      stage.deliver('X', 'AB', 'accept');
      look(stage, 'Z', 'AB');
    },
  },
  {
    control: 'fast-in-retries',
    story: 'X was applied, read, erased and forgotten; its retry is taken fast by all: back from the dead',
    members: 'ABC',
    steps: (stage) => {
      appliedAndForgotten(stage, 'ABC');
      for (let i = 0; i < 3; i++) {
        stage.retry('X');
        stage.deliver('X', 'ABC', 'prepare');
        stage.deliver('X', 'ABC', 'accept');
      }
      look(stage, 'Z', 'ABC');
    },
  },
  {
    control: 'read-across-forgetting',
    story:
      'a read finds X at C, which missed the tombstone; C gets it and all forget; the read goes on at A, which knows nothing',
    members: 'ABC',
    steps: (stage) => {
      stage.proposer('X');
      stage.cut('X', 'A');
      stage.put('X', true);
      stage.round('X', 'BC');
      stage.deliver('X', 'C', 'chosen');
      stage.proposer('Y', 8);
      look(stage, 'V', 'AB', 4);
      stage.erase('Y', 'B', 'AB');
      stage.round('Y', 'AB');
      look(stage, 'U', 'AB', 20);
      stage.proposer('Z', 40);
      stage.read('Z');
      stage.deliver('Z', 'C', 'read');
      stage.deliver('Y', 'C', 'accept');
      stage.deliver('Y', 'ABC', 'forget');
      stage.deliver('Z', 'A', 'read');
      stage.retry('Z');
      stage.round('Z', 'AB');
    },
  },
  {
    control: null,
    story:
      'X was applied, read, erased and forgotten; copies of its Prepare are refused by the only member; its retry must not put again',
    members: 'A',
    steps: (stage) => {
      appliedAndForgotten(stage, 'A');
      stage.deliver('X', 'A', 'prepare', 0);
      for (let i = 0; i < 3; i++) {
        stage.retry('X');
        stage.round('X', 'A');
      }
      look(stage, 'Z', 'A');
    },
  },
];
