// Whose PASID the interrupt behind a vector checks: what the virtual permission table says when it is set up.
import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { Executor, ModelEventFd, plainState, recordTrace } from '@siov/base';
import { COMMAND, layoutOf, Msixperm, PCICMD } from '@siov/datasheet';
import { PagingDomain } from '@siov/iommu';
import { IrqBypass } from '@siov/vfio';
import { addVirtual, makeHost, makeVirtual, WITH_PASIDS } from './fake-function.ts';
import { MDEV_TYPE } from '../src/index.ts';

const MSIXPERM = 0x200;
/** Both ways a guest of QEMU comes to an interrupt: vectors one by one, and disabled and enabled again as their number grows. */
const grown = (made: ReturnType<typeof makeVirtual>) => [made.setIrqs(0, [true]), made.disable(), made.setIrqs(0, [true, true])];

describe('a permission entry', () => {
  test('R17: is stored before there is any interrupt, and used when there is one', () => {
    const { permit, bind, setIrqs, fake, slot, counters } = makeVirtual(WITH_PASIDS);
    const host = bind(0x12345);
    const before = counters();
    permit(1, { pasidEnable: 1, pasid: 0x12345 });
    expect(counters()).toEqual(before);
    expect(setIrqs(0, [true, true])).toMatchObject({ ok: true });
    expect(fake.ims(slot(1))).toMatchObject({ mask: 0, pasidEnable: 1, pasid: host });
  });

  test('R17: may name a PASID that is bound later', () => {
    const { permit, bind, setIrqs, fake, slot } = makeVirtual(WITH_PASIDS);
    permit(1, { pasidEnable: 1, pasid: 7 });
    const host = bind(7);
    expect(setIrqs(1, [true])).toMatchObject({ ok: true });
    expect(fake.ims(slot(1)).pasid).toBe(host);
  });

  test('without PASID enable is for the device’s own PASID, whatever PASID it names', () => {
    const { permit, bind, setIrqs, fake, slot, mdev } = makeVirtual(WITH_PASIDS);
    bind(7);
    permit(1, { pasid: 7 });
    expect(setIrqs(1, [true]).ok).toBe(true);
    expect(fake.ims(slot(1)).pasid).toBe(mdev.device.iommu.pasid);
  });

  test.each([['0', 0, true], ['one that nothing is behind', 9, true], ['one, where the guest has none', 7, false]])('R24: of PASID %s fails the set-up with ENXIO, and leaves nothing', (_name, pasid, pasids) => {
    const { permit, setIrqs, counters, virtual } = makeVirtual(pasids ? WITH_PASIDS : {});
    permit(1, { pasidEnable: 1, pasid });
    const before = counters();
    expect(setIrqs(1, [true])).toMatchObject({ errno: 'ENXIO' });
    expect([counters(), virtual.triggers.armed]).toEqual([before, 0]);
  });

  test('of PASID 0 is refused also where somebody has called a PASID of the set so: it stands for requests without one', () => {
    const { iommu, run, probe, fake } = makeHost();
    const [set, driver] = [iommu.allocSet(null, 2), probe()];
    if (!set.ok || !driver.ok) throw new Error('set-up');
    const guest = addVirtual({ run, fake }, driver.value, MDEV_TYPE, { set: set.value });
    const pasid = set.value.alloc();
    if (!pasid.ok || !set.value.attachSpid(pasid.value, 0).ok) throw new Error('name');
    if (!iommu.attachPasid(new PagingDomain(plainState, 'zero'), guest.mdev.device, pasid.value).ok) throw new Error('attach');
    guest.permit(1, { pasidEnable: 1, pasid: 0 });
    expect(guest.setIrqs(1, [true])).toMatchObject({ errno: 'ENXIO' });
  });

  test('R20: written to a live interrupt changes nothing of it, and counts when the interrupt is set up next', () => {
    const { permit, bind, setIrqs, fake, slot } = makeVirtual(WITH_PASIDS);
    const [first, second] = [bind(1), bind(2)];
    permit(1, { pasidEnable: 1, pasid: 1 });
    setIrqs(1, [true]);
    const live = fake.ims(slot(1));
    permit(1, { pasidEnable: 1, pasid: 2 });
    expect([fake.ims(slot(1)), live.pasid]).toEqual([live, first]);
    setIrqs(1, [true]);
    expect(fake.ims(slot(1)).pasid).toBe(second);
  });

  test('R13, R18: is honoured by every set-up, also when the VMM disables all to have more vectors', () => {
    const made = makeVirtual({ create: { pasid: true, vectors: 4 } });
    const host = made.bind(5);
    made.permit(1, { pasidEnable: 1, pasid: 5 });
    expect(grown(made).map((each) => each.ok)).toEqual([true, true, true]);
    expect(made.fake.ims(made.slot(1)).pasid).toBe(host);
    made.disable();
    made.setIrqs(0, [true, true, true, true]);
    expect([1, 2, 3].map((vector) => made.fake.ims(made.slot(vector)).pasid)).toEqual([host, made.mdev.device.iommu.pasid, made.mdev.device.iommu.pasid]);
  });

  test('R10: the entry gets what IOMMU management has at that time: bound again, it is the new PASID', () => {
    const { permit, bind, setIrqs, fake, slot, vfio, run, iommu } = makeVirtual(WITH_PASIDS);
    bind(3);
    permit(1, { pasidEnable: 1, pasid: 3 });
    if (vfio.pasids === undefined || !run(vfio.pasids.unbind(3)).ok) throw new Error('unbind');
    const other = iommu.allocSet(null, 1);
    if (!other.ok || !other.value.alloc().ok) throw new Error('somebody takes the PASID that became free');
    const host = bind(3);
    setIrqs(1, [true]);
    expect(fake.ims(slot(1)).pasid).toBe(host);
  });

  test('with Ignore set up: the entry is there and checks its PASID, and the guest gets nothing; cleared, from the next set-up on', () => {
    const { permit, setIrqs, fake, slot, signals, executor, mdev } = makeVirtual(WITH_PASIDS);
    permit(1, { ignore: 1 });
    setIrqs(1, [true]);
    expect(fake.ims(slot(1))).toMatchObject({ mask: 0, pasidEnable: 1, pasid: mdev.device.iommu.pasid });
    fake.fire(slot(1));
    executor.settle();
    permit(1, {});
    fake.fire(slot(1));
    executor.settle();
    expect(signals[1]).toBe(0);
    setIrqs(1, [true]);
    fake.fire(slot(1));
    executor.settle();
    expect(signals[1]).toBe(1);
  });

  test('the ignored vector’s eventfd is closed as any other', () => {
    const { permit, vfio, run, disable } = makeVirtual();
    permit(1, { ignore: 1 });
    let closed = 0;
    const fd = { name: 'fd', signal() {}, close: () => { closed += 1; } };
    run(vfio.setIrqs({ index: 2, start: 1, count: 1, action: 'trigger', data: { kind: 'eventfd', fds: [fd] } }));
    expect(closed).toBe(0);
    disable();
    expect(closed).toBe(1);
  });

  test('holds the fields it declares, written by accesses of any size', () => {
    fc.assert(
      fc.property(fc.nat({ max: 15 }), fc.uint8Array({ minLength: 1, maxLength: 8 }), (offset, bytes) => {
        const { vfio, run, bytes: read } = makeVirtual();
        const from = bytes.subarray(0, 16 - offset);
        run(vfio.regionWrite(0, MSIXPERM + offset, from));
        const expected = new Uint8Array(16);
        expected.set(from, offset);
        const view = new DataView(expected.buffer);
        for (const at of [0, 8]) {
          view.setUint32(at, view.getUint32(at, true) & 0xfffff00c, true);
          view.setUint32(at + 4, 0, true);
        }
        expect(read(0, MSIXPERM, 16)).toEqual(expected);
      }),
      { numRuns: 40 },
    );
  });
});

