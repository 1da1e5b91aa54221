// What can go wrong with a guest: every failure ends in one error with its cause, and no process stays.
import { spawn } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { type BootOptions, Guest, requireAssets } from '../src/index.ts';
import { temporaryFolder } from './support/folders.ts';

const { assets } = await requireAssets();

/** Process ids whose command line contains `mark`. */
function processesWith(mark: string): number[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
    try {
      return pid !== process.pid && readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(mark);
    } catch {
      return false;
    }
  });
}

async function gone(mark: string, withinMs: number): Promise<boolean> {
  for (const end = Date.now() + withinMs; Date.now() < end; await sleep(50)) if (processesWith(mark).length === 0) return true;
  return false;
}

describe.skipIf(!assets)('failures', () => {
  // A word on the kernel's command line tells this test's QEMU from all others on the machine.
  let marks = 0;
  const marked = (more: Partial<BootOptions> = {}) => {
    if (!assets) throw new Error('no assets');
    const mark = `siov.mark=${process.pid}-${marks++}`;
    return { mark, options: { assets, kernelArgs: [mark], ...more } satisfies BootOptions };
  };

  test('a kernel panic fails the command under way with its reason and the console', async () => {
    const { mark, options } = marked();
    const guest = await Guest.boot(options);
    const pending = guest.run('echo c > /proc/sysrq-trigger; sleep 100');
    await expect(pending).rejects.toMatchObject({
      code: 'PANIC',
      message: expect.stringMatching(/^the guest kernel panicked during a command: Kernel panic - not syncing: sysrq triggered crash\nlast lines/),
    });
    await expect(guest.run('true')).rejects.toMatchObject({ code: 'PANIC' });
    expect(processesWith(mark)).toEqual([]);
  });

  test('a QEMU killed from outside fails the command under way', async () => {
    const { mark, options } = marked();
    const guest = await Guest.boot(options);
    const pending = guest.run('sleep 100');
    process.kill(guest.pid ?? 0, 'SIGKILL');
    await expect(pending).rejects.toMatchObject({ code: 'QEMU', message: expect.stringMatching(/^QEMU was killed by SIGKILL during a command/) });
    await guest.shutdown();
    expect(processesWith(mark)).toEqual([]);
  });

  test('kill ends a guest at once', async () => {
    const { mark, options } = marked();
    const guest = await Guest.boot(options);
    const failure = expect(guest.run('sleep 100')).rejects.toMatchObject({ code: 'QEMU', message: expect.stringMatching(/^the guest was killed/) });
    await guest.kill();
    await failure;
    expect(processesWith(mark)).toEqual([]);
  });

  test('a guest that goes out of scope is powered off', async () => {
    const { mark, options } = marked();
    {
      await using guest = await Guest.boot(options);
      expect(processesWith(mark)).toContain(guest.pid);
    }
    expect(processesWith(mark)).toEqual([]);
  });

  test('a boot that takes too long is ended and shows the console', async () => {
    // An init that never reports: how fast this machine boots does not matter, only that the kernel has said something by then.
    const { mark, options } = marked({ timeoutMs: 6_000, verbose: true });
    await expect(Guest.boot({ ...options, kernelArgs: ['rdinit=/bin/busybox', '--', 'sleep', '1000'] })).rejects.toMatchObject({
      code: 'TIMEOUT',
      message: expect.stringMatching(/^the guest did not come up within 6 s\nlast lines of the guest's console:\n  \[ +\d+\.\d+\] /),
    });
    expect(processesWith(mark)).toEqual([]);
  });

  test('a guest without an init panics at boot', async () => {
    const { options } = marked();
    await expect(Guest.boot({ ...options, kernelArgs: ['rdinit=/nonexistent', 'root=/dev/none'] })).rejects.toMatchObject({
      code: 'PANIC',
      message: expect.stringMatching(/^the guest kernel panicked during the boot: Kernel panic - not syncing: VFS/),
    });
  });

  test("a refused argument comes back as QEMU's own complaint", async () => {
    const { options } = marked({ qemuArgs: ['-device', 'no-such-device'] });
    await expect(Guest.boot(options)).rejects.toMatchObject({
      code: 'QEMU',
      message: expect.stringMatching(/^QEMU exited with status 1 during the boot: .*'no-such-device' is not a valid device model name/),
    });
  });

  test('a QEMU that cannot be executed is named', async () => {
    const { options } = marked();
    const qemu = { command: '/nonexistent/qemu', args: [], from: 'PATH' } as const;
    await expect(Guest.boot({ ...options, assets: { ...options.assets, qemu } })).rejects.toMatchObject({
      code: 'QEMU',
      message: expect.stringContaining('/nonexistent/qemu'),
    });
  });

  // QEMU 11.1 aborts on an assertion of its own here instead of exiting with status 1; both are an end with a reason.
  test('a device server that hangs up fails the boot', async () => {
    await using folder = temporaryFolder();
    const path = join(folder.path, 'device');
    const server = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => void server.listen(path, resolve));
    const { mark, options } = marked({ vfioUserSocket: path });
    await expect(Guest.boot(options)).rejects.toMatchObject({ code: 'QEMU', message: expect.stringMatching(/^QEMU (exited with status 1|was killed by SIGABRT) during the boot: ./) });
    await new Promise((resolve) => void server.close(resolve));
    expect(processesWith(mark)).toEqual([]);
  });

  test.each(['SIGKILL', 'SIGINT', 'SIGTERM'] as const)('%s on the host leaves no process behind', async (signal) => {
    const { mark, options } = marked();
    const index = new URL('../src/index.ts', import.meta.url);
    const program = `const { Guest } = await import(${JSON.stringify(index.href)});
      const guest = await Guest.boot(${JSON.stringify(options)});
      console.log('up');
      await guest.run('sleep 1000', { timeoutMs: 2000000 });`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise<void>((resolve, reject) => {
      child.stdout.once('data', () => resolve());
      child.once('exit', (code) => reject(new Error(`ended early with ${code}`)));
    });
    const [qemu] = processesWith(mark).filter((pid) => pid !== child.pid);
    expect(qemu).toBeGreaterThan(0);
    child.kill(signal);
    expect(await gone(mark, 15_000)).toBe(true);
  });

  test('without setpriv the agent notices that the host is gone', async () => {
    const { mark, options } = marked();
    const index = new URL('../src/index.ts', import.meta.url);
    const program = `process.env.PATH = '/nonexistent';
      const { Guest } = await import(${JSON.stringify(index.href)});
      await Guest.boot(${JSON.stringify(options)});
      process.kill(process.pid, 'SIGKILL');`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: 'inherit' });
    await new Promise((resolve) => child.once('exit', resolve));
    expect(await gone(mark, 20_000)).toBe(true);
  });
});
