// What an MSI domain deals in: descriptors, templates, and the argument its allocation carries to the root (include/linux/msi.h).
import type { Result, Steps } from '@siov/base';
import type { Device } from '@siov/device';
import type { IrqAffinityDesc } from './affinity.ts';
import type { FlowHandler, IrqChip, IrqData, MsiMsg } from './chip.ts';
import type { CpuMask } from './cpu-mask.ts';

/** struct msi_desc: one interrupt of one device. `hwirq` is its slot in the domain's hardware. */
export interface MsiDesc<C = unknown> {
  readonly device: Device;
  /** Number of the interrupt within its device. */
  readonly index: number;
  readonly hwirq: number;
  /** Linux interrupt number; 0 until it is allocated. */
  readonly virq: number;
  /** What the allocation brought (the instance cookie), unchanged. */
  readonly cookie: C;
  /** The message last written to the slot. */
  readonly message: MsiMsg;
  readonly affinity: IrqAffinityDesc | null;
  /** IRQD_MSI_NOMASK_QUIRK: moved in two steps where interrupts are not remapped. */
  readonly nomaskQuirk: boolean;
}

/** What the vector domain is told of an interrupt (struct irq_alloc_info). */
export interface VectorAllocInfo {
  /** A vector on one of these CPUs at once, instead of a reservation. */
  readonly mask?: CpuMask;
}

/** What the hierarchy below an MSI domain is told of the interrupt it allocates for (struct msi_alloc_info). */
export interface MsiAllocInfo extends VectorAllocInfo {
  readonly device: Device;
  readonly hwirq: number;
  readonly desc: MsiDesc;
}

/** A chip that stores messages in a device. The `chipData` of its level is the {@link MsiDesc}. */
export interface MsiChip extends IrqChip {
  irqMask(data: IrqData): Steps<void>;
  irqUnmask(data: IrqData): Steps<void>;
  irqWriteMsiMsg(data: IrqData, message: MsiMsg): Steps<void>;
}

/** MSI_FLAG_*, each by its kernel name in camel case. */
export interface MsiFlags {
  /** MSI_FLAG_ACTIVATE_EARLY: the message is written at allocation. */
  readonly activateEarly?: boolean;
  /** MSI_FLAG_MUST_REACTIVATE: activated again when it is requested, so that until then a reservation will do. */
  readonly mustReactivate?: boolean;
  /** MSI_FLAG_NOMASK_QUIRK: a message that cannot be masked is moved in two steps (msi_set_affinity()). */
  readonly nomaskQuirk?: boolean;
  /** MSI_FLAG_PCI_MSIX */
  readonly pciMsix?: boolean;
  /** MSI_FLAG_PCI_MSIX_ALLOC_DYN: vectors can be added and removed while MSI-X is enabled. */
  readonly pciMsixAllocDyn?: boolean;
  /** MSI_FLAG_PCI_IMS */
  readonly pciIms?: boolean;
}

/**
 * struct msi_domain_template and its msi_domain_ops. `C` is what an allocation has to bring: null where nothing is
 * needed. The domain knows nothing of it; only the callbacks do.
 */
export interface MsiDomainTemplate<in C> {
  readonly name: string;
  readonly chip: MsiChip;
  /** Slots the hardware has, at most 65536; 0: no limit of its own, which is 65536. */
  readonly hwsize: number;
  /** Whether the slot is the index the caller asked for (MSI-X) or any free one (IMS). */
  readonly slots: 'by-index' | 'any';
  readonly flags?: MsiFlags;
  /** handle_edge_irq() unless said. */
  readonly handler?: FlowHandler;
  /** May refuse the allocation, before anything is taken (R5, R24). */
  validate?(device: Device, cookie: C): Result<void, 'EINVAL'>;
  /** The chip's turn at a slot just taken, before any interrupt is allocated for it: reset it. What it took it undoes when it fails. */
  prepareDesc?(desc: MsiDesc<C>): Steps<Result<void, 'EINVAL' | 'EBUSY' | 'ENOMEM' | 'ENOSPC'>>;
  /** The interrupt is gone; the slot is given back after this. The counterpart of {@link prepareDesc}. */
  freeDesc?(desc: MsiDesc<C>): Steps<void>;
  /** What held at allocation may have ended. Asked when the hierarchy is activated, before the message is written. */
  activate?(desc: MsiDesc<C>): Result<void, 'EINVAL'>;
  /** The hierarchy is deactivated, and the message zero. */
  deactivate?(desc: MsiDesc<C>): void;
}

/** MSI_MAX_INDEX + 1 */
export const MSI_MAX_HWSIZE = 65536;
