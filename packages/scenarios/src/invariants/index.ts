// I1 to I12, the rules that hold in every state of a machine, whatever happens to it; and what records what they need.
import { entryLive } from './i01-entry-live.ts';
import { singleWriter } from './i02-single-writer.ts';
import { authorised } from './i03-authorised.ts';
import { order } from './i05-order.ts';
import { freed } from './i06-freed.ts';
import { storedIds } from './i07-stored-id.ts';
import { setIrqs } from './i08-set-irqs.ts';
import { edges } from './i09-edges.ts';
import { owners } from './i10-owner.ts';
import { unchecked } from './i11-unchecked.ts';
import { entryStates } from './subject.ts';
import type { Moment, Subject, Violation } from './subject.ts';

/**
 * What of the invariants does not hold in `subject` now: I1 to I3, I5 to I7, I10 and I11 between any two steps, I8 and I9 at
 * rest only. I4 is about a call and I12 about a declaration: {@link differences}, {@link layerRules}.
 */
export function checkInvariants(subject: Subject, moment: Moment = 'rest'): Violation[] {
  if (moment === 'rest') subject.history.submissions.settled();
  const always = [entryLive, singleWriter, authorised, order, freed, storedIds, owners, unchecked];
  const atRest = moment === 'rest' ? [setIrqs, edges] : [];
  const read: Subject = { ...subject, read: entryStates(subject) };
  return [...always, ...atRest].flatMap((invariant) => invariant(read));
}

export { Edges, handled } from './edges.ts';
export type { EdgeCount } from './edges.ts';
export { EMPTY_ENTRY } from './empty-entry.ts';
export { EntryWrites } from './entry-writes.ts';
export type { EntryWrite } from './entry-writes.ts';
export { HandlerHistory } from './handler-history.ts';
export type { WatchedHandler } from './handler-history.ts';
export { HierarchyHistory } from './hierarchy-history.ts';
export { makeHistories, tapsOf } from './histories.ts';
export type { Histories } from './histories.ts';
export { entryLive } from './i01-entry-live.ts';
export { singleWriter } from './i02-single-writer.ts';
export { authorised } from './i03-authorised.ts';
export { differences } from './i04-failed-call.ts';
export { order } from './i05-order.ts';
export { freed } from './i06-freed.ts';
export { storedIds } from './i07-stored-id.ts';
export { setIrqs } from './i08-set-irqs.ts';
export { edges } from './i09-edges.ts';
export { owners } from './i10-owner.ts';
export { unchecked } from './i11-unchecked.ts';
export { alongLayers, layerRules } from './i12-layers.ts';
export type { Layers } from './i12-layers.ts';
export { Messages } from './messages.ts';
export type { EntryMessage } from './messages.ts';
export { OperationHistory } from './operation-history.ts';
export type { LayerCall } from './operation-history.ts';
export { changesSince, PicturedState } from './state-picture.ts';
export type { Picture, PicturedOptions } from './state-picture.ts';
export { StoredIds } from './stored-ids.ts';
export type { StoredId } from './stored-ids.ts';
export { Submissions } from './submissions.ts';
export { entryState, entryStates } from './subject.ts';
export type { EntryState, Moment, Subject, Violation } from './subject.ts';
export { VectorHistory } from './vector-history.ts';
export type { VectorView, WatchedVectors } from './vector-history.ts';
export { watchDomains, watchedHost } from './watched-host.ts';
export type { WatchedHost, WatchOptions } from './watched-host.ts';
