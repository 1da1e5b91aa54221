import { expect, test } from 'vitest';
import fc from 'fast-check';
import { Executor, ModelEventFd, noTrace, ok, plainState, recordTrace } from '@siov/base';
import type { Steps, TraceEvent } from '@siov/base';
import { PciIrqs, VFIO_IRQ_INFO } from '../src/index.ts';
import type { IrqSet, IrqSetData } from '../src/index.ts';
import { COUNTS, ERR, eventfds, INTX, makeIrqs, MSI, MSIX, REQ } from './irqs-machine.ts';
import type { IrqsMachine } from './irqs-machine.ts';
import { Oracle } from './irqs-oracle.ts';
import { outcome } from './irqs-rows.ts';

test('GET_IRQ_INFO: counts and flags by index; NORESIZE for MSI, and for MSI-X where it is classic', () => {
  const { EVENTFD, MASKABLE, AUTOMASKED, NORESIZE } = VFIO_IRQ_INFO;
  const flags = (resize: 'classic' | 'dynamic') => [INTX, MSI, MSIX, ERR, REQ].map((index) => makeIrqs(resize).irqs.info(index));
  const rest = [ok({ index: ERR, count: 1, flags: EVENTFD }), ok({ index: REQ, count: 1, flags: EVENTFD })];
  const first = [ok({ index: INTX, count: 1, flags: EVENTFD | MASKABLE | AUTOMASKED }), ok({ index: MSI, count: 4, flags: EVENTFD | NORESIZE })];
  expect(flags('classic')).toEqual([...first, ok({ index: MSIX, count: 6, flags: EVENTFD | NORESIZE }), ...rest]);
  expect(flags('dynamic')).toEqual([...first, ok({ index: MSIX, count: 6, flags: EVENTFD }), ...rest]);
  const { irqs } = makeIrqs('classic');
  expect([irqs.info(5), irqs.info(-1)]).toMatchObject([{ errno: 'EINVAL' }, { errno: 'EINVAL' }]);
  const bare = new PciIrqs({ state: plainState, trace: noTrace }, 'dev', { ...makeIrqs('classic').backend, counts: {} }, { resize: 'classic' });
  expect(bare.info(MSIX)).toEqual(ok({ index: MSIX, count: 0, flags: 0 }));
});

test.each<[string, (machine: IrqsMachine) => Steps<unknown>]>([
  ['a request', ({ irqs, fd }) => irqs.setIrqs(eventfds(MSI, 0, [fd()]))],
  ['giving up the index in use', ({ irqs }) => irqs.disable()],
  ['the release', ({ irqs }) => irqs.release()],
  ['asking for the device', ({ irqs }) => irqs.request()],
  ['an error', ({ irqs }) => irqs.error()],
])('%s waits for a request that is under way', (_what, call) => {
  const machine = makeIrqs('dynamic');
  const { irqs, executor, run } = machine;
  const steps = irqs.setIrqs(eventfds(MSIX, 0, [machine.fd()]));
  for (let taken = 0; taken < 2; taken++) steps.next();
  let done = false;
  executor.spawn({ name: 'other', layer: 'test' }, (function* () { yield* call(machine); done = true; })());
  executor.settle();
  expect([done, irqs.gate.held]).toEqual([false, true]);
  run(steps);
  executor.settle();
  expect([done, irqs.gate.held]).toEqual([true, false]);
});

test('after the release nobody is told of anything', () => {
  const { irqs, run, fd } = makeIrqs('dynamic');
  for (const single of [ERR, REQ]) run(irqs.setIrqs(eventfds(single, 0, [fd()])));
  run(irqs.release());
  run(irqs.release());
  expect([run(irqs.error()), run(irqs.request())]).toEqual([false, false]);
});

test('a signal is a call of layer vfio in the trace, with index and vector', () => {
  const executor = new Executor();
  const events: TraceEvent[] = [];
  const irqs = new PciIrqs({ state: plainState, trace: recordTrace(executor, () => 0, (event) => events.push(event)) }, 'dev', makeIrqs('dynamic').backend, { resize: 'dynamic' });
  const fd = new ModelEventFd(plainState, 'fd');
  executor.run({ name: 'user', layer: 'test' }, irqs.setIrqs(eventfds(MSIX, 3, [fd])));
  irqs.signal(3);
  irqs.signal(2);
  expect([fd.count, events.map(({ to, operation, values }) => [to, operation, values])]).toEqual([1, [['vfio', 'eventfd_signal', { index: MSIX, vector: 3 }]]]);
});

const index = fc.constantFrom(INTX, MSI, MSIX, MSIX, MSIX, ERR, REQ);
const call = fc.record({
  index,
  start: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.nat(6)),
  count: fc.oneof({ weight: 1, arbitrary: fc.constant(1) }, fc.nat(4)),
  kind: fc.constantFrom<IrqSetData['kind']>('eventfd', 'eventfd', 'eventfd', 'none', 'bool'),
  action: fc.constantFrom<IrqSet['action']>('trigger', 'trigger', 'trigger', 'trigger', 'mask', 'unmask'),
  /** Of each interrupt: whether it is given, or meant. */
  some: fc.array(fc.constantFrom('given', 'given', 'given', 'none', 'closed'), { minLength: 7, maxLength: 7 }),
  available: fc.constantFrom(6, 6, 6, 2),
  enable: fc.constantFrom(null, null, null, 'ENODEV' as const),
  arm: fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, fc.array(fc.nat(5), { maxLength: 2 })),
});

test.each(['classic', 'dynamic'] as const)('%s: any sequence of requests answers and leaves what the table says; nothing leaks', (resize) => {
  fc.assert(fc.property(fc.array(call, { maxLength: 40 }), (calls) => {
    const machine = makeIrqs(resize);
    const oracle = new Oracle(COUNTS, resize);
    for (const { index: at, start, count, kind, action, some, ...refusals } of calls) {
      Object.assign(machine.refusals, refusals);
      const fds = some.slice(0, count).map((how) => {
        if (kind !== 'eventfd' || how === 'none') return null;
        const fd = machine.fd();
        if (how === 'closed') fd.close();
        return fd;
      });
      const data: IrqSetData = kind === 'eventfd' ? { kind, fds } : kind === 'bool' ? { kind, values: some.slice(0, count).map((how) => how === 'given') } : { kind };
      const set: IrqSet = { index: at, start, count, action, data };
      const counts = machine.fds.map((fd) => fd.count);
      const expected = oracle.request(set, refusals);
      const result = machine.run(machine.irqs.setIrqs(set));
      expect(result.ok ? result.value : outcome(result)).toBe(expected.result);
      // What is open is what is held, what is armed has its own eventfd, and exactly what was asked for was signalled.
      expect(machine.fds.filter(({ closed }) => !closed)).toEqual(oracle.held());
      expect([...machine.held.armed].toSorted(([a], [b]) => a - b)).toEqual([...oracle.triggers].toSorted(([a], [b]) => a - b));
      expect([machine.irqs.index, machine.held.masked]).toEqual([oracle.index, oracle.masked]);
      expect(machine.fds.filter((fd, each) => fd.count !== (counts[each] ?? 0))).toEqual(machine.fds.filter((fd) => expected.signals.includes(fd)));
    }
    machine.run(machine.irqs.release());
    const { held, fds } = machine;
    expect([held.enabled, held.armed.size, held.kept.size, held.unmask, fds.every(({ references }) => references === 0)]).toEqual([null, 0, 0, null, true]);
  }), { numRuns: 400 });
});
