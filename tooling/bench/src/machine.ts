// The machine that is measured: one CPU complex, interrupt remapping and a device with an interrupt message store, composed
// from the packages as any host of them does it. The one file here that knows their calls.
import { Executor, ModelClock, must, noTrace, plainState } from '@siov/base';
import type { AccessPort, Steps } from '@siov/base';
import { DSA_SPR, IMS_ENTRY_SIZE, layoutOf, PCICMD } from '@siov/datasheet';
import { PciDevice, writeRegister } from '@siov/device';
import { DsaFunction } from '@siov/hw';
import { attachIms, createImsDomain, ImsArray } from '@siov/ims';
import type { ImsTable } from '@siov/ims';
import { InterruptRemapping, Iommu, PagingDomain } from '@siov/iommu';
import { IrqCore, requestIrq, VectorDomain } from '@siov/irq';
import type { Handler } from './hand-written.ts';

const REQUESTER_ID = 0x6a08;
const TASK = { name: 'task', layer: 'bench' };

function* nothing(): Steps<never> {
  throw new Error('nothing here is done by DMA');
}

function makeKernel(cpus: number, nrIrqs: number) {
  const executor = new Executor();
  const ports = { state: plainState, trace: noTrace, clock: new ModelClock(plainState), spawn: executor.spawn.bind(executor) };
  const core = new IrqCore(ports, { name: 'host', cpus, nrIrqs, threadAgent: (virq, action) => `irq/${virq}-${action}` });
  const vectors = new VectorDomain(core);
  const remapping = new InterruptRemapping(ports, vectors);
  return { executor, ports, core, vectors, remapping, run: <T>(steps: Steps<T>): T => executor.run(TASK, steps) };
}

/** Where `device` gets interrupts of the table, each entry checking its PASID; `alloc` takes number `index`. */
function messageStore({ core, ports, remapping, run }: ReturnType<typeof makeKernel>, device: PciDevice, table: ImsTable) {
  const iommu = new Iommu(ports);
  must(iommu.probeDevice(device), 'probing');
  const witness = must(iommu.attachDevicePasid(new PagingDomain(ports.state, device.name), device), 'a PASID');
  const domain = must(createImsDomain(core, device, remapping.domain, new ImsArray(table), { validatePasid: true }), 'the domain');
  const msi = must(attachIms(core, device, domain), 'the device’s interrupts');
  return {
    alloc: (index: number) => must(run(msi.allocIrqAt(index, witness)), 'allocating'),
    free: (index: number) => must(run(msi.freeIrqsRange(index, index)), 'freeing'),
  };
}

export interface InterruptMachine {
  /** `count` interrupts of all entries in turns: the device raises one, and the CPUs take what is raised. */
  interrupts(count: number): void;
}

/** A DSA with `entries` interrupts requested, each handled by `handler`, whose argument is the number of the request. */
export function interruptMachine(entries: number, cpus: number, handler: Handler): InterruptMachine {
  const kernel = makeKernel(cpus, 4096);
  const { executor, ports, core, vectors, remapping, run } = kernel;
  const silicon = new DsaFunction('dsa0', DSA_SPR, {
    ...ports,
    dma: { read: nothing, write: nothing },
    interrupts: { message: (hi, lo, data) => remapping.message(REQUESTER_ID, hi, lo, data) },
  });
  const device = new PciDevice('dsa0', { state: ports.state, requesterId: REQUESTER_ID, resources: { config: silicon.config, bars: { 0: silicon.bar0 }, portals: silicon.portals } });
  run(writeRegister(silicon.config, PCICMD, PCICMD.of({ memorySpaceEnable: 1, busMasterEnable: 1 })));
  const store = messageStore(kernel, device, { port: silicon.bar0, offset: layoutOf(DSA_SPR).offsets.ims, size: entries });
  const slots: number[] = [];
  for (let index = 0; index < entries; index++) {
    const { virq, hwirq } = store.alloc(index);
    slots.push(hwirq);
    must(run(requestIrq(core, virq, { name: `bench${index}`, devId: device, handler() { handler(index); return 'handled'; } })), 'requesting');
  }
  for (let cpu = 0; cpu < cpus; cpu++) executor.spawn({ name: `cpu${cpu}`, layer: 'irq' }, vectors.interrupts(cpu));
  /** A function of its own, as in the path by hand: the loop around it is compiled early, with what it then knows. */
  const interrupt = (entry: number): void => {
    silicon.raiseIms(slots[entry] ?? -1);
    executor.settle();
  };
  return {
    interrupts(count) {
      for (let each = 0; each < count; each++) interrupt(each % entries);
    },
  };
}

export interface AllocationMachine {
  alloc(index: number): void;
  free(index: number): void;
}

/** Room for `size` interrupts of one device, whose message table is plain memory. */
export function allocationMachine(size: number): AllocationMachine {
  // Always the same CPUs: what is allocated needs no vector until it is requested.
  const kernel = makeKernel(2, size + 16);
  const port = memoryPort(new Uint32Array((size * IMS_ENTRY_SIZE) / 4));
  const device = new PciDevice('dev0', { state: kernel.ports.state, requesterId: REQUESTER_ID, resources: { config: port, bars: {} } });
  const store = messageStore(kernel, device, { port, offset: 0, size });
  return { alloc: (index) => void store.alloc(index), free: (index) => store.free(index) };
}

function memoryPort(words: Uint32Array): AccessPort {
  const none = () => {
    throw new Error('the table has 32-bit registers only');
  };
  return {
    *read(offset) {
      return words[offset >>> 2] ?? 0;
    },
    *write(offset, _size, value) {
      words[offset >>> 2] = value;
    },
    read64: none,
    write64: none,
  };
}
