// Descriptors, commands, CPUs, and interrupts that come from nowhere.
import { must } from '@siov/base';
import { COMMAND, DESCRIPTOR_FLAG, DESCRIPTOR_SIZE, encodeDescriptor, OPCODE, portalOffset, wqOperand } from '@siov/datasheet';
import { composeRemappableMsg } from '@siov/iommu';
import { cpuDown, cpuUp, hierarchy } from '@siov/irq';
import { VFIO_PCI_REGION } from '@siov/vfio';
import { handleOf } from './find.ts';
import { guestCommand, guestEnable } from './guest-command.ts';
import type { ProgramMachine, Virtual } from './machine.ts';
import type { Interrupt, Operation, Seat } from './operation.ts';
import { answered, DONE, IDLE, outcomeOf } from './outcome.ts';
import type { Outcome } from './outcome.ts';
import { SHARED_QUEUE } from './silicon.ts';

export type WorkOperation = Extract<Operation, {
  op: 'cpuDown' | 'cpuUp' | 'reset' | 'resetDevice' | 'enableQueue' | 'disableQueue' | 'submit' | 'submitShared' | 'batch' | 'spurious' | 'forge';
}>;

const INTERRUPT = DESCRIPTOR_FLAG.REQUEST_COMPLETION_INTERRUPT;
/** Where a guest has its batch lists. */
const LIST = 0x1000;
/** No device has it: vectors of devices end before. */
const UNUSED_VECTOR = 0xe0;
/** A function beside the DSA. */
const STRANGER = 0x6b00;

export function doWork(machine: ProgramMachine, operation: WorkOperation): Outcome {
  const { core, vectors, device } = machine.host;
  switch (operation.op) {
    case 'cpuDown':
      return outcomeOf(machine.call('cpu_down()', () => cpuDown(core, operation.cpu)));
    case 'cpuUp':
      return outcomeOf(machine.call('cpu_up()', () => cpuUp(core, operation.cpu)));
    case 'spurious':
      vectors.raise(operation.cpu, UNUSED_VECTOR);
      return DONE;
    case 'forge':
      return forge(machine, operation);
    case 'submitShared': {
      const descriptor = encodeDescriptor({ opcode: OPCODE.NOOP, flags: INTERRUPT, pasid: operation.pasid, priv: true, interruptHandle: handleOf(machine, operation.names) });
      const portal = portalOffset({ wq: SHARED_QUEUE, limited: false, ims: true });
      return machine.run(device.resources.portals?.enqueue(portal, descriptor) ?? false) ? DONE : { how: 'refused', error: 1 };
    }
    default: {
      const virtual = machine.seats.get(operation.device);
      return virtual === undefined ? IDLE : virtualWork(machine, virtual, operation);
    }
  }
}

function virtualWork(machine: ProgramMachine, virtual: Virtual, operation: Extract<WorkOperation, { device: Seat; op: 'reset' | 'resetDevice' | 'enableQueue' | 'disableQueue' | 'submit' | 'batch' }>): Outcome {
  const { device: seat } = operation;
  switch (operation.op) {
    case 'reset':
      machine.runTrapped(seat, virtual.vfio.reset());
      return DONE;
    case 'resetDevice':
      return answered(guestCommand(machine, seat, virtual, COMMAND.RESET_DEVICE));
    case 'enableQueue': {
      guestEnable(machine, seat, virtual);
      guestCommand(machine, seat, virtual, COMMAND.ENABLE_DEVICE);
      return answered(guestCommand(machine, seat, virtual, COMMAND.ENABLE_WQ, 0));
    }
    case 'disableQueue':
      return answered(guestCommand(machine, seat, virtual, COMMAND.DISABLE_WQ, must(wqOperand([0]), 'queue 0')));
    case 'submit':
      return submit(machine, seat, virtual, encodeDescriptor({ opcode: OPCODE.NOOP, flags: INTERRUPT, interruptHandle: handleOf(machine, operation.names) }));
    case 'batch':
      operation.names.forEach((names, each) => virtual.memory.set(memberFor(machine, names), LIST + each * DESCRIPTOR_SIZE));
      return submit(machine, seat, virtual, encodeDescriptor({ opcode: OPCODE.BATCH, source: BigInt(LIST), size: operation.names.length }));
  }
}

function memberFor(machine: ProgramMachine, names: Interrupt): Uint8Array {
  return encodeDescriptor({ opcode: OPCODE.NOOP, flags: INTERRUPT, interruptHandle: handleOf(machine, names) });
}

/** Whole descriptors only, to the guest's queue 0 as it sees it. */
function submit(machine: ProgramMachine, seat: Seat, { vfio }: Virtual, descriptor: Uint8Array): Outcome {
  const portal = portalOffset({ wq: 0, limited: false, ims: false });
  return outcomeOf(machine.runTrapped(seat, vfio.regionWrite(VFIO_PCI_REGION.BAR2, portal, descriptor)));
}

/** Another function writes the message that an entry holds; of an interrupt without remapping entry, of some index. */
function forge(machine: ProgramMachine, { device: seat, index }: Interrupt): Outcome {
  const { core, remapping } = machine.host;
  const data = core.desc(machine.desc(seat, index)?.virq ?? 0)?.state.data ?? null;
  const level = data === null ? undefined : [...hierarchy(data)].find(({ domain }) => domain === (remapping.domain as unknown));
  const { addressHi, addressLo, data: word } = composeRemappableMsg(level?.hwirq ?? seat + index);
  const { faults } = remapping.counters;
  remapping.message(STRANGER, addressHi, addressLo, word);
  return remapping.counters.faults > faults ? { how: 'refused', error: 1 } : DONE;
}
