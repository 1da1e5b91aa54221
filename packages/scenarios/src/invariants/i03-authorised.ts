import type { Subject, Violation } from './subject.ts';

/**
 * I3: every message that an entry sends has a descriptor that names the entry, submitted in the name of the PASID that was
 * intended for the interrupt that gets it; or that interrupt has none. Intended is what its owner has stored, whatever the
 * entry holds. One descriptor is good for one message. What a former owner's descriptor left pending is not its next
 * owner's, unless {@link Subject.inheritsPending} lets it be. A predicate of the history that {@link Submissions} keeps,
 * true between any two steps.
 */
export function authorised({ history }: Pick<Subject, 'history'>): Violation[] {
  return [...history.submissions.violations];
}
