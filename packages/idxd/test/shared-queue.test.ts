// A shared queue of the function and the virtual devices that have a part in it (mdev type 1swq).
import { describe, expect, test } from 'vitest';
import { COMMAND, encodeDescriptor, GENCFG, PCICMD, WQCAP, Wqcfg } from '@siov/datasheet';
import type { VfioDevice } from '@siov/vfio';
import { addVirtual, makeHost, makeVirtual, SHARED_QUEUE } from './fake-function.ts';
import { DEFAULT_QUEUE, MDEV_TYPE, MDEV_TYPE_SHARED } from '../src/index.ts';

const WQCFG = 0x400;

function machine() {
  const made = makeVirtual({ queues: [SHARED_QUEUE], type: MDEV_TYPE_SHARED });
  made.config.write(PCICMD, 6);
  return { ...made, enable: () => [made.command(COMMAND.ENABLE_DEVICE), made.command(COMMAND.ENABLE_WQ)] };
}

/** ENQCMD through a mapping of the guest's page `page`. */
function mapped(vfio: VfioDevice, page = 1) {
  const window = vfio.mmap?.(2, page * 0x1000, 0x1000);
  if (window?.ok !== true) throw new Error('mmap');
  return window.value;
}

describe('the function’s queue', () => {
  test('is enabled when the driver comes, shared, with PASIDs, unprivileged, its threshold set, completion interrupts allowed to all', () => {
    const host = makeHost();
    expect(host.probe({ ...DEFAULT_QUEUE, index: 1 }, { ...SHARED_QUEUE, index: 2 }).ok).toBe(true);
    expect(host.fake.commands).toEqual(['RESET_DEVICE(0)', 'ENABLE_DEVICE(0)', 'ENABLE_WQ(2)']);
    expect(host.fake.mode(2)).toMatchObject({ dedicated: 0, pasidEnable: 1, pasid: 0, priv: 0, priority: 10 });
    expect([host.fake.threshold(2), GENCFG.userInterruptsEnable.get(host.fake.registers.get(GENCFG))]).toEqual([12, 1]);
  });

  test.each([
    ['the function has none', { ...SHARED_QUEUE }, { sharedMode: 0 }],
    ['a threshold of 0', { ...SHARED_QUEUE, threshold: 0 }, {}],
    ['a threshold above its size', { ...SHARED_QUEUE, threshold: 17 }, {}],
  ])('I4: with %s probing is EINVAL and leaves nothing', (_name, queue, without) => {
    const { profile } = makeHost().fake;
    const host = makeHost({ profile: 'sharedMode' in without ? { ...profile, WQCAP: WQCAP.sharedMode.set(profile.WQCAP, 0) } : profile });
    const before = host.counters();
    expect([host.probe(queue), host.counters()]).toMatchObject([{ errno: 'EINVAL' }, before]);
  });

  test('I4: that cannot be enabled fails the probe, which leaves nothing', () => {
    const host = makeHost();
    const before = host.counters();
    host.fake.errors.set(COMMAND.ENABLE_WQ, 0x24);
    expect(host.probe(SHARED_QUEUE)).toMatchObject({ errno: 'EIO', message: expect.stringContaining('0x24') });
    expect(host.counters()).toEqual(before);
  });

  test('goes to as many devices as its threshold has entries, beside a dedicated one of its own', () => {
    const made = makeHost();
    const driver = made.probe({ ...SHARED_QUEUE, threshold: 2 }, { ...DEFAULT_QUEUE, index: 1, group: 1, engine: 1 });
    if (!driver.ok) throw new Error(driver.message);
    const { mdevs } = driver.value;
    const available = () => mdevs.types.map((type) => [type.name, type.available()]);
    expect(available()).toEqual([[MDEV_TYPE, 1], [MDEV_TYPE_SHARED, 2]]);
    const [first, second, dedicated] = [MDEV_TYPE_SHARED, MDEV_TYPE_SHARED, MDEV_TYPE].map((type) => addVirtual(made, driver.value, type));
    if (first === undefined || second === undefined || dedicated === undefined) throw new Error('three');
    expect([first.virtual.queue === second.virtual.queue, dedicated.virtual.queue.index, available()]).toEqual([true, 1, [[MDEV_TYPE, 0], [MDEV_TYPE_SHARED, 0]]]);
    const before = made.counters();
    expect(made.run(mdevs.create(MDEV_TYPE_SHARED))).toMatchObject({ errno: 'ENODEV' });
    expect(made.counters()).toEqual(before);
    made.run(mdevs.remove(first.mdev));
    expect(available()).toEqual([[MDEV_TYPE, 0], [MDEV_TYPE_SHARED, 1]]);
  });
});

