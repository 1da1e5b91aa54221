import { describe, expect, test } from 'vitest';
import { Executor, ok, recordTrace } from '@siov/base';
import type { TraceEvent } from '@siov/base';
import { procInterrupts } from '@siov/irq';
import { VFIO_PCI_IRQ } from '@siov/vfio';
import type { IrqSet } from '@siov/vfio';
import { DISABLE, fds, helperHost, set } from './helper-host.ts';
import { CountingFd, intruded, makeHost } from './host.ts';

describe('setTrigger', () => {
  test('R12: a vector with an interrupt behind it has exactly one action, named after the vector; the emulated one has none', () => {
    const { helper, run, core } = helperHost();
    expect(run(helper.setTrigger(fds(0, [new CountingFd(), new CountingFd(), new CountingFd()])))).toEqual(ok(0));
    expect(procInterrupts(core).map(({ actions, hwirq }) => ({ actions, hwirq }))).toEqual([
      { actions: ['vfio-msix[1](mdev0)'], hwirq: 0 },
      { actions: ['vfio-msix[2](mdev0)'], hwirq: 1 },
    ]);
    expect([helper.armed, helper.hwirq(0), helper.hwirq(1), helper.hwirq(2), helper.hwirq(3)]).toEqual([3, expect.objectContaining({ errno: 'EINVAL' }), ok(0), ok(1), expect.objectContaining({ errno: 'EINVAL' })]);
  });

  test('an interrupt signals its own eventfd, and loop-back does what the interrupt would', () => {
    const { helper, run, fire } = helperHost();
    const [a, b, c] = [new CountingFd('a'), new CountingFd('b'), new CountingFd('c')];
    run(helper.setTrigger(fds(0, [a, b, c])));
    fire(1);
    run(helper.setTrigger(set(1, 2, { kind: 'bool', values: [true, false] })));
    run(helper.setTrigger(set(0, 3, { kind: 'none' })));
    helper.signal(0);
    helper.signal(7);
    expect([a.signals, b.signals, c.signals]).toEqual([2, 2, 2]);
  });

  test('vectors are added and removed one by one; fd -1 gives one up and leaves the others', () => {
    const { helper, run, fire, counters } = helperHost();
    const [a, b] = [new CountingFd('a'), new CountingFd('b')];
    run(helper.setTrigger(fds(1, [a])));
    run(helper.setTrigger(fds(2, [b])));
    expect(counters()).toMatchObject({ slots: 2, assigned: 2 });
    run(helper.setTrigger(fds(1, [null])));
    expect([a.closes, b.closes, helper.armed, counters().slots]).toEqual([1, 0, 1, 1]);
    fire(1);
    expect(b.signals).toBe(1);
  });

  test('I8: disabling gives everything back, again is harmless, and every eventfd is closed once', () => {
    const { helper, run, counters } = helperHost();
    const before = counters();
    const all = [new CountingFd(), new CountingFd(), new CountingFd()];
    run(helper.setTrigger(DISABLE));
    run(helper.setTrigger(fds(0, all)));
    run(helper.setTrigger(DISABLE));
    run(helper.setTrigger(DISABLE));
    run(helper.disable());
    expect([counters(), helper.armed, all.map(({ closes }) => closes)]).toEqual([before, 0, [1, 1, 1]]);
  });

  test.each<[string, (list: CountingFd[]) => IrqSet, string]>([
    ['masking', (list) => ({ ...fds(0, list), action: 'mask' }), 'ENOTTY'],
    ['unmasking', (list) => ({ ...fds(0, list), action: 'unmask' }), 'ENOTTY'],
    ['more vectors than there are', (list) => fds(2, list), 'EINVAL'],
  ])('%s is refused: nothing changes, and the eventfds in the request are closed', (_what, make, errno) => {
    const { helper, run, counters } = helperHost();
    const kept = new CountingFd();
    run(helper.setTrigger(fds(1, [kept])));
    const before = counters();
    const list = [new CountingFd(), new CountingFd()];
    expect(run(helper.setTrigger(make(list)))).toMatchObject({ errno });
    expect([counters(), kept.closes, list.map(({ closes }) => closes)]).toEqual([before, 0, [1, 1]]);
  });

  test('R24: a device its domain refuses fails when the interrupt is allocated: no slot, no action, no signal, all eventfds closed', () => {
    const { helper, run, counters } = helperHost(['emulated', 'msi', 'msi'], { refuse: true });
    const before = counters();
    const list = [new CountingFd(), new CountingFd(), new CountingFd()];
    expect(run(helper.setTrigger(fds(0, list)))).toMatchObject({ errno: 'EINVAL', message: 'refused' });
    expect([counters(), helper.armed, list.map(({ closes, signals }) => [closes, signals])]).toEqual([before, 0, [[1, 0], [1, 0], [1, 0]]]);
  });

  test('R6, I8: a block that fails in the middle leaves its vectors given up, those outside of it as they were', () => {
    const { helper, run, counters } = helperHost(['emulated', 'msi', 'msi', 'msi', 'msi'], { slots: 2 });
    const outside = new CountingFd('outside');
    run(helper.setTrigger(fds(4, [outside])));
    const list = [new CountingFd('0'), new CountingFd('1'), new CountingFd('2'), new CountingFd('3')];
    expect(run(helper.setTrigger(fds(0, list)))).toMatchObject({ errno: 'ENOSPC' });
    expect([helper.armed, outside.closes, list.map(({ closes }) => closes)]).toEqual([1, 0, [1, 1, 1, 1]]);
    expect(counters()).toMatchObject({ slots: 1, virqs: 1, assigned: 1 });
  });

  test('R26: the next device gets ENOSPC when the slots are exhausted, and has them when the first gives them back', () => {
    const host = helperHost(['msi', 'msi'], { slots: 2 });
    const other = host.helperOf(host.mdev(), ['msi']);
    host.run(host.helper.setTrigger(fds(0, [new CountingFd(), new CountingFd()])));
    expect(host.run(other.setTrigger(fds(0, [new CountingFd()])))).toMatchObject({ errno: 'ENOSPC' });
    host.run(host.helper.disable());
    expect(host.run(other.setTrigger(fds(0, [new CountingFd()])))).toEqual(ok(0));
  });

  test('what request_irq() refused is passed on as it is, and the slot is given back', () => {
    const { helper, run, counters, domain } = helperHost();
    const before = counters();
    // The domain accepts the device when it allocates and no longer when the interrupt is activated.
    const { activate } = domain.template;
    Object.assign(domain.template, { activate: () => ({ ok: false, errno: 'EINVAL', message: 'gone' }) });
    const fd = new CountingFd();
    expect(run(helper.setTrigger(fds(1, [fd])))).toMatchObject({ errno: 'EINVAL', message: expect.stringContaining('gone') });
    Object.assign(domain.template, { activate });
    expect([counters(), fd.closes, helper.armed]).toEqual([before, 1, 0]);
  });

  test('a device without a domain gets ENODEV', () => {
    const host = makeHost();
    const helper = host.helperOf(host.pf, ['msi']);
    expect(host.run(helper.setTrigger(fds(0, [new CountingFd()])))).toMatchObject({ errno: 'ENODEV' });
  });
});

