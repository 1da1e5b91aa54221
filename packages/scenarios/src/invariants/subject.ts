// What the invariants look at: a host, which entries of its message store, and what was recorded of its past.
import type { ImsEntryView } from '@siov/hw';
import type { ImsDesc } from '@siov/ims';
import { msiDomainOf } from '@siov/irq';
import type { IrqDesc } from '@siov/irq';
import type { Host } from '../host.ts';
import type { Histories } from './histories.ts';

/** A sentence that begins with the invariant's number and names the values that break it. */
export type Violation = string;

/** `rest`: no agent can move; `between`: anywhere between two steps. */
export type Moment = 'rest' | 'between';

export interface Subject {
  readonly host: Pick<Host, 'core' | 'vectors' | 'iommu' | 'remapping' | 'silicon' | 'device'>;
  /** How many entries of the message store are looked at, from 0 on. */
  readonly entries: number;
  /**
   * The PASID that the entry of an interrupt has to hold while it is open; null: none. The allocation's, as in a domain that
   * takes it from there, unless `idOf` says otherwise.
   */
  readonly idOf?: (desc: ImsDesc) => number | null;
  /**
   * Whether an edge that a former owner left pending in an entry may come out of it once for the next one. Software cannot
   * clear the bit (DSA spec 3.0 §9.2), so that it needs a device, or a chip, that does.
   */
  readonly inheritsPending?: boolean;
  /** Entries get their ids at allocation (R11). */
  readonly early?: boolean;
  readonly history: Histories;
  /** Its entries, where somebody has read them at this moment already. */
  readonly read?: readonly EntryState[];
}

/** One entry of the store: what the hardware holds, and whose it is as the irq core has it. */
export interface EntryState {
  readonly slot: number;
  readonly hardware: ImsEntryView;
  readonly irq: IrqDesc | null;
  /** Null while it is nobody's. */
  readonly owner: ImsDesc | null;
}

export function entryState({ host }: Pick<Subject, 'host'>, slot: number): EntryState {
  const virq = msiDomainOf(host.device, 'secondary')?.irqDomain.findMapping(slot) ?? 0;
  const irq = host.core.desc(virq) ?? null;
  return { slot, hardware: host.silicon.imsEntry(slot), irq, owner: (irq?.state.data?.chipData as ImsDesc | undefined) ?? null };
}

export function entryStates(subject: Subject): readonly EntryState[] {
  return subject.read ?? Array.from({ length: subject.entries }, (_, slot) => entryState(subject, slot));
}

export function idOf(subject: Pick<Subject, 'idOf'>, desc: ImsDesc): number | null {
  return subject.idOf === undefined ? (desc.cookie?.pasid ?? null) : subject.idOf(desc);
}

/** For sentences: `entry 3 (dsa0-mdev1/0)`. */
export function named({ slot, owner }: Pick<EntryState, 'slot' | 'owner'>): string {
  return owner === null ? `entry ${slot} (nobody's)` : `entry ${slot} (${owner.device.name}/${owner.index})`;
}

/** `PASID 3`, `no PASID`. */
export function pasidText(pasid: number | null): string {
  return pasid === null ? 'no PASID' : `PASID ${pasid}`;
}

/** What the hardware would compare with. */
export function pasidOf({ pasidEnable, pasid }: ImsEntryView): number | null {
  return pasidEnable ? pasid : null;
}
