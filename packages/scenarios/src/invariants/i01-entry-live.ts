import { entryStates, idOf, named, pasidOf, pasidText } from './subject.ts';
import type { EntryState, Subject, Violation } from './subject.ts';

/**
 * I1: an entry that is not masked belongs to an interrupt with exactly one action, activated and started, and holds the id
 * that is bound to that interrupt. A predicate of the state, true between any two steps; while the descriptor's lock is
 * held the interrupt is between two states, and only the id is looked at.
 */
export function entryLive(subject: Subject): Violation[] {
  return entryStates(subject).flatMap((entry) => (entry.hardware.mask ? [] : [...wrongId(subject, entry), ...notRunning(entry)]));
}

function wrongId(subject: Subject, entry: EntryState): Violation[] {
  if (entry.owner === null) return entry.irq?.lock.held === true ? [] : [`I1: ${named(entry)} is unmasked`];
  const [held, bound] = [pasidOf(entry.hardware), idOf(subject, entry.owner)];
  return held === bound ? [] : [`I1: ${named(entry)} is unmasked with ${pasidText(held)}, and ${pasidText(bound)} is bound to it`];
}

function notRunning(entry: EntryState): Violation[] {
  const { irq } = entry;
  if (irq === null || irq.lock.held) return [];
  const { actions, activated, started } = irq.state;
  if (actions.length === 1 && activated && started) return [];
  return [`I1: ${named(entry)} is unmasked, and irq ${irq.virq} has ${actions.length} actions, is ${activated ? '' : 'not '}activated and ${started ? '' : 'not '}started`];
}
