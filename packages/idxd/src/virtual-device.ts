// The virtual device the guest gets: config space and BAR0 emulated here, its queue and its interrupts the physical
// function's. It knows slots only as numbers the trigger helper gives it, and PASIDs only as what IOMMU management issues.
import { Lock } from '@siov/base';
import type { AccessSize, Steps, Trace } from '@siov/base';
import { CMD, CMDSTATUS, COMMAND, DEVCTL, INTCAUSE, PCICMD, registerName } from '@siov/datasheet';
import type { DsaProfile } from '@siov/datasheet';
import type { Device, PasidWitness, SubmitPort } from '@siov/device';
import type { DeviceMsi, IrqCore } from '@siov/irq';
import { isDisable, pciVfioDevice, registerRegion, VFIO_PCI_REGION } from '@siov/vfio';
import type { DmaSpace, GuestPasids, IrqSet, PciRegion, VfioDevice } from '@siov/vfio';
import { TriggerHelper } from '@siov/vfio-mdev';
import type { VectorOptions } from '@siov/vfio-mdev';
import type { GuestPasidTable } from './guest-pasids.ts';
import type { InterruptHandles } from './interrupt-handles.ts';
import { guestError } from './software-errors.ts';
import type { SoftwareError } from './software-errors.ts';
import { trappedPort } from './trapped-port.ts';
import { executeCommand } from './virtual-commands.ts';
import { VirtualCauses } from './virtual-causes.ts';
import { CONFIG_SPACE, sizeOfConfig } from './virtual-config-space.ts';
import { VirtualHandles } from './virtual-handles.ts';
import { vectorId, withoutIgnored } from './virtual-interrupts.ts';
import type { VectorIds } from './virtual-interrupts.ts';
import { VirtualMigration } from './virtual-migration.ts';
import { VirtualPortals } from './virtual-portals.ts';
import type { VirtualQueue } from './virtual-queue.ts';
import { VirtualRegisters } from './virtual-registers.ts';
import type { WorkQueue } from './work-queue.ts';

/** What is behind the vectors: the trigger helper, or what stands in for it. */
export type Triggers = Pick<TriggerHelper<PasidWitness>, 'irqs' | 'armed' | 'hwirq' | 'setTrigger' | 'signal' | 'request' | 'idle' | 'resume'>;

export interface VirtualDeviceParts {
  readonly core: IrqCore;
  readonly device: Device;
  /** What the interrupts behind its vectors are allocated from. */
  readonly msi: DeviceMsi<PasidWitness>;
  readonly profile: DsaProfile;
  readonly queue: VirtualQueue;
  /** What the function gives for its slots. */
  readonly handles: InterruptHandles;
  /** The physical function's BAR2. */
  readonly portals: SubmitPort;
  /** What the device's own PASID reaches. */
  readonly dma: DmaSpace;
  /** null: the guest has no PASIDs. */
  readonly pasids: GuestPasidTable | null;
  /** How its vectors are taken, and the host's irqbypass manager. */
  readonly trigger?: VectorOptions;
  /** In place of the trigger helper: another design of it, to compare. */
  readonly triggers?: Triggers;
}

export class VirtualDevice {
  readonly vfio: VfioDevice;
  readonly triggers: Triggers;
  readonly queue: WorkQueue;
  readonly device: Device;
  readonly migration: VirtualMigration;

  readonly #trace: Trace;
  readonly #registers: VirtualRegisters;
  readonly #queue: VirtualQueue;
  readonly #ids: VectorIds;
  readonly #msi: DeviceMsi<PasidWitness>;
  readonly #handles: VirtualHandles;
  readonly #causes: VirtualCauses;
  readonly #portals: VirtualPortals;
  /** vidxd's dev_lock: one access, SET_IRQS or reset at a time, whoever makes it. Portals go without. */
  readonly #lock: Lock;

