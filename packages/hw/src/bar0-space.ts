// BAR0: registers and tables, the states that make fields read-only, and the writes that do something: a command, an
// entry unmasked, an address outside the interrupt window.
import type { AccessPort, Steps, Trace } from '@siov/base';
import {
  CMD, EVLCFG0, EVLCFG1, GATE, GENCAP, GENCFG, IMS_ADDRESS_WINDOW, IMS_ENTRY_SIZE, ImsEntry, MSIX_ENTRY_SIZE, MsixEntry, WQ_STATE, Wqcfg,
} from '@siov/datasheet';
import { accessWindow } from './access-window.ts';
import type { WordWrite } from './access-window.ts';
import type { CommandUnit } from './command-unit.ts';
import type { DeviceRegisters } from './device-registers.ts';
import type { DeviceState } from './device-state.ts';
import type { InterruptDelivery } from './interrupt-delivery.ts';
import type { PciFunction } from './pci-function.ts';
import type { WorkQueues } from './work-queues.ts';

export interface Bar0Parts {
  readonly registers: DeviceRegisters;
  readonly pci: PciFunction;
  readonly state: DeviceState;
  readonly queues: WorkQueues;
  readonly interrupts: InterruptDelivery;
  readonly commands: CommandUnit;
}

/** A BAR that is not decoded: nobody answers the read, and the host gets all ones. */
const NOBODY = 0xffffffff;

export function bar0Space(parts: Bar0Parts, trace: Trace): AccessPort {
  const space = new Bar0Space(parts);
  const window = { size: parts.registers.profile.bar0Size, windows: parts.registers.bar0Windows, trace };
  return accessWindow(window, space);
}

/** By the aligned 8 bytes they are in. */
const ALWAYS_CONFIGURABLE: readonly number[] = [GENCFG.offset, EVLCFG0.offset, EVLCFG1.offset];

class Bar0Space {
  readonly #parts: Bar0Parts;

  constructor(parts: Bar0Parts) {
    this.#parts = parts;
  }

  readWord(offset: number): number {
    const { registers, pci, queues } = this.#parts;
    if (!pci.memorySpace) return NOBODY;
    const word = registers.bar0.read(offset, 4);
    const wq = this.#wqAt(offset);
    const status = wq !== undefined && offset === registers.wqOffset(wq) + Wqcfg.Status.offset;
    return status ? (word | Wqcfg.Status.of({ occupancy: queues.occupancy(wq) })) >>> 0 : word;
  }

  *write(words: readonly WordWrite[]): Steps<void> {
    const { registers, pci, commands } = this.#parts;
    if (!pci.memorySpace) return;
    const command = words.find(({ offset }) => (offset & ~3) === CMD.offset);
    if (command !== undefined) {
      // Part of a command is none.
      if (command.size === 4) yield* commands.write(command.value);
      return;
    }
    const allowed = this.#addressAllowed(words) ? words : words.filter((word) => !this.#isImsAddress(word.offset));
    for (const { offset, size, value } of allowed) registers.bar0.write(offset, size, value, (gate) => this.#open(gate, offset));
    for (const { offset } of allowed) this.#unmasked(offset & ~3);
  }

  /** Whether fields behind `gate` can be written now (DSA spec 3.0 §5.7, §9.2). */
  #open(gate: string, offset: number): boolean {
    const { registers, state, queues } = this.#parts;
    const wq = this.#wqAt(offset) ?? 0;
    if (gate === GATE.OCCUPANCY_INTERRUPT_DISABLED) return Wqcfg.OccupancyLimit.interruptEnable.get(registers.wq(wq, Wqcfg.OccupancyLimit)) === 0;
    if (gate === GATE.DEVICE_DISABLED && !state.disabled) return false;
    if (gate === GATE.WQ_DISABLED && queues.state(wq) !== WQ_STATE.DISABLED) return false;
    // What is about the device as a whole can be written also where queues and groups are fixed (for the log: inferred).
    return ALWAYS_CONFIGURABLE.includes(offset & ~7) || GENCAP.configurationSupport.get(registers.get(GENCAP)) === 1;
  }

  #wqAt(offset: number): number | undefined {
    const { layout } = this.#parts.registers;
    const wq = Math.floor((offset - layout.offsets.wqcfg) / layout.wqcfgSize);
    return wq >= 0 && wq < layout.wqs ? wq : undefined;
  }

  /** Offset within the entry of the message store that is at `offset`, or undefined where that is no such entry. */
  #insideIms(offset: number): number | undefined {
    const { layout } = this.#parts.registers;
    const inside = offset - layout.offsets.ims;
    return inside >= 0 && inside < layout.imsEntries * IMS_ENTRY_SIZE ? inside : undefined;
  }

  #isImsAddress(offset: number): boolean {
    const inside = this.#insideIms(offset);
    return inside !== undefined && inside % IMS_ENTRY_SIZE < ImsEntry.Data.offset;
  }

  /** The address an IMS entry would have after the write is in the interrupt window, or there is no such write. */
  #addressAllowed(words: readonly WordWrite[]): boolean {
    const [first] = words;
    if (first === undefined || !this.#isImsAddress(first.offset)) return true;
    const { bar0 } = this.#parts.registers;
    const entry = first.offset & ~(ImsEntry.Data.offset - 1);
    const merged = new DataView(new ArrayBuffer(8));
    merged.setUint32(0, bar0.read(entry, 4), true);
    merged.setUint32(4, bar0.read(entry + 4, 4), true);
    for (const { offset, size, value } of words) {
      for (let byte = 0; byte < size; byte++) merged.setUint8(offset - entry + byte, value >>> (8 * byte));
    }
    const { hi, lo, loMask } = IMS_ADDRESS_WINDOW;
    return merged.getUint32(4, true) === hi && (merged.getUint32(0, true) & loMask) >>> 0 === lo;
  }

  /** After a write to a mask: what became pending meanwhile goes out. */
  #unmasked(offset: number): void {
    const { registers, interrupts } = this.#parts;
    const ims = this.#insideIms(offset);
    if (ims !== undefined) {
      if (ims % IMS_ENTRY_SIZE === ImsEntry.Control.offset) interrupts.releaseIms(Math.floor(ims / IMS_ENTRY_SIZE));
      return;
    }
    const msix = offset - registers.profile.msix.table;
    const vector = Math.floor(msix / MSIX_ENTRY_SIZE);
    const isControl = msix >= 0 && vector < registers.layout.msixEntries && msix % MSIX_ENTRY_SIZE === MsixEntry.Control.offset;
    if (isControl) interrupts.releaseMsix(vector);
  }
}
