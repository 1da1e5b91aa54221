// All that is recorded of a machine for the invariants that are about its past.
import type { Executor, StatePort } from '@siov/base';
import type { HostTaps } from '../host.ts';
import { Edges } from './edges.ts';
import { EntryWrites } from './entry-writes.ts';
import { HandlerHistory } from './handler-history.ts';
import { wrongWith } from './i02-single-writer.ts';
import { HierarchyHistory } from './hierarchy-history.ts';
import { Messages } from './messages.ts';
import { OperationHistory } from './operation-history.ts';
import { StoredIds } from './stored-ids.ts';
import type { StoredId } from './stored-ids.ts';
import { Submissions } from './submissions.ts';
import { VectorHistory } from './vector-history.ts';

export interface Histories {
  readonly operations: OperationHistory;
  readonly writes: EntryWrites;
  readonly submissions: Submissions;
  readonly messages: Messages;
  readonly edges: Edges;
  readonly ids: StoredIds;
  readonly hierarchy: HierarchyHistory;
  readonly handlers: HandlerHistory;
  readonly vectors: VectorHistory;
}

/** `state`: where they keep what they remember, apart from what is looked at. `table`: where the message store is in BAR0, and its entries. */
export function makeHistories(
  { executor, state }: { readonly executor: Executor; readonly state: StatePort },
  table: { readonly offset: number; readonly size: number },
  stored: StoredId,
): Histories {
  const operations = new OperationHistory(executor);
  const submissions = new Submissions(state);
  const messages = new Messages();
  const edges = new Edges(state, operations);
  messages.onMessage((message) => {
    submissions.delivered(message);
    edges.came(message);
  });
  return {
    operations,
    submissions,
    messages,
    edges,
    writes: new EntryWrites(state, operations, table, wrongWith),
    ids: new StoredIds(state, operations, stored),
    hierarchy: new HierarchyHistory(state),
    handlers: new HandlerHistory(state),
    vectors: new VectorHistory(state),
  };
}

/** Where the histories look. */
export function tapsOf({ operations, writes, submissions, messages }: Histories): HostTaps {
  return {
    trace: (trace) => operations.tap(trace),
    bar0: (port) => writes.tap(port),
    portals: (port) => submissions.tapPortals(port),
    dma: (port) => submissions.tapDma(port),
    interrupts: (port) => messages.tap(port),
  };
}
