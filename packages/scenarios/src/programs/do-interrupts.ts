// The host's own interrupts, and all interrupts' disabling and moving.
import type { Failure } from '@siov/base';
import { imsOf } from '@siov/ims';
import type { MsiDesc } from '@siov/irq';
import { cpuMask, disableIrq, enableIrq, freeIrq, irqSetAffinity, requestIrq } from '@siov/irq';
import { witnessFor } from './find.ts';
import type { ProgramMachine, Requested } from './machine.ts';
import { FUNCTION } from './operation.ts';
import type { Interrupt, Operation } from './operation.ts';
import { DONE, IDLE, outcomeOf } from './outcome.ts';
import type { Outcome } from './outcome.ts';

export type InterruptOperation = Extract<Operation, { op: 'allocate' | 'free' | 'request' | 'freeIrq' | 'disable' | 'enable' | 'move' | 'storm' }>;

export function doInterrupt(machine: ProgramMachine, operation: InterruptOperation): Outcome {
  if (operation.op === 'storm') return storm(machine, operation);
  const { device: seat, index } = operation;
  const { core } = machine.host;
  if (operation.op === 'allocate') return allocate(machine, operation);
  const desc = machine.desc(seat, index);
  if (desc === undefined) return IDLE;
  switch (operation.op) {
    case 'disable':
      return outcomeOf(machine.call('disable_irq()', () => disableIrq(core, desc.virq)));
    case 'enable':
      return outcomeOf(machine.call('enable_irq()', () => enableIrq(core, desc.virq)));
    case 'move':
      return move(machine, desc, operation.cpu);
    default:
      return isGuests(operation) ? IDLE : ownInterrupt(machine, operation.op, operation);
  }
}

function move(machine: ProgramMachine, { virq }: MsiDesc, cpu: number): Outcome {
  return outcomeOf(machine.call('irq_set_affinity()', () => irqSetAffinity(machine.host.core, virq, cpuMask(cpu))));
}

/** The trigger helper's, which the host does not touch. */
function isGuests({ device, index }: Interrupt): boolean {
  return device !== FUNCTION && index === 0;
}

function allocate(machine: ProgramMachine, { device: seat, index, id }: Extract<Operation, { op: 'allocate' }>): Outcome {
  const device = machine.device(seat);
  const msi = device === undefined ? undefined : imsOf(device);
  const witness = witnessFor(machine, seat, id);
  if (msi === undefined || witness === undefined || isGuests({ device: seat, index })) return IDLE;
  return outcomeOf(machine.call('msi_domain_alloc_irq_at()', () => msi.allocIrqAt(index, witness)));
}

function ownInterrupt(machine: ProgramMachine, op: 'free' | 'request' | 'freeIrq', { device: seat, index }: Interrupt): Outcome {
  const { core } = machine.host;
  const key = `${seat}/${index}`;
  const device = machine.device(seat);
  const desc = machine.desc(seat, index);
  const msi = device === undefined ? undefined : imsOf(device);
  if (desc === undefined || msi === undefined) return IDLE;
  if (op === 'free') return outcomeOf(machine.call('msi_domain_free_irqs_range()', () => msi.freeIrqsRange(index, index)));
  if (op === 'request') {
    const handler = machine.subject.history.handlers.watch(key);
    const held: Requested = { desc, handler };
    const result = machine.call('request_irq()', () => requestIrq(core, desc.virq, { name: key, devId: held, handler: handler.handler }));
    if (result.ok) machine.requested.set(key, held);
    return outcomeOf(result);
  }
  const held = machine.requested.get(key);
  if (held === undefined) return IDLE;
  machine.run(freeIrq(core, desc.virq, held));
  held.handler.freed();
  machine.requested.delete(key);
  return DONE;
}

/** As many interrupts as there are, of whatever the first thing is that runs out; then all of them back. */
function storm(machine: ProgramMachine, { device: seat, request }: Extract<Operation, { op: 'storm' }>): Outcome {
  const { core } = machine.host;
  const device = machine.device(seat);
  const msi = device === undefined ? undefined : imsOf(device);
  const witness = witnessFor(machine, seat, 'default');
  if (msi === undefined || witness === undefined) return IDLE;
  const taken: { readonly index: number; readonly virq: number; readonly requested: boolean }[] = [];
  let failure: Failure | null = null;
  while (failure === null) {
    const desc = machine.call('msi_domain_alloc_irq_at()', () => msi.allocIrqAt('any', witness));
    if (!desc.ok) failure = desc;
    else {
      const { index, virq } = desc.value;
      const requested = request ? machine.call('request_irq()', () => requestIrq(core, virq, { name: 'storm', devId: taken, handler: () => 'handled' })) : null;
      taken.push({ index, virq, requested: requested?.ok === true });
      if (requested?.ok === false) failure = requested;
    }
  }
  for (const { index, virq, requested } of taken.reverse()) {
    if (requested) machine.run(freeIrq(core, virq, taken));
    const freed = machine.run(msi.freeIrqsRange(index, index));
    if (!freed.ok) return outcomeOf(freed);
  }
  return outcomeOf(failure);
}