describe('the guest', () => {
  test('sees one shared queue, which always takes PASIDs, and how far it may fill it', () => {
    const { bar0 } = machine();
    expect(WQCAP.decode(bar0.read(WQCAP))).toMatchObject({ sharedMode: 1, dedicatedMode: 0, totalWqSize: 16 });
    expect(Wqcfg.Mode.decode(bar0.read(Wqcfg.Mode, WQCFG))).toMatchObject({ dedicated: 0, pasidEnable: 1, pasid: 0 });
    expect(bar0.read(Wqcfg.Threshold, WQCFG)).toBe(12);
    bar0.write(Wqcfg.Mode, Wqcfg.Mode.of({ dedicated: 1, pasidEnable: 1, pasid: 5 }), WQCFG);
    expect(Wqcfg.Mode.decode(bar0.read(Wqcfg.Mode, WQCFG))).toMatchObject({ dedicated: 0, pasid: 0 });
  });

  test('enables and disables its own use: its PASIDs are drained, nobody else’s queue is touched', () => {
    const { enable, command, bind, mdev } = machine();
    const own = mdev.device.iommu.pasid;
    const hosts = [own, bind(5), bind(6)];
    const each = (name: string) => hosts.map((pasid) => `${name}(${pasid})`);
    expect(enable().map(({ error, physical }) => [error, physical])).toEqual([[0, []], [0, []]]);
    expect(command(COMMAND.DRAIN_WQ, 1)).toMatchObject({ error: 0, physical: each('DRAIN_PASID') });
    expect(command(COMMAND.DRAIN_PASID, 6)).toMatchObject({ error: 0, physical: [`DRAIN_PASID(${hosts[2]})`] });
    expect(command(COMMAND.ABORT_WQ, 1)).toMatchObject({ error: 0, physical: each('ABORT_PASID') });
    expect(command(COMMAND.DISABLE_WQ, 1)).toMatchObject({ error: 0, physical: each('DRAIN_PASID') });
    command(COMMAND.ENABLE_WQ);
    expect(command(COMMAND.RESET_WQ, 1)).toMatchObject({ error: 0, physical: each('ABORT_PASID') });
    expect(command(COMMAND.RESET_DEVICE)).toMatchObject({ error: 0, physical: each('ABORT_PASID') });
  });

  test('is told of the first error of these', () => {
    const { enable, command, bind, fake } = machine();
    bind(5);
    enable();
    fake.errors.set(COMMAND.DRAIN_PASID, 5);
    expect(command(COMMAND.DRAIN_WQ, 1).error).toBe(3);
  });

  test('does not abort what a device of its own on another function has submitted with the PASID they share', () => {
    const host = makeHost();
    const set = host.iommu.allocSet(null, 4);
    const [driver, elsewhere] = [host.probe(SHARED_QUEUE), host.addFunction('dsa1', 0x6b00)];
    const other = elsewhere.probe();
    if (!set.ok || !driver.ok || !other.ok) throw new Error('set-up');
    const a = addVirtual(host, driver.value, MDEV_TYPE_SHARED, { set: set.value });
    const b = addVirtual({ run: host.run, fake: elsewhere.fake }, other.value, MDEV_TYPE, { set: set.value });
    const pasid = a.bind(5);
    a.config.write(PCICMD, 6);
    a.command(COMMAND.ENABLE_DEVICE);
    expect(a.command(COMMAND.ABORT_PASID, 5).physical).toEqual([`ABORT_PASID(${pasid})`]);
    b.bind(5);
    expect(a.command(COMMAND.ABORT_PASID, 5).physical).toEqual([`DRAIN_PASID(${pasid})`]);
  });

  test('reaches the queue with ENQCMD while it has it enabled, through the limited portal whichever page it took', () => {
    const { vfio, run, fake, enable, command, config } = machine();
    const [unlimited, limited] = [mapped(vfio, 0), mapped(vfio, 1)];
    const descriptor = encodeDescriptor({ pasid: 3 });
    const both = () => [run(unlimited.enqueue(0x40, descriptor)), run(limited.enqueue(0x80, descriptor))];
    expect([both(), fake.submissions]).toEqual([[false, false], []]);
    enable();
    expect(both()).toEqual([true, true]);
    expect(fake.submissions).toEqual(['wq 0 limited IMS +64:64', 'wq 0 limited IMS +128:64']);
    fake.accepts = false;
    expect(both()).toEqual([false, false]);
    fake.accepts = true;
    command(COMMAND.DISABLE_WQ, 1);
    expect(both()).toEqual([false, false]);
    command(COMMAND.ENABLE_WQ);
    expect(both()).toEqual([true, true]);
    config.write(PCICMD, 2);
    expect(both()).toEqual([false, false]);
  });
});

test('one of two guests that disables, resets or goes away stops neither the queue nor the other’s way to it', () => {
  const host = makeHost();
  const driver = host.probe(SHARED_QUEUE);
  if (!driver.ok) throw new Error(driver.message);
  const [a, b] = [addVirtual(host, driver.value, MDEV_TYPE_SHARED), addVirtual(host, driver.value, MDEV_TYPE_SHARED)];
  const hosts = [a.bind(5), b.bind(5)];
  expect(hosts[0]).not.toBe(hosts[1]);
  for (const guest of [a, b]) {
    guest.config.write(PCICMD, 6);
    guest.command(COMMAND.ENABLE_DEVICE);
    guest.command(COMMAND.ENABLE_WQ);
  }
  const window = mapped(b.vfio);
  const reaches = () => host.run(window.enqueue(0, encodeDescriptor({})));
  for (const act of [() => a.command(COMMAND.DISABLE_WQ, 1), () => host.run(a.vfio.reset()), () => host.run(driver.value.mdevs.remove(a.mdev))]) {
    host.fake.commands.length = 0;
    act();
    expect(reaches()).toBe(true);
    expect(b.command(COMMAND.DRAIN_PASID, 5).physical).toEqual([`DRAIN_PASID(${hosts[1]})`]);
  }
  expect(host.fake.mode()).toMatchObject({ dedicated: 0, pasidEnable: 1 });
});
