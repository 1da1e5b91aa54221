import { describe, expect, test } from 'vitest';
import { Executor, fail, ModelEventFd, noTrace, point, plainState, recordTrace, runToCompletion } from '@siov/base';
import type { Steps, TraceEvent } from '@siov/base';
import { ErrorLog } from '../src/error-log.ts';
import { KvmIrqfds } from '../src/kvm-irqfds.ts';
import { kvm, message } from './kvm.ts';
import { attach, ENABLE, RecordingDevice } from './recording-device.ts';

describe('an irqfd', () => {
  test('injects in the context of the signaller where that is possible', () => {
    const { irqfds, injected } = kvm({ atomic: true });
    const fd = new ModelEventFd(plainState, 'fd');
    runToCompletion(irqfds.assign(24, fd, message(33)));
    fd.signal();
    expect([injected, fd.count]).toEqual([['atomic 33'], 0]);
  });

  test('leaves it to the work where not: signals until then are one interrupt, with the route of then', () => {
    const { irqfds, injected } = kvm();
    const executor = new Executor();
    executor.spawn({ name: 'KVMw', layer: 'vmm' }, irqfds.work());
    const fd = new ModelEventFd(plainState, 'fd');
    runToCompletion(irqfds.assign(24, fd, message(33)));
    fd.signal();
    fd.signal();
    expect([injected, fd.count]).toEqual([[], 0]);
    runToCompletion(irqfds.find(24)?.route(message(34)) ?? expect.unreachable());
    executor.settle();
    executor.settle();
    expect(injected).toEqual(['work 34']);
  });

  test('does not miss what was signalled before it was there', () => {
    const { irqfds, injected } = kvm();
    const executor = new Executor();
    executor.spawn({ name: 'KVMw', layer: 'vmm' }, irqfds.work());
    const fd = new ModelEventFd(plainState, 'fd');
    fd.signal();
    runToCompletion(irqfds.assign(24, fd, message(33)));
    executor.settle();
    expect(injected).toEqual(['work 33']);
  });

  test('is EBUSY for an eventfd or a gsi that has one, and then nothing has changed', () => {
    const { irqfds, injected } = kvm({ atomic: true });
    const fd = new ModelEventFd(plainState, 'fd');
    const other = new ModelEventFd(plainState, 'other');
    runToCompletion(irqfds.assign(24, fd, message(33)));
    const references = fd.references;
    expect(runToCompletion(irqfds.assign(25, fd.dup(), message(34)))).toMatchObject({ errno: 'EBUSY', message: 'irqfd of gsi 25: gsi 24 has that eventfd already' });
    expect(runToCompletion(irqfds.assign(24, other, message(34)))).toMatchObject({ errno: 'EBUSY' });
    expect([irqfds.find(25), fd.references - references, other.references]).toEqual([undefined, 1, 1]);
    fd.signal();
    expect(injected).toEqual(['atomic 33']);
  });

  test('that is deassigned waits for its work, then neither injects nor holds the eventfd', () => {
    const { irqfds, injected, bypass } = kvm();
    const executor = new Executor();
    executor.spawn({ name: 'KVMw', layer: 'vmm' }, irqfds.work());
    const fd = new ModelEventFd(plainState, 'fd');
    runToCompletion(irqfds.assign(24, fd, message(33)));
    fd.signal();
    executor.run({ name: 'VC0', layer: 'guest' }, irqfds.deassign(24));
    expect(injected).toEqual(['work 33']);
    fd.signal();
    executor.settle();
    expect([injected.length, fd.references, irqfds.find(24), bypass.consumers]).toEqual([1, 1, undefined, []]);
    runToCompletion(irqfds.deassign(24));
    expect(runToCompletion(irqfds.assign(24, fd, message(33))).ok).toBe(true);
  });
});

test('an irqfd is gone only after the injection that was under way', () => {
  const log = new ErrorLog(plainState, 'vm');
  const done: string[] = [];
  const ports = {
    state: plainState,
    trace: noTrace,
    *inject(): Steps<void> {
      yield point('memory', 'the vCPU’s request word');
      done.push('injected');
    },
  };
  const irqfds = new KvmIrqfds(ports, log, 'vm');
  const fd = new ModelEventFd(plainState, 'fd');
  runToCompletion(irqfds.assign(24, fd, message(33)));
  fd.signal();
  const work = irqfds.work();
  work.next();
  expect(work.next().value).toMatchObject({ kind: 'memory' });
  const deassign = irqfds.deassign(24);
  const wait = deassign.next();
  expect([wait.done, wait.done === true || wait.value.ready?.(), done]).toEqual([false, false, []]);
  work.next();
  expect([wait.done === true || wait.value.ready?.(), done]).toEqual([true, ['injected']]);
  expect(deassign.next().done).toBe(true);
});

describe('in a machine', () => {
  test('an interrupt of an unmasked vector never meets the main loop; one of a masked vector becomes pending there and comes after unmasking', () => {
    const device = new RecordingDevice(2);
    const guest = attach(device, { irqfd: true });
    guest.control(ENABLE);
    guest.message(1, 0xfee00000, 33);
    guest.setMask(1, 0);
    device.fire(1);
    guest.settle();
    expect(guest.messages.splice(0)).toEqual(['fee00000:33']);
    guest.setMask(1, 1);
    device.fire(1);
    guest.settle();
    expect([guest.messages, guest.pending()]).toEqual([[], 2n]);
    guest.message(1, 0xfee00000, 34);
    guest.setMask(1, 0);
    expect([guest.messages, guest.pending()]).toEqual([['fee00000:34'], 0n]);
  });

  test('what a device signals that would not give its vectors up is none of the next use', () => {
    const device = new RecordingDevice(1);
    const guest = attach(device, { irqfd: true });
    guest.control(ENABLE);
    guest.setMask(0, 0);
    device.refuse = fail('EINVAL', 'never');
    guest.control(0);
    device.fire(0);
    device.refuse = null;
    guest.control(ENABLE);
    guest.settle();
    expect(guest.messages).toEqual([]);
    device.fire(0);
    guest.settle();
    expect(guest.messages).toEqual(['0:0']);
  });

  test('the crossing of a wakeup is the signaller’s', () => {
    const executor = new Executor();
    const events: TraceEvent[] = [];
    const trace = recordTrace(executor, () => 0, (event) => events.push(event));
    const device = new RecordingDevice(1);
    const guest = attach(device, { irqfd: true }, { trace, injectInAtomic: () => true });
    guest.control(ENABLE);
    guest.message(0, 0xfee00000, 33);
    guest.setMask(0, 0);
    events.length = 0;
    executor.run({ name: 'HI', layer: 'vfio-mdev' }, (function* (): Steps<void> {
      device.fire(0);
    })());
    expect(events).toMatchObject([{ agent: 'HI', from: 'vfio-mdev', to: 'vmm', operation: 'irqfd_wakeup', values: { gsi: 24, data: 33 } }]);
  });

  test('unrealize() leaves no irqfd: what is signalled afterwards reaches nobody', () => {
    const device = new RecordingDevice(1);
    const guest = attach(device, { irqfd: true }, { injectInAtomic: () => expect.unreachable() });
    guest.control(ENABLE);
    guest.setMask(0, 0);
    const trigger = device.triggers[0] as ModelEventFd;
    guest.run(guest.vmm.unrealize());
    device.fire(0);
    guest.settle();
    // What the device holds is the last reference.
    expect([guest.messages, trigger.references]).toEqual([[], 1]);
  });
});
