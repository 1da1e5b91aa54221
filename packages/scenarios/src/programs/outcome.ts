// How an operation ended.
import type { Errno, Result } from '@siov/base';

/**
 * `done`; `failed`: the call gave an errno; `refused`: the device answered with an error code; `idle`: there was nothing it
 * could be done to, so that nothing was called.
 */
export type Outcome =
  | { readonly how: 'done' }
  | { readonly how: 'failed'; readonly errno: Errno; readonly message: string }
  | { readonly how: 'refused'; readonly error: number }
  | { readonly how: 'idle' };

export const DONE: Outcome = Object.freeze({ how: 'done' });
export const IDLE: Outcome = Object.freeze({ how: 'idle' });

export function outcomeOf(result: Result<unknown>): Outcome {
  return result.ok ? DONE : { how: 'failed', errno: result.errno, message: result.message };
}

/** Of a command: 0 is success. */
export function answered(error: number): Outcome {
  return error === 0 ? DONE : { how: 'refused', error };
}
