import { handled } from './edges.ts';
import { entryStates, named } from './subject.ts';
import type { EntryState, Subject, Violation } from './subject.ts';

/**
 * I9: an edge that comes while its interrupt is disabled or its entry masked is latched once and replayed once, and none is
 * lost. A predicate of the state and of what {@link Edges} counts, true at rest: at rest an interrupt that is enabled has
 * nothing latched and has handled what came last, and one that is disabled has latched it; none was handled more often than
 * it came. Not for devices whose bus mastering is off, which send nothing.
 */
export function edges(subject: Subject): Violation[] {
  return entryStates(subject).flatMap((entry) => (entry.irq === null || entry.irq.state.actions.length === 0 ? [] : lost(subject, entry, entry.irq)));
}

function lost({ history }: Subject, entry: EntryState, irq: NonNullable<EntryState['irq']>): Violation[] {
  const { state } = irq;
  const what = `irq ${irq.virq} of ${named(entry)}`;
  const count = history.edges.of(irq);
  const violations: Violation[] = [];
  const runs = count === undefined ? 0 : handled(irq) - count.handledBefore;
  if (count !== undefined && runs > count.messages) violations.push(`I9: ${what} was handled ${runs} times, and ${count.messages} messages came`);
  if (entry.hardware.pending && !entry.hardware.mask) violations.push(`I9: ${named(entry)} is pending, and not masked`);
  const unhandled = count !== undefined && handled(irq) === count.handledAtLast;
  if (state.started && !state.disabled) {
    if (state.pending || state.replay) violations.push(`I9: ${what} is enabled, and an edge is latched that nobody replays`);
    else if (unhandled) violations.push(`I9: ${what} is enabled, and the last edge was not handled`);
  } else if (state.started && unhandled && !state.pending) violations.push(`I9: ${what} is disabled, and the last edge is neither handled nor latched`);
  return violations;
}
