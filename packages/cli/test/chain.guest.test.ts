// The review's chain under a stock guest: how an interrupt is set up, that it arrives, and that nothing of it outlives a QEMU.
import { describe, expect, test } from 'vitest';
import type { TraceEvent } from '@siov/base';
import { dsaShell } from '@siov/guest-harness';
import { procInterrupts } from '@siov/irq';
import { audit, hostCounters, hostCrossings, realNow, runMdevFlow, withLines } from '@siov/scenarios';
import type { HostCrossing } from '@siov/scenarios';
import { layersOfManifests } from '../src/layers.ts';
import { assets, bootWithIdxd, bootWithQueue, clientDescriptors, configureQueue, interruptCount, kernelComplaints, qemusOf, served } from './served-guest.ts';

const COPIES = 1000;
/** The last access of the driver's life that both runs share: Disable Device has been answered. */
const DISABLE_DEVICE = 0x80200000;

describe.skipIf(assets === undefined)('the chain under a stock guest', () => {
  test('enabling the queue sets up the entry in the order of the review, disabling it masks and wipes the entry', async () => {
    const device = served();
    try {
      const { guest } = await bootWithIdxd(assets!, device);
      await using _ = guest;
      await guest.sh(configureQueue());
      const start = device.events.length;
      await guest.sh(dsaShell.enable());
      const steps = device.events.slice(start).filter(isStep).map(step);
      const vector = "vfio SET_IRQS";
      const b9 = steps.indexOf(vector);
      // b9: the unmask reaches VFIO; b10: allocation, entry reset; b11: message, then id, enable and unmask in one write; b13: handle.
      expect(steps.slice(b9)).toEqual([
        'vfio SET_IRQS',
        'vfio-mdev set_trigger',
        'irq msi_domain_alloc_irq',
        'ims reset_slot',
        'hw IMS[0].CONTROL=1',
        'hw IMS[0].ADDRESS_LO=4276092928',
        'hw IMS[0].ADDRESS_HI=0',
        'hw IMS[0].DATA=0',
        'irq request_irq',
        'ims irq_write_msi_msg',
        'hw IMS[0].ADDRESS_LO=4276093240',
        'hw IMS[0].ADDRESS_HI=0',
        'hw IMS[0].DATA=0',
        'ims irq_startup',
        'hw IMS[0].CONTROL=4104',
      ]);
      const { iommu } = device.host.device;
      expect(iommu.valid).toBe(false);
      expect(device.host.silicon.imsEntry(0)).toMatchObject({ mask: false, pasidEnable: true, pasid: 1 });
      await guest.sh(dsaShell.disable());
      expect(device.host.silicon.imsEntry(0)).toMatchObject({ mask: true, pasidEnable: false, pasid: 0, data: 0 });
      expect(procInterrupts(device.host.core).some((row) => row.chip === 'IR-IMS-dsa0')).toBe(false);
    } finally {
      device.close();
    }
  });

  test(`${COPIES} copies of mixed sizes arrive verified, each with exactly one interrupt through the entry`, async () => {
    const device = served();
    try {
      const { guest, modules } = await bootWithQueue(assets!, device);
      await using _ = guest;
      const start = device.events.length;
      const client = await guest.insmod(modules.dmaclient, [`copies=${COPIES}`, 'depth=1'], { timeoutMs: 180_000 });
      expect(client).toMatchObject({ status: 0, stderr: '' });
      expect(await guest.dmesg()).toMatch(new RegExp(`dmaclient: copies=${COPIES} callbacks=${COPIES} bytes=\\d+ errors=0`));
      expect(await interruptCount(guest, 'idxd-portal')).toBe(COPIES);
      const during = device.events.slice(start);
      const count = (operation: string) => during.filter((event) => event.operation === operation && (event.values['vector'] ?? 1) === 1).length;
      expect([count('submit'), count('irq_handler'), count('eventfd_signal')]).toEqual([COPIES, COPIES, COPIES]);
      expect(procInterrupts(device.host.core).find((row) => row.chip === 'IR-IMS-dsa0')?.counts.reduce((a, b) => a + b)).toBe(COPIES);
      expect(await kernelComplaints(guest)).toEqual([]);
      expect([device.errors, device.host.iommu.counters.faults, device.host.remapping.counters.faults]).toEqual([[], 0, 0]);
    } finally {
      device.close();
    }
  });

  test('the same chain in one process makes the same crossings, one by one', async () => {
    const device = served();
    try {
      const { guest, modules } = await bootWithQueue(assets!, device);
      await using _ = guest;
      expect(await guest.insmod(modules.dmaclient, ['copies=8', 'depth=1', 'max_size=4096'])).toMatchObject({ status: 0 });
      await guest.sh(dsaShell.disable());
      await guest.sh(dsaShell.disableDevice());
      const real = untilDisabled(hostCrossings(device.events));
      const events: TraceEvent[] = [];
      runMdevFlow({ vmm: 'dynamic', mapPortals: false, looks: 'rest', copies: copySizes(real), trace: { now: realNow, sink: (event) => events.push(event) } });
      const alone = untilDisabled(hostCrossings(events));
      expect(real.length).toBeGreaterThan(200);
      expect(merged(alone)).toEqual(merged(real));
      expect(audit(withLines(device.events), { layers: layersOfManifests() }).findings).toEqual([]);
    } finally {
      device.close();
    }
  });

  test('QEMU killed at any moment: everything is released, and the next QEMU attaches and copies', async () => {
    const device = served();
    try {
      const before = hostCounters(device.host);
      const descriptors = clientDescriptors().length;
      for (const [round, moment] of MOMENTS.entries()) {
        await killAt(device, moment);
        await expect.poll(device.detached, { timeout: 10_000 }).toBe(round + 1);
        expect(hostCounters(device.host), `after a kill at ${moment}`).toEqual(before);
        expect(device.host.silicon.imsEntry(0)).toMatchObject({ mask: true, pasidEnable: false });
        await expect.poll(() => clientDescriptors().length, { timeout: 5000 }).toBe(descriptors);
      }
      const { guest, modules } = await bootWithQueue(assets!, device);
      await using _ = guest;
      expect(await guest.insmod(modules.dmaclient, ['copies=50', 'depth=1'])).toMatchObject({ status: 0 });
      expect(device.errors).toEqual([]);
    } finally {
      device.close();
    }
  });
});

