// The table of SET_IRQS (drivers/vfio/pci/vfio_pci_intrs.c), a test a row: INTx.
import { describe, expect, test } from 'vitest';
import { fail, ModelError, noTrace, ok, plainState, point } from '@siov/base';
import type { EventFd } from '@siov/base';
import { PciIrqs } from '../src/index.ts';
import { bools, eventfds, INTX, makeIrqs, none } from './irqs-machine.ts';
import { allGone, kept, named, nothing, outcome, prepare, signalled } from './irqs-rows.ts';
import type { Row } from './irqs-rows.ts';

const step = point('register', 'wait queue');

const INTX_ROWS: readonly Row[] = [
  ['DATA_EVENTFD, no index in use: enables', 'none', (m) => eventfds(INTX, 0, [m.fd()]), 'ok', ({ irqs, held }) => expect([irqs.index, irqs.armed, held.armed.size]).toEqual([INTX, 1, 1])],
  ['DATA_EVENTFD, in use: replaces', 'same', (m) => eventfds(INTX, 0, [m.fd()]), 'ok', ({ irqs }, [a]) => expect([irqs.trigger(0)?.name, a?.closed]).toEqual(['fd3', true])],
  ['DATA_EVENTFD, fd -1: stays in use without trigger', 'same', () => eventfds(INTX, 0, [null]), 'ok', ({ irqs, held }, [a]) => expect([irqs.index, irqs.armed, held.enabled, a?.closed]).toEqual([INTX, 0, [INTX, 1], true])],
  ['DATA_EVENTFD, another index in use', 'other', (m) => eventfds(INTX, 0, [m.fd()]), 'EINVAL', kept],
  ['DATA_EVENTFD, refused while in use: it stays so, without trigger', 'same', (m) => { m.refusals.arm = [0]; return eventfds(INTX, 0, [m.fd()]); }, 'ENOSPC', ({ irqs }, [a]) => expect([irqs.index, irqs.armed, a?.closed]).toEqual([INTX, 0, true])],
  ['DATA_EVENTFD, refused when enabling', 'none', (m) => { m.refusals.arm = [0]; return eventfds(INTX, 0, [m.fd()]); }, 'ENOSPC', allGone],
  ['DATA_EVENTFD, enabling refused', 'none', (m) => { m.refusals.enable = 'ENOSPC'; return eventfds(INTX, 0, [m.fd()]); }, 'ENOSPC', allGone],
  ['DATA_EVENTFD, a closed one', 'none', (m) => { const fd = m.fd(); fd.close(); return eventfds(INTX, 0, [fd]); }, 'EBADF', allGone],
  ['DATA_EVENTFD, count 0', 'none', () => eventfds(INTX, 0, []), 'EINVAL', allGone],
  ['DATA_NONE, count 0, no index in use', 'none', () => none(INTX, 0, 0), 'EINVAL', allGone],
  ['DATA_NONE, count 0, in use: disables', 'same', () => none(INTX, 0, 0), 'ok', ({ irqs, held }, [a]) => expect([irqs.index, held.enabled, a?.closed]).toEqual([null, null, true])],
  ['DATA_NONE, count 0, another index in use', 'other', () => none(INTX, 0, 0), 'EINVAL', kept],
  ['DATA_NONE: loop-back', 'same', () => none(INTX, 0, 1), 'ok', signalled(1, 0, 0)],
  ['DATA_NONE, no index in use', 'none', () => none(INTX, 0, 1), 'EINVAL'],
  ['DATA_BOOL, zero', 'same', () => bools(INTX, 0, [false]), 'ok', signalled(0, 0, 0)],
  ['DATA_BOOL, not zero: loop-back', 'same', () => bools(INTX, 0, [true]), 'ok', signalled(1, 0, 0)],
  ['DATA_BOOL, another index in use', 'other', () => bools(INTX, 0, [true]), 'EINVAL', signalled(0, 0, 0)],
  ['mask, DATA_NONE', 'same', () => none(INTX, 0, 1, 'mask'), 'ok', ({ held }) => expect(held.masked).toBe(true)],
  ['mask, DATA_BOOL, not zero', 'same', () => bools(INTX, 0, [true], 'mask'), 'ok', ({ held }) => expect(held.masked).toBe(true)],
  ['mask, DATA_BOOL, zero', 'same', () => bools(INTX, 0, [false], 'mask'), 'ok', ({ held }) => expect(held.masked).toBe(false)],
  ['mask, DATA_EVENTFD', 'same', (m) => eventfds(INTX, 0, [m.fd()], 'mask'), 'ENOTTY'],
  ['mask, count 0', 'same', () => none(INTX, 0, 0, 'mask'), 'EINVAL'],
  ['mask, not in use', 'none', () => none(INTX, 0, 1, 'mask'), 'EINVAL', ({ held }) => expect(held.masked).toBe(false)],
  ['mask, another index in use', 'other', () => none(INTX, 0, 1, 'mask'), 'EINVAL', ({ held }) => expect(held.masked).toBe(false)],
  ['unmask, DATA_NONE', 'same', (m) => { m.held.masked = true; return none(INTX, 0, 1, 'unmask'); }, 'ok', ({ held }) => expect(held.masked).toBe(false)],
  ['unmask, DATA_BOOL, zero', 'same', (m) => { m.held.masked = true; return bools(INTX, 0, [false], 'unmask'); }, 'ok', ({ held }) => expect(held.masked).toBe(true)],
  ['unmask, DATA_EVENTFD: whenever that is signalled', 'same', (m) => eventfds(INTX, 0, [m.fd()], 'unmask'), 'ok', ({ held }) => expect(held.unmask?.name).toBe('fd3')],
  ['unmask, DATA_EVENTFD, a second one', 'same', (m) => { m.run(m.irqs.setIrqs(eventfds(INTX, 0, [m.fd()], 'unmask'))); return eventfds(INTX, 0, [m.fd()], 'unmask'); }, 'EBUSY'],
  ['unmask, DATA_EVENTFD, a closed one', 'same', (m) => { const fd = m.fd(); fd.close(); return eventfds(INTX, 0, [fd], 'unmask'); }, 'EBADF', ({ held }) => expect(held.unmask).toBe(null)],
  ['unmask, DATA_EVENTFD, fd -1: no more', 'same', (m) => { m.run(m.irqs.setIrqs(eventfds(INTX, 0, [m.fd()], 'unmask'))); return eventfds(INTX, 0, [null], 'unmask'); }, 'ok', ({ held, fds }) => expect([held.unmask, fds[3]?.closed]).toEqual([null, true])],
  ['more than one', 'none', (m) => eventfds(INTX, 0, [m.fd(), m.fd()]), 'EINVAL', allGone],
  ['a start above 0', 'none', (m) => eventfds(INTX, 1, [m.fd()]), 'EINVAL', allGone],
];

