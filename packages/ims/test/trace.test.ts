// What the trace tells of the chip: each thing it does to an entry, and to which.
import { expect, test } from 'vitest';
import { disableIrqNosync, enableIrq, freeIrq } from '@siov/irq';
import { makeHost } from './host.ts';
import { allocate, fire, request } from './use.ts';

/** The chip's crossings of one interrupt's life, in slot 1, with an edge that comes while it is disabled. */
function life(options: Parameters<typeof makeHost>[0]) {
  const host = makeHost(options);
  const mdev = host.mdev(5);
  allocate(host, mdev, 0);
  host.events.length = 0;
  const { virq, hwirq } = allocate(host, mdev, 1);
  request(host, virq, 'a');
  host.run(disableIrqNosync(host.core, virq));
  fire(host, hwirq, 5);
  host.run(enableIrq(host.core, virq));
  host.executor.settle();
  host.run(freeIrq(host.core, virq, 'a'));
  return host.events.filter(({ to }) => to === 'ims').map(({ operation, values }) => ({ operation, ...values }));
}

test('names the slot of everything that is done to an entry, and the message that is written', () => {
  const events = life({ program: 'allocation' });
  expect(new Set(events.map(({ operation }) => operation))).toEqual(
    new Set(['reset_slot', 'program_slot', 'irq_write_msi_msg', 'irq_startup', 'irq_mask', 'irq_unmask', 'irq_shutdown']),
  );
  for (const event of events) expect(event).toMatchObject({ slot: 1 });
  const messages = events.filter(({ operation }) => operation === 'irq_write_msi_msg');
  expect(messages[0]).toEqual({ operation: 'irq_write_msi_msg', slot: 1, address: 0xfee00000, data: expect.any(Number) });
  expect(messages.at(-1)).toMatchObject({ data: 0 });
});

test('names the slot also where the bus lock is taken and given back', () => {
  const events = life({ storage: 'queue' }).filter(({ operation }) => operation.startsWith('irq_bus'));
  expect(new Set(events.map(({ operation }) => operation))).toEqual(new Set(['irq_bus_lock', 'irq_bus_sync_unlock']));
  for (const event of events) expect(event).toMatchObject({ slot: 1 });
});