/** Moments to kill at: the how-manieth crossing with this operation. From firmware through probe to copies under way. */
const MOMENTS = ['MAP_DMA 1', 'register_read 5', 'register_read 300', 'SET_IRQS 1', 'request_irq 1', 'irq_startup 1', 'submit 1', 'submit 40', 'dma_write 70', 'eventfd_signal 60'] as const;

async function killAt(device: ReturnType<typeof served>, moment: string): Promise<void> {
  const [operation, nth] = moment.split(' ');
  let left = Number(nth);
  const killed = new Promise<void>((resolve) => {
    device.watch.on = (event) => {
      if (event.operation !== operation || --left !== 0) return;
      device.watch.on = null;
      for (const pid of qemusOf(device.socketPath)) process.kill(pid, 'SIGKILL');
      resolve();
    };
  });
  const life = useGuest(device).then(() => {
    throw new Error(`the guest ended before ${moment}`);
  });
  await Promise.race([killed, life]);
  await expect(life).rejects.toThrow(/QEMU/);
}

/** A guest's whole life: it never ends by itself here. */
async function useGuest(device: ReturnType<typeof served>): Promise<void> {
  const { guest, modules } = await bootWithQueue(assets!, device);
  await guest.insmod(modules.dmaclient, ['copies=60000', 'depth=4']);
  await guest.shutdown();
}

/** Layers from VFIO down, register accesses only where they are writes to the message store. */
function isStep({ to, operation, values }: TraceEvent): boolean {
  const register = String(values['register'] ?? '');
  if (to === 'hw') return operation.startsWith('write') && register.startsWith('IMS[');
  return (to === 'vfio' && operation === 'SET_IRQS') || (to === 'vfio-mdev' && operation === 'set_trigger') || to === 'ims' || (to === 'irq' && operation !== 'raise_vector');
}

function step({ to, operation, values }: TraceEvent): string {
  return to === 'hw' ? `hw ${values['register']}=${values['value']}` : `${to} ${operation}`;
}

function untilDisabled(crossings: readonly HostCrossing[]): readonly HostCrossing[] {
  const command = crossings.findIndex(({ operation, values }) => operation === 'register_write' && values['register'] === 'CMD' && values['value'] === DISABLE_DEVICE);
  expect(command).toBeGreaterThan(0);
  const answered = crossings.findIndex(({ values }, index) => index > command && values['register'] === 'CMDSTATUS');
  return crossings.slice(0, answered + 1);
}

/** Bytes each descriptor moved: what the device read between two submissions. */
function copySizes(crossings: readonly HostCrossing[]): number[] {
  const sizes: number[] = [];
  for (const { operation, values } of crossings) {
    if (operation === 'submit') sizes.push(0);
    else if (operation === 'dma_read') sizes.push((sizes.pop() ?? 0) + Number(values['size']));
  }
  return sizes;
}

function show(values: Readonly<Record<string, unknown>>): string {
  return Object.entries(values).map(([key, value]) => `${key}=${String(value)}`).join(' ');
}

/**
 * Reads and writes of one move taken together: where a page boundary cuts a transfer depends on where the guest has its
 * buffers. The portal slot is where the driver's ring stands.
 */
function merged(crossings: readonly HostCrossing[]): string[] {
  const lines: string[] = [];
  let moved = { dma_read: 0, dma_write: 0 };
  for (const { agent, from, to, operation, values } of crossings) {
    if (operation === 'dma_read' || operation === 'dma_write') {
      moved = { ...moved, [operation]: moved[operation] + Number(values['size']) };
      continue;
    }
    if (moved.dma_read + moved.dma_write > 0) lines.push(`DEV hw>iommu read ${moved.dma_read} written ${moved.dma_write}`);
    moved = { dma_read: 0, dma_write: 0 };
    const { offset: _slot, ...rest } = values;
    lines.push(`${agent} ${from}>${to} ${operation} ${show(rest)}`);
  }
  return lines;
}

