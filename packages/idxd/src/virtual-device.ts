// The virtual device the guest gets: config space and BAR0 emulated here, its queue and its interrupts the physical
// function's. It knows slots only as numbers the trigger helper gives it, and PASIDs only as its device's record.
import { fail, Lock, ok } from '@siov/base';
import type { AccessPort, AccessSize, Result, Steps, Trace } from '@siov/base';
import {
  CMD, CMDSTATUS, COMMAND, DESCRIPTOR_SIZE, DEVCTL, DEVICE_STATE, GENCTRL, GENSTS, INTCAUSE, PCICMD, portalOf, portalOffset, registerName, SOFTWARE_ERROR,
  SWERROR0,
} from '@siov/datasheet';
import type { DsaProfile } from '@siov/datasheet';
import type { Device, PasidWitness, SubmitPort } from '@siov/device';
import type { DeviceMsi, IrqCore } from '@siov/irq';
import { pciVfioDevice, registerRegion, VFIO_PCI_REGION } from '@siov/vfio';
import type { DmaSpace, PciRegion, VfioDevice } from '@siov/vfio';
import { TriggerHelper } from '@siov/vfio-mdev';
import { executeCommand } from './virtual-commands.ts';
import { VirtualRegisters } from './virtual-registers.ts';
import type { WorkQueue } from './work-queue.ts';

/** Config space is 4 KiB; the emulated registers end at 256, the rest reads 0: no extended capabilities. */
const CONFIG_SIZE = 4096;

export interface VirtualDeviceParts {
  readonly core: IrqCore;
  readonly device: Device;
  /** What the interrupts behind its vectors are allocated from. */
  readonly msi: DeviceMsi<PasidWitness>;
  readonly profile: DsaProfile;
  readonly queue: WorkQueue;
  /** The physical function's BAR2. */
  readonly portals: SubmitPort;
  /** What the queue's PASID reaches. */
  readonly dma: DmaSpace;
}

export class VirtualDevice {
  readonly vfio: VfioDevice;
  readonly triggers: TriggerHelper<PasidWitness>;
  readonly queue: WorkQueue;
  readonly device: Device;

  readonly #trace: Trace;
  readonly #registers: VirtualRegisters;
  readonly #portals: SubmitPort;
  /** vidxd's dev_lock: one access, SET_IRQS or reset at a time, whoever makes it. Portals go without. */
  readonly #lock: Lock;

  constructor(parts: VirtualDeviceParts) {
    const { core, device, profile, queue } = parts;
    const { state, trace } = core.ports;
    this.queue = queue;
    this.device = device;
    this.#trace = trace;
    this.#portals = parts.portals;
    this.#registers = new VirtualRegisters(state, device.name, profile);
    this.#lock = new Lock(state, `${device.name}/device`);
    this.triggers = new TriggerHelper(core, device.name, ['emulated', 'msi'], {
      msi: () => parts.msi,
      instance: () => defaultPasid(device),
    });
    this.vfio = pciVfioDevice({
      name: device.name,
      regions: {
        [VFIO_PCI_REGION.BAR0]: this.#locked(registerRegion(profile.bar0Size, this.#bar0())),
        [VFIO_PCI_REGION.BAR2]: this.#portalRegion(profile.bar2Size),
        [VFIO_PCI_REGION.CONFIG]: this.#locked(registerRegion(CONFIG_SIZE, this.#config())),
      },
      msixVectors: profile.msix.count,
      dma: parts.dma,
      setMsix: (set) => trace.cross('idxd', 'set_irqs', { start: set.start, count: set.count }, this.#lock.with(this.triggers.setTrigger(set))),
      reset: () => trace.cross('idxd', 'reset', {}, this.#lock.with(this.#reset())),
      *released() {},
    });
  }

  /** Function level reset, also asked for by VFIO: queue aborted, registers at power-on, host interrupts untouched. */
  *#reset(): Steps<void> {
    yield* this.queue.run(COMMAND.RESET_WQ);
    yield* this.queue.releaseHandles();
    this.#registers.resetBar0();
    this.#registers.resetConfig();
  }

  #locked({ size, read, write }: PciRegion): PciRegion {
    return { size, read: (offset, into) => this.#lock.with(read(offset, into)), write: (offset, from) => this.#lock.with(write(offset, from)) };
  }

  #config(): AccessPort {
    const { config } = this.#registers;
    return port(
      this.#trace,
      (offset) => `config+0x${offset.toString(16)}`,
      (offset, size) => (offset < 256 ? config.read(offset, size) : 0),
      (offset, size, value) => this.#configWrite(offset, size, value),
    );
  }

  *#configWrite(offset: number, size: AccessSize, value: number): Steps<void> {
    if (offset >= 256) return;
    const { config } = this.#registers;
    const hadBusMaster = this.#registers.busMaster;
    const touched = config.write(offset, size, value);
    if (DEVCTL.initiateFunctionLevelReset.get(config.get(DEVCTL)) === 1) return yield* this.#reset();
    this.#registers.maskBars();
    const command = touched.some((each) => each.register.name === PCICMD.name);
    if (command && hadBusMaster && !this.#registers.busMaster && this.#registers.deviceEnabled) yield* this.#halt();
  }

