// What a flow can be run with, and what comes of it.
import type { TraceEvent } from '@siov/base';
import type { DsaProfile } from '@siov/datasheet';
import type { PermissionCheck } from '@siov/hw';
import type { InterruptRow } from '@siov/irq';
import type { VmmPolicy } from '@siov/vmm';
import type { InterruptRemappingMode } from '../host.ts';
import type { Layers } from '../invariants/i12-layers.ts';
import type { Moment } from '../invariants/subject.ts';
import type { HardwareTables } from './tables.ts';

export interface FlowOptions {
  /** The silicon; as in a Sapphire Rapids unless said. */
  readonly profile?: DsaProfile;
  /** Sizes in bytes of the copies each driver submits, one after the other. */
  readonly copies?: readonly number[];
  /** Mediated devices, each in a guest of its own. 1 unless said. */
  readonly devices?: number;
  /** Of the mediated device: dedicated unless said. */
  readonly queue?: 'dedicated' | 'shared';
  /** Guest vectors of a mediated device, vector 0 included; 2 unless said. */
  readonly vectors?: number;
  /** Of the host, and of each guest; 2 and 1 unless said. */
  readonly hostCpus?: number;
  readonly guestCpus?: number;
  readonly vmm?: VmmPolicy;
  /** Interrupts reach the guest through KVM, without the VMM's main loop. */
  readonly irqfd?: boolean;
  /** Submissions do not trap; so unless said. */
  readonly mapPortals?: boolean;
  readonly remapping?: InterruptRemappingMode;
  /** Of a host that uses the function itself: where its queue's interrupt comes from; `msix` unless said. */
  readonly store?: 'msix' | 'ims';
  /** When the chip writes the id into the entry (R11). */
  readonly programAt?: 'allocation' | 'startup';
  readonly permissionCheck?: PermissionCheck;
  /** When the invariants are looked at: between any two steps unless said, which takes its time. */
  readonly looks?: Moment;
  /** What each layer may use: with it I12 is among the verdicts. */
  readonly layers?: Layers;
  readonly trace?: { readonly now: () => number; readonly sink: (event: TraceEvent) => void };
}

/** One of I1 to I12, over a whole run. */
export interface Verdict {
  readonly invariant: string;
  /** What breaks it, each once; empty: it held whenever it was looked at. */
  readonly violations: readonly string[];
}

/** What a run did. Interrupt tables are taken while the work queues are enabled. */
export interface FlowRun {
  readonly copies: { readonly count: number; readonly bytes: number };
  /** Completion interrupts the drivers' work queues took. */
  readonly completionInterrupts: number;
  readonly softwareErrors: number;
  readonly guestInterrupts: readonly InterruptRow[];
  readonly hostInterrupts: readonly InterruptRow[];
  readonly tables: HardwareTables;
  /** Errors the VMM reported and the guest was not told of. */
  readonly vmmErrors: readonly string[];
  /** What the host held before the drivers came, and after they left: equal when nothing leaked. */
  readonly before: Readonly<Record<string, number>>;
  readonly after: Readonly<Record<string, number>>;
  readonly verdicts: readonly Verdict[];
}

export const DEFAULT_COPIES: readonly number[] = [64, 4096, 8192];