describe('between any two steps', () => {
  test('an interrupt that comes while a vector is armed is signalled; while it is given up, never to a closed eventfd', () => {
    for (const call of ['arm', 're-arm', 'disarm'] as const) {
      for (let at = 0, more = true; more; at++) {
        const host = helperHost(['emulated', 'msi']);
        const [first, second] = [new CountingFd('first'), new CountingFd('second')];
        if (call !== 'arm') host.run(host.helper.setTrigger(fds(1, [first])));
        more = false;
        // CountingFd throws when it is signalled after it was closed.
        host.run(intruded(host.helper.setTrigger(call === 'disarm' ? fds(1, [null]) : fds(1, [second])), (yielded) => {
          if (yielded !== at) return;
          more = true;
          if (host.domain.slots.used > 0) host.fire(0);
        }));
        host.executor.settle();
        const seen = second.signals;
        if (call !== 'disarm') { host.fire(0); expect([at, second.signals]).toEqual([at, seen + 1]); }
        if (call !== 'arm') expect([at, first.closes]).toEqual([at, 1]);
        if (call === 'disarm') expect(host.counters()).toMatchObject({ virqs: 0, slots: 0, assigned: 0 });
      }
    }
  });

  test('two threads that set the same vector: one after the other, no eventfd is closed twice or lost', () => {
    for (let at = 0, more = true; more; at++) {
      const host = helperHost(['emulated', 'msi']);
      const before = host.counters();
      const list = [new CountingFd('first'), new CountingFd('second'), new CountingFd('third')] as const;
      host.run(host.helper.setTrigger(fds(1, [list[0]])));
      more = false;
      host.run(intruded(host.helper.setTrigger(fds(1, [list[1]])), (yielded) => {
        if (yielded !== at) return;
        more = true;
        host.executor.spawn({ name: 'vcpu1', layer: 'vmm' }, host.helper.setTrigger(fds(1, [list[2]])));
        host.executor.settle();
      }));
      host.executor.settle();
      expect([at, host.helper.armed, host.unmasked(), host.counters().slots]).toEqual([at, 1, 1, 1]);
      host.run(host.helper.disable());
      expect([at, list.map(({ closes }) => closes)]).toEqual([at, more ? [1, 1, 1] : [1, 1, 0]]);
      expect(host.counters()).toEqual(before);
    }
  });

  test('a guest that asks for its handle while another CPU gives the vector up: no interrupt is left without eventfd', () => {
    for (let at = 0, more = true; more; at++) {
      const host = helperHost(['emulated', 'msi']);
      const before = host.counters();
      const fd = new CountingFd();
      host.run(host.helper.setTrigger(fds(1, [fd])));
      host.run(host.helper.idle(1));
      expect([host.counters(), fd.closes]).toEqual([before, 0]);
      more = false;
      host.run(intruded(host.helper.resume(1), (yielded) => {
        if (yielded !== at) return;
        more = true;
        host.executor.spawn({ name: 'vcpu1', layer: 'vmm' }, host.helper.setTrigger(DISABLE));
        host.executor.settle();
      }));
      host.executor.settle();
      if (more) expect([at, host.counters(), host.helper.armed, fd.closes]).toEqual([at, before, 0, 1]);
    }
  });
});

