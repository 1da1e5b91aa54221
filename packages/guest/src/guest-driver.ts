// The guest driver: probe, enabling the device, removal (drivers/dma/idxd/init.c, device.c). It drives a function whose
// configuration the host has fixed; what it does is what the stock driver does there, access by access.
import { describeFailure, fail, ok, register } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import {
  CMDCAP, CMDSTATUS, COMMAND, COMMAND_ERROR, DEVICE_STATE, ENGCAP, GENCAP, GENCFG, GENCTRL, GENSTS, GRPCAP, Grpcfg, GRPCFG_SIZE, OFFSETS, OFFSETS_HI,
  OPCAP, PCICMD, TABLE_OFFSET_UNIT, VERSION, WQCAP, Wqcfg, wqcfgSize,
} from '@siov/datasheet';
import { readRegister, writeRegister } from '@siov/device';
import type { PciDevice } from '@siov/device';
import { freeIrq, pciAllocIrqVectors, requestThreadedIrq } from '@siov/irq';
import type { IrqCore, IrqDomain, IrqReturn, MsiAllocInfo, MsixErrno, MsixVectors } from '@siov/irq';
import { GuestFunction } from './function.ts';
import { GuestWorkQueue } from './work-queue.ts';

/** The last word of a queue's configuration, which the stock driver reads with the rest. */
const WqcfgReserved = register('RESERVED', { offset: 0x1c, access: 'ro', source: 'DSA spec 3.0 §9.2.22' }, {});

export type GuestProbeErrno = 'ENODEV' | 'ENXIO' | 'EIO' | 'EOPNOTSUPP' | MsixErrno;

/** Where the function's tables are, in bytes, and what it can do. */
interface Found {
  readonly wqs: number;
  readonly groups: number;
  readonly grpcfg: number;
  readonly wqcfg: number;
  readonly wqcfgSize: number;
  readonly msixperm: number;
  /** Request Interrupt Handle exists. */
  readonly handles: boolean;
}

export class GuestDriver {
  readonly function: GuestFunction;
  readonly queues: readonly GuestWorkQueue[];
  readonly #core: IrqCore;
  readonly #device: PciDevice;
  readonly #vectors: MsixVectors;

  private constructor(core: IrqCore, device: PciDevice, function_: GuestFunction, vectors: MsixVectors, found: Found) {
    this.function = function_;
    this.#core = core;
    this.#device = device;
    this.#vectors = vectors;
    this.queues = Array.from({ length: found.wqs }, (_, index) => {
      const vector = { number: index + 1, virq: vectors.virqs[index + 1] ?? 0 };
      return new GuestWorkQueue(core, device, function_, { index, vector, handles: found.handles, msixperm: found.msixperm });
    });
  }

  /** idxd_pci_probe(). `ENXIO`: halted; `EOPNOTSUPP`: a queue is not dedicated; else what MSI-X gives. */
  static probe(core: IrqCore, device: PciDevice, parent: IrqDomain<MsiAllocInfo>): Steps<Result<GuestDriver, GuestProbeErrno>> {
    return core.ports.trace.cross('guest', 'probe', { device: device.name }, GuestDriver.#probe(core, device, parent));
  }

  static *#probe(core: IrqCore, device: PciDevice, parent: IrqDomain<MsiAllocInfo>): Steps<Result<GuestDriver, GuestProbeErrno>> {
    const bar = device.bar(0);
    if (!bar.ok) return bar;
    const { config } = device.resources;
    const control = yield* readRegister(config, PCICMD);
    yield* writeRegister(config, PCICMD, PCICMD.busMasterEnable.set(PCICMD.memorySpaceEnable.set(control, 1), 1));
    const function_ = new GuestFunction(core, device.name, bar.value);
    yield* function_.read(VERSION);
    if (GENSTS.state.get(yield* function_.read(GENSTS)) === DEVICE_STATE.HALT) return fail('ENXIO', `${device.name} is halted`);
    yield* function_.initialReset();
    const found = yield* readCapabilities(function_);
    const fixed = yield* readConfiguration(function_, found, device.name);
    if (!fixed.ok) return fixed;
    const vectors = yield* pciAllocIrqVectors(core, device, parent);
    if (!vectors.ok) return vectors;
    const requested = yield* requestThreadedIrq(core, vectors.value.virqs[0] ?? 0, { name: 'idxd-misc', devId: function_, thread: () => miscThread(core, function_) });
    if (!requested.ok) {
      yield* vectors.value.free();
      return fail('ENXIO', `${device.name}: ${describeFailure(requested)}`);
    }
    yield* unmaskErrors(function_);
    return ok(new GuestDriver(core, device, function_, vectors.value, found));
  }

