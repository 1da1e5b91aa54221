// What the vector domain knows of one interrupt (struct apic_chip_data, arch/x86/kernel/apic/vector.c).
import type { StatePort } from '@siov/base';
import type { VectorTarget } from './msi-message.ts';

/** Vectors given to devices start here by default: those below belong to exceptions and the ISA interrupts (irq_vectors.h). */
export const FIRST_DEVICE_VECTOR = 0x40;
/** And end below the system vectors. */
export const FIRST_SYSTEM_VECTOR = 0xec;
/** MANAGED_IRQ_SHUTDOWN_VECTOR: where messages of interrupts go that have no vector of their own yet. */
export const SHUTDOWN_VECTOR = 0xef;

/** Entries of a CPU's vector_irq[] that are no virq. */
export const VECTOR_UNUSED = 0;
/** The interrupt is gone; one that comes late is dropped without a word. */
export const VECTOR_SHUTDOWN = 0xffff_ffff;
/** What was requested here was raised again elsewhere. */
export const VECTOR_RETRIGGERED = 0xffff_fffe;

export interface ApicData {
  readonly virq: number;
  /** Vector assigned, 0 for none, and its CPU. */
  vector: number;
  cpu: number;
  /** What it had before a move that is not over, 0 for none. */
  prevVector: number;
  prevCpu: number;
  /** What messages are composed of (irq_cfg). Replaced as a whole. */
  target: VectorTarget;
  /** No interrupt has arrived on the new vector yet. */
  moveInProgress: boolean;
  /** One has; the old vector waits to be freed. */
  cleanupPending: boolean;
  isManaged: boolean;
  canReserve: boolean;
  hasReserved: boolean;
  /** Its vector was a reservation when it was last activated, and it has not been deactivated since. */
  wasReserved: boolean;
}

export function makeApicData(state: StatePort, name: string, virq: number): ApicData {
  return state.record<ApicData>(`${name}/irq${virq}/apic`, {
    virq,
    vector: 0,
    cpu: 0,
    prevVector: 0,
    prevCpu: 0,
    target: { cpu: 0, vector: 0 },
    moveInProgress: false,
    cleanupPending: false,
    isManaged: false,
    canReserve: false,
    hasReserved: false,
    wasReserved: false,
  });
}
