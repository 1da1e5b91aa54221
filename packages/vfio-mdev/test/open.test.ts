// Mediated devices in the hands of users.
import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { Executor, fail, ModelClock, ModelEventFd, must, noTrace, ok, plainState, point } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import { pciVfioDevice, VFIO_PCI_IRQ } from '@siov/vfio';
import { MdevParent } from '../src/index.ts';
import type { Mdev, MdevType, TriggerHelper } from '../src/index.ts';
import { intruded, makeHost } from './host.ts';

const step = point('register', 'driver');

describe('a device that is open', () => {
  /** Devices with one emulated vector, whose user is asked through the REQ interrupt. */
  function openable(instances = 1) {
    const executor = new Executor();
    const host = makeHost({ executor });
    const log: string[] = [];
    const clock = new ModelClock(plainState);
    const type: MdevType<TriggerHelper<number>> = {
      name: 'one',
      available: () => instances - parent.children.length,
      *probe(device) { yield step; return parent.children.length < instances ? ok(host.helperOf(device, ['emulated'])) : fail('ENODEV', 'no more'); },
      *remove() { yield step; log.push('removed'); },
      vfio: (helper) => pciVfioDevice({
        name: 'one', regions: {}, msixVectors: 1, otherIrqs: helper.irqs,
        dma: { map: () => ok(), unmap: () => ok(), unmapAll: () => { log.push('unmapped'); } },
        setMsix: (set) => helper.setTrigger(set),
        *reset() { yield step; log.push('reset'); },
        *released() { yield step; },
      }),
      request: (helper) => helper.request(),
    };
    const parent: MdevParent<TriggerHelper<number>> = new MdevParent({ state: plainState, trace: noTrace, clock }, host.pf, [type]);
    return { ...host, parent, type, log, clock };
  }

  function opened() {
    const made = openable();
    const mdev = must(made.run(made.parent.create('one')), 'creating');
    return { ...made, mdev, open: () => must(made.run(made.parent.open(mdev)), 'opening') };
  }

  test('the last close gives up its interrupts, resets it and removes its mappings; closing again does nothing', () => {
    const { open, run, mdev, log } = opened();
    const [first, second] = [open(), open()];
    const fd = new ModelEventFd(plainState, 'fd');
    run(first.setIrqs({ index: VFIO_PCI_IRQ.MSIX, start: 0, count: 1, action: 'trigger', data: { kind: 'eventfd', fds: [fd] } }));
    run(first.release());
    run(first.release());
    expect([log, mdev.driver.armed]).toEqual([[], 1]);
    run(second.release());
    run(second.release());
    expect([log, mdev.driver.armed, fd.references]).toEqual([['reset', 'unmapped'], 0, 0]);
  });

  test('who opens while it is closed for the last time waits, and finds it reset', () => {
    const { open, run, parent, mdev, log, executor } = opened();
    const first = open();
    let late: Result<unknown> | undefined;
    run(intruded(first.release(), (yielded) => {
      if (yielded === 1) executor.spawn({ name: 'second', layer: 'user' }, (function* () { late = yield* parent.open(mdev); log.push('opened'); })());
      executor.settle();
    }));
    executor.settle();
    expect([log, late?.ok]).toEqual([['reset', 'unmapped', 'opened'], true]);
  });

  test('removing it asks the user through REQ, again after 10 s, and waits; meanwhile nobody opens or removes it', () => {
    const { open, run, parent, mdev, log, clock, executor } = opened();
    const user = open();
    const fd = new ModelEventFd(plainState, 'req');
    expect(user.irqInfo(VFIO_PCI_IRQ.REQ)).toMatchObject({ value: { count: 1 } });
    run(user.setIrqs({ index: VFIO_PCI_IRQ.REQ, start: 0, count: 1, action: 'trigger', data: { kind: 'eventfd', fds: [fd] } }));
    let result: Result<void> | undefined;
    executor.spawn({ name: 'admin', layer: 'user' }, (function* () { result = yield* parent.remove(mdev); })());
    executor.settle();
    expect(fd.count).toBe(1);
    clock.advance(9_999);
    executor.settle();
    expect(fd.count).toBe(1);
    clock.advance(1);
    executor.settle();
    expect([fd.count, result, parent.children, log]).toEqual([2, undefined, [mdev], []]);
    expect(run(parent.open(mdev))).toMatchObject({ errno: 'ENODEV' });
    expect(run(parent.remove(mdev))).toMatchObject({ errno: 'ENODEV' });
    run(user.release());
    executor.settle();
    expect([result, parent.children, log, fd.references]).toEqual([ok(), [], ['reset', 'unmapped', 'removed'], 0]);
    expect(run(parent.open(mdev))).toMatchObject({ errno: 'ENODEV' });
  });

  test('whatever users and administrators do: a device is there until it is removed and nobody has it open, and reset once for each last close', () => {
    const operation = fc.record({ kind: fc.constantFrom('create', 'remove', 'open', 'open', 'close', 'close'), which: fc.nat(3) });
    fc.assert(fc.property(fc.array(operation, { maxLength: 40 }), (operations) => {
      const { parent, run, type, executor, log } = openable(3);
      const model: { mdev: Mdev<TriggerHelper<number>>; users: { release(): Steps<void> }[]; removing: boolean }[] = [];
      let closed = 0;
      let removed = 0;
      const gone = (entry: (typeof model)[number]) => {
        if (!entry.removing || entry.users.length > 0) return;
        model.splice(model.indexOf(entry), 1);
        removed += 1;
      };
      for (const { kind, which } of operations) {
        const entry = model[which % Math.max(model.length, 1)];
        if (kind === 'create') {
          const made = run(parent.create(type.name));
          expect(made.ok).toBe(model.length < 3);
          if (made.ok) model.push({ mdev: made.value, users: [], removing: false });
        } else if (entry === undefined) continue;
        else if (kind === 'open') {
          const opened = run(parent.open(entry.mdev));
          expect(opened.ok).toBe(!entry.removing);
          if (opened.ok) entry.users.push(opened.value);
        } else if (kind === 'close') {
          const user = entry.users.splice(which, 1)[0];
          if (user === undefined) continue;
          run(user.release());
          if (entry.users.length === 0) closed += 1;
          gone(entry);
        } else if (!entry.removing) {
          executor.spawn({ name: 'admin', layer: 'user' }, parent.remove(entry.mdev));
          entry.removing = true;
          gone(entry);
        }
        executor.settle();
        expect(parent.children.map(({ device }) => device.name)).toEqual(model.map(({ mdev }) => mdev.device.name));
        expect([log.filter((each) => each === 'reset').length, log.filter((each) => each === 'removed').length]).toEqual([closed, removed]);
      }
    }), { numRuns: 100 });
  });
});
