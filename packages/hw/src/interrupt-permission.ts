// Whether a descriptor may have its interrupt: the handle must name an entry, and the entry must be meant for the PASID in
// whose name the descriptor was submitted (DSA spec 3.0 §5.4).
import { ImsEntry, Msixperm } from '@siov/datasheet';
import type { DeviceRegisters } from './device-registers.ts';
import type { InterruptEntry } from './interrupt-delivery.ts';
import type { InterruptHandles } from './interrupt-handles.ts';

/**
 * When an entry is compared with a descriptor's PASID. `acceptance`: once, before the descriptor is executed; one that
 * fails is not executed and ends with status 0x19, and a later change of the entry is no error (DSA spec 3.0 §5.4; that it
 * is none is inferred). `generation`: when the completion interrupt is generated; a descriptor that fails was executed and
 * has its record, and only the interrupt is not sent, with software error 0x19. This is the other reading of a question
 * that the Linux discussions of interrupt message storage left open. A handle that names no entry fails at acceptance in
 * both.
 */
export type PermissionCheck = 'acceptance' | 'generation';

/** The permission fields an entry of either table has. */
export interface EntryPermission {
  readonly pasidEnable: boolean;
  readonly pasid: number;
}

/**
 * An entry with PASID enable clear serves descriptors without PASID (R2), one with it set those of its PASID; nothing
 * else passes. Neither privilege nor the entry's Ignore bit takes part. `pasid` null: the queue does not use PASIDs.
 */
export function permits(entry: EntryPermission, pasid: number | null): boolean {
  return entry.pasidEnable ? pasid === entry.pasid : pasid === null;
}

export class InterruptPermission {
  readonly #registers: DeviceRegisters;
  readonly #handles: InterruptHandles;
  readonly #check: PermissionCheck;

  constructor(parts: { registers: DeviceRegisters; handles: InterruptHandles }, check: PermissionCheck) {
    this.#registers = parts.registers;
    this.#handles = parts.handles;
    this.#check = check;
  }

  /**
   * The entry that this handle lets a descriptor of `pasid` use when it is accepted, or undefined (completion status
   * 0x19). Where entries are compared at generation, whatever the handle names.
   */
  entryFor(portal: { ims: boolean }, handle: number, pasid: number | null): InterruptEntry | undefined {
    const entry = this.#handles.entryOf(portal.ims, handle);
    if (entry === undefined || this.#check === 'generation') return entry;
    return permits(this.#permissionOf(entry), pasid) ? entry : undefined;
  }

  /** Whether the interrupt of a descriptor that was accepted may be generated now. */
  stillPermits(entry: InterruptEntry, pasid: number | null): boolean {
    return this.#check === 'acceptance' || permits(this.#permissionOf(entry), pasid);
  }

  #permissionOf({ ims, index }: InterruptEntry): EntryPermission {
    if (ims) {
      const control = this.#registers.ims(index, ImsEntry.Control);
      return { pasidEnable: ImsEntry.Control.pasidEnable.get(control) === 1, pasid: ImsEntry.Control.pasid.get(control) };
    }
    const permission = this.#registers.msixperm(index, Msixperm);
    return { pasidEnable: Msixperm.pasidEnable.get(permission) === 1, pasid: Msixperm.pasid.get(permission) };
  }
}
