// The driver's accesses, one by one, in the order of the stock driver (Linux 7.3). These lists are
// the contract: a device model may rely on nothing else.
import { describe, expect, test } from 'vitest';
import { CMDCAP, COMMAND, COMMAND_ERROR, GENCAP } from '@siov/datasheet';
import { allocate, command, free, request } from './accesses.ts';
import { bound, FIXED, makeGuest } from './recorded-function.ts';

test('probe: bus mastering, reset and poll, capabilities, offsets, the fixed configuration, MSI-X, vector 0, error interrupts', () => {
  const guest = makeGuest();
  expect(guest.probe().ok).toBe(true);
  expect(guest.take()).toEqual([
    'WPCICMD = 6',
    'R32 0', 'R32 90',
    'W32 a0 = 500000', 'R32 a8',
    'R64 10', 'R32 b0', 'R64 30', 'R64 38', 'R64 20',
    'R64 40', 'R64 48', 'R64 50', 'R64 58',
    'R64 60', 'R64 68',
    'R32 80',
    'R64 300', 'R64 308', 'R64 320', 'R64 328',
    'R32 400', 'R32 404', 'R32 408', 'R32 40c', 'R32 410', 'R32 414', 'R32 418', 'R32 41c',
    'WMSGCTL = c001', 'WMSIX[0].CONTROL = 1', 'WMSIX[1].CONTROL = 1',
    ...allocate(0), ...allocate(1), 'WMSGCTL = 8001', ...request(0),
    'R32 88', 'W32 88 = 3',
  ]);
});

test('CMDCAP is read only where GENCAP has it, and without command 13 the handle is the vector’s number', () => {
  const guest = makeGuest({ profile: { ...FIXED, GENCAP: GENCAP.commandCapabilities.set(FIXED.GENCAP, 0) } });
  const driver = guest.probe();
  expect(guest.take()).not.toContain('R32 b0');
  const queue = driver.ok ? driver.value.queues[0] : undefined;
  if (queue === undefined) throw new Error('no queue');
  expect(guest.run(queue.enable()).ok).toBe(true);
  guest.run(queue.copy(0n, 0n, 1, 0n));
  expect([guest.take().some((each) => each.includes('80d0')), guest.submissions[0]?.bytes[36]]).toEqual([false, 1]);
  guest.run(queue.disable());
  expect(guest.take().some((each) => each.includes('e0'))).toBe(false);
  const none = makeGuest({ profile: { ...FIXED, CMDCAP: CMDCAP.of({ commands: 0x1ffe }) } });
  expect([none.probe().ok, none.take().includes('R32 b0')]).toEqual([true, true]);
});

describe('binding', () => {
  test('the device: user interrupts made legal, Enable Device', () => {
    const { driver, run, take } = bound();
    expect(run(driver.enable()).ok).toBe(true);
    expect(take()).toEqual(['R32 80', 'W32 80 = 1000', 'R32 90', ...command('80100000')]);
  });

  test('a queue: Enable WQ, then its interrupt, and only then its handle (5.6)', () => {
    const { queue, run, take } = bound();
    expect(run(queue.enable()).ok).toBe(true);
    expect(take()).toEqual([...command('80600000'), ...request(1), ...command('80d00001')]);
  });
});

describe('submitting', () => {
  test('is one 64-byte store to the limited MSI-X page, each to the next slot, round the page', () => {
    const { queue, run, take } = bound();
    run(queue.enable());
    take();
    for (let count = 0; count < 66; count++) run(queue.submit({}));
    expect(take()).toEqual(Array.from({ length: 66 }, (_, count) => `portal ${(0x1000 + (count % 64) * 64).toString(16)}:64`));
  });

  test('a copy asks for record and interrupt, and names the handle that the device gave', () => {
    const { queue, run, submissions } = bound();
    run(queue.enable());
    run(queue.copy(0x1000n, 0x2000n, 3, 0x40n));
    const view = new DataView(submissions[0]?.bytes.buffer ?? new ArrayBuffer(64));
    expect([view.getUint32(0, true), view.getUint32(4, true), view.getUint32(32, true), view.getUint16(36, true)]).toEqual([0, 0x0300001c, 3, 0x41]);
    expect([view.getBigUint64(8, true), view.getBigUint64(16, true), view.getBigUint64(24, true)]).toEqual([0x40n, 0x1000n, 0x2000n]);
  });
});

