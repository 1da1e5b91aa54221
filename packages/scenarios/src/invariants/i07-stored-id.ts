import { entryStates, named, pasidOf, pasidText } from './subject.ts';
import type { Subject, Violation } from './subject.ts';

/**
 * I7: an entry that holds an id holds the one that its owner had stored for that vector when the interrupt was allocated,
 * the last time as the first (no O4 of the review: an id stored before is honoured by every later allocation). A predicate of
 * the state and of what {@link StoredIds} remembers, true between any two steps.
 */
export function storedIds(subject: Subject): Violation[] {
  return entryStates(subject).flatMap((entry) => {
    const { owner, hardware } = entry;
    if (owner === null || !hardware.pasidEnable) return [];
    const stored = subject.history.ids.at(owner.device.name, owner.index);
    if (stored === undefined || pasidOf(hardware) === stored) return [];
    return [`I7: ${named(entry)} holds PASID ${hardware.pasid}, and ${pasidText(stored)} was stored for it when it was allocated`];
  });
}
