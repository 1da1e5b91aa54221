// Submission portals mapped into the guest: stores to them do not leave it (flow b, step 15: no exit).
import { describeFailure } from '@siov/base';
import { VFIO_PCI_REGION, VFIO_REGION_INFO_FLAG } from '@siov/vfio';
import type { MappedWindow, SparseArea, VfioDevice } from '@siov/vfio';
import type { ErrorLog } from './error-log.ts';

interface Mapping extends SparseArea {
  readonly region: number;
  readonly window: MappedWindow;
}

/** What a store of 64 bytes goes through. */
export interface Portal {
  readonly window: MappedWindow;
  /** Bytes from the window's start. */
  readonly offset: number;
}

const DESCRIPTOR_SIZE = 64;

export class Portals {
  readonly #mappings: readonly Mapping[];

  private constructor(mappings: readonly Mapping[]) {
    this.#mappings = mappings;
  }

  static none(): Portals {
    return new Portals([]);
  }

  /** vfio_region_mmap() of every BAR: what cannot be mapped is reported, and traps. */
  static map(device: VfioDevice, log: ErrorLog): Portals {
    const mappings: Mapping[] = [];
    for (let region: number = VFIO_PCI_REGION.BAR0; region <= VFIO_PCI_REGION.BAR5; region++) {
      for (const area of mappableAreas(device, region)) {
        const mapped = device.mmap?.(region, area.offset, area.size);
        if (mapped?.ok === true) mappings.push({ ...area, region, window: mapped.value });
        else log.report(`mmap of region ${region}: ${mapped === undefined ? 'the device has none' : describeFailure(mapped)}`);
      }
    }
    return new Portals(mappings);
  }

  /** Where a store to `offset` of `region` leaves the guest without a trap; null where it traps. */
  find(region: number, offset: number): Portal | null {
    const found = this.#mappings.find((each) => each.region === region && offset >= each.offset && offset + DESCRIPTOR_SIZE <= each.offset + each.size);
    return found === undefined ? null : { window: found.window, offset: offset - found.offset };
  }

  unmap(): void {
    for (const { window } of this.#mappings) window.unmap();
  }
}

/** Without a sparse list a region with MMAP can be mapped as a whole. */
function mappableAreas(device: VfioDevice, region: number): readonly SparseArea[] {
  const info = device.regionInfo(region);
  if (!info.ok || (info.value.flags & VFIO_REGION_INFO_FLAG.MMAP) === 0) return [];
  return info.value.sparse ?? [{ offset: 0, size: info.value.size }];
}
