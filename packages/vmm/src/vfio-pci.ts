// A VFIO device in a virtual machine, as QEMU's hw/vfio/pci.c does it: config space and BARs passed through, the MSI-X
// table emulated, and the guest's unmasking turned into SET_IRQS.
import { bit, bits, describeFailure, fail, ModelEventFd, ok, point, register, waitUntil } from '@siov/base';
import type { AccessPort, Result, StatePort, Steps, Trace } from '@siov/base';
import { VFIO_PCI_IRQ, VFIO_PCI_REGION } from '@siov/vfio';
import type { IrqSet, VfioDevice } from '@siov/vfio';
import { MsixTable } from './msix-table.ts';

export interface VmmPorts {
  readonly state: StatePort;
  readonly trace: Trace;
  /** A message for the guest's interrupt controller. */
  inject(address: bigint, data: number): Steps<void>;
}

export interface VmmOptions {
  /** The host's name of the vCPU thread in a trap. */
  readonly trapAgent: string;
}

const MSIX_CAPABILITY = 0x11;
const MessageControl = register('MSI-X message control', { offset: 2, width: 16, source: 'PCI Local Bus 3.0 6.8.2.3' }, {
  tableSize: bits(10, 0, 'ro'),
  functionMask: bit(14),
  enable: bit(15),
});
const TableLocation = register('MSI-X table offset', { offset: 4, source: 'PCI Local Bus 3.0 6.8.2.4' }, { bar: bits(2, 0), offset8: bits(31, 3) });
const PendingLocation = register('MSI-X PBA offset', { offset: 8, source: 'PCI Local Bus 3.0 6.8.2.5' }, { bar: bits(2, 0), offset8: bits(31, 3) });
const MSIX_CAPABILITY_SIZE = 12;
/** Capabilities are behind the header and within the space that every function has. */
const FIRST_CAPABILITY = 0x40;
const CONFIG_SIZE = 256;

/** A guest that causes errors must not fill the host's memory with them: the last ones are kept. */
const LOGGED_ERRORS = 64;

const trap = point('trap', 'exit to the VMM');
const resume = point('return', 'entry to the guest');

/** Where the device says that something of MSI-X is. Bytes from the BAR's start. */
interface Place {
  readonly bar: number;
  readonly offset: number;
}

interface Msix {
  readonly capability: number;
  readonly place: { readonly table: Place; readonly pending: Place };
  readonly table: MsixTable;
}

/** A part of a BAR that the VMM shows instead of the device's. */
interface Window extends Place {
  readonly bytes: number;
  read(offset: number): number;
  write(offset: number, value: number): Steps<void>;
}

export class VfioPci {
  readonly #device: VfioDevice;
  readonly #ports: VmmPorts;
  readonly #options: VmmOptions;
  readonly #msix: Msix;
  readonly #windows: readonly Window[];
  /** One for each vector ever used; the device gets a duplicate each time. */
  readonly #eventfds: Map<number, ModelEventFd>;
  readonly #log: { errors: readonly string[] };

  private constructor(ports: VmmPorts, options: VmmOptions, device: VfioDevice, msix: Omit<Msix, 'table'> & { size: number }) {
    this.#ports = ports;
    this.#options = options;
    this.#device = device;
    this.#eventfds = ports.state.map(`${device.name}/vmm/eventfds`);
    this.#log = ports.state.record(`${device.name}/vmm/log`, { errors: [] as readonly string[] });
    // Masking changes nothing at the device: what it signals meanwhile becomes pending here.
    const notifier = { use: (vector: number) => this.#use(vector), *release() {} };
    const table = new MsixTable(ports.state, `${device.name}/vmm`, msix.size, notifier, (address, data) => ports.inject(address, data));
    this.#msix = { ...msix, table };
    this.#windows = [
      { ...msix.place.table, bytes: table.bytes, read: (at) => table.read(at, 4), write: (at, value) => table.write(at, 4, value) },
      { ...msix.place.pending, bytes: table.pendingBytes, read: (at) => table.readPending(at), *write() {} },
    ];
  }

