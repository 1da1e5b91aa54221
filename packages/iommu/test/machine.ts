// An IOMMU with a function and mediated devices behind it, and address spaces with memory.
import { bufferMemory, noTrace, plainState, runToCompletion } from '@siov/base';
import type { Result, StatePort } from '@siov/base';
import { Device } from '@siov/device';
import { AddressSpace, Iommu, PagingDomain } from '../src/index.ts';
import type { AddressSpaceOptions, IommuOptions, IommuPorts, ProbeOptions } from '../src/index.ts';

export const RID = 0x6a01;
/** Where the memory of a space is, and how much. */
export const BASE = 0x10000n;
export const SIZE = 8192;

export interface Space {
  readonly domain: PagingDomain;
  readonly bytes: Uint8Array;
}

export interface MachineOptions extends IommuOptions {
  readonly state?: StatePort;
  readonly mdevs?: number;
  readonly probe?: ProbeOptions;
  readonly ports?: Partial<IommuPorts>;
}

export function machine({ state = plainState, mdevs: count = 2, probe = {}, ports = {}, ...options }: MachineOptions = {}) {
  const iommu = new Iommu({ state, trace: noTrace, ...ports }, options);
  const pf = new Device('dsa0', { state, requesterId: RID });
  const mdevs = Array.from({ length: count }, (_, each) => new Device(`mdev${each}`, { state, parent: pf })) as [Device, Device, ...Device[]];
  for (const device of [pf, ...mdevs]) value(iommu.probeDevice(device, probe));
  const fill = <D extends PagingDomain>(domain: D, writable = true) => {
    const bytes = new Uint8Array(SIZE);
    value(domain.map({ iova: BASE, size: BigInt(SIZE), readable: true, writable, memory: bufferMemory(bytes) }));
    return { domain, bytes };
  };
  const space = (name: string): Space => fill(new PagingDomain(state, name));
  const process = (name: string, given: AddressSpaceOptions = {}) => fill(new AddressSpace(state, name, given));
  const write = (pasid: number | null, byte = 1, address = BASE, privileged = false) =>
    runToCompletion(iommu.dma(pf.requesterId).write(pasid, address, Uint8Array.of(byte), privileged));
  return { state, iommu, pf, mdevs, space, process, write };
}

export function value<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(`-${result.errno}: ${result.message}`);
  return result.value;
}

/** `ok`, or the code. */
export function outcome(result: Result<unknown>): string {
  return result.ok ? 'ok' : result.errno;
}
