import { isSteps } from '@siov/base';
import type { MaybeSteps, Steps } from '@siov/base';

/** For step-wise code: the result, after the steps to it if there are any. */
export function* settled<T>(result: MaybeSteps<T>): Steps<T> {
  return isSteps(result) ? yield* result : result;
}
