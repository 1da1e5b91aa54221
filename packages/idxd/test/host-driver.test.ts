import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { Executor, recordTrace } from '@siov/base';
import type { Result, Steps, TraceEvent } from '@siov/base';
import { CMD, COMMAND, command, DSA_SPR, GENCAP, MSGCTL, PCICMD, Wqcfg } from '@siov/datasheet';
import { VFIO_IRQ_INFO, VFIO_PCI_IRQ } from '@siov/vfio';
import { DEFAULT_QUEUE, MDEV_TYPE } from '../src/index.ts';
import { makeHost, makeVirtual } from './fake-function.ts';

describe('probing', () => {
  test('configures one queue and enables the device; removing gives everything back, and another probe succeeds', () => {
    const host = makeHost();
    const before = host.counters();
    for (let round = 0; round < 2; round++) {
      const driver = host.probe();
      if (!driver.ok) throw new Error(driver.message);
      expect(host.counters()).toMatchObject({ domains: 2, virqs: DSA_SPR.msix.count });
      host.run(driver.value.remove());
      expect(host.counters()).toEqual(before);
    }
    expect(host.fake.commands).toEqual(['RESET_DEVICE(0)', 'ENABLE_DEVICE(0)', 'DISABLE_DEVICE(0)', 'RESET_DEVICE(0)', 'RESET_DEVICE(0)', 'ENABLE_DEVICE(0)', 'DISABLE_DEVICE(0)', 'RESET_DEVICE(0)']);
  });

  test.each([
    ['no message store', { ...DSA_SPR, GENCAP: GENCAP.imsSize.set(DSA_SPR.GENCAP, 0) }, DEFAULT_QUEUE, 'ENODEV'],
    ['no such queue', DSA_SPR, { ...DEFAULT_QUEUE, index: 8 }, 'EINVAL'],
    ['no such group', DSA_SPR, { ...DEFAULT_QUEUE, group: 4 }, 'EINVAL'],
    ['no such engine', DSA_SPR, { ...DEFAULT_QUEUE, engine: 4 }, 'EINVAL'],
    ['a negative engine', DSA_SPR, { ...DEFAULT_QUEUE, engine: -1 }, 'EINVAL'],
    ['no entries', DSA_SPR, { ...DEFAULT_QUEUE, size: 0 }, 'EINVAL'],
    ['more entries than there are', DSA_SPR, { ...DEFAULT_QUEUE, size: 129 }, 'EINVAL'],
  ])('R6: with %s it fails and leaves no vector, interrupt, domain or thread behind', (_name, profile, queue, errno) => {
    const host = makeHost({ profile });
    const before = host.counters();
    expect(host.probe(queue)).toMatchObject({ ok: false, errno });
    expect(host.counters()).toEqual(before);
  });

  test('R6: the same where Enable Device fails: the error names the command', () => {
    const host = makeHost();
    const before = host.counters();
    host.fake.errors.set(COMMAND.ENABLE_DEVICE, 0x15);
    expect(host.probe()).toMatchObject({ errno: 'EIO', message: expect.stringContaining('0x15') });
    expect(host.counters()).toEqual(before);
  });
});

