// A guest of our own around VFIO devices: memory, vCPUs with an irq core, IOMMU management, the VMM, and the guest driver's
// view of each function. With a real guest a real kernel and a real QEMU stand here.
import { bufferMemory, Lock, ModelClock, ModelError, must, stateOf } from '@siov/base';
import type { Agent, Executor, Memory, StatePort, Steps, Trace } from '@siov/base';
import { PciDevice } from '@siov/device';
import type { SubmitPort } from '@siov/device';
import { AddressSpace, Iommu } from '@siov/iommu';
import { IrqCore, parseVectorMsg, VectorDomain } from '@siov/irq';
import type { IrqDomain, MsiAllocInfo } from '@siov/irq';
import { VFIO_PCI_REGION } from '@siov/vfio';
import type { IrqBypass, VfioDevice } from '@siov/vfio';
import { PasidTranslation, VfioPci } from '@siov/vmm';
import type { Posting, VmmPolicy } from '@siov/vmm';
import { IommuPasids, virtualCommands } from './device-pasids.ts';

/** One function as the guest has it. */
export interface GuestFunctionView {
  readonly vmm: VfioPci;
  readonly device: PciDevice;
  /** PASIDs of the guest for it, each told to the VMM. */
  readonly pasids: IommuPasids;
}

export interface GuestMachineOptions {
  /** Of this machine in the trace's agents and the state; a second guest needs others. */
  readonly name?: string;
  /** Number of its first vCPU in the trace: `VC0`. */
  readonly firstVcpu?: number;
  readonly cpus?: number;
  /** Bytes, a multiple of 4096. */
  readonly memorySize?: number;
  /** What the guest has instead of {@link GuestMachine.memory}: where an explorer is to see every word of it. */
  readonly ram?: Memory;
  readonly policy?: VmmPolicy;
  /** Interrupts reach the guest through KVM. */
  readonly irqfd?: boolean;
  /** Portals are mapped into the guest: submissions do not trap. */
  readonly mapPortals?: boolean;
  /** Interrupts are posted to its vCPUs: their descriptors, and where producers are met. */
  readonly posting?: { readonly bypass: IrqBypass; readonly to: readonly Posting[] };
}

/** Where the guest finds its functions: bus 1, one device each. */
const FIRST_REQUESTER_ID = 0x0100;
/** A guest's PASIDs have other numbers than the host's behind them, so that nobody takes one for the other unnoticed. */
const FIRST_GUEST_PASID = 0x21;

export class GuestMachine {
  readonly core: IrqCore;
  readonly vectors: VectorDomain;
  readonly iommu: Iommu;
  /** The kernel's own address space: all memory, where it is. */
  readonly kernel: AddressSpace;
  /** What message domains of functions sit on: the guest has no interrupt remapping. */
  readonly interruptParent: IrqDomain<MsiAllocInfo>;
  /** Guest-physical memory from address 0. */
  readonly memory: Uint8Array;
  readonly functions: readonly GuestFunctionView[];
  readonly #ram: Memory;
  /** ENQCMDs of PASIDs that have no translation: each a fault in the guest. */
  readonly faults: { count: number };
  /** The first vCPU's, as an agent. */
  readonly vcpu: Agent;

