// What a VMM does with the vectors of its device.
import { ModelEventFd } from '@siov/base';
import type { EventFd } from '@siov/base';
import { VFIO_PCI_IRQ } from '@siov/vfio';
import type { IrqSet } from '@siov/vfio';
import { COMMAND } from '@siov/datasheet';
import { guestCommand } from './guest-command.ts';
import { vcpu } from './machine.ts';
import type { ProgramMachine, Virtual } from './machine.ts';
import type { Operation } from './operation.ts';
import { answered, IDLE, outcomeOf } from './outcome.ts';
import type { Outcome } from './outcome.ts';

export type VectorOperation = Extract<Operation, { op: 'arm' | 'disarm' | 'loopback' | 'armBlock' | 'disarmAll' | 'requestHandle' | 'releaseHandle' }>;

/** The vector that an interrupt of the host is behind. */
const QUEUE_VECTOR = 1;

export function doVector(machine: ProgramMachine, operation: VectorOperation): Outcome {
  const virtual = machine.seats.get(operation.device);
  if (virtual === undefined) return IDLE;
  if (operation.op === 'requestHandle') return answered(guestCommand(machine, operation.device, virtual, COMMAND.REQUEST_INTERRUPT_HANDLE, QUEUE_VECTOR));
  if (operation.op === 'releaseHandle') return answered(guestCommand(machine, operation.device, virtual, COMMAND.RELEASE_INTERRUPT_HANDLE, QUEUE_VECTOR));
  const set = irqSetOf(machine, virtual, operation);
  // What its vectors had before goes first, and is gone also when it fails; the triggers it brings are the device's to close.
  const gives = virtual.mdev.driver.triggers.armed > 0 ? /./ : /^eventfd\//;
  return outcomeOf(machine.call('SET_IRQS', () => virtual.vfio.setIrqs(set), { as: vcpu(operation.device), gives }));
}

function irqSetOf(machine: ProgramMachine, { device }: Virtual, operation: Exclude<VectorOperation, { op: 'requestHandle' | 'releaseHandle' }>): IrqSet {
  const fd = (vector: number): EventFd => new ModelEventFd(machine.state, `${device.name}/vector${vector}`);
  const set = (start: number, fds: readonly (EventFd | null)[]): IrqSet => ({ index: VFIO_PCI_IRQ.MSIX, start, count: fds.length, action: 'trigger', data: { kind: 'eventfd', fds } });
  const none = (start: number, count: number): IrqSet => ({ index: VFIO_PCI_IRQ.MSIX, start, count, action: 'trigger', data: { kind: 'none' } });
  if (!('vector' in operation)) return operation.op === 'armBlock' ? set(0, [fd(0), fd(QUEUE_VECTOR)]) : none(0, 0);
  if (operation.op === 'loopback') return none(operation.vector, 1);
  return set(operation.vector, [operation.op === 'arm' ? fd(operation.vector) : null]);
}
