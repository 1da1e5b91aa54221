// A mediated device as the refuted series composed it: IMS domain, trigger helper and MSIXPERM handler are the series' own,
// everything else is what the review's design runs on too.
import { must } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import { COMMAND, GENCAP, IMS_SIZE_UNIT, layoutOf, Msixperm, MSIXPERM_SIZE, OFFSETS, TABLE_OFFSET_UNIT } from '@siov/datasheet';
import { Device } from '@siov/device';
import type { PasidWitness } from '@siov/device';
import { DedicatedQueue, GuestPasidTable, GuestSpaces, InterruptHandles, PhysicalFunction, VirtualDevice, virtualProfile, WorkQueue } from '@siov/idxd';
import type { WorkQueueConfig } from '@siov/idxd';
import { PagingDomain } from '@siov/iommu';
import { MsiDomain, setMsiDomain } from '@siov/irq';
import type { DeviceMsi } from '@siov/irq';
import { VFIO_PCI_REGION } from '@siov/vfio';
import type { VfioDevice } from '@siov/vfio';
import type { Host } from '../host.ts';
import { ImsMsiChip } from './ims-msi-chip.ts';
import { MdevIrqs } from './mdev-irqs.ts';

export interface V6Device {
  readonly virtual: VirtualDevice;
  readonly vfio: VfioDevice;
  /** The host's PASID each vector of the guest was last meant for, by what the guest wrote to MSIXPERM. */
  readonly pasids: GuestPasidTable;
  /** Errors of MSIXPERM writes: the guest's store has no way to be told of them (O3). */
  readonly errors: readonly string[];
}

/** The function, its one queue, and a device of it for `vectors` guest vectors. Throws ModelError if a step fails. */
export function* v6Device({ core, iommu, interruptParent, device: parent }: Host, config: WorkQueueConfig, vectors: number): Steps<V6Device> {
  const { state, trace } = core.ports;
  const physical = must(yield* PhysicalFunction.probe(core, parent, interruptParent), 'probing dsa0');
  const { registers, capabilities } = physical;
  const chip = new ImsMsiChip(registers, OFFSETS.ims.get(capabilities.offsets) * TABLE_OFFSET_UNIT, trace);
  const domain = new MsiDomain<null>(core, parent, interruptParent, {
    name: 'IMS', chip, hwsize: GENCAP.imsSize.get(capabilities.gencap) * IMS_SIZE_UNIT, slots: 'any', flags: { pciIms: true },
    *prepareDesc({ hwirq }) {
      yield* chip.resetSlot(hwirq);
      return { ok: true, value: undefined };
    },
    freeDesc: ({ hwirq }) => chip.resetSlot(hwirq),
  });
  must(setMsiDomain(core, parent, domain, 'secondary'), 'the domain of the function');
  const queue = must(yield* WorkQueue.configure(physical, config), 'the queue');
  must(yield* physical.mustSucceed(COMMAND.ENABLE_DEVICE), 'Enable Device');
  const device = new Device(`${parent.name}-mdev0`, { state, parent });
  must(queue.claim(device.name), 'the queue is free');
  must(device.submitters.exposePortal(), 'the guest gets the portal');
  must(iommu.probeDevice(device), 'behind the IOMMU');
  const dma = new PagingDomain(state, device.name);
  must(iommu.attachDevicePasid(dma, device), 'a PASID of its own');
  const msi = must(setMsiDomain(core, device, domain, 'default'), 'the domain of the device');
  const set = must(iommu.allocSet(null, 16), 'the guest’s PASIDs');
  const pasids = new GuestPasidTable({ state, iommu, device, set, spaces: new GuestSpaces(state, parent.name), *drain(pasid) { yield* queue.runPasid(COMMAND.DRAIN_PASID, pasid); } });
  const triggers = new MdevIrqs({ core, device, msi, chip, vectors });
  const portals = parent.resources.portals;
  if (portals === undefined) throw new TypeError(`${parent.name} has no portals`);
  const profile = virtualProfile(capabilities, queue, vectors);
  const virtual = new VirtualDevice({
    core, device, portals, dma, pasids, triggers, profile,
    // What the witness would say is not looked at here: the domain is the series' own.
    msi: msi as unknown as DeviceMsi<PasidWitness>,
    queue: new DedicatedQueue(state, device, queue),
    handles: new InterruptHandles(physical, device.name),
  });
  const errors: string[] = [];
  return { virtual, pasids, errors, vfio: withMsixperm(virtual.vfio, { triggers, pasids, vectors, table: layoutOf(profile).offsets.msixperm, report: (error) => errors.push(error) }) };
}

interface Handler {
  readonly triggers: MdevIrqs;
  readonly pasids: GuestPasidTable;
  readonly vectors: number;
  /** Bytes from BAR0's start to MSIXPERM. */
  readonly table: number;
  report(error: string): void;
}

/**
 * Steps 6 and 7: the write is stored, then the guest's PASID is looked up and the interrupt that is there already is changed.
 * Without an interrupt there is nothing to change, and the write counts for nothing.
 */
function withMsixperm(vfio: VfioDevice, handler: Handler): VfioDevice {
  function* regionWrite(index: number, offset: number, from: Uint8Array): ReturnType<VfioDevice['regionWrite']> {
    const written = yield* vfio.regionWrite(index, offset, from);
    const entry = (offset - handler.table) / MSIXPERM_SIZE;
    if (!written.ok || index !== VFIO_PCI_REGION.BAR0 || from.length !== 4 || !Number.isInteger(entry) || entry < 1 || entry >= handler.vectors) return written;
    const changed = yield* change(handler, entry, new DataView(from.buffer, from.byteOffset, 4).getUint32(0, true));
    if (!changed.ok) handler.report(`MSIXPERM[${entry}]: ${changed.message}`);
    return written;
  }
  return { ...vfio, regionWrite };
}

function* change({ triggers, pasids }: Handler, vector: number, value: number): Steps<Result<void>> {
  const { pasidEnable, pasid } = Msixperm.decode(Msixperm.image(value));
  if (pasidEnable === 0 || !triggers.hwirq(vector).ok) return { ok: true, value: undefined };
  const witness = pasids.resolve(pasid);
  return witness.ok ? yield* triggers.changeId(vector, witness.value.pasid) : witness;
}
