import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { Executor, fail, must, noTrace, ok, plainState, point } from '@siov/base';
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

  test('the files of a type in sysfs', () => {
    const { parent, run, type } = makeParent();
    expect(parent.attributes('test-1wq-v1')).toEqual(ok({ name: 'test-1wq-v1', description: 'test-1wq-v1', device_api: 'vfio-pci', available_instances: '2' }));
    run(parent.create('test-1wq-v1'));
    expect(parent.attributes('test-1wq-v1')).toMatchObject({ value: { available_instances: '1' } });
    expect(parent.attributes('iax')).toMatchObject({ errno: 'EINVAL' });
    expect(new MdevParent({ state: plainState, trace: noTrace }, new Device('x', { state: plainState, requesterId: 1 }), [{ ...type, description: 'one queue' }]).attributes(type.name))
      .toMatchObject({ value: { description: 'one queue' } });
  });

  test('a UUID is the name: one that is none is EINVAL, one that is taken EEXIST, in either case of letters, and free again when the device is gone', () => {
    const { parent, run, taken } = makeParent();
    const uuid = '8C4B1E6A-0d2f-4f6b-9a51-0123456789ab';
    const made = must(run(parent.create('test-1wq-v1', uuid)), 'creating');
    expect(made.device.name).toBe(uuid.toLowerCase());
    expect(run(parent.create('test-1wq-v1', uuid.toLowerCase()))).toMatchObject({ errno: 'EEXIST' });
    for (const none of ['', 'mdev0', `${uuid}0`, uuid.replaceAll('-', ''), uuid.replace('8', 'g')]) expect(run(parent.create('test-1wq-v1', none))).toMatchObject({ errno: 'EINVAL' });
    expect(taken).toHaveLength(1);
    run(parent.remove(made));
    expect(run(parent.create('test-1wq-v1', uuid)).ok).toBe(true);
  });

  test('two that create the same UUID at once: one gets EEXIST, before the type is asked', () => {
    const { parent, run, taken } = makeParent();
    const uuid = '8c4b1e6a-0d2f-4f6b-9a51-0123456789ab';
    const results: string[] = [];
    const first = run(intruded(parent.create('test-1wq-v1', uuid), () => {
      expect(parent.children).toEqual([]);
      const second = run(parent.create('test-1wq-v1', uuid));
      results.push(second.ok ? 'ok' : second.errno);
    }));
    expect([first.ok, results, taken]).toEqual([true, ['EEXIST', 'EEXIST'], [uuid]]);
  });

  test('a type whose devices cannot be opened: ENODEV', () => {
    const { parent, run } = makeParent();
    const mdev = must(run(parent.create('test-1wq-v1')), 'creating');
    expect(run(parent.open(mdev))).toMatchObject({ errno: 'ENODEV' });
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
