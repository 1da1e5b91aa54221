// PCI MSI-X of a function: on and off, its vectors all at once or one by one (drivers/pci/msi/; adding and removing single
// vectors from memory of the kernel source, not looked up).
import { fail, ModelError, ok } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import type { PciDevice } from '@siov/device';
import type { IrqAffinityDesc } from './affinity.ts';
import type { IrqCore } from './core.ts';
import type { IrqDomain } from './domain.ts';
import type { MsiAllocErrno } from './msi-alloc.ts';
import { createDeviceMsiDomain } from './msi-create.ts';
import { clearMsiDomain, deviceMsi } from './msi-device.ts';
import type { DeviceMsi } from './msi-device.ts';
import type { MsiFreeErrno } from './msi-free.ts';
import type { MsiAllocInfo, MsiDesc } from './msi-types.ts';
import { msixTemplate } from './pci-msix-chip.ts';
import { findMsixTable, maskAllEntries, setMsixControl } from './pci-msix-table.ts';
import type { MsixTable } from './pci-msix-table.ts';

export type MsixEnableErrno = 'EINVAL' | 'ENOMEM';
export type MsixErrno = MsixEnableErrno | 'ERANGE' | MsiAllocErrno;

/** A function with MSI-X on and its domain in place; interrupts are allocated one by one. */
export interface MsixEnabled {
  /** Entries of the table. */
  readonly size: number;
  readonly msi: DeviceMsi<null>;
  /** pci_disable_msix(). Throws `ModelError` while interrupts are allocated: the hardware must not be off under them. */
  disable(): Steps<void>;
}

/**
 * pci_enable_msix_range() without allocating: the capability on with the whole function masked, every entry masked, then
 * the function let go. `EINVAL`: the function has no MSI-X, it is on already, or `parent` takes no MSI domains;
 * `ENOMEM`: the table's BAR is not there, or no memory for the domain.
 */
export function* pciEnableMsix(core: IrqCore, device: PciDevice, parent: IrqDomain<MsiAllocInfo>): Steps<Result<MsixEnabled, MsixEnableErrno>> {
  const found = yield* findMsixTable(device);
  if (!found.ok) return found;
  const enabled = yield* enableMasked(core, device, parent, found.value);
  if (enabled.ok) yield* setMsixControl(found.value, 1, 0);
  return enabled;
}

/** The function is still masked when this is done. */
function* enableMasked(core: IrqCore, device: PciDevice, parent: IrqDomain<MsiAllocInfo>, table: MsixTable): Steps<Result<MsixEnabled, MsixEnableErrno>> {
  const made = createDeviceMsiDomain(core, device, parent, msixTemplate(core.ports.state, device.name, table));
  if (!made.ok) return made.errno === 'ENOMEM' ? fail('ENOMEM', made.message) : fail('EINVAL', made.message);
  yield* setMsixControl(table, 1, 1);
  yield* maskAllEntries(table);
  return ok({
    size: table.size,
    msi: made.value,
    *disable() {
      // Refuses while there are interrupts, and then the hardware must not be off.
      clearMsiDomain(device);
      yield* setMsixControl(table, 0, 0);
    },
  });
}

export interface MsixVectorOptions {
  /** The fewest that will do, at least 1; the whole table unless said. */
  readonly minVectors?: number;
  /** The most that are of use; the whole table unless said. */
  readonly maxVectors?: number;
  /** Of each vector. */
  readonly affinities?: readonly (IrqAffinityDesc | null)[];
}

/** `virqs[n]` is the interrupt of vector n. */
export interface MsixVectors {
  readonly virqs: readonly number[];
  readonly msi: DeviceMsi<null>;
  /** pci_free_irq_vectors(): all interrupts must have been freed with free_irq(). Throws `ModelError` otherwise. */
  free(): Steps<void>;
}

/**
 * pci_alloc_irq_vectors(PCI_IRQ_MSIX): as many as there are, between the minimum and the maximum, allocated before the
 * function is let go. `ERANGE`: the maximum is below the minimum; `EINVAL`: a minimum below 1, or as
 * {@link pciEnableMsix}; `ENOSPC`: the table or the machine has fewer than the minimum; `ENOMEM`. With nothing left.
 */
