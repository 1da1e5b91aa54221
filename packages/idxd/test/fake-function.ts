// A physical function that does what it is told without doing anything: registers that keep what is written, commands that
// end at once (or fail when asked to), and a host around it with both remappings.
import { bufferMemory, Executor, ModelClock, noTrace, plainState, RegisterFile } from '@siov/base';
import type { AccessPort, AccessSize, Image, StatePort, Steps, Trace, Width } from '@siov/base';
import {
  bar0Windows, CMD, CMDSTATUS, COMMAND, configWindows, DSA_SPR, IMS_ENTRY_SIZE, ImsEntry, INTCAUSE, layoutOf, MSGCTL, MsixEntry, Msixperm, MSIXPERM_SIZE,
  placementsOf, portalOf,
  resetBar0To, resetConfigTo, Wqcfg,
} from '@siov/datasheet';
import type { DsaProfile } from '@siov/datasheet';
import { PciDevice } from '@siov/device';
import { InterruptRemapping, Iommu } from '@siov/iommu';
import { IrqCore, msiDomainOf, VectorDomain } from '@siov/irq';
import { VFIO_PCI_IRQ, VFIO_PCI_REGION } from '@siov/vfio';
import type { IrqBypass, IrqSet } from '@siov/vfio';
import { DEFAULT_QUEUE, HostDriver, MDEV_TYPE } from '../src/index.ts';
import type { VirtualDevice, VirtualDeviceOptions, WorkQueueConfig } from '../src/index.ts';

const REQUESTER_ID = 0x6a08;
/** Handles the function gives are not its entries' numbers: a driver that mixes them up is seen. */
export const HANDLE_OFFSET = 0x100;

export class FakeFunction {
  readonly profile: DsaProfile;
  readonly config: AccessPort;
  readonly bar0: AccessPort;
  /** Commands since the last look, as `ENABLE_WQ(0)`. */
  readonly commands: string[] = [];
  /** Descriptors, as the page they came to. */
  readonly submissions: string[] = [];
  /** The descriptors themselves. */
  readonly descriptors: Uint8Array[] = [];
  /** Whether an ENQCMD is taken. */
  accepts = true;
  /** The error a command code ends with. */
  readonly errors = new Map<number, number>();
  readonly registers: RegisterFile;
  readonly #configFile: RegisterFile;
  readonly portals = {
    submit: (offset: number, descriptor: Uint8Array) => this.#submit(offset, descriptor),
    enqueue: (offset: number, descriptor: Uint8Array) => this.#enqueue(offset, descriptor),
  };
  readonly #handleOffset: number;
  readonly #message: (addressLo: number, data: number) => void;