test('R9, R13: nothing but the irq chip writes to the message store, whatever guest and VMM do', () => {
  const executor = new Executor();
  const made = makeVirtual({ ...WITH_PASIDS, executor, trace: recordTrace(executor, () => 0, () => {}) });
  const { fake, bind, permit, setIrqs, command, disable, run, vfio } = made;
  const { ims, msixperm } = layoutOf(fake.profile).offsets;
  const writers = new Set<string>();
  const permissions: number[] = [];
  const { write } = fake.bar0;
  fake.bar0.write = (offset, size, value) => {
    if (offset >= ims) writers.add(executor.current.layer);
    if (offset >= msixperm && offset < msixperm + 8 * fake.profile.msix.count) permissions.push(offset);
    return write(offset, size, value);
  };
  bind(5);
  for (const pasid of [5, 0]) {
    permit(1, pasid === 0 ? {} : { pasidEnable: 1, pasid });
    setIrqs(0, [true, true]);
    command(COMMAND.REQUEST_INTERRUPT_HANDLE, 1);
    permit(1, { pasidEnable: 1, pasid: 5, ignore: 1 });
    setIrqs(1, [true]);
    command(COMMAND.RELEASE_INTERRUPT_HANDLE, 1);
    disable();
    run(vfio.reset());
  }
  expect([[...writers], permissions]).toEqual([['ims'], []]);
});

