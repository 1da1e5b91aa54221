// The driver of a function, on a host and in a guest alike (R19): probe, enabling the device, removal
// (drivers/dma/idxd/init.c, device.c). What it does is what the stock driver does there, access by access.
import { describeFailure, fail, ok } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import { CMDSTATUS, COMMAND, COMMAND_ERROR, DEVICE_STATE, GENCFG, GENCTRL, GENSTS, PCICMD, VERSION } from '@siov/datasheet';
import { readRegister, writeRegister } from '@siov/device';
import type { PciDevice } from '@siov/device';
import { freeIrq, pciAllocIrqVectors, requestThreadedIrq } from '@siov/irq';
import type { IrqCore, IrqDomain, IrqReturn, MsiAllocInfo, MsixErrno, MsixVectors } from '@siov/irq';
import { readCapabilities } from './capabilities.ts';
import { findConfiguration } from './configuration.ts';
import type { Configuration } from './configuration.ts';
import { DeviceEvents } from './device-events.ts';
import type { DmaMemory } from './dma-memory.ts';
import { GuestFunction } from './function.ts';
import { miscInterrupt } from './misc-interrupt.ts';
import type { DriverParts } from './parts.ts';
import type { DevicePasids, PasidBinding } from './pasids.ts';
import { msixPermissions } from './permission-backends.ts';
import { Permissions } from './permissions.ts';
import type { PermissionBackend } from './permissions.ts';
import type { EngineConfig, QueueConfig } from './queue-config.ts';
import { GuestWorkQueue } from './work-queue.ts';
import { writeConfiguration } from './write-configuration.ts';

export type GuestProbeErrno = 'ENODEV' | 'ENXIO' | 'EIO' | 'EOPNOTSUPP' | 'EPERM' | MsixErrno;

export interface GuestDriverOptions {
  /** Who makes a queue's interrupt legal for a PASID, and where it comes from; {@link msixPermissions} unless said. */
  readonly permissions?: PermissionBackend;
  /** The PASIDs of the device. Absent: it works without, as with the module's parameter `sva=0`. */
  readonly pasids?: DevicePasids;
  /** For completion records and batch lists. Absent: the caller's descriptors bring their own, and nobody waits for them here. */
  readonly dma?: DmaMemory;
  /** For a function whose configuration is the driver's. The others are as their host has fixed them. */
  readonly queues?: readonly QueueConfig[];
  /** Absent: each group that has queues gets the engine of its number. */
  readonly engines?: readonly EngineConfig[];
}

export class GuestDriver {
  readonly function: GuestFunction;
  readonly queues: readonly GuestWorkQueue[];
  readonly #parts: DriverParts;
  readonly #configuration: Configuration;
  readonly #vectors: MsixVectors;
  readonly #events: DeviceEvents;
  readonly #state: { enabled: boolean };

