// A refusal says which value met which rule: for tests of what it says.
import { expect } from 'vitest';
import { plainState } from '@siov/base';
import type { Errno, Result, StatePort } from '@siov/base';

/** What was tried, its code, and what its message has to name. */
export type Refusal = readonly [what: string, result: Result<unknown>, errno: Errno, message: RegExp];

export function expectRefusals(refusals: readonly Refusal[]): void {
  for (const [what, result, errno, message] of refusals) {
    expect([what, result]).toEqual([what, { ok: false, errno, message: expect.stringMatching(message) }]);
  }
}

/** A machine that refuses a resource by its name, during an action. */
export function scarce(): { state: StatePort; refusing: <T>(resource: string, action: () => T) => T } {
  let refused: string | null = null;
  return {
    state: { ...plainState, grant: (resource) => resource !== refused },
    refusing(resource, action) {
      refused = resource;
      const result = action();
      refused = null;
      return result;
    },
  };
}