describe('unbinding', () => {
  test('a queue: drain, interrupt, handle, permission entry, Reset WQ (5.7)', () => {
    const { queue, run, take } = bound();
    run(queue.enable());
    take();
    run(queue.disable());
    expect(take()).toEqual([
      ...command('80800001'), ...free(1), 'W32 a0 = e00041', 'R32 a8', 'R32 a8', 'W32 208 = 0', ...command('80a00001'),
    ]);
    run(queue.disable());
    expect(take()).toEqual([]);
  });

  test('the device: Disable Device; removing it masks the error interrupts and turns MSI-X off', () => {
    const { driver, run, take, counters } = bound();
    run(driver.enable());
    take();
    run(driver.disable());
    expect(take()).toEqual(['R32 90', ...command('80200000')]);
    run(driver.remove());
    expect(take()).toEqual(['R32 90', 'R32 88', 'W32 88 = 0', ...free(0), 'WMSGCTL = 1']);
    expect(counters()).toEqual({ virqs: 0, reserved: 0, assigned: 0, managed: 0 });
  });
});

describe('what goes wrong', () => {
  test('a halted device is ENXIO, touched no further than its status', () => {
    const guest = makeGuest({ state: 3 });
    expect(guest.probe()).toMatchObject({ errno: 'ENXIO' });
    expect(guest.take()).toEqual(['WPCICMD = 6', 'R32 0', 'R32 90']);
  });

  test.each([['is shared', { dedicated: 0 }], ['has a PASID', { dedicated: 1, pasidEnable: 1 }]])('a fixed queue that %s is EOPNOTSUPP, before MSI-X is touched', (_name, mode) => {
    const guest = makeGuest({ mode });
    expect(guest.probe()).toMatchObject({ errno: 'EOPNOTSUPP' });
    expect(guest.take().some((each) => each.includes('MSGCTL') || each.includes('MSIX'))).toBe(false);
  });

  test('no interrupt left is ENOSPC, and MSI-X is off again with nothing allocated', () => {
    const guest = makeGuest({ nrIrqs: 17 });
    expect(guest.probe()).toMatchObject({ errno: 'ENOSPC' });
    expect([guest.take().at(-1), guest.counters()]).toEqual(['WMSGCTL = 1', { virqs: 0, reserved: 0, assigned: 0, managed: 0 }]);
  });

  test('Enable WQ refused is EIO with the code, and no interrupt is requested', () => {
    const { queue, run, errors, take } = bound();
    errors.set(COMMAND.ENABLE_WQ, COMMAND_ERROR.WQ_PASID_ENABLE);
    expect(run(queue.enable())).toMatchObject({ errno: 'EIO', message: expect.stringContaining('0x26') });
    expect([take().some((each) => each.includes('MSIX')), queue.enabled]).toEqual([false, false]);
  });

  test('a handle refused is EIO: the interrupt is given back and the queue reset, so that it can be enabled again', () => {
    const { queue, run, errors, take } = bound();
    errors.set(COMMAND.REQUEST_INTERRUPT_HANDLE, COMMAND_ERROR.NO_INTERRUPT_HANDLE);
    expect(run(queue.enable())).toMatchObject({ errno: 'EIO', message: expect.stringContaining('0x42') });
    expect(take().slice(-11)).toEqual([...free(1), ...command('80a00001')]);
    errors.clear();
    expect(run(queue.enable()).ok).toBe(true);
  });

  test.each([[0x10, true], [0x12, false]])('Enable Device: error %i is success: %s', (error, success) => {
    const { driver, run, errors } = bound();
    errors.set(COMMAND.ENABLE_DEVICE, error);
    expect(run(driver.enable()).ok).toBe(success);
  });
});

describe('interrupts', () => {
  test('a software error is read whole and cleared; one without a cause is nobody’s', () => {
    const { softwareError, cause, fire, take, executor, driver } = bound();
    softwareError();
    cause({ softwareError: 1 });
    executor.settle();
    expect(take()).toEqual(['R32 98', 'W32 98 = 1', 'R64 c0', 'R64 c8', 'R64 d0', 'R64 d8', 'W64 c0 = 1']);
    expect(driver.function.softwareErrors).toBe(1);
    fire(0);
    executor.settle();
    expect(take()).toEqual(['R32 98']);
  });

  test('of a queue are counted while it is enabled, and reach nobody when it is not', () => {
    const { queue, fire, run, executor } = bound();
    const once = () => {
      fire(1);
      executor.settle();
      return queue.interrupts;
    };
    expect(once()).toBe(0);
    run(queue.enable());
    expect([once(), once()]).toEqual([1, 2]);
    run(queue.disable());
    expect(once()).toBe(2);
  });
});
