// Whether a descriptor may have its interrupt: the handle must name an entry, and the entry must be meant for the PASID in
// whose name the descriptor was submitted (DSA spec 3.0 §5.4).
import { ImsEntry, Msixperm } from '@siov/datasheet';
import type { DeviceRegisters } from './device-registers.ts';
import type { InterruptEntry } from './interrupt-delivery.ts';
import type { InterruptHandles } from './interrupt-handles.ts';

/** The permission fields an entry of either table has. */
export interface EntryPermission {
  readonly pasidEnable: boolean;
  readonly pasid: number;
}

/**
 * An entry with PASID enable clear serves descriptors without PASID, one with it set those of its PASID; nothing else
 * passes. Neither privilege nor the entry's Ignore bit takes part. `pasid` null: the queue does not use PASIDs.
 */
export function permits(entry: EntryPermission, pasid: number | null): boolean {
  return entry.pasidEnable ? pasid === entry.pasid : pasid === null;
}

export class InterruptPermission {
  readonly #registers: DeviceRegisters;
  readonly #handles: InterruptHandles;

  constructor(parts: { registers: DeviceRegisters; handles: InterruptHandles }) {
    this.#registers = parts.registers;
    this.#handles = parts.handles;
  }

  /** The entry that this handle lets a descriptor of `pasid` use, or undefined (completion status 0x19). */
  entryFor(portal: { ims: boolean }, handle: number, pasid: number | null): InterruptEntry | undefined {
    const entry = this.#handles.entryOf(portal.ims, handle);
    return entry !== undefined && permits(this.#permissionOf(entry), pasid) ? entry : undefined;
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
