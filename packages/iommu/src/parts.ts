// What IOMMU management consists of, put together.
import type { StatePort, Trace } from '@siov/base';
import { Attachments } from './attachments.ts';
import { Devices } from './devices.ts';
import { DmaRemapping } from './dma.ts';
import type { InterruptSink } from './dma.ts';
import { DomainRegistry } from './domain-registry.ts';
import { Features } from './features.ts';
import { PASID_WIDTH, PasidAllocator } from './pasid.ts';
import { PasidSets } from './pasid-sets.ts';
import { RemappingTables } from './remapping-tables.ts';
import { Sva } from './sva.ts';

export interface IommuOptions {
  /** Scalable mode: address spaces by (requester, PASID). Without it there is one for each requester (R4). */
  readonly scalable?: boolean;
  /** Bits, at most 20. */
  readonly pasidWidth?: number;
  /** PASIDs never given to anybody. */
  readonly reservedPasids?: readonly number[];
  /** Fault recording registers. */
  readonly faultRecords?: number;
}

export interface IommuPorts {
  readonly state: StatePort;
  readonly trace: Trace;
  /** Where double words written to the interrupt range without PASID go; without it they are blocked. */
  readonly interrupts?: InterruptSink;
  /** The fault event message: the first fault is pending. */
  readonly faultEvent?: () => void;
}

export interface IommuParts {
  readonly trace: Trace;
  readonly scalable: boolean;
  readonly pasids: PasidAllocator;
  readonly devices: Devices;
  readonly features: Features;
  readonly attachments: Attachments;
  readonly sva: Sva;
  readonly sets: PasidSets;
  readonly domains: DomainRegistry;
  readonly dma: DmaRemapping;
}

export function buildParts(ports: IommuPorts, options: IommuOptions): IommuParts {
  const { state, trace } = ports;
  const name = 'iommu';
  const scalable = options.scalable ?? true;
  const pasidWidth = options.pasidWidth ?? PASID_WIDTH;
  const pasids = new PasidAllocator(state, { width: pasidWidth, reserved: options.reservedPasids ?? [] });
  const tables = new RemappingTables(state, name, { scalable, pasidWidth });
  const domains = new DomainRegistry(state, name, tables.memory);
  const devices = new Devices(state, name, tables, pasidWidth);
  const features = new Features(state, name, devices, scalable);
  const attachments = new Attachments(state, name, { tables, domains, pasids });
  const sva = new Sva(state, name, { devices, features, attachments, pasids });
  const sets = new PasidSets(state, name, pasids);
  const dma = new DmaRemapping(ports, name, { tables, domains, features, faultRecords: options.faultRecords });
  return { trace, scalable, pasids, devices, features, attachments, sva, sets, domains, dma };
}
