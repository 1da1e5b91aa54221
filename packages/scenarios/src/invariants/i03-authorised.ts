import type { Subject, Violation } from './subject.ts';

/**
 * I3: every message that an entry sends has a descriptor that names the entry, submitted in the name of the PASID that was
 * its owner's then, while the entry was that owner's; or the entry checks no PASID. One descriptor is good for one message. What
 * a former owner's descriptor left pending is not its next owner's, unless {@link Subject.inheritsPending} lets it be. A
 * predicate of the history that {@link Submissions} keeps, true between any two steps.
 */
export function authorised({ history }: Pick<Subject, 'history'>): Violation[] {
  return history.submissions.violations;
}