  constructor(parts: VirtualDeviceParts) {
    const { core, device, profile, queue, pasids, handles, portals } = parts;
    const { state, trace } = core.ports;
    const { name } = device;
    this.queue = queue.physical;
    this.device = device;
    this.#trace = trace;
    this.#queue = queue;
    this.#msi = parts.msi;
    const { shared, threshold } = queue.physical;
    const registers = new VirtualRegisters(state, name, profile, { pasid: pasids !== null, ...(shared ? { threshold } : {}) });
    this.#registers = registers;
    this.#lock = new Lock(state, `${name}/device`);
    const vectors = profile.msix.count;
    const backing = Array.from({ length: vectors }, (_each, vector) => (vector === 0 ? 'emulated' : 'msi'));
    this.#ids = { device, registers, pasids };
    this.triggers = parts.triggers ?? new TriggerHelper(core, name, backing, { msi: () => parts.msi, instance: (vector) => vectorId(this.#ids, vector) }, parts.trigger);
    this.#handles = new VirtualHandles({ state, name, triggers: this.triggers, handles, vectors });
    this.#causes = new VirtualCauses(trace, registers, this.triggers);
    this.migration = new VirtualMigration({ state, lock: this.#lock, ids: this.#ids, queue, handles: this.#handles, triggers: this.triggers });
    const enabled = () => registers.deviceEnabled && registers.wqEnabled && !this.migration.stopped;
    this.#portals = new VirtualPortals({ state, trace, name, size: profile.bar2Size, queue, portals, enabled });
    this.vfio = this.#vfio(profile, parts);
  }

  /** An error of the function, which is another's or this guest's. From the function's interrupt, so that it takes no lock. */
  report(error: SoftwareError): void {
    const own = guestError(error, { ...this.#ids, queue: this.queue });
    if (own !== null) this.#causes.reportError(own);
  }

  #vfio(profile: DsaProfile, { dma, pasids, trigger }: VirtualDeviceParts): VfioDevice {
    return pciVfioDevice({
      name: this.device.name,
      regions: {
        [VFIO_PCI_REGION.BAR0]: this.#locked(registerRegion(profile.bar0Size, this.#bar0())),
        [VFIO_PCI_REGION.BAR2]: this.#portals.region,
        [VFIO_PCI_REGION.CONFIG]: this.#locked(registerRegion(CONFIG_SPACE, this.#config())),
      },
      msixVectors: profile.msix.count,
      noResize: trigger?.resize === 'classic',
      otherIrqs: this.triggers.irqs,
      dma,
      ...(pasids === null ? {} : { pasids: this.#guestPasids(pasids) }),
      setMsix: (set) => this.#trace.cross('idxd', 'set_irqs', { start: set.start, count: set.count }, this.#lock.with(this.#setIrqs(set))),
      reset: () => this.#trace.cross('idxd', 'reset', {}, this.#lock.with(this.#reset())),
      released: () => this.#lock.with(this.#released(pasids)),
    });
  }

  #guestPasids(table: GuestPasidTable): GuestPasids {
    const call = <T>(operation: string, gpasid: number, body: Steps<T>) => this.#trace.cross('idxd', operation, { device: this.device.name, gpasid }, this.#lock.with(body));
    return {
      bind: (gpasid) => call('bind_gpasid', gpasid, table.bind(gpasid)),
      map: (gpasid, mapping) => table.map(gpasid, mapping),
      unmap: (gpasid, iova, size) => table.unmap(gpasid, iova, size),
      unbind: (gpasid) => call('unbind_gpasid', gpasid, table.unbind(gpasid)),
    };
  }

  *#setIrqs(set: IrqSet): ReturnType<VfioDevice['setIrqs']> {
    for (const vector of this.#givenUpBy(set)) yield* this.#handles.suspend(vector);
    const done = yield* this.triggers.setTrigger(withoutIgnored(set, this.#registers));
    if (yield* this.#handles.compare()) this.#causes.raise(INTCAUSE.of({ handlesRevoked: 1 }));
    return done;
  }

  /** Vectors whose interrupt goes, or is another one afterwards. */
  #givenUpBy(set: IrqSet): number[] {
    if (isDisable(set)) return Array.from({ length: this.#handles.vectors }, (_each, vector) => vector);
    const { data, start } = set;
    if (set.action !== 'trigger' || data.kind !== 'eventfd') return [];
    return data.fds.flatMap((fd, each) => (fd === null || this.#hasOtherId(start + each) ? [start + each] : []));
  }

  /** Vector 0 has no interrupt: numbers in the MSI domain begin with vector 1. */
  #hasOtherId(vector: number): boolean {
    const desc = this.#msi.desc(vector - 1);
    const id = vectorId(this.#ids, vector);
    return desc !== undefined && !(id.ok && id.value === desc.cookie);
  }

  /** Function level reset, also asked for by VFIO: queue aborted, registers at power-on, host interrupts untouched. */
  *#reset(): Steps<void> {
    yield* this.#queue.run(COMMAND.RESET_WQ);
    yield* this.#handles.releaseAll();
    this.#registers.resetBar0();
    this.#registers.resetConfig();
    this.migration.forget();
  }

  *#released(pasids: GuestPasidTable | null): Steps<void> {
    this.#portals.unmapAll();
    if (pasids !== null) yield* pasids.unbindAll();
  }

  #locked({ size, read, write }: PciRegion): PciRegion {
    return { size, read: (offset, into) => this.#lock.with(read(offset, into)), write: (offset, from) => this.#lock.with(write(offset, from)) };
  }

  #config() {
    const { config, shape } = this.#registers;
    const end = sizeOfConfig(shape.pasid);
    return trappedPort(this.#trace, {
      name: (offset) => `config+0x${offset.toString(16)}`,
      read: (offset, size) => (offset < end ? config.read(offset, size) : 0),
      write: (offset, size, value) => this.#configWrite(offset, size, value),
    });
  }

  *#configWrite(offset: number, size: AccessSize, value: number): Steps<void> {
    if (offset >= sizeOfConfig(this.#registers.shape.pasid)) return;
    const { config } = this.#registers;
    const { busMaster, pasidOn } = this.#registers;
    const touched = config.write(offset, size, value);
    if (DEVCTL.initiateFunctionLevelReset.get(config.get(DEVCTL)) === 1) return yield* this.#reset();
    this.#registers.maskBars();
    const lost = touched.some((each) => each.register.name === PCICMD.name) && busMaster && !this.#registers.busMaster;
    if ((lost || pasidOn !== this.#registers.pasidOn) && this.#registers.deviceEnabled) yield* this.#halt();
  }

  #bar0() {
    const { bar0, windows } = this.#registers;
    return trappedPort(this.#trace, {
      name: (offset) => registerName(windows, offset),
      read: (offset, size) => bar0.read(offset, size),
      write: (offset, size, value) => this.#bar0Write(offset, size, value),
    });
  }

  *#bar0Write(offset: number, size: AccessSize, value: number): Steps<void> {
    const { bar0, deviceDisabled } = this.#registers;
    if (this.#registers.isConfiguration(offset)) return this.#registers.writeConfiguration(offset, size, value);
    const touched = bar0.write(offset, size, value, (gate) => gate === 'device-disabled' && deviceDisabled);
    if (touched.some((each) => each.register.name === CMD.name) && size === 4) yield* this.#command();
  }

  /** The guest's CPU is in the trap until the command is done: it never sees CMDSTATUS active. */
  *#command(): Steps<void> {
    const { bar0 } = this.#registers;
    const raw = bar0.get(CMD);
    bar0.set(CMD, CMD.reset);
    const status = yield* executeCommand({ ...this.#ids, queue: this.#queue, handles: this.#handles }, raw);
    bar0.set(CMDSTATUS, status);
    if (CMD.requestInterrupt.get(raw) === 1) this.#causes.raise(INTCAUSE.of({ commandCompletion: 1 }));
  }

  /**
   * The guest took bus mastering away from an enabled device, or switched its PASIDs (DSA spec 3.0 §5.7). The function still
   * masters the bus, so its queue is stopped before the guest's write is done: from then on nothing of the guest's reaches memory.
   */
  *#halt(): Steps<void> {
    this.#causes.enterHalt();
    yield* this.#queue.run(COMMAND.RESET_WQ);
    this.#causes.reportHalt();
  }
}
