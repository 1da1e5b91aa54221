// Every problem of the literature that is here, right and wrong: what an explorer of interleavings has to know about them.
import { abaStackAnswers } from './aba-stack.ts';
import { alternatingBitAnswers } from './alternating-bit.ts';
import { bakeryAnswers } from './bakery.ts';
import { barrierAnswers } from './barrier.ts';
import { boundedBufferAnswers } from './bounded-buffer.ts';
import { counterAnswers } from './counter.ts';
import { dekkerAnswers } from './dekker.ts';
import { dijkstraAnswers } from './dijkstra.ts';
import { doubleCheckedAnswers } from './double-checked.ts';
import { fastMutexAnswers } from './fast-mutex.ts';
import { forkJoinAnswers } from './fork-join.ts';
import { handshakeAnswers } from './handshake.ts';
import { hygienicPhilosopherAnswers } from './hygienic-philosophers.ts';
import { hymanAnswers } from './hyman.ts';
import { leaderElectionAnswers } from './leader-election.ts';
import { lockOrderAnswers } from './lock-order.ts';
import { petersonAnswers } from './peterson.ts';
import { philosopherAnswers } from './philosophers.ts';
import { producerConsumerAnswers } from './producer-consumer.ts';
import { queueLockAnswers } from './queue-lock.ts';
import { readersWritersAnswers } from './readers-writers.ts';
import { selfStabilisingAnswers } from './self-stabilising.ts';
import { sequenceLockAnswers } from './sequence-lock.ts';
import { sleepWakeupAnswers } from './sleep-wakeup.ts';
import { spinLockAnswers } from './spin-locks.ts';
import { szymanskiAnswers } from './szymanski.ts';
import type { KnownAnswer } from './known-answer.ts';

export type { Expected, KnownAnswer } from './known-answer.ts';

export const knownAnswers: readonly KnownAnswer[] = [
  ...abaStackAnswers,
  ...alternatingBitAnswers,
  ...bakeryAnswers,
  ...barrierAnswers,
  ...boundedBufferAnswers,
  ...counterAnswers,
  ...dekkerAnswers,
  ...dijkstraAnswers,
  ...doubleCheckedAnswers,
  ...fastMutexAnswers,
  ...forkJoinAnswers,
  ...handshakeAnswers,
  ...hygienicPhilosopherAnswers,
  ...hymanAnswers,
  ...leaderElectionAnswers,
  ...lockOrderAnswers,
  ...petersonAnswers,
  ...philosopherAnswers,
  ...producerConsumerAnswers,
  ...queueLockAnswers,
  ...readersWritersAnswers,
  ...selfStabilisingAnswers,
  ...sequenceLockAnswers,
  ...sleepWakeupAnswers,
  ...spinLockAnswers,
  ...szymanskiAnswers,
];
