import { msiDomainOf } from '@siov/irq';
import type { Subject, Violation } from './subject.ts';
import type { WatchedVectors } from './vector-history.ts';

/**
 * I8: a vector without trigger has no interrupt, one with an interrupt has exactly one action; a SET_IRQS that failed leaves
 * none of the triggers that came with it; after a disable there is nothing, and another one changes nothing. The first half
 * is a predicate of the state, true at rest: in the middle of SET_IRQS a vector is half armed. The second is one of the history
 * that {@link VectorHistory} keeps, true at any time; that a second disable changes nothing takes two calls to see, and
 * {@link differences} around the second.
 */
export function setIrqs(subject: Subject): Violation[] {
  const { vectors } = subject.history;
  return [...vectors.violations, ...vectors.devices.flatMap((device) => halfArmed(subject, device))];
}

function halfArmed({ host }: Subject, { name, view, vectors, open }: WatchedVectors): Violation[] {
  const all = Array.from({ length: vectors }, (_, vector) => vector);
  const armed = all.filter((vector) => open(vector)).length;
  const counted = armed === view.armed ? [] : [`I8: ${name} says that ${view.armed} vectors are armed, and ${armed} have a trigger that is open`];
  const wrong = all.flatMap((vector) => {
    const slot = view.hwirq(vector);
    if (!slot.ok) return [];
    if (!open(vector)) return [`I8: vector ${vector} of ${name} has entry ${slot.value} and no trigger`];
    const actions = host.core.desc(msiDomainOf(host.device, 'secondary')?.irqDomain.findMapping(slot.value) ?? 0)?.state.actions.length ?? 0;
    return actions === 1 ? [] : [`I8: vector ${vector} of ${name} has a trigger and entry ${slot.value}, whose interrupt has ${actions} actions`];
  });
  return [...counted, ...wrong];
}
