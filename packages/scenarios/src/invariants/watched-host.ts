// A host whose past is recorded, as the invariants need it.
import { plainState } from '@siov/base';
import type { StatePort } from '@siov/base';
import { DSA_SPR, layoutOf } from '@siov/datasheet';
import { msiDomainOf } from '@siov/irq';
import { buildHost } from '../host.ts';
import type { Host, HostOptions } from '../host.ts';
import { makeHistories, tapsOf } from './histories.ts';
import type { Histories } from './histories.ts';
import type { StoredId } from './stored-ids.ts';
import type { Subject } from './subject.ts';

export interface WatchedHost extends Subject {
  readonly host: Host;
}

export interface WatchOptions extends Omit<HostOptions, 'taps'> {
  /** Entries of the message store that are looked at; all of them unless said. */
  readonly entries?: number;
  readonly inheritsPending?: boolean;
  readonly early?: boolean;
  /** What owners store for their vectors; nothing unless said. */
  readonly stored?: StoredId;
  /** Where the past is kept; not in the machine's own state unless said. */
  readonly memory?: StatePort;
}

/** The domains of the store's interrupts are looked at from {@link watchDomains} on. */
export function watchedHost(options: WatchOptions = {}): WatchedHost {
  const layout = layoutOf(options.profile ?? DSA_SPR);
  const table = { offset: layout.offsets.ims, size: layout.imsEntries };
  const made: { history?: Histories } = {};
  const host = buildHost({
    ...options,
    taps: (executor) => tapsOf((made.history = makeHistories({ executor, state: options.memory ?? plainState }, table, options.stored ?? (() => undefined)))),
  });
  const { history } = made;
  if (history === undefined) throw new TypeError('the host was built without asking who looks on');
  const subject = { host, entries: options.entries ?? layout.imsEntries, inheritsPending: options.inheritsPending ?? false, early: options.early ?? false, history };
  history.messages.attach(host);
  history.submissions.attach(subject);
  for (const domain of [host.remapping.domain, host.vectors.domain]) history.hierarchy.watch(domain);
  return subject;
}

/** When the function's driver has made the domain of the store, and before the first interrupt of it. */
export function watchDomains({ host, history }: WatchedHost): void {
  const domain = msiDomainOf(host.device, 'secondary');
  if (domain !== undefined) history.hierarchy.watch(domain.irqDomain);
}