  /** Binding the device to its driver: interrupts for user PASIDs made legal, Enable Device. `EIO` names the command's error. */
  *enable(): Steps<Result<void, 'EIO'>> {
    const config = yield* this.function.read(GENCFG);
    yield* this.function.write(GENCFG, GENCFG.userInterruptsEnable.set(config, 1));
    yield* this.function.read(GENSTS);
    const error = CMDSTATUS.error.get(yield* this.function.command(COMMAND.ENABLE_DEVICE));
    if (error === COMMAND_ERROR.SUCCESS || error === COMMAND_ERROR.DEVICE_NOT_DISABLED) return ok();
    return fail('EIO', `${this.#device.name}: Enable Device: error 0x${error.toString(16)}`);
  }

  /** Unbinding it: Disable Device. What the host has configured is not reset. */
  *disable(): Steps<void> {
    yield* this.function.read(GENSTS);
    yield* this.function.command(COMMAND.DISABLE_DEVICE);
  }

  /** idxd_shutdown(), then what idxd_remove() gives back. Queues and device must be disabled. */
  *remove(): Steps<void> {
    yield* this.function.read(GENSTS);
    const control = yield* this.function.read(GENCTRL);
    yield* this.function.write(GENCTRL, GENCTRL.haltInterruptEnable.set(GENCTRL.softwareErrorInterruptEnable.set(control, 0), 0));
    const misc = this.#vectors.virqs[0] ?? 0;
    yield* freeIrq(this.#core, misc, this.function);
    yield* this.#vectors.free();
  }
}

function* miscThread(core: IrqCore, function_: GuestFunction): Steps<IrqReturn> {
  yield* core.ports.trace.cross('guest', 'misc_thread', {}, function_.miscInterrupt());
  return 'handled';
}

/** idxd_unmask_error_interrupts(). */
function* unmaskErrors(function_: GuestFunction): Steps<void> {
  const control = yield* function_.read(GENCTRL);
  yield* function_.write(GENCTRL, GENCTRL.haltInterruptEnable.set(GENCTRL.softwareErrorInterruptEnable.set(control, 1), 1));
}

/** idxd_read_caps(), idxd_read_table_offsets(). */
function* readCapabilities(function_: GuestFunction): Steps<Found> {
  const gencap = yield* function_.read(GENCAP);
  const handles = GENCAP.commandCapabilities.get(gencap) === 1 && (CMDCAP.commands.get(yield* function_.read(CMDCAP)) & (1 << COMMAND.REQUEST_INTERRUPT_HANDLE)) !== 0;
  const grpcap = yield* function_.read(GRPCAP);
  yield* function_.read(ENGCAP);
  const wqcap = yield* function_.read(WQCAP);
  for (const opcap of OPCAP) yield* function_.read<string, 64>(opcap);
  const offsets = yield* function_.read(OFFSETS);
  yield* function_.read(OFFSETS_HI);
  return {
    wqs: WQCAP.numberOfWqs.get(wqcap),
    groups: GRPCAP.numberOfGroups.get(grpcap),
    grpcfg: OFFSETS.grpcfg.get(offsets) * TABLE_OFFSET_UNIT,
    wqcfg: OFFSETS.wqcfg.get(offsets) * TABLE_OFFSET_UNIT,
    wqcfgSize: wqcfgSize(WQCAP.wqcfgSize.get(wqcap)),
    msixperm: OFFSETS.msixperm.get(offsets) * TABLE_OFFSET_UNIT,
    handles,
  };
}

/** idxd_device_load_config(): the configuration the host has fixed. */
function* readConfiguration(function_: GuestFunction, found: Found, name: string): Steps<Result<void, 'EOPNOTSUPP'>> {
  yield* function_.read(GENCFG);
  for (let group = 0; group < found.groups; group++) {
    const base = found.grpcfg + group * GRPCFG_SIZE;
    // As many words as there are blocks of 64 queues, and one more: so the stock driver counts.
    const words = Math.floor(found.wqs / 64) + 2;
    for (const wqs of Grpcfg.Wqs.slice(0, words)) yield* function_.read<string, 64>(wqs, base);
    yield* function_.read(Grpcfg.Engines, base);
    yield* function_.read(Grpcfg.Flags, base);
  }
  for (let wq = 0; wq < found.wqs; wq++) {
    const base = found.wqcfg + wq * found.wqcfgSize;
    yield* function_.read(Wqcfg.Size, base);
    yield* function_.read(Wqcfg.Threshold, base);
    const mode = yield* function_.read(Wqcfg.Mode, base);
    for (const rest of [Wqcfg.Limits, Wqcfg.OccupancyInterrupt, Wqcfg.OccupancyLimit, Wqcfg.Status]) yield* function_.read<string, 32>(rest, base);
    yield* function_.read(WqcfgReserved, base);
    if (Wqcfg.Mode.dedicated.get(mode) === 0 || Wqcfg.Mode.pasidEnable.get(mode) === 1) {
      return fail('EOPNOTSUPP', `${name}: work queue ${wq} is shared or has a PASID, and its configuration cannot be changed`);
    }
  }
  return ok();
}
