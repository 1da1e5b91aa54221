// What the guest's accesses to config space and BARs reach: the device, except for MSI-X, which is the VMM's own.
import { describeFailure } from '@siov/base';
import type { Steps } from '@siov/base';
import { VFIO_PCI_REGION } from '@siov/vfio';
import type { VfioDevice } from '@siov/vfio';
import { readWindow, writeWindow } from './emulated-window.ts';
import type { EmulatedWindow } from './emulated-window.ts';
import type { ErrorLog } from './error-log.ts';
import { MessageControl, overlayControl, writtenControl } from './msix-capability.ts';
import type { MsixCapability } from './msix-capability.ts';
import type { Vectors } from './vectors.ts';

export class Regions {
  readonly #device: VfioDevice;
  readonly #capability: MsixCapability;
  readonly #vectors: Vectors;
  readonly #log: ErrorLog;
  readonly #windows: readonly EmulatedWindow[];

  constructor(device: VfioDevice, capability: MsixCapability, vectors: Vectors, log: ErrorLog) {
    this.#device = device;
    this.#capability = capability;
    this.#vectors = vectors;
    this.#log = log;
    const { table } = vectors;
    this.#windows = [
      { ...capability.table, bytes: table.bytes, read: (at) => table.read(at, 4), write: (at, value) => table.write(at, 4, value) },
      { ...capability.pending, bytes: table.pendingBytes, read: (at) => table.readPending(at), *write() {} },
    ];
  }

  *read(index: number, offset: number, size: number): Steps<bigint> {
    const window = this.#windowAt(index, offset, size);
    if (window !== null) return readWindow(window, offset - window.offset, size);
    const bytes = new Uint8Array(8);
    const read = yield* this.#device.regionRead(index, offset, bytes.subarray(0, size));
    if (!read.ok) {
      this.#log.report(describeFailure(read));
      return (1n << BigInt(size * 8)) - 1n;
    }
    // The device's copy of message control is not shown.
    if (index === VFIO_PCI_REGION.CONFIG) overlayControl(this.#capability, this.#control, offset, bytes.subarray(0, size));
    return new DataView(bytes.buffer).getBigUint64(0, true);
  }

  *write(index: number, offset: number, size: number, value: bigint): Steps<void> {
    const window = this.#windowAt(index, offset, size);
    if (window !== null) return yield* writeWindow(window, offset - window.offset, size, value);
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, value, true);
    yield* this.forward(index, offset, bytes.subarray(0, size));
    if (index !== VFIO_PCI_REGION.CONFIG) return;
    const control = writtenControl(this.#capability, this.#control, offset, bytes.subarray(0, size));
    if (control === null) return;
    yield* this.#vectors.control(MessageControl.enable.get(control) === 1, MessageControl.functionMask.get(control) === 1);
  }

  /** A write to the device as it is. */
  *forward(index: number, offset: number, bytes: Uint8Array): Steps<void> {
    const written = yield* this.#device.regionWrite(index, offset, bytes);
    if (!written.ok) this.#log.report(describeFailure(written));
  }

  /** The emulated part of a BAR that an access is in, or null where it goes to the device. */
  #windowAt(region: number, offset: number, size: number): EmulatedWindow | null {
    return this.#windows.find((each) => each.bar === region && offset >= each.offset && offset + size <= each.offset + each.bytes) ?? null;
  }

  /** Message control as the guest sees it: enable and function mask are the VMM's own. */
  get #control(): typeof MessageControl.reset {
    const { table } = this.#vectors;
    return MessageControl.of({ tableSize: table.size - 1, enable: Number(table.enabled), functionMask: Number(table.functionMasked) });
  }
}
