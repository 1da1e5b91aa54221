import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { noTrace, ok } from '@siov/base';
import { deviceMsi } from '@siov/irq';
import type { IrqSet, IrqSetData } from '@siov/vfio';
import type { VectorBacking } from '../src/index.ts';
import { CountingFd, makeHost } from './host.ts';

const SLOTS = 5;
const BACKING: readonly VectorBacking[] = ['emulated', 'msi', 'msi', 'emulated', 'msi'];
const isMsi = (vector: number) => BACKING[vector] === 'msi';

/** What is to be: each vector's eventfd, with what its interrupt was allocated; and, where vectors come at once, how many. */
interface Model {
  enabled: number | null;
  readonly vectors: (CountingFd | null)[];
  readonly allocated: (number | null)[];
}

const data = fc.constantFrom<IrqSetData['kind']>('eventfd', 'eventfd', 'eventfd', 'none', 'bool');
const step = fc.record({
  data, which: fc.nat(1), start: fc.nat(4), count: fc.nat(4), some: fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }), refuse: fc.boolean(), id: fc.nat(1),
  action: fc.constantFrom<IrqSet['action']>('trigger', 'trigger', 'trigger', 'mask'),
});

describe('any sequence of requests', () => {
  test.each(['dynamic', 'classic'] as const)('%s: armed vectors, interrupts and slots agree; eventfds are closed exactly once; a failure leaves nothing half-armed (I4, I8)', (resize) => {
    fc.assert(fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const host = makeHost({ slots: SLOTS, trace: noTrace });
      const before = host.counters();
      const ids = { now: 0 };
      const helpers = [host.mdev(), host.mdev()].map((device) => {
        const model: Model = { enabled: null, vectors: Array<CountingFd | null>(5).fill(null), allocated: Array<number | null>(5).fill(null) };
        return { device, helper: host.helperOf(device, BACKING, { instance: () => ok(ids.now) }, { resize }), model };
      });
      const slots = () => helpers.flatMap(({ model }) => model.allocated).filter((id) => id !== null).length;
      const everyFd: CountingFd[] = [];
      for (const { data: kind, which, start, count, some, refuse, id, action } of steps) {
        const { helper, model } = helpers[which] as (typeof helpers)[number];
        host.policy.refuse = refuse;
        ids.now = id;
        const list = Array.from({ length: count }, (_, each) => (some[each] === true ? new CountingFd(`${everyFd.length + each}`) : null));
        if (kind === 'eventfd') everyFd.push(...list.filter((fd) => fd !== null));
        const payload: IrqSetData = kind === 'eventfd' ? { kind, fds: list } : kind === 'bool' ? { kind, values: some.slice(0, count) } : { kind };
        const result = host.run(helper.setTrigger({ index: 2, start, count, action, data: payload }));
        expect(result.ok ? result.value : result.errno).toBe(expected());

        function expected(): number | string {
          if (action === 'trigger' && kind === 'none' && count === 0) return giveUp();
          if (start + count > 5) return 'EINVAL';
          if (action !== 'trigger') return 'ENOTTY';
          const first = model.enabled === null;
          if (first && kind !== 'eventfd') return 'EINVAL';
          if (first && start + count === 0) return 'ERANGE';
          if (!first && resize === 'classic' && (start >= (model.enabled ?? 0) || start + count > (model.enabled ?? 0))) return 'EINVAL';
          if (kind !== 'eventfd') return 0;
          const few = first ? enable(start + count) : 0;
          return few === 0 ? block(first) : few;
        }
        function giveUp(): number {
          model.enabled = null;
          model.vectors.fill(null);
          model.allocated.fill(null);
          return 0;
        }
        function allocate(vector: number): string | null {
          if (!isMsi(vector) || model.allocated[vector] === id) return null;
          model.allocated[vector] = null;
          if (refuse) return 'EINVAL';
          if (slots() >= SLOTS) return 'ENOSPC';
          model.allocated[vector] = id;
          return null;
        }
        function enable(wanted: number): number | string {
          for (let vector = 0; resize === 'classic' && vector < wanted; vector++) {
            const failed = allocate(vector);
            if (failed === null) continue;
            giveUp();
            return failed === 'ENOSPC' && vector > 0 ? vector : failed;
          }
          model.enabled = wanted;
          return 0;
        }
        function block(first: boolean): number | string {
          const drop = (vector: number) => {
            model.vectors[vector] = null;
            if (resize === 'dynamic') model.allocated[vector] = null;
          };
          for (const [each, fd] of list.entries()) {
            const vector = start + each;
            model.vectors[vector] = null;
            if (fd === null) { drop(vector); continue; }
            const failed = allocate(vector);
            if (failed === null) { model.vectors[vector] = fd; continue; }
            for (let undo = start; undo <= vector; undo++) drop(undo);
            if (first) giveUp();
            return failed;
          }
          return 0;
        }

        // What is armed is exactly what the model says, and each interrupt has its slot, its action and its eventfd.
        const armed = helpers.flatMap(({ model: { vectors } }) => vectors.filter((fd, vector) => fd !== null && isMsi(vector))).length;
        for (const each of helpers) expect(each.helper.armed).toBe(each.model.vectors.filter((fd) => fd !== null).length);
        expect(host.counters()).toMatchObject({ virqs: slots(), slots: slots(), mappings: slots() });
        expect(host.unmasked()).toBe(armed);
        const held = new Set(helpers.flatMap((each) => each.model.vectors));
        for (const fd of everyFd) expect([fd.name, fd.closes]).toEqual([fd.name, held.has(fd) ? 0 : 1]);
        // Each interrupt reaches its own eventfd and no other, and shows what it was allocated with.
        for (const { device, model: { vectors, allocated } } of helpers) {
          for (const [index, vector] of [1, 2, 4].entries()) {
            const desc = deviceMsi(device)?.desc(index);
            expect(desc?.cookie ?? null).toBe(allocated[vector]);
            const fd = vectors[vector] ?? null;
            if (desc === undefined || fd === null) continue;
            const counts = everyFd.map(({ signals }) => signals);
            host.fire(desc.hwirq);
            expect(everyFd.map(({ signals }, at) => signals - (counts[at] ?? 0))).toEqual(everyFd.map((each) => (each === fd ? 1 : 0)));
          }
        }
      }
      for (const { helper } of helpers) host.run(helper.disable());
      expect(host.counters()).toEqual(before);
      expect(everyFd.every(({ closes }) => closes === 1)).toBe(true);
    }), { numRuns: 150 });
  });
});