test('giving up REQ leaves the vectors as they are', () => {
  const { helper, run } = helperHost();
  const req = new CountingFd('req');
  run(helper.setTrigger(fds(0, [new CountingFd(), new CountingFd()])));
  expect(run(helper.request())).toBe(false);
  run(helper.setTrigger({ ...fds(0, [req]), index: VFIO_PCI_IRQ.REQ }));
  expect([run(helper.request()), req.signals]).toEqual([true, 1]);
  expect(run(helper.setTrigger({ ...DISABLE, index: VFIO_PCI_IRQ.REQ }))).toEqual(ok(0));
  expect([helper.armed, req.closes, run(helper.request())]).toEqual([2, 1, false]);
});

test('R9: the helper reaches the message storage through the irq layer alone, and the interrupt comes back the same way', () => {
  const events: TraceEvent[] = [];
  const executor = new Executor();
  const { helper, run, fire } = helperHost(['emulated', 'msi'], { executor, trace: recordTrace(executor, () => 0, (event) => events.push(event)) });
  run(helper.setTrigger(fds(1, [new CountingFd()])));
  fire(0);
  run(helper.setTrigger(DISABLE));
  const edges = new Set(events.map(({ from, to }) => `${from} -> ${to}`));
  expect([...edges].toSorted()).toEqual(['irq -> vfio-mdev', 'vfio-mdev -> irq', 'vfio-mdev -> vfio', 'vmm -> vfio-mdev']);
  expect(events.filter(({ from }) => from === 'vfio-mdev').map(({ operation }) => operation)).toEqual([
    'msi_domain_alloc_irq', 'request_irq', 'eventfd_signal', 'free_irq', 'msi_domain_free_irq',
  ]);
});
