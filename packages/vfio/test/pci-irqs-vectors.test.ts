// The table of SET_IRQS (drivers/vfio/pci/vfio_pci_intrs.c), a test a row: MSI and MSI-X.
import { describe, expect, test } from 'vitest';
import { ok, plainState } from '@siov/base';
import { bools, eventfds, makeIrqs, MSI, MSIX, none } from './irqs-machine.ts';
import { allGone, kept, named, nothing, outcome, prepare, signalled } from './irqs-rows.ts';
import type { Row } from './irqs-rows.ts';

const VECTORS: readonly Row[] = [
  ['TRIGGER, DATA_NONE, count 0, no index in use', 'none', (_m, index) => none(index, 0, 0), 'EINVAL', allGone],
  ['TRIGGER, DATA_NONE, count 0, this index in use: disables all', 'same', (_m, index) => none(index, 0, 0), 'ok', allGone],
  ['TRIGGER, DATA_NONE, count 0, another index in use', 'other', (_m, index) => none(index, 0, 0), 'EINVAL', kept],
  ['TRIGGER, DATA_EVENTFD, no index in use: enables start + count vectors', 'none', (m, index) => eventfds(index, 1, [m.fd(), m.fd()]), 'ok', ({ irqs, held }) => {
    expect([irqs.armed, held.enabled?.[1], irqs.trigger(0)?.name, irqs.trigger(1)?.name, irqs.trigger(2)?.name]).toEqual([2, 3, undefined, 'fd0', 'fd1']);
  }],
  ['TRIGGER, DATA_EVENTFD, this index in use: replaces', 'same', (m, index) => eventfds(index, 1, [m.fd()]), 'ok', ({ irqs }, [a, b, c]) => {
    expect([irqs.armed, a?.closed, b?.closed, c?.closed, irqs.trigger(1)?.name]).toEqual([3, false, true, false, 'fd3']);
  }],
  ['TRIGGER, DATA_EVENTFD, another index in use', 'other', (m, index) => eventfds(index, 0, [m.fd()]), 'EINVAL', kept],
  ['TRIGGER, DATA_EVENTFD, fd -1, this index in use: that vector only', 'same', (_m, index) => eventfds(index, 1, [null]), 'ok', ({ irqs, held }, [a, b, c]) => {
    expect([irqs.armed, [...held.armed.keys()], a?.closed, b?.closed, c?.closed]).toEqual([2, [0, 2], false, true, false]);
  }],
  ['TRIGGER, DATA_EVENTFD, fd -1, no index in use: enables, and nothing is armed', 'none', (_m, index) => eventfds(index, 0, [null]), 'ok', ({ irqs, held }) => expect([irqs.index === null, irqs.armed, held.enabled?.[1]]).toEqual([false, 0, 1])],
  ['TRIGGER, DATA_EVENTFD, start 0 count 0, no index in use', 'none', (_m, index) => eventfds(index, 0, []), 'ERANGE', allGone],
  ['TRIGGER, DATA_EVENTFD, count 0, this index in use', 'same', (_m, index) => eventfds(index, 1, []), 'ok', kept],
  ['TRIGGER, DATA_NONE, count above 0, no index in use', 'none', (_m, index) => none(index, 0, 1), 'EINVAL', allGone],
  ['TRIGGER, DATA_NONE, count above 0, this index in use: loop-back', 'same', (_m, index) => none(index, 1, 2), 'ok', signalled(0, 1, 1)],
  ['TRIGGER, DATA_NONE, count above 0, another index in use', 'other', (_m, index) => none(index, 0, 1), 'EINVAL', signalled(0, 0, 0)],
  ['TRIGGER, DATA_BOOL, no index in use', 'none', (_m, index) => bools(index, 0, [true]), 'EINVAL', allGone],
  ['TRIGGER, DATA_BOOL, this index in use: loop-back of those that are not zero', 'same', (_m, index) => bools(index, 0, [true, false, true]), 'ok', signalled(1, 0, 1)],
  ['TRIGGER, DATA_BOOL, another index in use', 'other', (_m, index) => bools(index, 0, [true]), 'EINVAL', signalled(0, 0, 0)],
  ['a loop-back of a vector without trigger', 'same', (m, index) => { m.run(m.irqs.setIrqs(eventfds(index, 1, [null]))); return none(index, 0, 3); }, 'ok', signalled(1, 0, 1)],
  ...(['mask', 'unmask'] as const).flatMap((action) => (['none', 'same', 'other'] as const).flatMap((before): Row[] => [
    [`${action}, DATA_NONE, ${before} in use`, before, (_m, index) => none(index, 0, 1, action), 'ENOTTY', before === 'none' ? allGone : kept],
    [`${action}, DATA_BOOL, ${before} in use`, before, (_m, index) => bools(index, 0, [true], action), 'ENOTTY', before === 'none' ? allGone : kept],
    [`${action}, DATA_EVENTFD, ${before} in use`, before, (m, index) => eventfds(index, 0, [m.fd()], action), 'ENOTTY', before === 'none' ? allGone : kept],
  ])),
  ['a start that is beyond the index', 'none', (_m, index) => none(index, 6, 0), 'EINVAL', allGone],
  ['more than the index has', 'same', (m, index) => eventfds(index, 3, [m.fd(), m.fd(), m.fd(), m.fd()]), 'EINVAL', kept],
  ['an eventfd that is closed', 'same', (m, index) => { const fd = m.fd(); fd.close(); return eventfds(index, 0, [m.fd(), fd, m.fd()]); }, 'EBADF', ({ irqs, held }, [a, b, c]) => {
    expect([irqs.armed, [...held.armed.keys()], a?.closed, b?.closed, c?.closed]).toEqual([1, [2], true, true, false]);
  }],
  ['an interrupt that is refused: the block so far is given up, what is beyond it stays', 'same', (m, index) => { m.refusals.arm = [1]; return eventfds(index, 0, [m.fd(), m.fd()]); }, 'ENOSPC', ({ irqs, held }, [a, b, c]) => {
    expect([irqs.armed, [...held.armed.keys()], a?.closed, b?.closed, c?.closed]).toEqual([1, [2], true, true, false]);
  }],
  ['an interrupt that is refused in the request that enables: nothing stays', 'none', (m, index) => { m.refusals.arm = [1]; return eventfds(index, 0, [m.fd(), m.fd(), m.fd()]); }, 'ENOSPC', allGone],
  ['enabling that is refused', 'none', (m, index) => { m.refusals.enable = 'ENOSPC'; return eventfds(index, 0, [m.fd(), m.fd()]); }, 'ENOSPC', allGone],
];