  /** Takes `device` into the machine. `ENODEV`: no config space or no MSI-X. */
  static *realize(ports: VmmPorts, options: VmmOptions, device: VfioDevice): Steps<Result<VfioPci, 'ENODEV'>> {
    const config = new Uint8Array(CONFIG_SIZE);
    const read = yield* device.regionRead(VFIO_PCI_REGION.CONFIG, 0, config);
    if (!read.ok) return fail('ENODEV', `${device.name}: config space: ${describeFailure(read)}`);
    const view = new DataView(config.buffer);
    const capability = findMsix(view);
    const irqs = device.irqInfo(VFIO_PCI_IRQ.MSIX);
    if (capability === 0 || !irqs.ok || irqs.value.count === 0) return fail('ENODEV', `${device.name} has no MSI-X`);
    const table = TableLocation.image(view.getUint32(capability + TableLocation.offset, true));
    const pending = PendingLocation.image(view.getUint32(capability + PendingLocation.offset, true));
    const place = {
      table: { bar: TableLocation.bar.get(table), offset: TableLocation.offset8.get(table) * 8 },
      pending: { bar: PendingLocation.bar.get(pending), offset: PendingLocation.offset8.get(pending) * 8 },
    };
    return ok(new VfioPci(ports, options, device, { capability, place, size: irqs.value.count }));
  }

  /** What went wrong with requests to the device: the guest is not told. */
  get errors(): readonly string[] {
    return this.#log.errors;
  }

  /** The guest's view of a region: config space or a memory BAR. Every access traps. */
  region(index: number): AccessPort {
    const read = (offset: number, size: number) => this.#trap('guest_read', index, offset, this.#read(index, offset, size));
    const write = (offset: number, size: number, value: bigint) => this.#trap('guest_write', index, offset, this.#write(index, offset, size, value));
    return {
      *read(offset, size) {
        return Number(yield* read(offset, size));
      },
      read64: (offset) => read(offset, 8),
      write: (offset, size, value) => write(offset, size, BigInt(value)),
      write64: (offset, value) => write(offset, 8, value),
    };
  }

  /** The guest's 64-byte store to a BAR: it reaches the device as one write. */
  submit(index: number, offset: number, descriptor: Uint8Array): Steps<void> {
    return this.#trap('guest_submit', index, offset, this.#forward(index, offset, descriptor));
  }