export function* pciAllocIrqVectors(
  core: IrqCore,
  device: PciDevice,
  parent: IrqDomain<MsiAllocInfo>,
  options: MsixVectorOptions = {},
): Steps<Result<MsixVectors, MsixErrno>> {
  const { minVectors, maxVectors } = options;
  if (minVectors !== undefined && maxVectors !== undefined && maxVectors < minVectors) {
    return fail('ERANGE', `${device.name}: at most ${maxVectors} vectors are fewer than at least ${minVectors}`);
  }
  const found = yield* findMsixTable(device);
  if (!found.ok) return found;
  const table = found.value;
  const most = Math.min(maxVectors ?? table.size, table.size);
  const least = minVectors ?? Math.min(maxVectors ?? table.size, table.size);
  if (least < 1) return fail('EINVAL', `${device.name}: ${least} vectors are too few`);
  if (table.size < least) return fail('ENOSPC', `${device.name}: its table has ${table.size} entries, not ${least}`);
  const enabled = yield* enableMasked(core, device, parent, table);
  if (!enabled.ok) return enabled;
  const { msi, disable } = enabled.value;
  const descs = yield* allocBetween(msi, least, most, options.affinities ?? []);
  if (!descs.ok) {
    yield* disable();
    return descs;
  }
  yield* setMsixControl(table, 1, 0);
  return ok({
    virqs: descs.value.map(({ virq }) => virq),
    msi,
    *free() {
      const freed = yield* msi.freeIrqsAll();
      if (!freed.ok) throw new ModelError(`pci_free_irq_vectors(${device.name}): ${freed.message}`);
      yield* disable();
    },
  });
}

/** The loop of __pci_enable_msix_range(): after a failure in the middle, once more with as many as had succeeded. */
function* allocBetween(
  msi: DeviceMsi<null>,
  least: number,
  most: number,
  affinities: readonly (IrqAffinityDesc | null)[],
): Steps<Result<readonly MsiDesc<null>[], MsiAllocErrno>> {
  for (let count = most; ; ) {
    const descs: MsiDesc<null>[] = [];
    let failure: Result<never, MsiAllocErrno> | null = null;
    while (failure === null && descs.length < count) {
      const made = yield* msi.allocIrqAt(descs.length, null, affinities[descs.length] ?? null);
      if (made.ok) descs.push(made.value);
      else failure = made;
    }
    if (failure === null) return ok(descs);
    yield* msi.freeIrqsAll();
    if (failure.ok || failure.errno !== 'ENOSPC' || descs.length < least) return failure;
    count = descs.length;
  }
}

/**
 * pci_msix_alloc_irq_at(): one more vector while MSI-X is on, number `index` or any free one. `EOPNOTSUPP` (the kernel's
 * ENOTSUPP): MSI-X is off, or vectors cannot be added; else as {@link DeviceMsi.allocIrqAt}.
 */
export function* pciMsixAllocIrqAt(
  device: PciDevice,
  index: number | 'any',
  affinity: IrqAffinityDesc | null = null,
): Steps<Result<MsiDesc<null>, MsiAllocErrno | 'EOPNOTSUPP'>> {
  const msi = msixOf(device);
  return msi === undefined ? fail('EOPNOTSUPP', `${device.name}: vectors cannot be added`) : yield* msi.allocIrqAt(index, null, affinity);
}

/** pci_msix_free_irq(). `EINVAL`: vectors cannot be removed, or there is no such one (the kernel warns); `EBUSY`: still requested. */
export function* pciMsixFreeIrq(device: PciDevice, index: number): Steps<Result<void, MsiFreeErrno>> {
  const msi = msixOf(device);
  if (msi?.desc(index) === undefined) return fail('EINVAL', `${device.name}: vector ${index} is not allocated`);
  return yield* msi.freeIrqsRange(index, index);
}

/** pci_msix_can_alloc_dyn(). What the flag is set for is the function's MSI-X, whose cookie is null. */
function msixOf(device: PciDevice): DeviceMsi<null> | undefined {
  const msi = deviceMsi(device);
  return msi?.domain.flags.pciMsixAllocDyn ? (msi as unknown as DeviceMsi<null>) : undefined;
}
