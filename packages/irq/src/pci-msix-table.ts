// A function's MSI-X capability and table: where they are, and the capability's two control bits.
import { bit, bits, fail, ok, register } from '@siov/base';
import type { AccessPort, Result, Steps } from '@siov/base';
import { readRegister, writeRegister } from '@siov/device';
import type { PciDevice } from '@siov/device';

const PCI = 'PCI Local Bus 3.0';

const CapabilityPointer = register('Capabilities pointer', { offset: 0x34, width: 8, source: `${PCI} 6.1` }, { pointer: bits(7, 0) });
const CapabilityHeader = register('Capability header', { offset: 0, width: 16, source: `${PCI} 6.7` }, { id: bits(7, 0), next: bits(15, 8) });
const MSIX_CAPABILITY = 0x11;

const MessageControl = register('MSI-X message control', { offset: 2, width: 16, source: `${PCI} 6.8.2.3` }, {
  tableSize: bits(10, 0),
  functionMask: bit(14),
  enable: bit(15),
});
const TableLocation = register('MSI-X table offset', { offset: 4, source: `${PCI} 6.8.2.4` }, { bar: bits(2, 0), offset8: bits(31, 3) });

export const MSIX_ENTRY_SIZE = 16;
export const EntryAddressLo = register('MSI-X address low', { offset: 0, source: `${PCI} 6.8.2.7` }, { value: bits(31, 0) });
export const EntryAddressHi = register('MSI-X address high', { offset: 4, source: `${PCI} 6.8.2.8` }, { value: bits(31, 0) });
export const EntryData = register('MSI-X data', { offset: 8, source: `${PCI} 6.8.2.6` }, { value: bits(31, 0) });
export const EntryControl = register('MSI-X vector control', { offset: 12, source: `${PCI} 6.8.2.9` }, { mask: bit(0), reserved: bits(31, 1) });

export interface MsixTable {
  /** Of the capability, in config space. */
  readonly capability: number;
  readonly config: AccessPort;
  /** The BAR with the table, and where in it. */
  readonly port: AccessPort;
  readonly offset: number;
  /** Entries. */
  readonly size: number;
}

/** Walks the capability list. `EINVAL`: the function has no MSI-X (pci_msix_vec_count()); `ENOMEM`: its table's BAR is not there (msix_map_region()). */
export function* findMsixTable(device: PciDevice): Steps<Result<MsixTable, 'EINVAL' | 'ENOMEM'>> {
  const { config } = device.resources;
  let at: number = CapabilityPointer.pointer.get(yield* readRegister(config, CapabilityPointer));
  // 48 capabilities fit in 192 bytes: a longer list is a loop.
  for (let left = 48; at !== 0 && left > 0; left--) {
    const header = yield* readRegister(config, CapabilityHeader, at);
    if (CapabilityHeader.id.get(header) === MSIX_CAPABILITY) return yield* mapTable(device, at);
    at = CapabilityHeader.next.get(header);
  }
  return fail('EINVAL', `${device.name} has no MSI-X capability`);
}

function* mapTable(device: PciDevice, capability: number): Steps<Result<MsixTable, 'ENOMEM'>> {
  const { config } = device.resources;
  const control = yield* readRegister(config, MessageControl, capability);
  const location = yield* readRegister(config, TableLocation, capability);
  const port = device.bar(TableLocation.bar.get(location));
  if (!port.ok) return fail('ENOMEM', `MSI-X table: ${port.message}`);
  return ok({ capability, config, port: port.value, offset: TableLocation.offset8.get(location) * 8, size: MessageControl.tableSize.get(control) + 1 });
}

/** pci_msix_clear_and_set_ctrl() */
export function* setMsixControl({ config, capability }: MsixTable, enable: number, functionMask: number): Steps<void> {
  const control = yield* readRegister(config, MessageControl, capability);
  yield* writeRegister(config, MessageControl, MessageControl.functionMask.set(MessageControl.enable.set(control, enable), functionMask), capability);
}

/** msix_mask_all() */
export function* maskAllEntries({ port, offset, size }: MsixTable): Steps<void> {
  for (let index = 0; index < size; index++) {
    yield* writeRegister(port, EntryControl, EntryControl.of({ mask: 1 }), offset + index * MSIX_ENTRY_SIZE);
  }
}
