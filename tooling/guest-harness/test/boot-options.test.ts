import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { GuestAssets } from '../src/assets/types.ts';
import { qemuArguments } from '../src/guest/command-line.ts';
import { ConsoleLog } from '../src/guest/console-log.ts';
import { Guest } from '../src/guest/guest.ts';
import { checkVfioUserSocket } from '../src/guest/vfio-user-socket.ts';
import { temporaryFolder } from './support/folders.ts';

const assets: GuestAssets = {
  qemu: { command: '/q/ld.so', args: ['-L', '/q'], from: 'cache' },
  kernel: { choice: '7.3', release: '7.3.4', vmlinux: '/k/vmlinux', modules: '/k/modules' },
  busybox: '/b/busybox',
};

describe('qemuArguments', () => {
  const after = (args: readonly string[], flag: string) => args.flatMap((arg, i) => (arg === flag ? [args[i + 1]] : []));

  test("QEMU's own arguments come first, the caller's last", () => {
    const args = qemuArguments({ assets, qemuArgs: ['-S'] });
    expect(args.slice(0, 2)).toEqual(['-L', '/q']);
    expect(args.at(-1)).toBe('-S');
  });

  test('a vfio-user device sits behind a root port, its memory is shared', () => {
    const args = qemuArguments({ assets, vfioUserSocket: '/run/d"sa.sock', memoryMiB: 256 });
    const [port, device] = after(args, '-device').slice(-2);
    expect(port).toBe('pcie-root-port,id=rp0,chassis=1');
    expect(JSON.parse(device ?? '')).toEqual({ driver: 'vfio-user-pci', id: 'vfio-user0', bus: 'rp0', socket: { type: 'unix', path: '/run/d"sa.sock' } });
    expect(after(args, '-object')).toEqual(['memory-backend-memfd,id=m,size=256M,share=on']);
    expect(after(qemuArguments({ assets }), '-device').join()).not.toContain('vfio-user');
  });

  test('of several vfio-user devices each sits behind a root port of its own, in another chassis', () => {
    const devices = after(qemuArguments({ assets, vfioUserSocket: ['/run/a', '/run/b'] }), '-device').slice(-4);
    expect([devices[0], devices[2]]).toEqual(['pcie-root-port,id=rp0,chassis=1', 'pcie-root-port,id=rp1,chassis=2']);
    const functions = [devices[1], devices[3]].map((each) => JSON.parse(each ?? '') as { id: string; bus: string; socket: { path: string } });
    expect(functions.map(({ id, bus, socket }) => [id, bus, socket.path])).toEqual([['vfio-user0', 'rp0', '/run/a'], ['vfio-user1', 'rp1', '/run/b']]);
  });

  test.each([
    [true, 'intel-iommu,intremap=on,caching-mode=on', /\bintel_iommu=on\b(?!,)/],
    ['pasid', 'intel-iommu,intremap=on,caching-mode=on,scalable-mode=on,fsts=on,svm=on,device-iotlb=on,pasid-bits=20', /\bintel_iommu=on,sm_on iommu=pt\b/],
  ] as const)('an IOMMU (%s) comes before the devices behind it, and the kernel is told', (viommu, device, words) => {
    const args = qemuArguments({ assets, viommu });
    expect(after(args, '-device')[0]).toBe(device);
    expect(after(args, '-append')[0]).toMatch(words);
  });

  test('a verbose boot is not quiet', () => {
    expect(after(qemuArguments({ assets }), '-append')[0]).toMatch(/\bquiet\b/);
    expect(after(qemuArguments({ assets, verbose: true, kernelArgs: ['x=1'] }), '-append')[0]).not.toMatch(/\bquiet\b/);
  });
});

describe('boot refuses before starting anything', () => {
  test.each([
    [{ memoryMiB: 64 }, 'memoryMiB is 64'],
    [{ cpus: 1.5 }, 'cpus is 1.5'],
    [{ timeoutMs: 0 }, 'timeoutMs is 0'],
  ])('%j', async (options, message) => {
    await expect(Guest.boot({ assets, ...options })).rejects.toThrow(message);
  });
});

describe('checkVfioUserSocket', () => {
  test('a missing path, a file, and a path too long are told apart', async () => {
    await using folder = temporaryFolder({ file: '' });
    await expect(checkVfioUserSocket(join(folder.path, 'none'))).rejects.toThrow('does not exist (is the device server running?)');
    await expect(checkVfioUserSocket(join(folder.path, 'file'))).rejects.toThrow('is not a socket');
    await expect(checkVfioUserSocket(`/tmp/${'x'.repeat(120)}`)).rejects.toThrow('longer than 107 bytes');
  });

  test('a listening socket is accepted', async () => {
    await using folder = temporaryFolder();
    const path = join(folder.path, 's');
    const server = createServer();
    await new Promise<void>((resolve) => void server.listen(path, resolve));
    await expect(checkVfioUserSocket(path)).resolves.toBeUndefined();
    await new Promise((resolve) => void server.close(resolve));
  });
});

describe('ConsoleLog', () => {
  test('lines are told as they are completed, carriage returns dropped', () => {
    const lines: string[] = [];
    const log = new ConsoleLog((line) => lines.push(line));
    for (const piece of ['[ 0.1] fir', 'st\r\n[ 0.2] sec', 'ond\r\r\nthi']) log.push(Buffer.from(piece));
    expect(lines).toEqual(['[ 0.1] first', '[ 0.2] second']);
    expect(log.tail(2)).toEqual(['[ 0.2] second', 'thi']);
  });

  test('a panic is found and its time stamp dropped', () => {
    const log = new ConsoleLog();
    log.push(Buffer.from('[    2.5] Kernel panic - not syncing: sysrq triggered crash\r\n[ 2.6] CPU: 0\r\n'));
    expect(log.panic).toBe('Kernel panic - not syncing: sysrq triggered crash');
    expect(new ConsoleLog().panic).toBeUndefined();
  });

  test('a guest that prints without end does not fill the memory', () => {
    const log = new ConsoleLog();
    for (let i = 0; i < 10_000; i++) log.push(Buffer.from(`line ${i}\n`));
    expect(log.tail(10_000).length).toBeLessThanOrEqual(400);
    expect(log.tail(1)).toEqual(['line 9999']);
  });
});