  /** The VMM's main loop: eventfds become messages, or pending bits while the vector is masked. To be spawned. */
  *mainLoop(): Steps<never> {
    const signalled = () => [...this.#eventfds.values()].some((each) => each.count > 0);
    for (;;) {
      yield* waitUntil(`eventfds of ${this.#device.name}`, signalled);
      for (const [vector, eventfd] of this.#eventfds) {
        if (eventfd.take() > 0) yield* this.#msix.table.notify(vector);
      }
    }
  }

  /** The vCPU leaves the guest, its host thread does the access, and only then the guest's next instruction runs. */
  *#trap<T>(operation: string, region: number, offset: number, body: Steps<T>): Steps<T> {
    yield trap;
    const { trace } = this.#ports;
    const result = yield* trace.cross('vmm', operation, { region, offset }, trace.as(this.#options.trapAgent, body));
    yield resume;
    return result;
  }

  *#read(index: number, offset: number, size: number): Steps<bigint> {
    const window = this.#windowAt(index, offset, size);
    if (window !== null) return readWindow(window, offset - window.offset, size);
    const bytes = new Uint8Array(8);
    const read = yield* this.#device.regionRead(index, offset, bytes.subarray(0, size));
    if (!read.ok) {
      this.#report(describeFailure(read));
      return (1n << BigInt(size * 8)) - 1n;
    }
    if (index === VFIO_PCI_REGION.CONFIG) this.#overlayControl(offset, bytes.subarray(0, size));
    return new DataView(bytes.buffer).getBigUint64(0, true);
  }

  *#write(index: number, offset: number, size: number, value: bigint): Steps<void> {
    const window = this.#windowAt(index, offset, size);
    if (window !== null) return yield* writeWindow(window, offset - window.offset, size, value);
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, value, true);
    yield* this.#forward(index, offset, bytes.subarray(0, size));
    if (index === VFIO_PCI_REGION.CONFIG) yield* this.#controlWritten(offset, bytes.subarray(0, size));
  }

  *#forward(index: number, offset: number, bytes: Uint8Array): Steps<void> {
    const written = yield* this.#device.regionWrite(index, offset, bytes);
    if (!written.ok) this.#report(describeFailure(written));
  }

  /** The emulated part of a BAR that an access is in, or null where it goes to the device. */
  #windowAt(region: number, offset: number, size: number): Window | null {
    return this.#windows.find((each) => each.bar === region && offset >= each.offset && offset + size <= each.offset + each.bytes) ?? null;
  }

  /** Message control as the guest sees it: enable and function mask are the VMM's own. */
  get #control(): typeof MessageControl.reset {
    const { table } = this.#msix;
    return MessageControl.of({ tableSize: table.size - 1, enable: Number(table.enabled), functionMask: Number(table.functionMasked) });
  }

  /** The bytes of message control that an access of `size` bytes at `offset` covers: their places in both. */
  *#controlBytes(offset: number, size: number): Generator<{ readonly byte: number; readonly at: number }, void, void> {
    const start = this.#msix.capability + MessageControl.offset - offset;
    for (const byte of [0, 1]) if (start + byte >= 0 && start + byte < size) yield { byte, at: start + byte };
  }

  /** The device's copy of message control is not shown. */
  #overlayControl(offset: number, bytes: Uint8Array): void {
    for (const { byte, at } of this.#controlBytes(offset, bytes.length)) bytes[at] = (this.#control >>> (8 * byte)) & 0xff;
  }

  *#controlWritten(offset: number, bytes: Uint8Array): Steps<void> {
    const covered = [...this.#controlBytes(offset, bytes.length)];
    if (covered.length === 0) return;
    const own: number = this.#control;
    const merged = covered.reduce((word, { byte, at }) => (word & ~(0xff << (8 * byte))) | ((bytes[at] ?? 0) << (8 * byte)), own);
    const written = MessageControl.image(merged);
    const { table } = this.#msix;
    const enable = MessageControl.enable.get(written) === 1;
    const was = table.enabled;
    // The device enters MSI-X mode with no vector assigned, while the guest still has all of them masked.
    if (enable && !was) yield* this.#setIrqs(0, 1, { kind: 'eventfd', fds: [null] });
    yield* table.control(enable, MessageControl.functionMask.get(written) === 1);
    if (!enable && was) yield* this.#disable();
  }

  /** What was signalled and not looked at yet belongs to vectors that are no more. */
  *#disable(): Steps<void> {
    yield* this.#setIrqs(0, 0, { kind: 'none' });
    for (const eventfd of this.#eventfds.values()) eventfd.take();
  }

  /** The guest unmasked the vector: this is how its request_irq() reaches the host (R8). */
  *#use(vector: number): Steps<void> {
    let eventfd = this.#eventfds.get(vector);
    if (eventfd === undefined) {
      eventfd = new ModelEventFd(this.#ports.state, `${this.#device.name}/vector${vector}`);
      this.#eventfds.set(vector, eventfd);
    }
    yield* this.#setIrqs(vector, 1, { kind: 'eventfd', fds: [eventfd.dup()] });
  }

  *#setIrqs(start: number, count: number, data: IrqSet['data']): Steps<void> {
    const set = yield* this.#device.setIrqs({ index: VFIO_PCI_IRQ.MSIX, start, count, action: 'trigger', data });
    if (!set.ok) this.#report(`SET_IRQS ${start}+${count}: ${describeFailure(set)}`);
  }

  #report(error: string): void {
    this.#log.errors = [...this.#log.errors.slice(1 - LOGGED_ERRORS), error];
  }
}

/** The table and the pending bits answer 4 and 8 bytes; other sizes read 0 and are not written, as in QEMU. */
function readWindow(window: Window, offset: number, size: number): bigint {
  if (size < 4) return 0n;
  const low = BigInt(window.read(offset));
  return size === 8 ? low | (BigInt(window.read(offset + 4)) << 32n) : low;
}

function* writeWindow(window: Window, offset: number, size: number, value: bigint): Steps<void> {
  if (size < 4) return;
  yield* window.write(offset, Number(value & 0xffffffffn));
  if (size === 8) yield* window.write(offset + 4, Number(value >> 32n));
}

/** Offset of the MSI-X capability in config space, 0 when there is none. The two low bits of a pointer are reserved. */
function findMsix(config: DataView): number {
  let at = config.getUint8(0x34) & 0xfc;
  for (let left = 48; at >= FIRST_CAPABILITY && left > 0; left--) {
    if (config.getUint8(at) === MSIX_CAPABILITY) return at + MSIX_CAPABILITY_SIZE <= CONFIG_SIZE ? at : 0;
    at = config.getUint8(at + 1) & 0xfc;
  }
  return 0;
}
