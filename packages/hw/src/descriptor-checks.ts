// What the device checks of a descriptor before it executes it (DSA spec 3.0 §5.4, tables 5-3 to 5-5). The order of the
// checks is the device's: the first that fails gives the status.
import {
  COMMON_FLAGS, COMPLETION_STATUS, DESCRIPTOR_FLAG, GENCAP, GENCFG, OPCAP, OPCODE, OPERATIONS, Wqcfg, WqcfgOperations,
} from '@siov/datasheet';
import type { Operation } from '@siov/datasheet';
import type { DeviceRegisters } from './device-registers.ts';
import type { PciFunction } from './pci-function.ts';
import type { Outcome, Work } from './work.ts';

const F = DESCRIPTOR_FLAG;
/** What this model executes; a device's OPCAP may know more. */
const EXECUTED: ReadonlySet<number> = new Set([OPCODE.NOOP, OPCODE.BATCH, OPCODE.DRAIN, OPCODE.MEMMOVE]);
/** A batch holds neither of these (DSA spec 3.0 §8.3). */
const NOT_IN_BATCH: ReadonlySet<number> = new Set([OPCODE.BATCH, OPCODE.DRAIN, OPCODE.UPDATE_WINDOW]);
/** A completion record must not cross its own size. */
const RECORD_ALIGNMENT = 32n;
const LIST_ALIGNMENT = 64n;

export class DescriptorChecks {
  readonly #registers: DeviceRegisters;
  readonly #pci: PciFunction;

  constructor(parts: { registers: DeviceRegisters; pci: PciFunction }) {
    this.#registers = parts.registers;
    this.#pci = parts.pci;
  }