  constructor(profile: DsaProfile, message: (addressLo: number, data: number) => void, handleOffset = HANDLE_OFFSET) {
    this.profile = profile;
    this.#message = message;
    this.#handleOffset = handleOffset;
    this.#configFile = new RegisterFile(plainState, 'fake/config', 4096, placementsOf(configWindows()));
    resetConfigTo(this.#configFile, profile);
    this.registers = new RegisterFile(plainState, 'fake/bar0', profile.bar0Size, placementsOf(bar0Windows(profile)));
    const { registers } = this;
    resetBar0To(registers, profile);
    this.config = port(this.#configFile, function* () {});
    this.bar0 = port(registers, (offset, value) => this.#written(offset, value));
  }

  /** The message in entry `slot`, as a descriptor that may use it would have it sent. */
  fire(slot: number): void {
    const at = layoutOf(this.profile).offsets.ims + slot * IMS_ENTRY_SIZE;
    this.#message(this.registers.get(ImsEntry.AddressLo, at + ImsEntry.AddressLo.offset), this.registers.get(ImsEntry.Data, at + ImsEntry.Data.offset));
  }

  ims(slot: number): { mask: number; pasidEnable: number; pasid: number; data: number } {
    const at = layoutOf(this.profile).offsets.ims + slot * IMS_ENTRY_SIZE;
    const { mask, pasidEnable, pasid } = ImsEntry.Control.decode(this.registers.get(ImsEntry.Control, at + ImsEntry.Control.offset));
    return { mask, pasidEnable, pasid, data: this.registers.get(ImsEntry.Data, at + ImsEntry.Data.offset) };
  }

  mode(wq = 0): ReturnType<typeof Wqcfg.Mode.decode> {
    return Wqcfg.Mode.decode(this.registers.get(Wqcfg.Mode, this.#wqcfg(wq) + Wqcfg.Mode.offset));
  }

  threshold(wq: number): number {
    return this.registers.get(Wqcfg.Threshold, this.#wqcfg(wq) + Wqcfg.Threshold.offset);
  }

  #wqcfg(wq: number): number {
    const { offsets, wqcfgSize } = layoutOf(this.profile);
    return offsets.wqcfg + wq * wqcfgSize;
  }

  *#written(offset: number, value: number): Steps<void> {
    if (offset !== CMD.offset) return;
    const { operand, code, requestInterrupt } = CMD.decode(CMD.image(value));
    const name = Object.entries(COMMAND).find(([, each]) => each === code)?.[0] ?? String(code);
    this.commands.push(`${name}(${operand})`);
    this.registers.set(CMDSTATUS, CMDSTATUS.of({ error: this.errors.get(code) ?? 0, result: code === COMMAND.REQUEST_INTERRUPT_HANDLE ? (operand & 0xffff) + this.#handleOffset : 0 }));
    if (requestInterrupt === 0) return;
    this.registers.set(INTCAUSE, INTCAUSE.of({ commandCompletion: 1 }));
    const at = this.profile.msix.table;
    const masked = MsixEntry.Control.mask.get(this.registers.get(MsixEntry.Control, at + 12)) === 1;
    if (masked || MSGCTL.enable.get(this.#configFile.get(MSGCTL)) === 0) return;
    this.#message(this.registers.get(MsixEntry.AddressLo, at), this.registers.get(MsixEntry.Data, at + 8));
  }

  *#submit(offset: number, descriptor: Uint8Array): Steps<void> {
    const portal = portalOf(offset);
    this.descriptors.push(descriptor);
    this.submissions.push(`wq ${portal?.wq} ${portal?.limited === true ? 'limited' : 'unlimited'} ${portal?.ims === true ? 'IMS' : 'MSI-X'} +${offset & 0xfff}:${descriptor.length}`);
  }

  *#enqueue(offset: number, descriptor: Uint8Array): Steps<boolean> {
    if (!this.accepts) return false;
    yield* this.#submit(offset, descriptor);
    return true;
  }
}

/** Words behind a bus; a write is done, then noticed. */
function port(file: RegisterFile, written: (offset: number, value: number) => Steps<void>): AccessPort {
  function* write(offset: number, size: AccessSize, value: number): Steps<void> {
    file.write(offset, size, value, () => true);
    yield* written(offset, value);
  }
  return {
    *read(offset, size) {
      return file.read(offset, size);
    },
    *read64(offset) {
      return BigInt(file.read(offset, 4)) | (BigInt(file.read(offset + 4, 4)) << 32n);
    },
    write,
    *write64(offset, value) {
      yield* write(offset, 4, Number(value & 0xffffffffn));
      yield* write(offset + 4, 4, Number(value >> 32n));
    },
  };
}

interface Declared<N extends string, W extends Width> {
  readonly offset: number;
  readonly width: W;
  image(raw: number | bigint): Image<N, W>;
}

export interface FakeHostOptions {
  readonly profile?: DsaProfile;
  readonly scalable?: boolean;
  readonly trace?: Trace;
  readonly executor?: Executor;
  /** Of the PASIDs of the IOMMU. */
  readonly pasidWidth?: number;
  readonly state?: StatePort;
  readonly bypass?: IrqBypass;
}

/** How the virtual device of {@link makeVirtual} is to be. */
export interface FakeVirtualOptions extends FakeHostOptions {
  readonly queues?: readonly WorkQueueConfig[];
  readonly type?: string;
  readonly create?: VirtualDeviceOptions;
}

/** The host, before the driver came. */
export function makeHost({ profile = DSA_SPR, scalable = true, trace = noTrace, executor = new Executor(), pasidWidth = 20, state = plainState, bypass }: FakeHostOptions = {}) {
  const core = new IrqCore({ state, trace, clock: new ModelClock(state), spawn: (agent, steps) => executor.spawn(agent, steps) }, { name: 'host', cpus: 1, nrIrqs: 256, threadAgent: String });
  const vectors = new VectorDomain(core);
  const iommu = new Iommu({ state, trace }, { scalable, pasidWidth });
  const remapping = new InterruptRemapping({ state, trace }, vectors);
  /** A function on the bus, and its driver's way to it. */
  const addFunction = (name: string, requesterId: number, handleOffset = HANDLE_OFFSET) => {
    const fake = new FakeFunction(profile, (addressLo, data) => remapping.message(requesterId, 0, addressLo, data), handleOffset);
    const resources = { config: fake.config, bars: { 0: fake.bar0 }, portals: fake.portals };
    const device = new PciDevice(name, { state, requesterId, resources });
    if (!iommu.probeDevice(device).ok) throw new Error('probing');
    const probe = (...configs: readonly WorkQueueConfig[]) => run(HostDriver.probe({ core, iommu, interruptParent: remapping.domain, ...(bypass === undefined ? {} : { bypass }) }, device, configs.length > 0 ? configs : [DEFAULT_QUEUE]));
    return { fake, device, probe };
  };
  executor.spawn({ name: 'HI', layer: 'irq' }, vectors.interrupts(0));
  const run = <T>(steps: Steps<T>): T => executor.run({ name: 'HK', layer: 'test' }, steps);
  const { fake, device, probe } = addFunction('dsa0', REQUESTER_ID);
  return {
    executor, core, vectors, iommu, remapping, fake, device, run, probe, addFunction,
    counters: () => ({
      virqs: core.used, ...vectors.counters, ...remapping.counters, ...iommu.counters,
      slots: msiDomainOf(device, 'secondary')?.slots.used ?? 0, domains: Number(msiDomainOf(device) !== undefined) + Number(msiDomainOf(device, 'secondary') !== undefined),
    }),
  };
}

export type FakeHost = ReturnType<typeof makeHost>;

/** A mediated device of the fake function, and a user of its uAPI. */
export function makeVirtual({ queues = [DEFAULT_QUEUE], type = MDEV_TYPE, create = {}, ...options }: FakeVirtualOptions = {}) {
  const host = makeHost(options);
  const driver = host.probe(...queues);
  if (!driver.ok) throw new Error(driver.message);
  return { ...host, driver: driver.value, ...addVirtual(host, driver.value, type, create) };
}

/** One more. */
export function addVirtual(host: Pick<FakeHost, 'run' | 'fake'>, driver: HostDriver, type = MDEV_TYPE, create: VirtualDeviceOptions = {}) {
  const created = host.run(driver.mdevs.create(type, create));
  if (!created.ok) throw new Error(created.message);
  return { mdev: created.value, ...user(host, created.value.driver) };
}

/** A guest with PASIDs on a dedicated queue. */
export const WITH_PASIDS: FakeVirtualOptions = { create: { pasid: true } };
export const SHARED_QUEUE: WorkQueueConfig = { ...DEFAULT_QUEUE, mode: 'shared', threshold: 12 };

export function user(host: Pick<FakeHost, 'run' | 'fake'>, virtual: VirtualDevice) {
  const { run, fake } = host;
  const { vfio } = virtual;
  const signals = Array.from({ length: 9 }, () => 0);
  const must = (result: { ok: boolean }) => {
    if (!result.ok) throw new Error(JSON.stringify(result));
  };
  const bytes = (index: number, offset: number, length: number): Uint8Array => {
    const into = new Uint8Array(length);
    must(run(vfio.regionRead(index, offset, into)));
    return into;
  };
  const region = (index: number) => ({
    read<N extends string, W extends Width>(register: Declared<N, W>, base = 0): Image<N, W> {
      const view = new DataView(bytes(index, base + register.offset, register.width / 8).buffer);
      return register.image(register.width === 64 ? view.getBigUint64(0, true) : register.width === 32 ? view.getUint32(0, true) : register.width === 16 ? view.getUint16(0, true) : view.getUint8(0));
    },
    write<N extends string, W extends Width>(register: Declared<N, W>, image: number | bigint, base = 0): void {
      const from = new Uint8Array(8);
      new DataView(from.buffer).setBigUint64(0, BigInt(image), true);
      must(run(vfio.regionWrite(index, base + register.offset, from.subarray(0, register.width / 8))));
    },
  });
  const bar0 = region(VFIO_PCI_REGION.BAR0);
  const setIrqs = (start: number, fds: readonly boolean[]) => {
    const data: IrqSet['data'] = {
      kind: 'eventfd',
      fds: fds.map((armed, each) => (armed ? { name: `v${start + each}`, signal: () => { signals[start + each] = (signals[start + each] ?? 0) + 1; }, close() {} } : null)),
    };
    return run(vfio.setIrqs({ index: VFIO_PCI_IRQ.MSIX, start, count: fds.length, action: 'trigger', data }));
  };
  /** Binds a guest PASID; the host's behind it. */
  const bind = (gpasid: number): number => {
    const bound = vfio.pasids === undefined ? undefined : run(vfio.pasids.bind(gpasid));
    if (bound?.ok !== true) throw new Error(JSON.stringify(bound));
    return bound.value;
  };
  return {
    virtual, vfio, signals, bytes, bar0, setIrqs, bind,
    /** The permission entry of `vector`. */
    permit: (vector: number, fields: { pasid?: number; pasidEnable?: number; ignore?: number }) => bar0.write(Msixperm, Msixperm.of(fields), 0x200 + vector * MSIXPERM_SIZE),
    /** The host's slot behind `vector`; -1: none. */
    slot(vector: number): number {
      const slot = virtual.triggers.hwirq(vector);
      return slot.ok ? slot.value : -1;
    },
    config: region(VFIO_PCI_REGION.CONFIG),
    dump: (index: number, length: number) => Array.from(new Uint32Array(bytes(index, 0, length).buffer)),
    /** Writes CMD; gives CMDSTATUS, and what the function was asked to do. */
    command(code: number, operand = 0, interrupt = false): { error: number; result: number; physical: string[] } {
      fake.commands.length = 0;
      bar0.write(CMD, (((interrupt ? 0x80000000 : 0) | (code << 20)) + operand) >>> 0);
      const { error, result, active } = CMDSTATUS.decode(bar0.read(CMDSTATUS));
      if (active !== 0) throw new Error('the guest sees CMDSTATUS active');
      return { error, result, physical: fake.commands.splice(0) };
    },
    mapMemory: (size: number) => must(run(vfio.dmaMap({ iova: 0n, size: BigInt(size), readable: true, writable: true, memory: bufferMemory(new Uint8Array(size)) }))),
    disable: () => run(vfio.setIrqs({ index: VFIO_PCI_IRQ.MSIX, start: 0, count: 0, action: 'trigger', data: { kind: 'none' } })),
  };
}

