// The defects of the posted helper (mdev_irqs.c and the vdcm's ioctls of the v6 series), each shown to be absent.
import { describe, expect, test } from 'vitest';
import { Executor, ok, recordTrace } from '@siov/base';
import type { TraceEvent } from '@siov/base';
import { pciVfioDevice, validateIrqSet, VFIO_IRQ_SET, VFIO_PCI_IRQ, VFIO_PCI_NUM_IRQS } from '@siov/vfio';
import type { IrqSet, IrqSetData } from '@siov/vfio';
import { CountingFd, intruded, makeHost } from './host.ts';

const set = (start: number, count: number, data: IrqSetData): IrqSet => ({ index: VFIO_PCI_IRQ.MSIX, start, count, action: 'trigger', data });
const fds = (start: number, list: readonly (CountingFd | null)[]): IrqSet => set(start, list.length, { kind: 'eventfd', fds: list });

function device() {
  const executor = new Executor();
  const events: TraceEvent[] = [];
  const host = makeHost({ executor, slots: 2, trace: recordTrace(executor, () => 0, (event) => events.push(event)) });
  const helper = host.helperOf(host.mdev(), ['emulated', 'msi', 'msi', 'msi']);
  const vfio = pciVfioDevice({
    name: 'mdev0', regions: {}, msixVectors: 4, otherIrqs: helper.irqs, dma: { map: () => ok(), unmap: () => ok(), unmapAll() {} },
    setMsix: (request) => helper.setTrigger(request), *reset() {}, *released() {},
  });
  return { ...host, helper, vfio, events };
}

describe('absent', () => {
  test('defect 1: the id is read when the interrupt is allocated, not by GET_IRQ_INFO: SET_IRQS works without, and GET_IRQ_INFO changes nothing', () => {
    const { run, vfio, fire, helper, events } = device();
    const fd = new CountingFd();
    expect(run(vfio.setIrqs(fds(1, [fd])))).toEqual(ok(0));
    const seen = events.length;
    expect([vfio.irqInfo(VFIO_PCI_IRQ.MSIX), vfio.irqInfo(VFIO_PCI_IRQ.REQ)]).toMatchObject([{ value: { count: 4 } }, { value: { count: 1 } }]);
    fire(0);
    expect([fd.signals, helper.armed, events.slice(seen).map(({ operation }) => operation)]).toEqual([1, 1, ['irq_handler', 'eventfd_signal']]);
  });

  test('defect 2: a block that does not start at 0 sets its vectors', () => {
    const { run, helper, fire } = device();
    const [a, b, c] = [new CountingFd('a'), new CountingFd('b'), new CountingFd('c')];
    run(helper.setTrigger(fds(0, [null, a])));
    expect(run(helper.setTrigger(fds(1, [b])))).toEqual(ok(0));
    expect(run(helper.setTrigger(fds(2, [c])))).toEqual(ok(0));
    fire(0);
    fire(1);
    expect([a.closes, a.signals, b.signals, c.signals]).toEqual([1, 0, 1, 1]);
  });

  test('defect 3: the first request may name fewer vectors than there are', () => {
    const { run, helper } = device();
    expect(run(helper.setTrigger(fds(0, [new CountingFd()])))).toEqual(ok(0));
    expect(run(helper.setTrigger(fds(0, [new CountingFd(), new CountingFd()])))).toEqual(ok(0));
    expect(helper.armed).toBe(2);
  });

  test('defect 4: a user can disable and loop back without payload, and such requests are validated too', () => {
    const { run, helper } = device();
    const fd = new CountingFd();
    run(helper.setTrigger(fds(0, [fd])));
    const header = { argsz: 20, flags: VFIO_IRQ_SET.DATA_NONE | VFIO_IRQ_SET.ACTION_TRIGGER, index: VFIO_PCI_IRQ.MSIX, start: 0, count: 1 };
    expect(validateIrqSet(header, 4, VFIO_PCI_NUM_IRQS)).toEqual(ok(0));
    expect(validateIrqSet({ ...header, start: 4 }, 4, VFIO_PCI_NUM_IRQS)).toMatchObject({ errno: 'EINVAL' });
    expect([run(helper.setTrigger(set(0, 1, { kind: 'none' }))), fd.signals]).toEqual([ok(0), 1]);
    expect([run(helper.setTrigger(set(0, 0, { kind: 'none' }))), fd.closes, helper.armed]).toEqual([ok(0), 1, 0]);
  });

  test('defect 5: errors keep their codes', () => {
    const { run, helper, policy } = device();
    const codes = [
      { ...fds(0, []), action: 'mask' } as const,
      fds(3, [new CountingFd(), new CountingFd()]),
      fds(0, []),
      fds(1, [new CountingFd(), new CountingFd(), new CountingFd()]),
    ].map((request) => run(helper.setTrigger(request))).map((result) => (result.ok ? 'ok' : result.errno));
    policy.refuse = true;
    const refused = run(helper.setTrigger(fds(1, [new CountingFd()])));
    expect([codes, refused.ok ? 'ok' : refused.errno]).toEqual([['ENOTTY', 'EINVAL', 'ERANGE', 'ENOSPC'], 'EINVAL']);
  });

  test('defect 6: nothing but the irq layer is asked to mask or write: the helper knows an entry by its number alone', () => {
    const { run, helper, events } = device();
    run(helper.setTrigger(fds(1, [new CountingFd()])));
    run(helper.setTrigger(fds(1, [new CountingFd()])));
    run(helper.idle(1));
    run(helper.disable());
    expect(new Set(events.filter(({ from }) => from === 'vfio-mdev' || from === 'vmm').map(({ to }) => to))).toEqual(new Set(['vfio-mdev', 'irq']));
  });

  test('defect 9, R23: freeing is free_irq() and giving back, nothing after; between any two steps of it an entry without action is masked', () => {
    const { run, helper, events, unmasked, core } = device();
    run(helper.setTrigger(fds(1, [new CountingFd()])));
    const seen = events.length;
    const virq = [...Array(64).keys()].find((each) => core.desc(each) !== undefined) ?? 0;
    run(intruded(helper.setTrigger(fds(1, [null])), () => {
      if (core.desc(virq)?.requestMutex.held !== true) expect(unmasked()).toBe(core.desc(virq)?.state.actions.length ?? 0);
    }));
    expect(events.slice(seen).filter(({ to }) => to === 'irq').map(({ operation }) => operation)).toEqual(['free_irq', 'msi_domain_free_irq']);
  });
});
