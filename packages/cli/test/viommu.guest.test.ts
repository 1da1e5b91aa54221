// Under QEMU's IOMMU the stock driver gets a PASID for the kernel and authorises its interrupt before it requests it: R17
// and R20 by a driver that nobody here wrote.
import { describe, expect, test } from 'vitest';
import type { TraceEvent } from '@siov/base';
import { Msixperm, Wqcfg } from '@siov/datasheet';
import { dsaShell } from '@siov/guest-harness';
import { hostCounters } from '@siov/scenarios';
import { guestDevices } from '../src/guest-figures.ts';
import { assets, bootWithIdxd, interruptCount, kernelComplaints, qemusOf, served } from './served-guest.ts';
import type { ServedDevices } from './served-guest.ts';
import { siov } from './siov.ts';

const COPIES = 200;
const ENABLE_WQ = 0x80600000;
const PASIDS = { viommu: 'pasid' } as const;

describe.skipIf(assets === undefined)("the stock driver under QEMU's IOMMU", () => {
  test('gets a system PASID; its queue and its permission entry name it before the interrupt is requested, whose set-up resolves it (R17, R20)', async () => {
    const device = served(undefined, 1, {});
    const before = hostCounters(device.host);
    try {
      {
        const { guest, modules } = await bootWithIdxd(assets!, device, PASIDS);
        await using _ = guest;
        expect((await guest.sh('cat /sys/bus/dsa/devices/dsa0/pasid_enabled')).trim()).toBe('1');
        await guest.sh(dsaShell.configure());
        const start = device.events.length;
        await guest.sh(dsaShell.enable());
        const gpasid = named(device.events.slice(start));
        expect(device.events.slice(start).filter(isStep).map((event) => step(event, gpasid))).toEqual([
          'BIND_GPASID g',
          'guest WQCFG g',
          'guest WQCFG g',
          'guest Enable WQ',
          'guest MSIXPERM[1] g',
          'SET_IRQS vector 1',
          'msi_domain_alloc_irq',
          'request_irq',
          'irq_startup',
        ]);
        const entry = device.host.silicon.imsEntry(0);
        expect(entry).toMatchObject({ mask: false, pasidEnable: true });
        // The function knows the host's PASID alone, and the queue's is the interrupt's.
        expect([entry.pasid === gpasid, hostQueuePasid(device.events)]).toEqual([false, entry.pasid]);
        const copying = device.events.length;
        expect(await guest.insmod(modules.dmaclient, [`copies=${COPIES}`, 'depth=1'], { timeoutMs: 120_000 })).toMatchObject({ status: 0 });
        const memory = device.events.slice(copying).filter(({ operation }) => operation === 'dma_read' || operation === 'dma_write');
        expect(new Set(memory.map(({ values }) => values['pasid']))).toEqual(new Set([entry.pasid]));
        expect(await interruptCount(guest, 'idxd-portal')).toBe(COPIES);
        expect(await guest.sh('grep idxd-portal /proc/interrupts')).toContain('IR-PCI-MSIX-0000:01:00.0');
        expect(await kernelComplaints(guest)).toEqual([]);
        // Given up, and set up again from what the table says then.
        await guest.sh(dsaShell.disable());
        expect(device.host.silicon.imsEntry(0)).toMatchObject({ mask: true, pasidEnable: false });
        await guest.sh(dsaShell.disableDevice() + dsaShell.configure() + dsaShell.enable());
        expect(device.host.silicon.imsEntry(0)).toMatchObject({ mask: false, pasidEnable: true, pasid: entry.pasid });
      }
      await expect.poll(device.detached, { timeout: 10_000 }).toBe(1);
      expect(hostCounters(device.host)).toEqual(before);
      expect([device.errors, device.refusals, device.host.iommu.counters.faults, device.host.remapping.counters.faults]).toEqual([[], [], 0, 0]);
    } finally {
      device.close();
    }
  });

  test('a PASID that nobody bound: the entry is stored, the set-up is refused with ENXIO, no entry of the function is taken (R17)', async () => {
    const device = served(undefined, 1, { aliased: false, configurable: false });
    try {
      const { guest } = await bootWithIdxd(assets!, device, PASIDS);
      await using _ = guest;
      const before = hostCounters(device.host);
      await guest.sh(dsaShell.configureFixed());
      const start = device.events.length;
      expect((await guest.run(dsaShell.enable())).stderr).toContain('No such device or address');
      expect(device.refusals).toEqual([expect.stringMatching(/^DEVICE_SET_IRQS: ENXIO: dsa0-mdev0: no PASID is behind the guest's \d+$/)]);
      const during = device.events.slice(start);
      expect(during.filter(isPermission).map(({ values }) => Msixperm.decode(Msixperm.image(Number(values['value']))).pasidEnable)).toEqual([1, 0]);
      expect(during.filter(({ operation }) => operation === 'msi_domain_alloc_irq')).toEqual([]);
      expect([hostCounters(device.host), device.errors]).toEqual([before, []]);
    } finally {
      device.close();
    }
  });

  test('of a device whose configuration is fixed it gives the queue no PASID: the entry then lets no interrupt pass', async () => {
    const device = served(undefined, 1, { configurable: false });
    try {
      const { guest, modules } = await bootWithIdxd(assets!, device, PASIDS);
      await using _ = guest;
      const start = device.events.length;
      await guest.sh(dsaShell.configureFixed() + dsaShell.enable());
      const during = device.events.slice(start);
      expect(during.filter(isPermission)).toHaveLength(1);
      expect(during.filter(isQueueMode)).toEqual([]);
      expect(hostQueuePasid(device.events)).not.toBe(device.host.silicon.imsEntry(0).pasid);
      const { stderr } = await guest.insmod(modules.dmaclient, ['copies=3', 'timeout_ms=1000']);
      expect(stderr).toMatch(/timed out/);
      expect(await interruptCount(guest, 'idxd-portal')).toBe(0);
    } finally {
      device.close();
    }
  });

  test('a process gets no PASID under this IOMMU, so that no alias of the kernel is ever its', async () => {
    const device = served(undefined, 1, {});
    try {
      const { guest } = await bootWithIdxd(assets!, device, PASIDS);
      await using _ = guest;
      await guest.sh(dsaShell.configure({ type: 'user', name: 'user' }) + dsaShell.enable({ type: 'user' }));
      const start = device.events.length;
      expect((await guest.run('exec 5<> /dev/dsa/wq0.0')).stderr).toContain('No such device');
      expect(await guest.dmesg()).toContain('pasid allocation failed: -19');
      expect(device.events.slice(start).filter(({ operation }) => operation === 'BIND_GPASID')).toEqual([]);
    } finally {
      device.close();
    }
  });

  test('QEMU killed while two devices copy: PASIDs, address spaces and interrupts go with it, and the next QEMU starts anew', async () => {
    const device = served(undefined, 2, {});
    try {
      const before = hostCounters(device.host);
      const killed = killAfter(device, 60);
      await expect(copyOnBoth(device)).rejects.toThrow(/QEMU/);
      await killed;
      await expect.poll(device.detached, { timeout: 10_000 }).toBe(2);
      expect(hostCounters(device.host)).toEqual(before);
      await copyOnBoth(device);
      await expect.poll(device.detached, { timeout: 10_000 }).toBe(4);
      expect([hostCounters(device.host), device.errors, device.refusals]).toEqual([before, [], []]);
    } finally {
      device.close();
    }
  });

  test.each(['7.3', '6.12'])('siov guest --viommu --devices 2 copies on both, each with PASIDs of its own, on kernel %s', async (kernel) => {
    const { status, stdout } = await siov(['guest', '--viommu', '--devices', '2', '--kernel', kernel, '--copies', '20', '--json', '--run', 'grep -c IR-PCI-MSIX /proc/interrupts']);
    const result = JSON.parse(stdout) as { devices: readonly object[]; left: unknown; stdout: string };
    const each = { copies: 20, callbacks: 20, errors: 0, guestInterrupts: 20, hostInterrupts: 20, signals: 20 };
    expect(result.devices).toMatchObject([{ mdev: 'dsa0-mdev0', ...each }, { mdev: 'dsa0-mdev1', ...each }]);
    expect([status, result.left]).toEqual([0, []]);
    expect(Number(result.stdout)).toBeGreaterThanOrEqual(4);
  });
});

async function copyOnBoth(device: ServedDevices): Promise<void> {
  const { guest, modules } = await bootWithIdxd(assets!, device, PASIDS);
  await using _ = guest;
  for (const { device: name } of await guestDevices(guest)) await guest.sh(dsaShell.configure({ device: name }) + dsaShell.enable({ device: name }));
  expect(await guest.insmod(modules.dmaclient, ['copies=100', 'depth=2', 'channels=2'], { timeoutMs: 120_000 })).toMatchObject({ status: 0 });
}

/** Kills the QEMU in the middle of its copies, at the submission of that number. */
function killAfter(device: ServedDevices, submissions: number): Promise<void> {
  let left = submissions;
  return new Promise((resolve) => {
    device.watch.on = ({ to, operation }) => {
      if (to !== 'hw' || operation !== 'submit' || --left !== 0) return;
      device.watch.on = null;
      for (const pid of qemusOf(device.socketPath)) process.kill(pid, 'SIGKILL');
      resolve();
    };
  });
}

const fromGuest = ({ to, operation }: TraceEvent) => to === 'idxd' && operation === 'register_write';
const isPermission = (event: TraceEvent) => fromGuest(event) && event.values['register'] === 'MSIXPERM[1]';
const isQueueMode = (event: TraceEvent) => fromGuest(event) && event.values['register'] === 'WQCFG[0].MODE';
const modeOf = ({ values }: TraceEvent) => Wqcfg.Mode.decode(Wqcfg.Mode.image(Number(values['value'])));

/** The PASID the guest calls its own. */
function named(events: readonly TraceEvent[]): number {
  return Number(events.find(({ operation }) => operation === 'BIND_GPASID')?.values['gpasid']);
}

/** What the host gave its queue when it enabled it last. */
function hostQueuePasid(events: readonly TraceEvent[]): number | undefined {
  const written = events.findLast(({ to, operation, values }) => to === 'hw' && operation === 'write32' && values['register'] === 'WQCFG[0].MODE');
  return written === undefined ? undefined : modeOf(written).pasid;
}

/** What names a PASID, and how the interrupt comes to be. */
function isStep(event: TraceEvent): boolean {
  const { operation, values } = event;
  if (isQueueMode(event)) return modeOf(event).pasidEnable === 1;
  if (operation === 'SET_IRQS') return values['start'] === 1;
  if (fromGuest(event) && values['register'] === 'CMD') return Number(values['value']) === ENABLE_WQ;
  return isPermission(event) || ['BIND_GPASID', 'msi_domain_alloc_irq', 'request_irq', 'irq_startup'].includes(operation);
}

function step(event: TraceEvent, gpasid: number): string {
  const { operation, values } = event;
  const g = (pasid: unknown) => (pasid === gpasid ? 'g' : String(pasid));
  if (operation === 'BIND_GPASID') return `${operation} ${g(values['gpasid'])}`;
  if (isQueueMode(event)) return `guest WQCFG ${g(modeOf(event).pasid)}`;
  if (isPermission(event)) return `guest MSIXPERM[1] ${g(Msixperm.decode(Msixperm.image(Number(values['value']))).pasid)}`;
  if (operation === 'SET_IRQS') return `SET_IRQS vector ${String(values['start'])}`;
  return fromGuest(event) ? 'guest Enable WQ' : operation;
}