describe('a mediated device', () => {
  test('R7: has its PASID when it is created, from the IOMMU, and none when it is gone', () => {
    const made = makeVirtual();
    const { device } = made.mdev;
    expect([device.iommu.valid, made.iommu.counters.pasids]).toEqual([true, 1]);
    made.run(made.driver.mdevs.remove(made.mdev));
    expect([device.iommu.valid, made.iommu.counters]).toEqual([false, { pasids: 0, attachments: 0, faults: 0 }]);
  });

  test('is the only one: a second is ENODEV, an unknown type EINVAL, and neither takes anything', () => {
    const { driver, run, counters } = makeVirtual();
    const before = counters();
    expect(driver.mdevs.types.map(({ name, available }) => [name, available()])).toEqual([[MDEV_TYPE, 0]]);
    expect(run(driver.mdevs.create(MDEV_TYPE))).toMatchObject({ errno: 'ENODEV' });
    expect(run(driver.mdevs.create('dsa-2swq'))).toMatchObject({ errno: 'EINVAL' });
    expect(counters()).toEqual(before);
  });

  test('with PASIDs takes a set of them with it when it goes; more than there are fails and leaves nothing', () => {
    const host = makeHost({ pasidWidth: 5 });
    const driver = host.probe();
    if (!driver.ok) throw new Error(driver.message);
    const { mdevs } = driver.value;
    for (let round = 0; round < 3; round++) {
      const made = host.run(mdevs.create(MDEV_TYPE, { pasid: true }));
      if (!made.ok) throw new Error(made.message);
      host.run(mdevs.remove(made.value));
    }
    const before = host.counters();
    expect(host.run(mdevs.create(MDEV_TYPE, { pasid: true, quota: 32 }))).toMatchObject({ errno: 'ENOSPC' });
    expect([host.counters(), mdevs.types[0]?.available()]).toEqual([before, 1]);
  });

  test.each([1, 10, 2.5])('has no %d vectors', (vectors) => {
    const { driver, run, counters } = makeVirtual();
    const before = counters();
    expect(run(driver.mdevs.create(MDEV_TYPE, { vectors }))).toMatchObject({ errno: 'EINVAL' });
    expect(counters()).toEqual(before);
  });

  test('has as many vectors as it was made with, and says how VFIO takes them', () => {
    const { vfio, config, driver, mdev, run, setIrqs, virtual } = makeVirtual({ create: { vectors: 9, resize: 'classic' } });
    expect([vfio.irqInfo(2), MSGCTL.tableSize.get(config.read(MSGCTL))]).toMatchObject([{ value: { count: 9, flags: VFIO_IRQ_INFO.EVENTFD | VFIO_IRQ_INFO.NORESIZE } }, 8]);
    expect(setIrqs(0, Array.from({ length: 9 }, () => true)).ok).toBe(true);
    expect([virtual.triggers.armed, new Set([1, 2, 3, 4, 5, 6, 7, 8].map((vector) => virtual.triggers.hwirq(vector)).map((slot) => slot.ok && slot.value)).size]).toEqual([9, 8]);
    let asked = 0;
    const request = { name: 'req', signal: () => { asked += 1; }, close() {} };
    run(vfio.setIrqs({ index: VFIO_PCI_IRQ.REQ, start: 0, count: 1, action: 'trigger', data: { kind: 'eventfd', fds: [request] } }));
    run(driver.mdevs.remove(mdev));
    expect(asked).toBe(1);
  });

  test('R3: while it is there its portals are not the host kernel’s alone, and no interrupt domain may do without checks', () => {
    const { driver, device, mdev, run } = makeVirtual();
    expect([device.submitters.portals, device.submitters.skipChecks()]).toMatchObject([1, { errno: 'EPERM' }]);
    expect(run(driver.mdevs.create(MDEV_TYPE)).ok).toBe(false);
    expect(device.submitters.portals).toBe(1);
    run(driver.mdevs.remove(mdev));
    expect([device.submitters.portals, device.submitters.skipChecks().ok]).toEqual([0, true]);
    expect(run(driver.mdevs.create(MDEV_TYPE))).toMatchObject({ errno: 'ENODEV' });
    expect(device.submitters.portals).toBe(0);
  });

  test('R4: is refused by an IOMMU without scalable mode, and the queue stays free', () => {
    const host = makeHost({ scalable: false });
    const driver = host.probe();
    if (!driver.ok) throw new Error(driver.message);
    const before = host.counters();
    expect(host.run(driver.value.mdevs.create(MDEV_TYPE))).toMatchObject({ errno: 'ENODEV' });
    expect([host.counters(), driver.value.mdevs.types[0]?.available()]).toEqual([before, 1]);
  });

  test('removed while its vectors are armed gives its slot back wiped, and the next one gets everything', () => {
    const made = makeVirtual();
    made.config.write(PCICMD, 6);
    made.command(COMMAND.ENABLE_DEVICE);
    made.command(COMMAND.ENABLE_WQ);
    made.setIrqs(0, [true, true]);
    expect(made.counters().slots).toBe(1);
    made.run(made.driver.mdevs.remove(made.mdev));
    expect([made.counters().slots, made.fake.ims(0)]).toEqual([0, { mask: 1, pasidEnable: 0, pasid: 0, data: 0 }]);
    expect(made.run(made.driver.mdevs.create(MDEV_TYPE)).ok).toBe(true);
  });

  test('R22: is made and removed by the driver, not by the mdev core: what reaches the IOMMU comes from layer idxd', () => {
    const executor = new Executor();
    const events: TraceEvent[] = [];
    const made = makeVirtual({ executor, trace: recordTrace(executor, () => 0, (event) => events.push(event)) });
    made.run(made.driver.mdevs.remove(made.mdev));
    const management = events.filter(({ to, operation }) => to === 'iommu' && operation !== 'remap_interrupt');
    expect(management.map(({ from, operation }) => `${from}: ${operation}`)).toEqual(['idxd: attach_device_pasid', 'idxd: detach_device_pasid']);
  });
});

