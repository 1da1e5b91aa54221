// The user of the device goes at any moment. What it held is given back, and the next one gets all of it.
import { expect, test } from 'vitest';
import fc from 'fast-check';
import type { Steps } from '@siov/base';
import { attach, flow, machine } from './machine.ts';
import type { Machine } from './machine.ts';

const SIZES = [64, 8192, 1];

/** The whole flow of a second guest: nothing is left in its way. */
function runs(made: Machine): void {
  const { guest, vcpu } = attach(made);
  made.host.executor.run(vcpu, flow(guest, [128]));
  made.host.executor.run({ name: 'QM', layer: 'vmm' }, made.vfio.release());
  made.host.executor.settle();
}

/** How many points the flow has: where it can be cut. */
const POINTS = (() => {
  const made = machine();
  const { guest, vcpu } = attach(made);
  let count = 0;
  function* counted(steps: Steps<void>): Steps<void> {
    for (let next = steps.next(); !next.done; next = steps.next(), count++) yield next.value;
  }
  made.host.executor.run(vcpu, counted(flow(guest, SIZES)));
  return count;
})();

/**
 * The vCPU stops after `points` points of its flow, and never goes on. A thread that is in the kernel comes out of it
 * first: the file is closed when the last call has returned, so that a trap that has begun is done.
 */
function* cut(steps: Steps<void>, points: number): Steps<void> {
  let trapped = false;
  for (let count = 0; ; count++) {
    const next = steps.next();
    if (next.done) return;
    if (next.value.kind === 'trap') trapped = true;
    if (next.value.kind === 'return') trapped = false;
    if (count >= points && !trapped) return;
    yield next.value;
  }
}

test('released after any step of the guest, the host holds what it held before, and a second guest does its copies', () => {
  expect(POINTS).toBeGreaterThan(500);
  fc.assert(
    fc.property(fc.noBias(fc.nat({ max: POINTS })), (points) => {
      const made = machine();
      const before = made.counters();
      const { guest, vcpu } = attach(made);
      made.host.executor.run(vcpu, cut(flow(guest, SIZES), points));
      made.host.executor.run({ name: 'QM', layer: 'vmm' }, made.vfio.release());
      // Without settling first: what the device still had in hand must not need time to be given back.
      expect(made.counters()).toEqual(before);
      made.host.executor.settle();
      expect([made.counters(), made.host.silicon.idle]).toEqual([before, true]);
      runs(made);
      expect(made.counters()).toEqual(before);
    }),
    { numRuns: 60, examples: [[0], [1], [POINTS]] },
  );
});

test('reset after any step, the device is as after power-on, its vectors are armed as they were, and nothing of the guest runs', () => {
  fc.assert(
    fc.property(fc.noBias(fc.nat({ max: POINTS })), (points) => {
      const made = machine();
      const { guest, vcpu } = attach(made);
      made.host.executor.run(vcpu, cut(flow(guest, SIZES), points));
      const { armed, slots } = made.counters();
      made.host.executor.run({ name: 'QM', layer: 'vmm' }, made.vfio.reset());
      expect([made.host.silicon.wqState(0), made.counters()['armed'], made.counters()['slots']]).toEqual([0, armed, slots]);
      const memory = guest.memory.slice();
      made.host.executor.settle();
      expect(guest.memory).toEqual(memory);
    }),
    { numRuns: 20 },
  );
});

test('the mediated device removed after any step leaves nothing of it on the function', () => {
  fc.assert(
    fc.property(fc.noBias(fc.nat({ max: POINTS })), (points) => {
      const made = machine();
      const { guest, vcpu } = attach(made);
      made.host.executor.run(vcpu, cut(flow(guest, SIZES), points));
      const [mdev] = made.driver.mdevs.children;
      if (mdev === undefined) throw new Error('no mdev');
      expect(made.host.executor.run({ name: 'HK', layer: 'scenarios' }, made.driver.mdevs.remove(mdev)).ok).toBe(true);
      expect(made.counters()).toMatchObject({ pasids: 0, slots: 0, liveEntries: 0, armed: 0, wq: 0, owned: 0 });
      made.host.executor.run({ name: 'HK', layer: 'scenarios' }, made.driver.remove());
      expect(made.counters()).toMatchObject({ virqs: 0, irtes: 0, irtesPresent: 0, vectorsReserved: 0, vectorsAssigned: 0 });
    }),
    { numRuns: 20 },
  );
});
