// The step protocol. Code that another agent can interleave with is a generator; each yield is a point where the
// machine really lets others in. Run to completion it is the program; run by an explorer it is what is proven.
import { ModelError } from './errno.ts';

/**
 * Why others may run here: a register access by a CPU, a memory access others see, a lock taken or given back, a wait,
 * a trap into the VMM or the return from it, a step of a device. `poll`: it looked, nothing had changed, it will look
 * again: only another agent can make a difference.
 */
export type PointKind = 'register' | 'memory' | 'lock' | 'unlock' | 'wait' | 'trap' | 'return' | 'device' | 'poll';

export interface Point {
  readonly kind: PointKind;
  /** What happens next, for traces and counterexamples. */
  readonly what: string;
  /** Whether the agent can go on. Absent: always. Reads shared state only, changes nothing. */
  readonly ready?: () => boolean;
  /**
   * Nothing is remembered across it: an agent that is here is as it was the first time, so that an explorer can tell that it has
   * been here before. Of the top of an endless loop whose variables are shared state.
   */
  readonly anew?: true;
}

/** A step-wise computation with result `T`. */
export type Steps<T> = Generator<Point, T, void>;

/**
 * A result at once, or the steps to it. For calls that seldom wait and are made often: where nobody can come between
 * (StatePort.interleaved is false) and nothing has to be waited for, they do all their work before they return.
 */
export type MaybeSteps<T> = T | Steps<T>;

/** Whether a call returned steps: its result is no generator, and so has no `next`. */
export function isSteps<T>(result: MaybeSteps<T>): result is Steps<T> {
  return typeof result === 'object' && result !== null && 'next' in result;
}

/** A point that never blocks. Make it once, yield it often. */
export function point(kind: PointKind, what: string): Point {
  return Object.freeze({ kind, what });
}

/** Goes on when `ready` holds. */
export function* waitUntil(what: string, ready: () => boolean): Steps<void> {
  yield { kind: 'wait', what, ready };
}

/**
 * Runs `steps` to the end, ignoring where others could have run. For code that waits for nobody: a wait that is not
 * satisfied has nobody to satisfy it and throws {@link ModelError}.
 */
export function runToCompletion<T>(steps: Steps<T>): T {
  for (;;) {
    const next = steps.next();
    if (next.done) return next.value;
    const { kind, what, ready } = next.value;
    if (kind === 'poll' || (ready !== undefined && !ready())) {
      throw new ModelError(`nobody is left to run, and this waits for: ${what}`);
    }
  }
}