  /** The outcome of a descriptor that is not executed, or undefined. Interrupt handles are checked elsewhere. */
  failure(work: Work): Outcome | undefined {
    const operation = this.#operation(work);
    if (operation === undefined) return { status: COMPLETION_STATUS.UNSUPPORTED_OPERATION };
    const { descriptor } = work;
    if (work.submitter.priv && !this.#dedicated(work) && !this.#pci.privilegedEnabled) return { status: COMPLETION_STATUS.PRIVILEGE };
    const invalidFlags = this.invalidFlags(work, operation);
    if (invalidFlags !== 0) return { status: COMPLETION_STATUS.INVALID_FLAGS, invalidFlags };
    if (descriptor.completionRecord % RECORD_ALIGNMENT !== 0n) return { status: COMPLETION_STATUS.RECORD_ALIGNMENT };
    if (reservedSet(work, operation)) return { status: COMPLETION_STATUS.RESERVED_FIELD };
    return descriptor.opcode === OPCODE.BATCH ? this.#batchFailure(work) : this.#transferFailure(work);
  }

  /** The flags that must not be set as they are, or that are missing. */
  invalidFlags(work: Work, operation: Operation): number {
    const { flags, opcode } = work.descriptor;
    let allowed = COMMON_FLAGS | operation.flags;
    if (work.batchIndex === undefined) allowed &= ~F.FENCE;
    if ((flags & F.COMPLETION_RECORD_ADDRESS_VALID) === 0) allowed &= ~(F.REQUEST_COMPLETION_RECORD | F.COMPLETION_RECORD_TC);
    if (!this.interruptLegal(work)) allowed &= ~F.REQUEST_COMPLETION_INTERRUPT;
    if (Wqcfg.Mode.blockOnFaultEnable.get(this.#registers.wq(work.wq, Wqcfg.Mode)) === 0) allowed &= ~F.BLOCK_ON_FAULT;
    const gencap = this.#registers.get(GENCAP);
    if (GENCAP.cacheControl.get(gencap) === 0) allowed &= ~F.CACHE_CONTROL;
    if (GENCAP.destinationReadback.get(gencap) === 0) allowed &= ~F.DESTINATION_READBACK;
    const missing = operation.requires & ~flags;
    // A Drain that neither writes a record nor interrupts would tell nobody (DSA spec 3.0 §8.3).
    const answers = F.REQUEST_COMPLETION_RECORD | F.REQUEST_COMPLETION_INTERRUPT;
    return (flags & ~allowed) | missing | (opcode === OPCODE.DRAIN && (flags & answers) === 0 ? answers : 0);
  }

  /** A user's descriptor may ask for an interrupt only where GENCFG lets it (DSA spec 3.0 table 5-4). */
  interruptLegal({ submitter }: Work): boolean {
    return submitter.pasid === null || submitter.priv || GENCFG.userInterruptsEnable.get(this.#registers.get(GENCFG)) === 1;
  }

  #operation({ wq, descriptor: { opcode }, batchIndex }: Work): Operation | undefined {
    if (!EXECUTED.has(opcode) || (batchIndex !== undefined && NOT_IN_BATCH.has(opcode))) return undefined;
    const supported = (OPCAP[0].operations.get(this.#registers.get(OPCAP[0])) >> BigInt(opcode)) & 1n;
    return supported === 1n && this.#allowedByQueue(wq, opcode) ? OPERATIONS.get(opcode) : undefined;
  }

  #allowedByQueue(wq: number, opcode: number): boolean {
    if (this.#registers.layout.wqcfgSize < 64) return true;
    const at = this.#registers.wqOffset(wq) + WqcfgOperations.offset + 4 * (opcode >>> 5);
    return ((this.#registers.bar0.get(WqcfgOperations, at) >>> (opcode & 31)) & 1) === 1;
  }

  #dedicated({ wq }: Work): boolean {
    return Wqcfg.Mode.dedicated.get(this.#registers.wq(wq, Wqcfg.Mode)) === 1;
  }

  #batchFailure({ wq, descriptor }: Work): Outcome | undefined {
    const limits = this.#registers.wq(wq, Wqcfg.Limits);
    const least = GENCAP.batch1.get(this.#registers.get(GENCAP)) === 1 ? 1 : 2;
    if (descriptor.size < least || descriptor.size > 2 ** Wqcfg.Limits.maxBatchShift.get(limits)) return { status: COMPLETION_STATUS.DESCRIPTOR_COUNT };
    if (descriptor.source % LIST_ALIGNMENT !== 0n) return { status: COMPLETION_STATUS.LIST_ALIGNMENT };
    return undefined;
  }

  #transferFailure({ wq, descriptor }: Work): Outcome | undefined {
    if (descriptor.opcode !== OPCODE.MEMMOVE) return undefined;
    const { size, source, destination } = descriptor;
    const limits = this.#registers.wq(wq, Wqcfg.Limits);
    if (size === 0 || size > 2 ** Wqcfg.Limits.maxTransferShift.get(limits)) return { status: COMPLETION_STATUS.TRANSFER_SIZE };
    if (GENCAP.overlappingCopy.get(this.#registers.get(GENCAP)) === 0 && overlap(source, destination, size)) {
      return { status: COMPLETION_STATUS.OVERLAPPING_BUFFERS };
    }
    return undefined;
  }
}

/** Two ranges of `size` bytes share one. */
export function overlap(a: bigint, b: bigint, size: number): boolean {
  const distance = a > b ? a - b : b - a;
  return distance < BigInt(size);
}

/** Bytes reserved by the operation, and those that mean nothing without their flag (DSA spec 3.0 table 5-4). */
function reservedSet({ bytes, descriptor }: Work, operation: Operation): boolean {
  if ((descriptor.flags & F.COMPLETION_RECORD_ADDRESS_VALID) === 0 && descriptor.completionRecord !== 0n) return true;
  if ((descriptor.flags & F.REQUEST_COMPLETION_INTERRUPT) === 0 && descriptor.interruptHandle !== 0) return true;
  return operation.reserved.some(([first, last]) => bytes.subarray(first, last + 1).some((byte) => byte !== 0));
}
