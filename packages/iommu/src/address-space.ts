// What the CPU's page tables of a process, or of the kernel, map (struct mm_struct): devices bound to it walk the same
// tables, as first-level translation.
import type { StatePort } from '@siov/base';
import { PagingDomain } from './paging-domain.ts';

export interface AddressSpaceOptions {
  /** The kernel's own: only privileged requests may use it (SRE). */
  readonly supervisor?: boolean;
  /**
   * handle_mm_fault() for a page request: maps what a device misses and returns true, or false where the process has
   * nothing there. Without it what is not mapped stays so.
   */
  readonly handleFault?: (address: bigint, kind: 'read' | 'write') => boolean;
}

export class AddressSpace extends PagingDomain {
  readonly supervisor: boolean;
  readonly handleFault: ((address: bigint, kind: 'read' | 'write') => boolean) | undefined;

  constructor(state: StatePort, name: string, options: AddressSpaceOptions = {}) {
    super(state, name, { type: 'first-level' });
    this.supervisor = options.supervisor ?? false;
    this.handleFault = options.handleFault;
  }
}