  #bar0(): AccessPort {
    const { bar0, windows } = this.#registers;
    return port(
      this.#trace,
      (offset) => registerName(windows, offset),
      (offset, size) => bar0.read(offset, size),
      (offset, size, value) => this.#bar0Write(offset, size, value),
    );
  }

  *#bar0Write(offset: number, size: AccessSize, value: number): Steps<void> {
    const { bar0, deviceDisabled } = this.#registers;
    // GENCAP says that queue and group cannot be configured: no field of theirs, gated or not, takes a write.
    if (this.#registers.isConfiguration(offset)) return;
    const touched = bar0.write(offset, size, value, (gate) => gate === 'device-disabled' && deviceDisabled);
    if (touched.some((each) => each.register.name === CMD.name) && size === 4) yield* this.#command();
  }

  /** The guest's CPU is in the trap until the command is done: it never sees CMDSTATUS active. */
  *#command(): Steps<void> {
    const { bar0 } = this.#registers;
    const raw = bar0.get(CMD);
    bar0.set(CMD, CMD.reset);
    const targets = { device: this.device, registers: this.#registers, queue: this.queue, triggers: this.triggers };
    const status = yield* executeCommand(targets, raw);
    bar0.set(CMDSTATUS, status);
    if (CMD.requestInterrupt.get(raw) === 1) this.#cause(INTCAUSE.of({ commandCompletion: 1 }));
  }

  /** One message an event; the cause bit stays until the guest clears it. */
  #cause(cause: typeof INTCAUSE.reset): void {
    const { bar0 } = this.#registers;
    bar0.set(INTCAUSE, INTCAUSE.image(bar0.get(INTCAUSE) | cause));
    this.#trace.call('vfio-mdev', 'signal_vector', { vector: 0 }, () => this.triggers.signal(0));
  }

  /**
   * The guest took bus mastering away from an enabled device (DSA spec 3.0 §5.7). The function still masters the bus, so
   * its queue is stopped before the guest's write is done: from then on nothing of the guest's reaches memory.
   */
  *#halt(): Steps<void> {
    const { bar0 } = this.#registers;
    bar0.set(GENSTS, GENSTS.of({ state: DEVICE_STATE.HALT }));
    yield* this.queue.run(COMMAND.RESET_WQ);
    const error = bar0.get(SWERROR0);
    const recorded = SWERROR0.valid.get(error) === 1;
    bar0.set(SWERROR0, recorded ? SWERROR0.overflow.set(error, 1) : SWERROR0.of({ valid: 1, error: SOFTWARE_ERROR.CONFIG_CHANGED }));
    const enabled = bar0.get(GENCTRL);
    const softwareError = recorded ? 0 : GENCTRL.softwareErrorInterruptEnable.get(enabled);
    const haltState = GENCTRL.haltInterruptEnable.get(enabled);
    if (softwareError + haltState > 0) this.#cause(INTCAUSE.of({ softwareError, haltState }));
  }

  /** Whole descriptors go to the host's IMS portal of the same kind; whatever else is written is dropped, as in hardware. */
  #portalRegion(size: number): PciRegion {
    return {
      size,
      *read(_offset, into) {
        into.fill(0);
      },
      write: (offset, from) => this.#trace.cross('idxd', 'portal_write', { offset, size: from.length }, this.#submit(offset, from)),
    };
  }

  *#submit(offset: number, from: Uint8Array): Steps<void> {
    const portal = portalOf(offset);
    if (portal === undefined || portal.wq !== 0 || portal.ims || from.length !== DESCRIPTOR_SIZE) return;
    yield* this.#portals.submit(portalOffset({ wq: this.queue.index, limited: portal.limited, ims: true }) + (offset & 0xfff), from);
  }
}

/** The PASID of the address space the device is attached to: asked at every allocation, so that it is the one of now. */
function defaultPasid({ name, iommu }: Device): Result<PasidWitness, 'EINVAL'> {
  return iommu.witness === null ? fail('EINVAL', `${name} has no PASID: attach it to an IOMMU domain before its interrupts are set up`) : ok(iommu.witness);
}

/** Trapped registers: each access a crossing into the driver. 64-bit accesses are two, the lower half first. */
function port(
  trace: Trace,
  name: (offset: number) => string,
  read: (offset: number, size: AccessSize) => number,
  write: (offset: number, size: AccessSize, value: number) => Steps<void>,
): AccessPort {
  return {
    *read(offset, size) {
      return trace.call('idxd', 'register_read', { register: name(offset), size }, () => read(offset, size));
    },
    write: (offset, size, value) => trace.cross('idxd', 'register_write', { register: name(offset), size, value }, write(offset, size, value)),
    *read64(offset) {
      return trace.call('idxd', 'register_read', { register: name(offset), size: 8 }, () => BigInt(read(offset, 4)) | (BigInt(read(offset + 4, 4)) << 32n));
    },
    *write64(offset, value) {
      yield* trace.cross('idxd', 'register_write', { register: name(offset), size: 8, value }, write64(offset, value));
    },
  };
  function* write64(offset: number, value: bigint): Steps<void> {
    yield* write(offset, 4, Number(value & 0xffffffffn));
    yield* write(offset + 4, 4, Number(value >> 32n));
  }
}
