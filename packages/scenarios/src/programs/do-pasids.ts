// PASIDs of a set, with the guest's names for them, and of bound address spaces.
import { attachable } from './find.ts';
import type { ProgramMachine } from './machine.ts';
import type { Operation } from './operation.ts';
import { IDLE, outcomeOf } from './outcome.ts';
import type { Outcome } from './outcome.ts';

type PasidOperation = Extract<Operation, { op: 'allocPasid' | 'freePasid' | 'setGuestId' | 'attachGuest' | 'detachGuest' | 'bind' | 'unbind' }>;

export function doPasid(machine: ProgramMachine, operation: PasidOperation): Outcome {
  const { set, host } = machine;
  if (operation.op === 'allocPasid') return outcomeOf(machine.call('ioasid_alloc()', () => set.alloc()));
  if ('mm' in operation) return bind(machine, operation);
  const member = set.list()[operation.member]?.pasid;
  if (member === undefined) return IDLE;
  if (operation.op === 'freePasid') return outcomeOf(machine.call('ioasid_free()', () => set.free(member)));
  if (operation.op === 'setGuestId') {
    const { id } = operation;
    return outcomeOf(machine.call('ioasid_attach_spid()', () => set.attachSpid(member, id)));
  }
  const device = machine.device(operation.device);
  if (device === undefined) return IDLE;
  if (operation.op === 'attachGuest') {
    const space = attachable(machine, operation.device);
    return outcomeOf(machine.call('attaching a guest PASID', () => host.iommu.attachPasid(space, device, member)));
  }
  return outcomeOf(machine.call('detaching a guest PASID', () => host.iommu.detachPasid(device, member)));
}

function bind(machine: ProgramMachine, { op, device: seat, mm }: Extract<Operation, { op: 'bind' | 'unbind' }>): Outcome {
  const { iommu } = machine.host;
  const device = machine.device(seat);
  const space = machine.mms[mm];
  if (device === undefined || space === undefined) return IDLE;
  if (op === 'bind') {
    const bond = machine.call('iommu_sva_bind_device()', () => iommu.svaBindDevice(device, space));
    if (bond.ok) machine.bonds.set(`${seat}/${mm}`, bond.value);
    return outcomeOf(bond);
  }
  const bond = machine.bonds.get(`${seat}/${mm}`);
  return bond === undefined ? IDLE : outcomeOf(machine.call('iommu_sva_unbind_device()', () => iommu.svaUnbindDevice(bond)));
}
