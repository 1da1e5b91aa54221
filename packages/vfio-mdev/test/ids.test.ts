// What a vector's interrupt is allocated with, and which slot it has: read anew whenever the trigger changes.
import { describe, expect, test } from 'vitest';
import { fail, ok } from '@siov/base';
import type { Result } from '@siov/base';
import { deviceMsi } from '@siov/irq';
import type { IrqSet, SetIrqsErrno } from '@siov/vfio';
import { CountingFd, makeHost } from './host.ts';

const fds = (start: number, list: readonly (CountingFd | null)[]): IrqSet => ({ index: 2, start, count: list.length, action: 'trigger', data: { kind: 'eventfd', fds: list } });
const DISABLE: IrqSet = { index: 2, start: 0, count: 0, action: 'trigger', data: { kind: 'none' } };

/** One emulated vector and two with interrupts, whose ids a test sets; `asked` are the vectors that were asked for. */
function withIds(resize: 'dynamic' | 'classic' = 'dynamic', equal?: (a: number, b: number) => boolean) {
  const host = makeHost({ slots: 4 });
  const device = host.mdev();
  const ids: Result<number, SetIrqsErrno>[] = [ok(0), ok(100), ok(100)];
  const asked: number[] = [];
  const instance = (vector: number) => { asked.push(vector); return ids[vector] ?? fail('EINVAL', 'no id'); };
  const helper = host.helperOf(device, ['emulated', 'msi', 'msi'], { instance, ...(equal === undefined ? {} : { equal }) }, { resize });
  const shown = () => [0, 1].map((index) => deviceMsi(device)?.desc(index)?.cookie);
  const other = host.helperOf(host.mdev(), ['msi']);
  return { ...host, device, helper, ids, asked, shown, other };
}

describe('the id of an interrupt', () => {
  test('R17: what is stored before a vector is set up is what its interrupt gets; each has its own', () => {
    const { helper, run, ids, shown } = withIds();
    ids[2] = ok(200);
    run(helper.setTrigger(fds(0, [new CountingFd(), new CountingFd(), new CountingFd()])));
    expect(shown()).toEqual([100, 200]);
  });

  test('I7, O4: growing, disabling and re-arming ask again; nothing falls back to what was before', () => {
    for (const resize of ['dynamic', 'classic'] as const) {
      const { helper, run, ids, asked, shown } = withIds(resize);
      run(helper.setTrigger(fds(0, [new CountingFd(), new CountingFd()])));
      ids[1] = ok(7);
      expect(shown()[0]).toBe(100);
      run(helper.setTrigger(DISABLE));
      asked.length = 0;
      run(helper.setTrigger(fds(0, [new CountingFd(), new CountingFd(), new CountingFd()])));
      expect([shown(), new Set(asked)]).toEqual([[7, 100], new Set([1, 2])]);
      ids[1] = ok(8);
      run(helper.setTrigger(fds(1, [new CountingFd()])));
      expect(shown()).toEqual([8, 100]);
    }
  });

  test('nothing changes it while the interrupt is requested: a new one takes effect with the next trigger (d11)', () => {
    const { helper, run, ids, shown, fire } = withIds();
    const fd = new CountingFd();
    run(helper.setTrigger(fds(1, [fd])));
    ids[1] = ok(7);
    run(helper.resume(1));
    fire(0);
    expect([shown()[0], fd.signals]).toEqual([100, 1]);
  });

  test('the emulated vector is not asked for', () => {
    const { helper, run, asked } = withIds();
    run(helper.setTrigger(fds(0, [new CountingFd()])));
    expect(asked).toEqual([]);
  });

  test('an id nobody knows fails the request with its code: the vector is dead, and nothing stays', () => {
    const { helper, run, ids, counters } = withIds();
    const before = counters();
    const [a, b] = [new CountingFd(), new CountingFd()];
    run(helper.setTrigger(fds(1, [a])));
    ids[1] = fail('ENXIO', 'PASID 9 is bound to nothing');
    expect(run(helper.setTrigger(fds(1, [b])))).toMatchObject({ errno: 'ENXIO', message: 'PASID 9 is bound to nothing' });
    expect([helper.armed, a.closes, b.closes, counters()]).toEqual([0, 1, 1, before]);
  });

  test('R24: classic: an id nobody knows surfaces before any vector is armed', () => {
    const { helper, run, ids, counters } = withIds('classic');
    const before = counters();
    const list = [new CountingFd(), new CountingFd(), new CountingFd()];
    ids[2] = fail('EINVAL', 'no PASID');
    expect(run(helper.setTrigger(fds(0, list)))).toMatchObject({ errno: 'EINVAL', message: 'no PASID' });
    expect([helper.armed, list.map(({ closes }) => closes), counters()]).toEqual([0, [1, 1, 1], before]);
  });
});

