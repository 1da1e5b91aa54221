// A stock Linux kernel's stock idxd driver on our device, in a real QEMU.
import { copyFileSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { dsaShell, readPciFunctions } from '@siov/guest-harness';
import { assets, bootWithIdxd, configureQueue, interruptCount, kernelComplaints, qemusOf, served } from './served-guest.ts';
import { siov, startSiov } from './siov.ts';

const ROUNDS = 10;

describe.skipIf(assets === undefined)('the stock driver', () => {
  test('siov guest lists the virtual device: one group, one engine, one work queue', async () => {
    const { status, stdout } = await siov(['guest', '--run', 'ls /sys/bus/dsa/devices']);
    expect(stdout.trim().split('\n').sort()).toEqual(['dsa0', 'engine0.0', 'group0.0', 'wq0.0']);
    expect(status).toBe(0);
  });

  test.each(['7.3', '6.12'])('siov guest --copies on kernel %s copies, and tells the interrupts', async (kernel) => {
    const { status, stdout } = await siov(['guest', '--kernel', kernel, '--copies', '20', '--run', 'grep idxd-portal /proc/interrupts']);
    expect(stdout).toMatch(/^dmaclient: copies=20 callbacks=20 bytes=\d+ errors=0\n +\d+: +20 /);
    expect(status).toBe(0);
  });

  test('a command that takes too long ends with 124, a QEMU that is none and a kernel without idxd with one line', async () => {
    expect(await siov(['guest', '--run', 'sleep 600', '--timeout', '1'])).toMatchObject({ status: 124, stderr: expect.stringContaining('did not end within 1 s') });
    expect(await siov(['guest'], { SIOV_QEMU: '/nonexistent' })).toEqual({ status: 1, stdout: '', stderr: 'siov: SIOV_QEMU: /nonexistent does not exist\n' });
    const folder = mkdtempSync(join(tmpdir(), 'siov-kernel-'));
    try {
      copyFileSync(assets!.kernel.vmlinux, join(folder, 'vmlinux'));
      const { status, stderr } = await siov(['guest', '--kernel', folder]);
      expect([status, stderr]).toEqual([1, expect.stringMatching(/^siov: .*idxd.*\n$/)]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('siov guest --profile spr lists 4 groups, 4 engines, 8 work queues, and returns the status of the command', async () => {
    const { status, stdout } = await siov(['guest', '--profile', 'spr', '--json', '--run', 'ls /sys/bus/dsa/devices; exit 7']);
    const result = JSON.parse(stdout) as { status: number; stdout: string };
    const names = (kind: string, count: number) => Array.from({ length: count }, (_, index) => `${kind}0.${index}`);
    expect(result.stdout.trim().split('\n').sort()).toEqual(['dsa0', ...names('engine', 4), ...names('group', 4), ...names('wq', 8)]);
    expect([result.status, status]).toEqual([7, 7]);
  });

  test.each(['booting Linux', 'loading idxd'])('interrupted when it says %j, siov guest leaves no process and no file behind', async (text) => {
    const before = leftovers();
    const running = startSiov(['guest', '--run', 'sleep 600']);
    await running.said(text);
    running.child.kill('SIGINT');
    const { status, stderr } = await running.ended;
    expect([status, stderr.includes('Error')]).toEqual([130, false]);
    await expect.poll(leftovers, { timeout: 10_000 }).toEqual(before);
  });

  test.each([
    ['the virtual device', undefined, { portals: 0x4000n, vectors: 2 }],
    ['the Sapphire Rapids function', 'spr', { portals: 0x20000n, vectors: 9 }],
  ] as const)('%s has the class, BARs and MSI-X table of the data sheet', async (_what, profile, { portals, vectors }) => {
    const device = served(profile);
    try {
      const { guest } = await bootWithIdxd(assets!, device);
      await using _ = guest;
      const dsa = (await readPciFunctions(guest)).find((each) => each.vendor === 0x8086 && each.device === 0x0b25);
      expect(dsa).toMatchObject({ class: 0x088000, driver: 'idxd' });
      const size = (bar: number) => (dsa?.resources[bar]?.end ?? 0n) - (dsa?.resources[bar]?.start ?? 0n) + 1n;
      expect([size(0), size(2)]).toEqual([0x10000n, portals]);
      // Message control of the MSI-X capability at 0x80: entries - 1.
      expect(((dsa?.config[0x82] ?? 0) | ((dsa?.config[0x83] ?? 0) << 8)) & 0x7ff).toBe(vectors - 1);
      expect(device.errors).toEqual([]);
    } finally {
      device.close();
    }
  });

  test.each([['the virtual device', undefined], ['the Sapphire Rapids function', 'spr']] as const)(
    `%s is configured, enabled, disabled, unbound and bound again ${ROUNDS} times without a complaint, one interrupt a command`,
    async (_what, profile) => {
      const device = served(profile);
      try {
        const { guest } = await bootWithIdxd(assets!, device);
        await using _ = guest;
        const address = (await readPciFunctions(guest)).find((each) => each.device === 0x0b25)?.address ?? '';
        let probed = 0;
        for (let round = 0; round < ROUNDS; round++) {
          await guest.sh(configureQueue(profile));
          await guest.sh(dsaShell.enable());
          expect((await guest.sh('cat /sys/bus/dsa/devices/wq0.0/state')).trim()).toBe('enabled');
          await guest.sh(dsaShell.disable());
          await guest.sh(dsaShell.disableDevice());
          // Commands that asked for an interrupt since this probe: each raised vector 0 once.
          const commands = device.events.slice(probed).filter(asksForInterrupt).length;
          expect(await interruptCount(guest, 'idxd-misc')).toBe(commands);
          expect(commands).toBeGreaterThanOrEqual(5);
          await guest.sh(dsaShell.unbind(address));
          probed = device.events.length;
          await guest.sh(dsaShell.rebind(address));
        }
        expect(await kernelComplaints(guest)).toEqual([]);
        expect(device.errors).toEqual([]);
      } finally {
        device.close();
      }
    },
  );
});

/** The guest's write to CMD with bit 31 set: at the virtual device's registers, or at the function's own. */
function asksForInterrupt({ agent, from, operation, values }: { agent: string; from: string; operation: string; values: Readonly<Record<string, unknown>> }): boolean {
  const isGuests = agent === 'VC0/host' && from === 'vfio';
  return isGuests && (operation === 'register_write' || operation === 'write32') && values['register'] === 'CMD' && Number(values['value']) >= 2 ** 31;
}

/** Sockets of ours in the temporary folder, and QEMUs attached to them. */
function leftovers(): string[] {
  const folders = readdirSync(tmpdir()).filter((name) => /^siov-[A-Za-z0-9]{6}$/.test(name));
  return [...folders, ...qemusOf(join(tmpdir(), 'siov-')).map((pid) => `QEMU ${pid}`)];
}