/** Two agents, one step of one of them at a time, as `choices` say; the host's own run whenever they can. */
function interleave(executor: Executor, choices: readonly boolean[], first: Steps<unknown>, second: Steps<unknown>): void {
  let turn: 'first' | 'second' | 'none' = 'none';
  let left = 2;
  function* gated(name: typeof turn, steps: Steps<unknown>): Steps<void> {
    for (let next = steps.next(); !next.done; next = steps.next()) {
      const { ready } = next.value;
      yield { kind: 'wait', what: `turn of ${name}`, ready: () => turn === name && (ready === undefined || ready()) };
      turn = 'none';
    }
    left -= 1;
  }
  executor.spawn({ name: 'VC0/host', layer: 'vfio' }, gated('first', first));
  executor.spawn({ name: 'QM', layer: 'vfio' }, gated('second', second));
  for (let step = 0; left > 0; step++) {
    if (step > 10_000) throw new Error('the two wait for each other');
    turn = (choices[step] ?? step % 2 === 0) ? 'first' : 'second';
    executor.settle();
  }
}

test('a command and a reset from another thread never leave the guest with a queue the function does not run, or the reverse', () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 80, size: 'max' }), (choices) => {
      const { vfio, executor, fake, bar0, config, command: run } = makeVirtual();
      config.write(PCICMD, 6);
      run(COMMAND.ENABLE_DEVICE);
      fake.commands.length = 0;
      const word = new Uint8Array(4);
      new DataView(word.buffer).setUint32(0, command(COMMAND.ENABLE_WQ, 0), true);
      interleave(executor, choices, vfio.regionWrite(0, CMD.offset, word), vfio.reset());
      const runs = fake.commands.findLast((each) => each.endsWith('_WQ(0)') || each.endsWith('_WQ(1)')) === 'ENABLE_WQ(0)';
      expect(Wqcfg.Status.state.get(bar0.read(Wqcfg.Status, 0x400))).toBe(runs ? 1 : 0);
    }),
    { numRuns: 200 },
  );
});

test('a PASID unbound by one thread while another sets an interrupt up with it is either gone or held, never in an entry and gone', () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 60, size: 'max' }), (choices) => {
      const { vfio, executor, fake, bind, permit, slot, iommu } = makeVirtual({ create: { pasid: true } });
      const { pasids } = vfio;
      if (pasids === undefined) throw new Error('no PASIDs');
      const host = bind(5);
      permit(1, { pasidEnable: 1, pasid: 5 });
      const results: string[] = [];
      const said = function* (name: string, steps: Steps<Result<unknown>>): Steps<void> {
        const result = yield* steps;
        results.push(`${name} ${result.ok ? 'ok' : result.errno}`);
      };
      const fd = { name: 'fd', signal() {}, close() {} };
      const arm = vfio.setIrqs({ index: VFIO_PCI_IRQ.MSIX, start: 1, count: 1, action: 'trigger', data: { kind: 'eventfd', fds: [fd] } });
      interleave(executor, choices, said('arm', arm), said('unbind', pasids.unbind(5)));
      const outcome = results.sort().join(', ');
      seen.add(outcome);
      const held = slot(1) >= 0 && fake.ims(slot(1)).pasid === host;
      expect([outcome, held, iommu.counters.attachments]).toEqual(held ? ['arm ok, unbind EBUSY', true, 2] : ['arm ENXIO, unbind ok', false, 1]);
    }),
    { numRuns: 100, examples: [[[true, true, true]], [[false, false, false]]] },
  );
  expect(seen.size).toBe(2);
});
