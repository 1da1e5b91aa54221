// The host of every machine here: CPUs with an irq core, IOMMU with both remappings, and a DSA function behind it.
import { Executor, ModelClock, ModelError, must, noTrace, plainState, recordTrace } from '@siov/base';
import type { AccessPort, StatePort, Steps, Trace, TraceEvent } from '@siov/base';
import { DSA_SPR } from '@siov/datasheet';
import type { DsaProfile } from '@siov/datasheet';
import { PciDevice } from '@siov/device';
import { DsaFunction } from '@siov/hw';
import type { DmaPort, InterruptPort, PermissionCheck, PortalPort } from '@siov/hw';
import { InterruptRemapping, Iommu } from '@siov/iommu';
import { FIRST_DEVICE_VECTOR, IrqCore, msiDomainOf, parseVectorMsg, VectorDomain } from '@siov/irq';
import type { IrqDomain, MsiAllocInfo } from '@siov/irq';

/** Bus 0x6a, device 1, function 0: where a Sapphire Rapids has its first DSA. */
export const DSA_REQUESTER_ID = 0x6a08;

export interface HostOptions {
  /** The silicon. */
  readonly profile?: DsaProfile;
  readonly cpus?: number;
  /** Virqs, vectors of a CPU, remapping entries: as many as the kernel and the hardware have, unless a test wants to run out. */
  readonly limits?: HostLimits;
  /** Of interrupts: `off`, messages name vectors and no message store is to be had (R4); `on`, unless said; `posted`, and they can be posted. */
  readonly remapping?: InterruptRemappingMode;
  /** When the function compares an interrupt's PASID with its entry's; when it accepts a descriptor, unless said. */
  readonly permissionCheck?: PermissionCheck;
  /** Where the machine keeps its state; a test may want to watch it. */
  readonly state?: StatePort;
  /** Where crossings between layers go. */
  readonly trace?: { readonly now: () => number; readonly sink: (event: TraceEvent) => void };
  /** Who looks at what goes between the parts. */
  readonly taps?: (executor: Executor) => HostTaps;
}

export type InterruptRemappingMode = 'off' | 'on' | 'posted';

/** Each is asked once for what stands between two parts: it gets what would be there, and passes everything on to it. */
export interface HostTaps {
  trace?(trace: Trace): Trace;
  /** From the drivers to the function: its BAR0. */
  bar0?(port: AccessPort): AccessPort;
  portals?(port: PortalPort): PortalPort;
  /** From the function to the IOMMU: memory, and messages. */
  dma?(port: DmaPort): DmaPort;
  interrupts?(port: InterruptPort): InterruptPort;
}

export interface HostLimits {
  readonly nrIrqs?: number;
  /** Vectors of a CPU that devices can have. */
  readonly vectors?: number;
  readonly remappingEntries?: number;
  /** Bits. */
  readonly pasidWidth?: number;
}

export interface Host {
  readonly executor: Executor;
  readonly state: StatePort;
  readonly trace: Trace;
  readonly clock: ModelClock;
  readonly core: IrqCore;
  readonly vectors: VectorDomain;
  readonly iommu: Iommu;
  readonly remapping: InterruptRemapping;
  /** What message domains of devices sit on. */
  readonly interruptParent: IrqDomain<MsiAllocInfo>;
  readonly silicon: DsaFunction;
  /** The function as its driver gets it. */
  readonly device: PciDevice;
}

/** Composes the host and starts its agents: one interrupt context a CPU (`HI`), the device's engines (`DEV`). */
export function buildHost(options: HostOptions = {}): Host {
  const executor = new Executor();
  const state = options.state ?? plainState;
  const { limits = {} } = options;
  const taps = options.taps?.(executor) ?? {};
  const clock = new ModelClock(state);
  const recorded = options.trace === undefined ? noTrace : recordTrace(executor, options.trace.now, options.trace.sink);
  const trace = taps.trace?.(recorded) ?? recorded;
  const cpus = options.cpus ?? 2;
  const core = new IrqCore(
    { state, trace, clock, spawn: executor.spawn.bind(executor) },
    { name: 'host', cpus, nrIrqs: limits.nrIrqs ?? 4096, threadAgent: (virq, action) => `irq/${virq}-${action}` },
  );
  const vectors = new VectorDomain(core, limits.vectors === undefined ? {} : { systemVector: FIRST_DEVICE_VECTOR + limits.vectors });
  const mode = options.remapping ?? 'on';
  const remapping = new InterruptRemapping({ state, trace }, vectors, {
    posted: mode === 'posted',
    ...(limits.remappingEntries === undefined ? {} : { size: limits.remappingEntries }),
  });
  const iommu = new Iommu({ state, trace, interrupts: remapping }, limits.pasidWidth === undefined ? {} : { pasidWidth: limits.pasidWidth });
  const dma = iommu.dma(DSA_REQUESTER_ID);
  const interrupts: InterruptPort = mode === 'off' ? directly(vectors) : { message: (addressHi, addressLo, data) => remapping.message(DSA_REQUESTER_ID, addressHi, addressLo, data) };
  const silicon = new DsaFunction('dsa0', options.profile ?? DSA_SPR, {
    state,
    trace,
    dma: taps.dma?.(dma) ?? dma,
    interrupts: taps.interrupts?.(interrupts) ?? interrupts,
  }, options.permissionCheck === undefined ? {} : { permissionCheck: options.permissionCheck });
  const bar0 = taps.bar0?.(silicon.bar0) ?? silicon.bar0;
  const portals = taps.portals?.(silicon.portals) ?? silicon.portals;
  const device = new PciDevice('dsa0', { state, requesterId: DSA_REQUESTER_ID, resources: { config: silicon.config, bars: { 0: bar0 }, portals } });
  must(iommu.probeDevice(device), 'probing dsa0');
  for (let cpu = 0; cpu < cpus; cpu++) executor.spawn({ name: 'HI', layer: 'irq' }, () => vectors.interrupts(cpu));
  silicon.engines().forEach((_, engine) => executor.spawn({ name: 'DEV', layer: 'hw' }, () => engineOf(silicon, engine)));
  return { executor, state, trace, clock, core, vectors, iommu, remapping, interruptParent: mode === 'off' ? vectors.domain : remapping.domain, silicon, device };
}

function engineOf(silicon: DsaFunction, number: number): Steps<unknown> {
  const engine = silicon.engines()[number];
  if (engine === undefined) throw new ModelError(`the function has no engine ${number}`);
  return engine.steps;
}

/** Without interrupt remapping: a message names the CPU and the vector, and whoever writes it raises that. */
function directly(vectors: VectorDomain): InterruptPort {
  return {
    message(addressHi, addressLo, data) {
      const target = parseVectorMsg(addressHi, addressLo, data);
      if (target !== -1) vectors.raise(target >>> 8, target & 0xff);
    },
  };
}

/** What every layer of the host holds at the moment: equal before and after anything that must leave nothing behind. */
export function hostCounters(host: Host): Record<string, number> {
  const { reserved, assigned } = host.vectors.counters;
  const { entries, present } = host.remapping.counters;
  const { pasids, attachments } = host.iommu.counters;
  const imsSlots = msiDomainOf(host.device, 'secondary')?.slots.used ?? 0;
  return { virqs: host.core.used, vectorsReserved: reserved, vectorsAssigned: assigned, irtes: entries, irtesPresent: present, imsSlots, pasids, attachments };
}