describe('INTx', () => {
  test.each(named(INTX_ROWS))('%s', (_what, [, before, make, expected, then = nothing]) => {
    const machine = makeIrqs('classic');
    const fds = prepare(machine, INTX, before);
    const result = machine.run(machine.irqs.setIrqs(make(machine, INTX)));
    expect(outcome(result)).toBe(expected);
    // Two of the three that prepare() made were for other indices.
    if (before === 'same') for (const spare of fds.slice(1)) spare.close();
    if (before !== 'same' || then !== kept) then(machine, fds);
    machine.run(machine.irqs.release());
    expect([machine.fds.every(({ references }) => references === 0), machine.held.enabled, machine.held.unmask]).toEqual([true, null, null]);
  });

  test('without memory: ENOMEM', () => {
    for (const missing of ['vfio_irq_ctx', 'vfio_irq_name']) {
      const machine = makeIrqs('classic', { ...plainState, grant: (resource) => resource !== missing });
      expect(machine.run(machine.irqs.setIrqs(eventfds(INTX, 0, [machine.fd()])))).toMatchObject({ errno: 'ENOMEM' });
      allGone(machine, machine.fds);
    }
  });

  test('a backend that cannot wait on an eventfd: ENOTTY; one whose wait fails: its code, and the eventfd goes', () => {
    const machine = makeIrqs('classic');
    const intx = machine.backend.intx;
    if (intx === undefined) throw new Error('no INTx');
    machine.run(machine.irqs.setIrqs(eventfds(INTX, 0, [machine.fd()])));
    const unmask = () => machine.run(machine.irqs.setIrqs(eventfds(INTX, 0, [machine.fd()], 'unmask')));
    // oxlint-disable-next-line require-yield
    Object.assign(intx, { *unmaskOn() { return fail('ENOSPC', 'no wait queue'); } });
    expect(unmask()).toMatchObject({ errno: 'ENOSPC' });
    Object.assign(intx, { unmaskOn: undefined });
    expect(unmask()).toMatchObject({ errno: 'ENOTTY' });
    expect(machine.fds.map(({ closed }) => closed)).toEqual([false, true, true]);
  });

  test('the backend is told of an eventfd that unmasks, and of its end, once each', () => {
    const machine = makeIrqs('classic');
    const told: (string | null)[] = [];
    Object.assign(machine.backend.intx ?? {}, { *unmaskOn(fd: EventFd | null) { yield step; told.push(fd?.name ?? null); return ok(); } });
    const set = (fd: EventFd | null, action: 'trigger' | 'unmask') => machine.run(machine.irqs.setIrqs(eventfds(INTX, 0, [fd], action)));
    for (let round = 0; round < 2; round++) {
      set(machine.fd(), 'trigger');
      set(null, 'unmask');
      if (round === 1) set(machine.fd(), 'unmask');
      machine.run(machine.irqs.disable());
    }
    expect(told).toEqual(['fd2', null]);
  });

  test('a backend that has an INTx and nothing to mask it with is a mistake', () => {
    const { intx: _, ...backend } = makeIrqs('classic').backend;
    expect(() => new PciIrqs({ state: plainState, trace: noTrace }, 'dev', backend, { resize: 'classic' })).toThrow(ModelError);
  });
});