test('an interrupt is offered for posting under its eventfd; one that is ignored to nobody who waits there', () => {
  const bypass = new IrqBypass(plainState, 'host');
  const { permit, vfio, run, disable } = makeVirtual({ bypass });
  const fd = new ModelEventFd(plainState, 'v1');
  const arm = () => run(vfio.setIrqs({ index: 2, start: 1, count: 1, action: 'trigger', data: { kind: 'eventfd', fds: [fd.dup()] } }));
  const offered = () => bypass.producers.map(({ token }) => token === fd.context);
  arm();
  expect(offered()).toEqual([true]);
  permit(1, { ignore: 1 });
  arm();
  expect(offered()).toEqual([false]);
  disable();
  expect([offered(), fd.references]).toEqual([[], 1]);
});

test('R15: while MSIXPERM is written again and again no slot ever holds a PASID it was not set up with', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ vector: fc.integer({ min: 1, max: 3 }), gpasid: fc.integer({ min: 0, max: 3 }), act: fc.constantFrom('permit', 'arm', 'disarm', 'request') }), { maxLength: 30 }), (steps) => {
      const made = makeVirtual({ create: { pasid: true, vectors: 4 } });
      const hosts = [made.mdev.device.iommu.pasid, made.bind(1), made.bind(2)];
      const stored = [0, 0, 0, 0];
      const live = new Map<number, number | undefined>();
      for (const { vector, gpasid, act } of steps) {
        const chosen = stored[vector] ?? 0;
        if (act === 'permit') {
          made.permit(vector, gpasid === 0 ? {} : { pasidEnable: 1, pasid: gpasid });
          stored[vector] = gpasid;
        } else if (act === 'arm') {
          // Nothing is behind the guest's PASID 3.
          expect(made.setIrqs(vector, [true]).ok).toBe(chosen !== 3);
          if (chosen === 3) live.delete(vector);
          else live.set(vector, hosts[chosen]);
        } else if (act === 'disarm') {
          made.setIrqs(vector, [false]);
          live.delete(vector);
        } else made.command(COMMAND.REQUEST_INTERRUPT_HANDLE, vector);
        for (let each = 1; each < 4; each++) {
          expect([made.slot(each) >= 0, made.slot(each) < 0 ? undefined : made.fake.ims(made.slot(each)).pasid]).toEqual([live.has(each), live.get(each)]);
        }
      }
    }),
    { numRuns: 60 },
  );
});

test('a virtual permission table has an entry for each vector', () => {
  const { permit, bytes, config } = makeVirtual({ create: { vectors: 9 } });
  config.write(PCICMD, 6);
  for (let vector = 1; vector < 9; vector++) permit(vector, { pasidEnable: 1, pasid: vector });
  const view = new DataView(bytes(0, MSIXPERM, 80).buffer);
  expect(Array.from({ length: 10 }, (_each, vector) => Msixperm.pasid.get(Msixperm.image(view.getUint32(8 * vector, true))))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 0]);
});
