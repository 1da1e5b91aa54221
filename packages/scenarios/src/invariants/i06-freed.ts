import { EMPTY_ENTRY, leftIn } from './empty-entry.ts';
import { entryStates, named } from './subject.ts';
import type { EntryState, Subject, Violation } from './subject.ts';

/**
 * I6: when free_irq() has returned no handler of the action runs, the entry is masked and without PASID, and its message is
 * zero. That the entry is, is a predicate of the state: of every interrupt without action whose request mutex is free, which
 * free_irq() holds until it returns. (An entry that gets its id at allocation has it, masked, also before its first start:
 * {@link Subject.early} says so.) That no handler runs is one of the history that {@link HandlerHistory} keeps. Both are true between any
 * two steps.
 */
export function freed(subject: Subject): Violation[] {
  return [...entryStates(subject).flatMap((entry) => notWiped(entry, subject.early === true)), ...subject.history.handlers.violations];
}

function notWiped(entry: EntryState, early: boolean): Violation[] {
  const { irq, hardware } = entry;
  if (irq === null || irq.state.actions.length > 0 || irq.requestMutex.held || irq.lock.held) return [];
  const looked = early && hardware.mask ? { ...hardware, pasidEnable: EMPTY_ENTRY.pasidEnable, pasid: EMPTY_ENTRY.pasid } : hardware;
  const left = leftIn(looked);
  return left === '' ? [] : [`I6: irq ${irq.virq} has no action, and ${named(entry)} holds ${left}`];
}
