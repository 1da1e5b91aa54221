// A PCI function as its driver sees it: config space, BARs, and the write-only submission window of an accelerator.
import { fail, ok } from '@siov/base';
import type { AccessPort, Result, Steps } from '@siov/base';
import { Device } from './device.ts';
import type { DeviceOptions } from './device.ts';

/** A window that takes whole 64-byte descriptors: MOVDIR64B (posted) and ENQCMD (answered). Offsets are bytes. */
export interface SubmitPort {
  /** MOVDIR64B: 64 bytes in one write, nothing comes back. */
  submit(offset: number, descriptor: Uint8Array): Steps<void>;
  /** ENQCMD: true when the queue took it, false for "retry" (ZF set). */
  enqueue(offset: number, descriptor: Uint8Array): Steps<boolean>;
}

export interface PciResources {
  readonly config: AccessPort;
  /** Memory BARs by index. */
  readonly bars: Readonly<Record<number, AccessPort>>;
  readonly portals?: SubmitPort;
}

export class PciDevice extends Device {
  readonly resources: PciResources;

  constructor(name: string, options: DeviceOptions & { requesterId: number; resources: PciResources }) {
    super(name, options);
    this.resources = options.resources;
  }

  /** pci_iomap(): the BAR's registers. `ENODEV` when the function has no such memory BAR. */
  bar(index: number): Result<AccessPort, 'ENODEV'> {
    const port = this.resources.bars[index];
    return port === undefined ? fail('ENODEV', `${this.name} has no memory BAR ${index}`) : ok(port);
  }
}
