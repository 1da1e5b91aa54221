// The table of SET_IRQS (drivers/vfio/pci/vfio_pci_intrs.c), a test a row: ERR and REQ.
import { describe, expect, test } from 'vitest';
import type { IrqSet } from '../src/index.ts';
import { bools, ERR, eventfds, makeIrqs, MSIX, none, REQ } from './irqs-machine.ts';
import type { IrqsMachine } from './irqs-machine.ts';
import { named, outcome, prepare } from './irqs-rows.ts';

describe.each([['ERR', ERR], ['REQ', REQ]] as const)('%s', (_name, index) => {
  const raise = ({ irqs, run }: IrqsMachine) => run(index === ERR ? irqs.error() : irqs.request());
  const SINGLE: readonly (readonly [what: string, armed: boolean, make: (machine: IrqsMachine) => IrqSet, expected: string, then?: (machine: IrqsMachine) => void])[] = [
    ['DATA_EVENTFD: kept until replaced', false, (m) => eventfds(index, 0, [m.fd()]), 'ok', (m) => expect([raise(m), m.fds[0]?.count]).toEqual([true, 1])],
    ['DATA_EVENTFD: replaces', true, (m) => eventfds(index, 0, [m.fd()]), 'ok', (m) => expect([raise(m), m.fds.map(({ count, closed }) => [count, closed])]).toEqual([true, [[0, true], [1, false]]])],
    ['DATA_EVENTFD, fd -1: given up', true, () => eventfds(index, 0, [null]), 'ok', (m) => expect([raise(m), m.fds[0]?.closed]).toEqual([false, true])],
    ['DATA_EVENTFD, fd -1, none there', false, () => eventfds(index, 0, [null]), 'ok', (m) => expect(raise(m)).toBe(false)],
    ['DATA_EVENTFD, a closed one', true, (m) => { const fd = m.fd(); fd.close(); return eventfds(index, 0, [fd]); }, 'EBADF', (m) => expect([raise(m), m.fds[0]?.count]).toEqual([true, 1])],
    ['DATA_EVENTFD, count 0', true, () => eventfds(index, 0, []), 'EINVAL'],
    ['DATA_NONE, count 0: clears', true, () => none(index, 0, 0), 'ok', (m) => expect([raise(m), m.fds[0]?.closed]).toEqual([false, true])],
    ['DATA_NONE, count 0, none there', false, () => none(index, 0, 0), 'EINVAL'],
    ['DATA_NONE, count 1: signals', true, () => none(index, 0, 1), 'ok', (m) => expect(m.fds[0]?.count).toBe(1)],
    ['DATA_NONE, count 1, none there', false, () => none(index, 0, 1), 'EINVAL'],
    ['DATA_BOOL, not zero: signals', true, () => bools(index, 0, [true]), 'ok', (m) => expect(m.fds[0]?.count).toBe(1)],
    ['DATA_BOOL, zero', true, () => bools(index, 0, [false]), 'ok', (m) => expect(m.fds[0]?.count).toBe(0)],
    ['DATA_BOOL, none there', false, () => bools(index, 0, [true]), 'ok'],
    ['DATA_BOOL, count 0', true, () => bools(index, 0, []), 'EINVAL'],
    ['count 2', false, (m) => eventfds(index, 0, [m.fd(), m.fd()]), 'EINVAL'],
    ['start 1', false, (m) => eventfds(index, 1, [m.fd()]), 'EINVAL'],
    ['mask', true, () => none(index, 0, 1, 'mask'), 'ENOTTY'],
    ['unmask with an eventfd', true, (m) => eventfds(index, 0, [m.fd()], 'unmask'), 'ENOTTY'],
  ];
  test.each(named(SINGLE))('%s', (_what, [, armed, make, expected, then]) => {
    const machine = makeIrqs('dynamic');
    if (armed) machine.run(machine.irqs.setIrqs(eventfds(index, 0, [machine.fd()])));
    const before = machine.fds.length;
    const result = machine.run(machine.irqs.setIrqs(make(machine)));
    expect(outcome(result)).toBe(expected);
    if (!result.ok) expect(machine.fds.map(({ closed }) => closed)).toEqual(machine.fds.map((_fd, at) => at >= before));
    then?.(machine);
    machine.run(machine.irqs.release());
    expect(machine.fds.every(({ references }) => references === 0)).toBe(true);
  });

  test('it is beside the index in use: disabling that leaves it', () => {
    const machine = makeIrqs('dynamic');
    machine.run(machine.irqs.setIrqs(eventfds(index, 0, [machine.fd()])));
    prepare(machine, MSIX, 'same');
    machine.run(machine.irqs.disable());
    machine.run(machine.irqs.disable());
    expect([machine.irqs.index, raise(machine), machine.fds.map(({ closed }) => closed)]).toEqual([null, true, [false, true, true, true]]);
  });
});
