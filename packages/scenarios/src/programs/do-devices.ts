// Virtual devices and the PASIDs of all devices, coming and going.
import { must } from '@siov/base';
import { freeIrq } from '@siov/irq';
import { imsOf } from '@siov/ims';
import type { Device } from '@siov/device';
import { attachable } from './find.ts';
import type { ProgramMachine, Virtual } from './machine.ts';
import { FUNCTION, INDICES, SEATS } from './operation.ts';
import type { Operation, Seat } from './operation.ts';
import { DONE, IDLE, outcomeOf } from './outcome.ts';
import type { Outcome } from './outcome.ts';

type DeviceOperation = Extract<Operation, { op: 'create' | 'remove' | 'attach' | 'detach' | 'release' | 'rebind' }>;

export function doDevice(machine: ProgramMachine, operation: DeviceOperation): Outcome {
  if (operation.op === 'rebind') return rebind(machine);
  const { op, device: seat } = operation;
  const { iommu } = machine.host;
  const device = machine.device(seat);
  if (op === 'create') return device === undefined ? outcomeOf(machine.create(seat)) : IDLE;
  if (device === undefined) return IDLE;
  if (op === 'attach') return attach(machine, seat, device);
  if (op === 'detach') return outcomeOf(machine.call('iommu_detach_device_pasid()', () => iommu.detachDevicePasid(device)));
  const virtual = machine.seats.get(seat);
  if (virtual === undefined) return IDLE;
  if (op === 'remove') return remove(machine, seat, virtual);
  machine.runTrapped(seat, virtual.vfio.release());
  return outcomeOf(machine.mapMemory(virtual));
}

function attach(machine: ProgramMachine, seat: Seat, device: Device): Outcome {
  const space = attachable(machine, seat);
  return outcomeOf(machine.call('iommu_attach_device_pasid()', () => machine.host.iommu.attachDevicePasid(space, device)));
}

/** Who gave the device interrupts and address spaces takes them back first. */
function remove(machine: ProgramMachine, seat: Seat, virtual: Virtual): Outcome {
  giveUpHostUses(machine, seat);
  const removed = machine.run(machine.driver.mdevs.remove(virtual.mdev));
  machine.subject.history.vectors.forget(virtual.device.name);
  machine.seats.delete(seat);
  return outcomeOf(removed);
}

/** The function's driver goes and comes back: every virtual device goes with it. */
function rebind(machine: ProgramMachine): Outcome {
  for (let seat = 0; seat < SEATS; seat++) {
    const virtual = machine.seats.get(seat);
    if (virtual !== undefined) remove(machine, seat, virtual);
  }
  giveUpHostUses(machine, FUNCTION);
  machine.run(machine.driver.remove());
  machine.bindDriver();
  return DONE;
}

/** What the host has of a device besides what its guest has. */
export function giveUpHostUses(machine: ProgramMachine, seat: Seat): void {
  const device = machine.device(seat);
  if (device === undefined) return;
  const { core, iommu } = machine.host;
  const msi = imsOf(device);
  for (let index = 0; index < INDICES; index++) {
    const held = machine.requested.get(`${seat}/${index}`);
    if (held === undefined) continue;
    machine.run(freeIrq(core, held.desc.virq, held));
    held.handler.freed();
    machine.requested.delete(`${seat}/${index}`);
  }
  if (msi !== undefined) {
    const first = seat === FUNCTION ? 0 : 1;
    must(machine.run(msi.freeIrqsRange(first, INDICES - 1)), `freeing the host's interrupts of ${device.name}`);
  }
  for (const [key, bond] of machine.bonds) {
    if (bond.device !== device) continue;
    while (iommu.svaUnbindDevice(bond).ok);
    machine.bonds.delete(key);
  }
  for (const { pasid } of machine.set.list()) must(iommu.detachPasid(device, pasid), `detaching PASID ${pasid}`);
}