  private constructor(parts: DriverParts, configuration: Configuration, vectors: MsixVectors) {
    this.function = parts.function;
    this.#parts = parts;
    this.#configuration = configuration;
    this.#vectors = vectors;
    this.#state = parts.core.ports.state.record(`guest/${parts.device.name}/driver`, { enabled: false });
    const { own, settings } = configuration;
    const usable = (index: number) => !parts.capabilities.configurable || own?.queues.some((each) => each.index === index) === true;
    this.queues = settings.map((each) => new GuestWorkQueue({ ...parts, configure: () => this.#configure(), usable }, each));
    this.#events = new DeviceEvents(parts, this.queues);
  }

  /**
   * idxd_pci_probe(). `ENXIO`: halted; `EOPNOTSUPP`: a fixed queue is shared or has a PASID and the driver uses none, or
   * the device cannot do what `queues` asks for; `EPERM`: `queues` for a function that its host has fixed; `EINVAL`: what
   * is wrong with `queues`; else what MSI-X gives. Without the system PASID the kernel's queues work without one, as the
   * stock driver has it: see {@link systemPasid}.
   */
  static probe(core: IrqCore, device: PciDevice, parent: IrqDomain<MsiAllocInfo>, options: GuestDriverOptions = {}): Steps<Result<GuestDriver, GuestProbeErrno>> {
    return core.ports.trace.cross('guest', 'probe', { device: device.name }, GuestDriver.#probe(core, device, parent, options));
  }

  static *#probe(core: IrqCore, device: PciDevice, parent: IrqDomain<MsiAllocInfo>, options: GuestDriverOptions): Steps<Result<GuestDriver, GuestProbeErrno>> {
    if (!core.ports.state.grant('idxd_device')) return fail('ENOMEM', `${device.name}: no memory for its driver`);
    const bar = device.bar(0);
    if (!bar.ok) return bar;
    const { config } = device.resources;
    const control = yield* readRegister(config, PCICMD);
    yield* writeRegister(config, PCICMD, PCICMD.busMasterEnable.set(PCICMD.memorySpaceEnable.set(control, 1), 1));
    const function_ = new GuestFunction(core, device.name, bar.value);
    const version = yield* function_.read(VERSION);
    if (GENSTS.state.get(yield* function_.read(GENSTS)) === DEVICE_STATE.HALT) return fail('ENXIO', `${device.name} is halted`);
    yield* function_.initialReset();
    const systemPasid = options.pasids === undefined ? null : yield* bindSystemPasid(core, device, function_, options.pasids);
    const probed = yield* GuestDriver.#setUp(core, device, parent, { ...options, function: function_, version, systemPasid });
    if (!probed.ok && options.pasids !== undefined && systemPasid !== null) yield* options.pasids.unbind(systemPasid);
    return probed;
  }

  /** The rest of it, with the PASID there is: no interrupt is allocated before it is known (R16). */
  static *#setUp(
    core: IrqCore,
    device: PciDevice,
    parent: IrqDomain<MsiAllocInfo>,
    { function: function_, version, systemPasid, permissions = msixPermissions, pasids = null, dma = null, queues, engines }: Omit<GuestDriverOptions, 'pasids' | 'dma'> & {
      readonly function: GuestFunction; readonly version: typeof VERSION.reset; readonly systemPasid: PasidBinding | null; readonly pasids?: DevicePasids | null; readonly dma?: DmaMemory | null;
    },
  ): Steps<Result<GuestDriver, GuestProbeErrno>> {
    const capabilities = yield* readCapabilities(function_, version);
    if (!Array.from({ length: capabilities.wqs }).every(() => core.ports.state.grant('idxd_wq'))) return fail('ENOMEM', `${device.name}: no memory for ${capabilities.wqs} work queues`);
    const configuration = yield* findConfiguration(function_, capabilities, { pasids: pasids !== null, queues, engines });
    if (!configuration.ok) return configuration;
    const vectors = yield* pciAllocIrqVectors(core, device, parent, permissions.vectors === undefined ? {} : { minVectors: permissions.vectors, maxVectors: permissions.vectors });
    if (!vectors.ok) return vectors;
    const place = { function: function_, msixperm: capabilities.msixperm, virqs: vectors.value.virqs };
    const parts = { core, device, function: function_, capabilities, permissions: new Permissions(core, permissions, place), pasids, systemPasid, dma };
    const driver = new GuestDriver(parts, configuration.value, vectors.value);
    const requested = yield* requestThreadedIrq(core, vectors.value.virqs[0] ?? 0, { name: 'idxd-misc', devId: function_, thread: () => driver.#miscThread() });
    if (!requested.ok) {
      yield* vectors.value.free();
      return fail('ENXIO', `${device.name}: ${describeFailure(requested)}`);
    }
    yield* unmaskErrors(function_);
    return ok(driver);
  }

  /** The PASID under which the device works for the kernel; null: its requests carry none. */
  get systemPasid(): number | null {
    return this.#parts.systemPasid?.pasid ?? null;
  }

  /**
   * Binding the device to its driver: what is the driver's to configure, interrupts for user PASIDs made legal, Enable
   * Device. `EIO` names the command's error; `EINVAL`: a configurable device without queues.
   */
  *enable(): Steps<Result<void, 'EIO' | 'EINVAL'>> {
    const { capabilities, pasids, systemPasid, device } = this.#parts;
    if (capabilities.configurable && this.#configuration.own === null) return fail('EINVAL', `${device.name}: no queue is configured`);
    yield* this.#configure();
    // The kernel's queues do not get PASIDs without the system's; those of processes ask for no interrupts.
    if (pasids === null || systemPasid !== null) yield* enableUserInterrupts(this.function);
    yield* this.function.read(GENSTS);
    const error = CMDSTATUS.error.get(yield* this.function.command(COMMAND.ENABLE_DEVICE));
    if (error !== COMMAND_ERROR.SUCCESS && error !== COMMAND_ERROR.DEVICE_NOT_DISABLED) return fail('EIO', `${device.name}: Enable Device: error 0x${error.toString(16)}`);
    this.#state.enabled = true;
    return ok();
  }

  /** Unbinding it: Disable Device. What the host has configured is not reset; what the driver has is. */
  *disable(): Steps<void> {
    this.#state.enabled = false;
    yield* this.function.read(GENSTS);
    yield* this.function.command(COMMAND.DISABLE_DEVICE);
    if (!this.#parts.capabilities.configurable) return;
    yield* this.function.command(COMMAND.RESET_DEVICE);
    yield* unmaskErrors(this.function);
  }

  /**
   * idxd_remove() and idxd_shutdown(): queues and device disabled where they are not yet, error interrupts off, the
   * interrupts given back, and the PASID last of all, when no entry holds it any more. `EBUSY`: somebody else's does.
   */
  remove(): Steps<Result<void, 'EBUSY' | 'EINVAL'>> {
    return this.#events.revocation.with(this.#remove());
  }

  *#remove(): Steps<Result<void, 'EBUSY' | 'EINVAL'>> {
    for (const queue of this.queues) yield* queue.disable();
    if (this.#state.enabled) yield* this.disable();
    yield* this.function.read(GENSTS);
    const control = yield* this.function.read(GENCTRL);
    yield* this.function.write(GENCTRL, GENCTRL.haltInterruptEnable.set(GENCTRL.softwareErrorInterruptEnable.set(control, 0), 0));
    const misc = this.#vectors.virqs[0] ?? 0;
    yield* freeIrq(this.#parts.core, misc, this.function);
    yield* this.#vectors.free();
    let closed: Result<void, 'EBUSY' | 'EINVAL'> = ok();
    for (const queue of this.queues) {
      const processes = yield* queue.closeProcesses();
      if (closed.ok) closed = processes;
    }
    const { pasids, systemPasid } = this.#parts;
    if (!closed.ok) return closed;
    return pasids === null || systemPasid === null ? ok() : yield* pasids.unbind(systemPasid);
  }

  #miscThread(): Steps<IrqReturn> {
    return this.#parts.core.ports.trace.cross('guest', 'misc_thread', {}, miscInterrupt(this.function, this.#events));
  }

  *#configure(): Steps<void> {
    const { own } = this.#configuration;
    if (own !== null) yield* writeConfiguration(this.function, this.#parts.capabilities, own, (wq) => this.queues[wq]?.pasid ?? null);
  }
}

/** idxd_enable_system_pasid(), and interrupts made legal for it. A device without one works without. */
function* bindSystemPasid(core: IrqCore, device: PciDevice, function_: GuestFunction, pasids: DevicePasids): Steps<PasidBinding | null> {
  const bound = yield* pasids.system();
  if (!bound.ok) {
    core.log.warn(`${device.name}: No in-kernel DMA with PASID. ${describeFailure(bound)}`);
    return null;
  }
  yield* enableUserInterrupts(function_);
  return bound.value;
}

/** idxd_set_user_intr(). */
function* enableUserInterrupts(function_: GuestFunction): Steps<void> {
  const config = yield* function_.read(GENCFG);
  yield* function_.write(GENCFG, GENCFG.userInterruptsEnable.set(config, 1));
}

/** idxd_unmask_error_interrupts(). */
function* unmaskErrors(function_: GuestFunction): Steps<void> {
  const control = yield* function_.read(GENCTRL);
  yield* function_.write(GENCTRL, GENCTRL.haltInterruptEnable.set(GENCTRL.softwareErrorInterruptEnable.set(control, 1), 1));
}