describe('the slot behind a vector', () => {
  test('stays while the id does, whatever eventfd it has: the handle that a guest has got is good', () => {
    const { helper, run, other } = withIds();
    run(other.setTrigger(fds(0, [new CountingFd()])));
    run(helper.setTrigger(fds(1, [new CountingFd(), new CountingFd()])));
    // A lower one becomes free: whoever allocates anew gets that.
    run(other.disable());
    run(helper.setTrigger(fds(1, [new CountingFd()])));
    expect([helper.hwirq(1), helper.hwirq(2)]).toEqual([ok(1), ok(2)]);
  });

  test('re-arming with the same id redoes the request only: one action, one unmasked entry, the new eventfd', () => {
    const { helper, run, unmasked, counters, fire } = withIds();
    const [a, b] = [new CountingFd('a'), new CountingFd('b')];
    run(helper.setTrigger(fds(1, [a])));
    const before = counters();
    run(helper.setTrigger(fds(1, [b])));
    fire(0);
    expect([counters(), unmasked(), a.signals, a.closes, b.signals]).toEqual([before, 1, 0, 1, 1]);
  });

  test('goes with another id, given up or idle', () => {
    const { helper, run, ids, counters, policy } = withIds();
    run(helper.setTrigger(fds(1, [new CountingFd()])));
    ids[1] = ok(7);
    // Allocated anew: the domain is asked.
    policy.refuse = true;
    expect(run(helper.setTrigger(fds(1, [new CountingFd()])))).toMatchObject({ errno: 'EINVAL', message: 'refused' });
    expect(counters().slots).toBe(0);
    policy.refuse = false;
    run(helper.setTrigger(fds(1, [new CountingFd()])));
    run(helper.idle(1));
    expect(counters().slots).toBe(0);
    run(helper.setTrigger(fds(1, [new CountingFd()])));
    run(helper.setTrigger(fds(1, [null])));
    expect(counters().slots).toBe(0);
  });

  test('is the same where the source says that two ids are equal', () => {
    const { helper, run, ids, policy } = withIds('dynamic', (a, b) => a % 10 === b % 10);
    run(helper.setTrigger(fds(1, [new CountingFd()])));
    policy.refuse = true;
    ids[1] = ok(10);
    expect(run(helper.setTrigger(fds(1, [new CountingFd()])))).toEqual(ok(0));
    ids[1] = ok(11);
    expect(run(helper.setTrigger(fds(1, [new CountingFd()])))).toMatchObject({ errno: 'EINVAL' });
  });

  test('classic: every vector that the request reaches to has one, armed or not, until all are given up', () => {
    const { helper, run, counters } = withIds('classic');
    run(helper.setTrigger(fds(0, [new CountingFd(), null, null])));
    expect([counters().slots, helper.armed, helper.hwirq(1), helper.hwirq(2)]).toEqual([2, 1, ok(0), ok(1)]);
    run(helper.setTrigger(fds(1, [new CountingFd()])));
    run(helper.setTrigger(fds(1, [null])));
    expect(counters().slots).toBe(2);
    run(helper.setTrigger(DISABLE));
    expect(counters().slots).toBe(0);
  });

  test('classic: where there are fewer slots than vectors, how many vectors there are; none is taken', () => {
    const { helper, run, other, counters, mdev, helperOf } = withIds('classic');
    const third = helperOf(mdev(), ['msi', 'msi']);
    run(third.setTrigger(fds(0, [new CountingFd(), new CountingFd()])));
    run(other.setTrigger(fds(0, [new CountingFd()])));
    const before = counters();
    const list = [new CountingFd(), new CountingFd(), new CountingFd()];
    expect(run(helper.setTrigger(fds(0, list)))).toEqual(ok(2));
    expect([counters(), helper.armed, list.map(({ closes }) => closes)]).toEqual([before, 0, [1, 1, 1]]);
    expect(run(helper.setTrigger(fds(0, [new CountingFd(), new CountingFd()])))).toEqual(ok(0));
  });
});
