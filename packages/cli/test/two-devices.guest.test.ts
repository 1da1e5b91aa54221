// Two virtual devices of one function in one QEMU: the stock driver binds both, and what one does is not the other's.
import { describe, expect, test } from 'vitest';
import { dsaShell } from '@siov/guest-harness';
import { hostCounters } from '@siov/scenarios';
import { deviceFigures, guestDevices } from '../src/guest-figures.ts';
import { assets, bootWithIdxd, kernelComplaints, served } from './served-guest.ts';
import { siov } from './siov.ts';

const COPIES = 300;

describe.skipIf(assets === undefined)('two virtual devices of one function in one QEMU', () => {
  test(`${COPIES} copies on each by turns arrive verified, each with one interrupt through its own entry, eventfd and guest vector`, async () => {
    const device = served(undefined, 2);
    try {
      const before = hostCounters(device.host);
      {
        const { guest, modules } = await bootWithIdxd(assets!, device);
        await using _ = guest;
        const both = await guestDevices(guest);
        expect(both).toEqual([{ device: 'dsa0', function: '0000:01:00.0' }, { device: 'dsa1', function: '0000:02:00.0' }]);
        for (const { device: name } of both) await guest.sh(dsaShell.configureFixed({ device: name }) + dsaShell.enable({ device: name }));
        const start = device.events.length;
        expect(await guest.insmod(modules.dmaclient, [`copies=${COPIES}`, 'depth=1', 'channels=2'], { timeoutMs: 180_000 })).toMatchObject({ status: 0 });
        const each = { copies: COPIES, callbacks: COPIES, errors: 0, guestInterrupts: COPIES, hostInterrupts: COPIES, signals: COPIES };
        expect(await deviceFigures(guest, device.serving, both)).toMatchObject([{ device: 'dsa0', mdev: 'dsa0-mdev0', ...each }, { device: 'dsa1', mdev: 'dsa0-mdev1', ...each }]);
        // One function, two queues, neither ever a copy ahead of its turn. Two sockets have no order between them, so that a submission
        // may overtake the one before it.
        let ahead = 0;
        for (const { to, operation, values } of device.events.slice(start)) {
          if (to !== 'hw' || operation !== 'submit') continue;
          ahead += values['portal'] === 'WQ[0].limited.IMS' ? 1 : -1;
          expect(Math.abs(ahead)).toBeLessThanOrEqual(2);
        }
        expect(ahead).toBe(0);
        // Each entry checks for the PASID of its own device.
        const [first, second] = [device.host.silicon.imsEntry(0), device.host.silicon.imsEntry(1)];
        expect([first, second]).toMatchObject([{ mask: false, pasidEnable: true }, { mask: false, pasidEnable: true }]);
        expect(first.pasid).not.toBe(second.pasid);
        expect(await kernelComplaints(guest)).toEqual([]);
      }
      await expect.poll(device.detached, { timeout: 10_000 }).toBe(2);
      expect(hostCounters(device.host)).toEqual(before);
      expect([device.errors, device.host.iommu.counters.faults, device.host.remapping.counters.faults]).toEqual([[], 0, 0]);
    } finally {
      device.close();
    }
  });

  test('the queue of one is disabled, its function unbound: the other copies on', async () => {
    const device = served(undefined, 2);
    try {
      const { guest, modules } = await bootWithIdxd(assets!, device);
      await using _ = guest;
      const both = await guestDevices(guest);
      for (const { device: name } of both) await guest.sh(dsaShell.configureFixed({ device: name }) + dsaShell.enable({ device: name }));
      await guest.sh(dsaShell.disable({ device: 'dsa0' }) + dsaShell.unbind('0000:01:00.0'));
      // The only channel left is the second device's.
      expect(await guest.insmod(modules.dmaclient, ['copies=40', 'depth=1'])).toMatchObject({ status: 0 });
      const figures = await deviceFigures(guest, device.serving, both);
      expect(figures.map(({ guestInterrupts, hostInterrupts, signals }) => [guestInterrupts, hostInterrupts, signals])).toEqual([[0, 0, 0], [40, 40, 40]]);
      expect(await kernelComplaints(guest)).toEqual([]);
      expect(device.errors).toEqual([]);
    } finally {
      device.close();
    }
  });

  test('siov guest --devices 2 --copies tells what each did, and that the host holds what it held before', async () => {
    const { status, stdout } = await siov(['guest', '--devices', '2', '--copies', '20', '--json', '--run', 'ls /sys/bus/dsa/devices; exit 3']);
    const { devices, left } = JSON.parse(stdout) as { devices: unknown; left: unknown };
    const each = { copies: 20, callbacks: 20, errors: 0, guestInterrupts: 20, hostInterrupts: 20, signals: 20, bytes: expect.any(Number) };
    expect(devices).toEqual([
      { device: 'dsa0', function: '0000:01:00.0', mdev: 'dsa0-mdev0', ...each },
      { device: 'dsa1', function: '0000:02:00.0', mdev: 'dsa0-mdev1', ...each },
    ]);
    expect([status, left]).toEqual([3, []]);
  });
});
