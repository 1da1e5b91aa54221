import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { Executor, fail, noTrace, ok, plainState, point } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import { Device } from '@siov/device';
import { MdevParent } from '../src/index.ts';
import type { Mdev, MdevType } from '../src/index.ts';
import { intruded } from './host.ts';

const step = point('register', 'probe');

/** A parent with `instances` of one type, whose driver is the device's name. */
function makeParent(instances = 2) {
  const executor = new Executor();
  const taken: string[] = [];
  const type: MdevType<string> = {
    name: 'test-1wq-v1',
    available: () => instances - taken.length,
    *probe(device): Steps<Result<string, 'ENODEV'>> {
      yield step;
      if (taken.length >= instances) return fail('ENODEV', 'no queue is left');
      taken.push(device.name);
      yield step;
      return ok(device.name);
    },
    *remove(driver) {
      yield step;
      taken.splice(taken.indexOf(driver), 1);
    },
  };
  const pf = new Device('dsa0', { state: plainState, requesterId: 0x6a01 });
  const parent = new MdevParent({ state: plainState, trace: noTrace }, pf, [type]);
  return { executor, parent, pf, type, taken, run: <T>(steps: Steps<T>): T => executor.run({ name: 'admin', layer: 'user' }, steps) };
}

describe('MdevParent', () => {
  test('a created device is a mediated child of the function, driven by its type', () => {
    const { parent, run, pf, type } = makeParent();
    const mdev = run(parent.create('test-1wq-v1'));
    if (!mdev.ok) throw new Error(mdev.message);
    const { device, driver } = mdev.value;
    expect([device.name, device.parent, device.isMediated, device.requesterId, driver]).toEqual(['dsa0-mdev0', pf, true, 0x6a01, 'dsa0-mdev0']);
    expect([parent.children, parent.types]).toEqual([[mdev.value], [type]]);
    expect(type.available()).toBe(1);
  });

  test('EINVAL names the type that is not there and those that are', () => {
    const { parent, run } = makeParent();
    expect(run(parent.create('iax'))).toMatchObject({ errno: 'EINVAL', message: 'dsa0 has no mdev type iax; it has test-1wq-v1' });
  });

  test('R6: a driver that refuses leaves no child and no number taken', () => {
    const { parent, run } = makeParent(1);
    run(parent.create('test-1wq-v1'));
    expect(run(parent.create('test-1wq-v1'))).toMatchObject({ errno: 'ENODEV' });
    expect(parent.children).toHaveLength(1);
    const [first] = parent.children;
    if (first === undefined) throw new Error('no child');
    run(parent.remove(first));
    expect(run(parent.create('test-1wq-v1'))).toMatchObject({ ok: true, value: { driver: 'dsa0-mdev0' } });
  });

  test('what is no child any more, or of another parent, is not removed: ENODEV', () => {
    const { parent, run } = makeParent();
    const mdev = run(parent.create('test-1wq-v1'));
    if (!mdev.ok) throw new Error(mdev.message);
    expect(run(makeParent().parent.remove(mdev.value))).toMatchObject({ errno: 'ENODEV' });
    expect(run(parent.remove(mdev.value))).toEqual(ok());
    expect(run(parent.remove(mdev.value))).toMatchObject({ errno: 'ENODEV' });
  });

  test('two that remove the same device: one does, the other gets ENODEV', () => {
    const { parent, run, executor, taken } = makeParent();
    const mdev = run(parent.create('test-1wq-v1'));
    if (!mdev.ok) throw new Error(mdev.message);
    const results: Result<void>[] = [];
    let spawned = false;
    results.push(run(intruded(parent.remove(mdev.value), () => {
      if (!spawned) executor.spawn({ name: 'second', layer: 'user' }, (function* () { results.push(yield* parent.remove(mdev.value)); })());
      spawned = true;
      executor.settle();
    })));
    executor.settle();
    expect(results.map((each) => (each.ok ? 'ok' : each.errno)).toSorted()).toEqual(['ENODEV', 'ok']);
    expect([taken, parent.children]).toEqual([[], []]);
  });

  test('any sequence of creations and removals agrees with a list; numbers in use are distinct', () => {
    fc.assert(fc.property(fc.array(fc.record({ remove: fc.boolean(), which: fc.nat(5) }), { maxLength: 40 }), (steps) => {
      const { parent, run, taken } = makeParent(3);
      const model: Mdev<string>[] = [];
      for (const { remove, which } of steps) {
        if (remove) {
          const [mdev] = model.splice(which, 1);
          if (mdev !== undefined) expect(run(parent.remove(mdev))).toEqual(ok());
          continue;
        }
        const made = run(parent.create('test-1wq-v1'));
        expect(made.ok ? 'ok' : made.errno).toBe(model.length < 3 ? 'ok' : 'ENODEV');
        if (made.ok) model.push(made.value);
      }
      expect(parent.children).toHaveLength(model.length);
      expect(new Set(parent.children.map(({ device }) => device.name)).size).toBe(model.length);
      expect(taken.toSorted()).toEqual(model.map(({ driver }) => driver).toSorted());
    }));
  });
});