  constructor(ports: { executor: Executor; state: StatePort; trace: Trace }, devices: readonly VfioDevice[], options: GuestMachineOptions = {}) {
    const { executor, trace } = ports;
    const { name = 'guest', firstVcpu = 0, cpus = 1 } = options;
    const state = stateOf(name, ports.state);
    const vcpu = `VC${firstVcpu}`;
    this.vcpu = { name: vcpu, layer: 'guest' };
    this.memory = new Uint8Array(options.ram === undefined ? (options.memorySize ?? 16 * 2 ** 20) : 0);
    this.#ram = options.ram ?? bufferMemory(this.memory);
    this.core = new IrqCore(
      { state, trace, clock: new ModelClock(state), spawn: executor.spawn.bind(executor) },
      { name, cpus, nrIrqs: 256, threadAgent: (virq, action) => `${vcpu} irq/${virq}-${action}` },
    );
    this.vectors = new VectorDomain(this.core);
    this.interruptParent = this.vectors.domain;
    this.faults = state.record(`${name}/faults`, { count: 0 });
    this.iommu = new Iommu({ state, trace }, { reservedPasids: Array.from({ length: FIRST_GUEST_PASID - 1 }, (_, each) => each + 1) });
    this.kernel = new AddressSpace(state, `${name}/kernel`, { supervisor: true });
    must(this.kernel.map(this.#allMemory()), 'the kernel’s address space');
    const translation = new PasidTranslation(state, name);
    const bigLock = new Lock(state, `${name}/bql`);
    this.functions = devices.map((device, each) => this.#attach({ executor, state, trace }, device, { each, options, translation, bigLock }));
    for (let cpu = 0; cpu < cpus; cpu++) executor.spawn({ name: `VC${firstVcpu + cpu} irq`, layer: 'irq' }, () => this.vectors.interrupts(cpu));
  }

  /** The first function. */
  get first(): GuestFunctionView {
    const [first] = this.functions;
    if (first === undefined) throw new ModelError('the guest has no function');
    return first;
  }

  /** Of the first function. */
  get device(): PciDevice {
    return this.first.device;
  }

  get vmm(): VfioPci {
    return this.first.vmm;
  }

  #allMemory() {
    return { iova: 0n, size: BigInt(this.#ram.size), readable: true, writable: true, memory: this.#ram };
  }

  #attach(
    { executor, state, trace }: { executor: Executor; state: StatePort; trace: Trace },
    device: VfioDevice,
    { each, options, translation, bigLock }: { each: number; options: GuestMachineOptions; translation: PasidTranslation; bigLock: Lock },
  ): GuestFunctionView {
    const { policy = 'dynamic', irqfd = false, mapPortals = false, posting } = options;
    const main = { name: 'QM', layer: 'vmm' };
    const vmmPorts = {
      state, trace, bigLock, pasids: translation,
      inject: (address: bigint, data: number) => this.#inject(address, data),
      injectInAtomic: (address: bigint, data: number) => this.#raise(address, data),
      ...(posting === undefined ? {} : { bypass: posting.bypass, posting: posting.to }),
    };
    const vmm = must(executor.run(main, VfioPci.realize(vmmPorts, { trapAgent: () => hostThread(executor.current), policy, irqfd, mapPortals }, device)), `attaching ${device.name}`);
    must(executor.run(main, device.dmaMap(this.#allMemory())), 'mapping guest memory');
    executor.spawn(main, () => vmm.mainLoop());
    const work = vmm.kvmWork();
    if (work !== null) executor.spawn({ name: 'KVM', layer: 'vmm' }, work);
    const resources = {
      config: vmm.region(VFIO_PCI_REGION.CONFIG),
      bars: { 0: vmm.region(VFIO_PCI_REGION.BAR0) },
      portals: this.#portals(vmm),
    };
    const function_ = new PciDevice(`vdsa${each}`, { state, requesterId: FIRST_REQUESTER_ID + 8 * each, resources });
    must(this.iommu.probeDevice(function_), `${function_.name} behind the guest’s IOMMU`);
    must(this.iommu.enableFeature(function_, 'sva'), `sva of ${function_.name}`);
    const pasids = new IommuPasids({ trace, iommu: this.iommu, device: function_, kernel: this.kernel, listener: virtualCommands(vmm) });
    return { vmm, device: function_, pasids };
  }

  #portals(vmm: VfioPci): SubmitPort {
    const bar2 = VFIO_PCI_REGION.BAR2;
    const { faults } = this;
    return {
      submit: (offset, descriptor) => vmm.submit(bar2, offset, descriptor),
      // A PASID without translation is a fault of the instruction: the guest gives it up, and nothing is queued.
      *enqueue(offset, descriptor) {
        const stored = yield* vmm.enqcmd(bar2, offset, descriptor);
        if (!stored.ok) faults.count += 1;
        return stored.ok && stored.value;
      },
    };
  }

  *#inject(address: bigint, data: number): Steps<void> {
    this.#raise(address, data);
  }

  #raise(address: bigint, data: number): boolean {
    const target = parseVectorMsg(Number(address >> 32n), Number(address & 0xffffffffn), data);
    if (target === -1) throw new ModelError(`the guest's message to 0x${address.toString(16)} is no interrupt`);
    this.vectors.raise(target >>> 8, target & 0xff);
    return true;
  }
}

/** The host's name of a vCPU's thread in a trap, whichever task of the guest runs on it: `VC0 irq/17-idxd-portal` is VC0's. */
function hostThread({ name }: Agent): string {
  const [vcpu = name] = name.split(' ', 1);
  return `${vcpu}/host`;
}

/** A guest with one function. */
export function guestMachine(ports: { executor: Executor; state: StatePort; trace: Trace }, device: VfioDevice, options: GuestMachineOptions = {}): GuestMachine {
  return new GuestMachine(ports, [device], options);
}
