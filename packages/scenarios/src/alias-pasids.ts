// Guest PASIDs behind a VMM that cannot speak of them. vfio-user has no message for binding one, so QEMU's virtual IOMMU
// keeps to itself which PASID the guest bound to what. Where the guest's DMA passes through that IOMMU untranslated
// (iommu=pt) there is nothing to be told: the kernel's PASID reaches what requests without one reach. Of any other PASID,
// a process's for instance, this is not true: its descriptors would reach all of the guest's memory at wrong addresses.
import { fail, ok } from '@siov/base';
import type { Result, StatePort, Steps } from '@siov/base';
import { Msixperm, MSIXPERM_SIZE, Wqcfg } from '@siov/datasheet';
import type { DsaLayout } from '@siov/datasheet';
import { VFIO_PCI_REGION } from '@siov/vfio';
import type { DmaMapping, GuestPasids, VfioDevice } from '@siov/vfio';

/**
 * `device` with every PASID that the guest names, in MSIXPERM or in the configuration of its queue, bound to a copy of the
 * device's default address space before the write is done. It stays bound until the VMM goes: nothing says when the guest
 * gives it up. `layout`: where the tables of BAR0 are. A device without PASIDs stays as it is.
 */
export function aliasPasids(state: StatePort, device: VfioDevice, layout: DsaLayout): VfioDevice {
  return device.pasids === undefined ? device : new Aliases(state, device, device.pasids, layout).device();
}

class Aliases {
  readonly #inner: VfioDevice;
  readonly #pasids: GuestPasids;
  readonly #layout: DsaLayout;
  readonly #mappings: Map<bigint, DmaMapping>;
  /** Guest PASIDs bound here. */
  readonly #bound: Map<number, true>;

  constructor(state: StatePort, device: VfioDevice, pasids: GuestPasids, layout: DsaLayout) {
    this.#inner = device;
    this.#pasids = pasids;
    this.#layout = layout;
    this.#mappings = state.map(`${device.name}/alias/mappings`);
    this.#bound = state.map(`${device.name}/alias/bound`);
  }

  device(): VfioDevice {
    return {
      ...this.#inner,
      regionWrite: (index, offset, from) => this.#regionWrite(index, offset, from),
      dmaMap: (mapping) => this.#dmaMap(mapping),
      dmaUnmap: (iova, size) => this.#dmaUnmap(iova, size),
      release: () => this.#release(),
    };
  }

  *#regionWrite(index: number, offset: number, from: Uint8Array): ReturnType<VfioDevice['regionWrite']> {
    if (index === VFIO_PCI_REGION.BAR0) {
      for (const gpasid of this.#namedBy(offset, from)) yield* this.#bind(gpasid);
    }
    return yield* this.#inner.regionWrite(index, offset, from);
  }

  /** PASIDs that a write switches on, of each register it writes completely. */
  *#namedBy(offset: number, from: Uint8Array): Generator<number> {
    const view = new DataView(from.buffer, from.byteOffset, from.byteLength);
    for (let at = -offset & 3; at + 4 <= from.length; at += 4) {
      const named = this.#decode(offset + at, view.getUint32(at, true));
      if (named !== undefined && named.pasidEnable === 1 && named.pasid !== 0) yield named.pasid;
    }
  }

  #decode(offset: number, value: number): { readonly pasidEnable: number; readonly pasid: number } | undefined {
    const { offsets, msixEntries } = this.#layout;
    const entry = offset - offsets.msixperm;
    if (entry >= 0 && entry < msixEntries * MSIXPERM_SIZE && entry % MSIXPERM_SIZE === 0) return Msixperm.decode(Msixperm.image(value));
    return offset === offsets.wqcfg + Wqcfg.Mode.offset ? Wqcfg.Mode.decode(Wqcfg.Mode.image(value)) : undefined;
  }

  /** One that cannot be bound stays unknown: the interrupt or the queue that needs it cannot be had, which says why. */
  *#bind(gpasid: number): Steps<void> {
    if (this.#bound.has(gpasid)) return;
    const bound = yield* this.#pasids.bind(gpasid);
    if (!bound.ok) return;
    for (const mapping of this.#mappings.values()) {
      const mapped = yield* this.#pasids.map(gpasid, mapping);
      if (mapped.ok) continue;
      yield* this.#pasids.unbind(gpasid);
      return;
    }
    this.#bound.set(gpasid, true);
  }

  /** In every address space, or in none. */
  *#dmaMap(mapping: DmaMapping): ReturnType<VfioDevice['dmaMap']> {
    const mapped = yield* this.#inner.dmaMap(mapping);
    if (!mapped.ok) return mapped;
    const done: number[] = [];
    for (const gpasid of this.#bound.keys()) {
      const aliased = yield* this.#pasids.map(gpasid, mapping);
      if (!aliased.ok) {
        yield* this.#undo(mapping, done);
        return aliased.errno === 'ENOENT' ? fail('EINVAL', aliased.message) : fail(aliased.errno, aliased.message);
      }
      done.push(gpasid);
    }
    this.#mappings.set(mapping.iova, mapping);
    return ok();
  }

  *#undo({ iova, size }: DmaMapping, aliases: readonly number[]): Steps<void> {
    for (const gpasid of aliases) yield* this.#pasids.unmap(gpasid, iova, size);
    yield* this.#inner.dmaUnmap(iova, size);
  }

  *#dmaUnmap(iova: bigint, size: bigint): Steps<Result<void, 'ENOENT'>> {
    const unmapped = yield* this.#inner.dmaUnmap(iova, size);
    if (!unmapped.ok) return unmapped;
    this.#mappings.delete(iova);
    for (const gpasid of this.#bound.keys()) yield* this.#pasids.unmap(gpasid, iova, size);
    return ok();
  }

  /** The device unbinds what is bound. */
  *#release(): Steps<void> {
    this.#bound.clear();
    this.#mappings.clear();
    yield* this.#inner.release();
  }
}
