import { changesSince } from './state-picture.ts';
import type { Picture } from './state-picture.ts';
import type { Violation } from './subject.ts';

/**
 * What a failed call may leave: a line in the kernel's log, and where a vector was that was given back: its CPU in the
 * interrupt's own data, and the mark in vector_irq[] by which strays are told apart. Which are in use is the matrix's to say.
 */
const ALLOWED = /\/log$|\/vector_irq$|\/irq\d+\/apic$|^[^/]+\/vectors$/;

/**
 * I4: a call that failed has left every counter and every piece of state as it was. A predicate of the history: `before` is
 * the picture from before the call, taken at rest, and it is asked when the call has returned. Given up by a SET_IRQS that
 * fails are vectors of its own block; `except` names such pieces.
 */
export function differences(before: Picture, call: string, except?: RegExp): Violation[] {
  const changed = changesSince(before).filter((name) => !ALLOWED.test(name) && except?.test(name) !== true);
  return changed.length === 0 ? [] : [`I4: ${call} has changed ${changed.join(', ')}`];
}
