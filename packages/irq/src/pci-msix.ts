// PCI MSI-X: the chip that stores messages in the function's table, and enabling it (pci_alloc_irq_vectors()).
import { bit, bits, fail, ok, register } from '@siov/base';
import type { AccessPort, Result, Steps } from '@siov/base';
import { readRegister, writeRegister } from '@siov/device';
import type { PciDevice } from '@siov/device';
import type { IrqData, MsiMsg } from './chip.ts';
import type { IrqCore } from './core.ts';
import type { IrqDomain } from './domain.ts';
import { clearMsiDomain, MsiDomain, msiAllocIrq, msiFreeIrq, setMsiDomain } from './msi-domain.ts';
import type { MsiAllocErrno, MsiAllocInfo, MsiChip } from './msi-domain.ts';

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

const ENTRY_SIZE = 16;
const EntryAddressLo = register('MSI-X address low', { offset: 0, source: `${PCI} 6.8.2.7` }, { value: bits(31, 0) });
const EntryAddressHi = register('MSI-X address high', { offset: 4, source: `${PCI} 6.8.2.8` }, { value: bits(31, 0) });
const EntryData = register('MSI-X data', { offset: 8, source: `${PCI} 6.8.2.6` }, { value: bits(31, 0) });
const EntryControl = register('MSI-X vector control', { offset: 12, source: `${PCI} 6.8.2.9` }, { mask: bit(0) });

interface Table {
  readonly capability: number;
  readonly port: AccessPort;
  readonly offset: number;
  readonly size: number;
}

/** Walks the capability list to the MSI-X table. `ENODEV` when the function has none. */
function* findTable(device: PciDevice): Steps<Result<Table, 'ENODEV'>> {
  const { config } = device.resources;
  let at: number = CapabilityPointer.pointer.get(yield* readRegister(config, CapabilityPointer));
  // 48 capabilities fit in 192 bytes: a longer list is a loop.
  for (let left = 48; at !== 0 && left > 0; left--) {
    const header = yield* readRegister(config, CapabilityHeader, at);
    if (CapabilityHeader.id.get(header) === MSIX_CAPABILITY) {
      const control = yield* readRegister(config, MessageControl, at);
      const location = yield* readRegister(config, TableLocation, at);
      const port = device.bar(TableLocation.bar.get(location));
      if (!port.ok) return port;
      return ok({ capability: at, port: port.value, offset: TableLocation.offset8.get(location) * 8, size: MessageControl.tableSize.get(control) + 1 });
    }
    at = CapabilityHeader.next.get(header);
  }
  return fail('ENODEV', `${device.name} has no MSI-X capability`);
}

function msixChip(table: Table): MsiChip {
  const entry = (data: IrqData) => table.offset + data.hwirq * ENTRY_SIZE;
  function* setMask(data: IrqData, mask: number): Steps<void> {
    const control = yield* readRegister(table.port, EntryControl, entry(data));
    yield* writeRegister(table.port, EntryControl, EntryControl.mask.set(control, mask), entry(data));
  }
  return {
    name: 'PCI-MSIX',
    irqMask: (data) => setMask(data, 1),
    irqUnmask: (data) => setMask(data, 0),
    *irqWriteMsiMsg(data: IrqData, message: MsiMsg) {
      yield* writeRegister(table.port, EntryAddressLo, EntryAddressLo.image(message.addressLo), entry(data));
      yield* writeRegister(table.port, EntryAddressHi, EntryAddressHi.image(message.addressHi), entry(data));
      yield* writeRegister(table.port, EntryData, EntryData.image(message.data), entry(data));
    },
  };
}

/** A function with MSI-X on and its domain in place; interrupts are allocated one by one. */
export interface MsixEnabled {
  /** Entries of the table. */
  readonly size: number;
  /** pci_disable_msix(). Every interrupt must have been freed. */
  disable(): Steps<void>;
}

/**
 * pci_enable_msix() without allocating: capability on with the whole function masked, every entry masked, the domain
 * set on the device, then the function unmasked. `ENODEV`: no MSI-X; `EEXIST`: it is on already.
 */
export function* pciEnableMsix(core: IrqCore, device: PciDevice, parent: IrqDomain<MsiAllocInfo>): Steps<Result<MsixEnabled, 'ENODEV' | 'EEXIST'>> {
  const found = yield* findTable(device);
  if (!found.ok) return found;
  const table = found.value;
  const { config } = device.resources;
  const domain = new MsiDomain(core, device, parent, { name: 'PCI-MSIX', chip: msixChip(table), hwsize: table.size, slots: 'by-index' });
  const set = setMsiDomain(core, device, domain);
  if (!set.ok) return set;
  yield* setControl(config, table, 1, 1);
  for (let index = 0; index < table.size; index++) {
    yield* writeRegister(table.port, EntryControl, EntryControl.of({ mask: 1 }), table.offset + index * ENTRY_SIZE);
  }
  yield* setControl(config, table, 1, 0);
  return ok({
    size: table.size,
    *disable() {
      // Refuses while there are interrupts, and then the hardware must not be off.
      clearMsiDomain(device);
      yield* setControl(config, table, 0, 0);
    },
  });
}

/** Interrupts for the whole table. `virqs[n]` is the interrupt of vector n. */
export interface MsixVectors {
  readonly virqs: readonly number[];
  /** pci_free_irq_vectors(): all interrupts must have been freed with free_irq(). */
  free(): Steps<void>;
}

/** pci_alloc_irq_vectors(PCI_IRQ_MSIX) with minimum = maximum = the table. Fails as enabling and allocation do, with nothing left. */
export function* pciAllocIrqVectors(core: IrqCore, device: PciDevice, parent: IrqDomain<MsiAllocInfo>): Steps<Result<MsixVectors, MsiAllocErrno | 'EEXIST'>> {
  const enabled = yield* pciEnableMsix(core, device, parent);
  if (!enabled.ok) return enabled;
  const virqs: number[] = [];
  function* free(): Steps<void> {
    for (const index of virqs.keys()) yield* msiFreeIrq(core, device, index);
    if (enabled.ok) yield* enabled.value.disable();
  }
  for (let index = 0; index < enabled.value.size; index++) {
    const made = yield* msiAllocIrq(core, device, index);
    if (!made.ok) {
      yield* free();
      return made;
    }
    virqs.push(made.value.virq);
  }
  return ok({ virqs, free });
}

function* setControl(config: AccessPort, table: Table, enable: number, functionMask: number): Steps<void> {
  const control = yield* readRegister(config, MessageControl, table.capability);
  yield* writeRegister(config, MessageControl, MessageControl.functionMask.set(MessageControl.enable.set(control, enable), functionMask), table.capability);
}
