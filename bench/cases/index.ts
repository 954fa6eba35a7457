/** All cases, in the order they run. */
import type { BenchCase } from '../case.ts';
import { callCases } from './call.bench.ts';
import { codecCase } from './codec.bench.ts';
import { exitsCase } from './exits.bench.ts';
import { farCallCases } from './far-call.bench.ts';
import { memoryCase, millionCase } from './memory.bench.ts';
import { pingPongCase } from './ping-pong.bench.ts';

import { restartCase } from './restart.bench.ts';
import { spawnCase } from './spawn.bench.ts';
import { storeCases } from './store.bench.ts';
import { threadCase } from './thread.bench.ts';
import { wireCase } from './wire.bench.ts';

export const benchCases: readonly BenchCase[] = [
  spawnCase,
  pingPongCase,
  exitsCase,
  memoryCase,
  millionCase,
  ...callCases,
  ...farCallCases,
  restartCase,
  codecCase,
  threadCase,
  wireCase,
  ...storeCases,
];
