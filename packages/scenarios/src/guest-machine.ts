// A guest of our own around a VFIO device: memory, one vCPU with an irq core, the VMM, and the guest driver's view of the
// function. With a real guest a real kernel and a real QEMU stand here.
import { bufferMemory, ModelClock, ModelError, must } from '@siov/base';
import type { Executor, StatePort, Steps, Trace } from '@siov/base';
import { PciDevice } from '@siov/device';
import { IrqCore, parseVectorMsg, VectorDomain } from '@siov/irq';
import type { IrqDomain, MsiAllocInfo } from '@siov/irq';
import { VFIO_PCI_REGION } from '@siov/vfio';
import type { VfioDevice } from '@siov/vfio';
import { VfioPci } from '@siov/vmm';

export interface GuestMachine {
  readonly core: IrqCore;
  readonly vectors: VectorDomain;
  readonly vmm: VfioPci;
  readonly device: PciDevice;
  /** What the function's message domain sits on: the guest has no interrupt remapping. */
  readonly interruptParent: IrqDomain<MsiAllocInfo>;
  /** Guest-physical memory from address 0. */
  readonly memory: Uint8Array;
}

export interface GuestMachineOptions {
  /** Bytes, a multiple of 4096. */
  readonly memorySize?: number;
}

const VCPU = 'VC0';
/** Where the guest finds the function: bus 1, device 0, function 0. */
const GUEST_REQUESTER_ID = 0x0100;

/** Attaches `device`, and starts the vCPU's interrupt context and the VMM's main loop. */
export function guestMachine(
  ports: { executor: Executor; state: StatePort; trace: Trace },
  device: VfioDevice,
  options: GuestMachineOptions = {},
): GuestMachine {
  const { executor, state, trace } = ports;
  const memory = new Uint8Array(options.memorySize ?? 16 * 2 ** 20);
  const core = new IrqCore(
    { state, trace, clock: new ModelClock(state), spawn: executor.spawn.bind(executor) },
    { name: 'guest', cpus: 1, nrIrqs: 256, threadAgent: (virq, action) => `${VCPU} irq/${virq}-${action}` },
  );
  const vectors = new VectorDomain(core);
  function* inject(address: bigint, data: number): Steps<void> {
    const target = parseVectorMsg(Number(address >> 32n), Number(address & 0xffffffffn), data);
    if (target === -1) throw new ModelError(`the guest's message to 0x${address.toString(16)} is no interrupt`);
    vectors.raise(target >>> 8, target & 0xff);
  }
  const main = { name: 'QM', layer: 'vmm' };
  const realize = VfioPci.realize({ state, trace, inject }, { trapAgent: `${VCPU}/host` }, device);
  const vmm = must(executor.run(main, realize), `attaching ${device.name}`);
  const mapping = { iova: 0n, size: BigInt(memory.length), readable: true, writable: true, memory: bufferMemory(memory) };
  must(executor.run(main, device.dmaMap(mapping)), 'mapping guest memory');
  executor.spawn(main, vmm.mainLoop());
  executor.spawn({ name: `${VCPU} irq`, layer: 'irq' }, vectors.interrupts(0));
  const bar2 = VFIO_PCI_REGION.BAR2;
  const resources = {
    config: vmm.region(VFIO_PCI_REGION.CONFIG),
    bars: { 0: vmm.region(VFIO_PCI_REGION.BAR0) },
    portals: {
      submit: (offset: number, descriptor: Uint8Array) => vmm.submit(bar2, offset, descriptor),
      // ENQCMD needs an answer from the device, which a posted store to a BAR cannot carry.
      enqueue: () => {
        throw new ModelError('ENQCMD does not reach a device behind this VMM');
      },
    },
  };
  const function_ = new PciDevice('vdsa0', { state, requesterId: GUEST_REQUESTER_ID, resources });
  return { core, vectors, vmm, device: function_, interruptParent: vectors.domain, memory };
}
