// The config space of a virtual device: header and capabilities, and, where the guest has PASIDs, the capability that says
// so. No ATS and no page requests: what the guest's address spaces map is mapped when the device uses it.
import type { RegisterFile } from '@siov/base';
import { PASID_HEADER, PASIDCAP, PASIDCTL, PCI_CAPABILITIES, PCI_HEADER } from '@siov/datasheet';

/** Config space is 4 KiB; what lies behind the emulated registers reads 0. */
export const CONFIG_SPACE = 4096;

/** Where software begins to look for extended capabilities. */
const PASID_AT = 0x100;
const place = { header: PASID_AT, capability: PASID_AT + PASIDCAP.offset - PASID_HEADER.offset, control: PASID_AT + PASIDCTL.offset - PASID_HEADER.offset };

export const CONFIG_REGISTERS = [...PCI_HEADER, ...PCI_CAPABILITIES].map((register) => ({ at: register.offset, register }));

export const CONFIG_REGISTERS_WITH_PASID = [
  ...CONFIG_REGISTERS,
  { at: place.header, register: PASID_HEADER },
  { at: place.capability, register: PASIDCAP },
  { at: place.control, register: PASIDCTL },
];

/** Bytes with registers in them. */
export function sizeOfConfig(pasid: boolean): number {
  return pasid ? place.control + 2 : PASID_AT;
}

/** The only one of the list: 20 bits wide, as the physical function's, whatever the host's PASIDs behind them are. */
export function resetPasidCapability(config: RegisterFile): void {
  config.set(PASID_HEADER, PASID_HEADER.of({ id: PASID_HEADER.id.get(PASID_HEADER.reset), version: 1, next: 0 }), place.header);
}

export function pasidSwitchedOn(config: RegisterFile): boolean {
  return PASIDCTL.enable.get(config.get(PASIDCTL, place.control)) === 1;
}