const MODES = [['MSI', MSI, 'classic'], ['MSI, where MSI-X is dynamic', MSI, 'dynamic'], ['MSI-X', MSIX, 'classic'], ['MSI-X, dynamic', MSIX, 'dynamic']] as const;

describe.each(MODES)('%s', (_name, index, resize) => {
  test.each(named(VECTORS))('%s', (_what, [, before, make, expected, then = nothing]) => {
    const machine = makeIrqs(resize);
    const fds = prepare(machine, index, before);
    const set = make(machine, index);
    const handed = machine.fds.slice(fds.length);
    const result = machine.run(machine.irqs.setIrqs(set));
    expect(outcome(result)).toBe(expected);
    then(machine, fds);
    // What is open is what is held.
    if (!result.ok) expect(handed.map(({ closed }) => closed)).toEqual(handed.map(() => true));
    machine.run(machine.irqs.release());
    expect([machine.fds.every(({ references }) => references === 0), machine.held.enabled, machine.held.armed.size]).toEqual([true, null, 0]);
  });

  test('fewer vectors than asked for: how many there are, and nothing is taken', () => {
    const machine = makeIrqs(resize);
    machine.refusals.available = 2;
    expect(machine.run(machine.irqs.setIrqs(eventfds(index, 0, [machine.fd(), machine.fd(), machine.fd()])))).toEqual(ok(2));
    allGone(machine, machine.fds);
    expect(machine.run(machine.irqs.setIrqs(eventfds(index, 0, [machine.fd(), machine.fd()])))).toEqual(ok(0));
    expect(machine.irqs.armed).toBe(2);
  });

  test('without memory for a name, or for the context: ENOMEM, and the eventfds go', () => {
    for (const missing of ['vfio_irq_ctx', 'vfio_irq_name']) {
      const machine = makeIrqs(resize, { ...plainState, grant: (resource) => resource !== missing });
      expect(machine.run(machine.irqs.setIrqs(eventfds(index, 0, [machine.fd(), machine.fd()])))).toMatchObject({ errno: 'ENOMEM' });
      allGone(machine, machine.fds);
    }
  });
});

test('classic: a block beyond the vectors it was enabled with is EINVAL; dynamic: it is added', () => {
  for (const [index, resize, expected] of [[MSI, 'classic', 'EINVAL'], [MSIX, 'classic', 'EINVAL'], [MSI, 'dynamic', 'EINVAL'], [MSIX, 'dynamic', 'ok']] as const) {
    for (const [start, count] of [[2, 2], [3, 1], [3, 0]] as const) {
      const machine = makeIrqs(resize);
      const before = prepare(machine, index, 'same');
      const fds = Array.from({ length: count }, () => machine.fd());
      expect([index, resize, outcome(machine.run(machine.irqs.setIrqs(eventfds(index, start, fds))))]).toEqual([index, resize, expected]);
      if (expected === 'EINVAL') kept(machine, before);
      else expect(machine.irqs.armed).toBe(start + count > 3 ? start + count : 3);
    }
  }
});

test('classic: a loop-back beyond those vectors is EINVAL; dynamic: it finds no trigger', () => {
  for (const [resize, expected] of [['classic', 'EINVAL'], ['dynamic', 'ok']] as const) {
    const machine = makeIrqs(resize);
    const before = prepare(machine, MSIX, 'same');
    expect(outcome(machine.run(machine.irqs.setIrqs(none(MSIX, 2, 2))))).toBe(expected);
    signalled(0, 0, expected === 'ok' ? 1 : 0)(machine, before);
  }
});

test('dynamic: a vector given up gives its interrupt back; replaced, it keeps it for whoever comes next', () => {
  const machine = makeIrqs('dynamic');
  prepare(machine, MSIX, 'same');
  machine.run(machine.irqs.setIrqs(eventfds(MSIX, 0, [machine.fd(), null])));
  expect([...machine.held.kept]).toEqual([0, 2]);
});
