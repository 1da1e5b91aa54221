// The invariants as properties of an explored machine. Each entry of the store has its own: what is true of one does not
// depend on what another is doing.
import type { Property } from '@siov/explore';
import { hostCounters } from '../host.ts';
import { entryLive } from '../invariants/i01-entry-live.ts';
import { singleWriter } from '../invariants/i02-single-writer.ts';
import { authorised } from '../invariants/i03-authorised.ts';
import { order } from '../invariants/i05-order.ts';
import { freed } from '../invariants/i06-freed.ts';
import { storedIds } from '../invariants/i07-stored-id.ts';
import { setIrqs } from '../invariants/i08-set-irqs.ts';
import { edges } from '../invariants/i09-edges.ts';
import { owners } from '../invariants/i10-owner.ts';
import { unchecked } from '../invariants/i11-unchecked.ts';
import { entryState } from '../invariants/subject.ts';
import type { Subject, Violation } from '../invariants/subject.ts';
import type { WatchedHost } from '../invariants/watched-host.ts';

type Invariant = (subject: Subject) => readonly Violation[];

/** Of the state of one entry, and what goes with it. */
const OF_AN_ENTRY: Readonly<Record<string, Invariant>> = { I1: entryLive, I5: order, I6: freed, I7: storedIds, I10: owners, I11: unchecked };
/** Of what was recorded. */
const OF_THE_PAST: Readonly<Record<string, Invariant>> = { I2: singleWriter, I3: authorised, I8: ({ history }) => history.vectors.violations };
/** True where nobody can move. */
const AT_REST: Readonly<Record<string, Invariant>> = { 'I8 at rest': setIrqs, 'I9 at rest': edges };

export function invariantProperties(subject: Subject): Property[] {
  const slots = Array.from({ length: subject.entries }, (_, slot) => slot);
  const ofEntries = Object.entries(OF_AN_ENTRY).flatMap(([name, invariant]) =>
    slots.map((slot) => always(`${name}, entry ${slot}`, () => invariant({ ...subject, read: [entryState(subject, slot)] }))),
  );
  const ofThePast = Object.entries(OF_THE_PAST).map(([name, invariant]) => always(name, () => invariant(subject)));
  const atRest = Object.entries(AT_REST).map(([name, invariant]): Property => ({ kind: 'rest', name, holds: () => told(invariant(subject)) }));
  return [...ofEntries, ...ofThePast, ...atRest];
}

/** At the end the host holds what it held at `before`. */
export function nothingLeft({ host }: WatchedHost, before: Readonly<Record<string, number>>): Property {
  const holds = () => {
    const after = hostCounters(host);
    const left = Object.keys(before).filter((name) => before[name] !== after[name]);
    return left.length === 0 || `left behind: ${left.map((name) => `${name} was ${before[name]} and is ${after[name]}`).join(', ')}`;
  };
  return { kind: 'rest', name: 'nothing left behind', holds };
}

function always(name: string, violations: () => readonly Violation[]): Property {
  return { kind: 'always', name, holds: () => told(violations()) };
}

function told(violations: readonly Violation[]): true | string {
  return violations.length === 0 || violations.join('; ');
}
