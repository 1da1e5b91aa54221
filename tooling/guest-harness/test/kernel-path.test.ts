import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { kernelFromPath } from '../src/assets/kernel-folder.ts';
import { writeElf, writeModule } from './support/archives.ts';
import { temporaryFolder } from './support/folders.ts';
import { writeBzImage } from './support/kernels.ts';

const RELEASE = '6.12.1-test';
const vmlinux = writeElf([{ name: '.rodata', bytes: Buffer.from(`Linux version ${RELEASE} (gcc)\0`) }]);
const bzImage = writeBzImage(vmlinux, gzipSync, RELEASE);
const MODULES = { 'idxd.ko': writeModule(['idxd_bus']), 'idxd_bus.ko.gz': gzipSync(writeModule()) };

const below = (folder: string, files: Readonly<Record<string, Buffer>>) =>
  Object.fromEntries(Object.entries(files).map(([name, bytes]) => [`${folder}/${name}`, bytes]));

describe('a kernel given by path', () => {
  test.each([
    ['an installed system', `boot/vmlinuz-${RELEASE}`, `lib/modules/${RELEASE}/kernel/drivers/dma/idxd`],
    ['a Debian module folder', `usr/lib/modules/${RELEASE}/vmlinuz`, `usr/lib/modules/${RELEASE}/kernel/drivers`],
    ['a folder with modules beside the image', 'vmlinuz', 'modules'],
  ])('%s', async (_what, image, modules) => {
    await using folder = temporaryFolder({ [image]: bzImage, ...below(modules, MODULES) });
    const cache = join(folder.path, 'cache');
    const kernel = await kernelFromPath(join(folder.path, image), cache);
    expect(kernel.release).toBe(RELEASE);
    expect(existsSync(kernel.vmlinux)).toBe(true);
    expect(existsSync(join(kernel.modules, 'idxd_bus.ko'))).toBe(true);
    await expect(kernelFromPath(join(folder.path, image), cache)).resolves.toEqual(kernel);
  });

  test('a folder is searched for its one kernel', async () => {
    await using folder = temporaryFolder({ 'vmlinux': vmlinux, 'vmlinuz-x': bzImage, ...below('modules', MODULES) });
    const kernel = await kernelFromPath(folder.path, join(folder.path, 'cache'));
    expect(kernel.release).toBe(RELEASE);
    await using boot = temporaryFolder({ 'vmlinuz-1': bzImage, 'vmlinuz-2': bzImage });
    await expect(kernelFromPath(boot.path, join(boot.path, 'cache'))).rejects.toThrow('several kernels (vmlinuz-1, vmlinuz-2)');
  });

  test('a kernel without idxd is refused, saying where was looked and why it may be so', async () => {
    await using folder = temporaryFolder({ 'vmlinuz': bzImage, 'modules/ext4.ko': writeModule() });
    const failure = kernelFromPath(folder.path, join(folder.path, 'cache'));
    await expect(failure).rejects.toThrow(/kernel 6.12.1-test .* has no idxd module in .*modules.*cloud kernels/);
    await expect(failure).rejects.toMatchObject({ code: 'KERNEL' });
  });

  test('what is no kernel is said in one line', async () => {
    await using folder = temporaryFolder({ 'a/readme': 'x' });
    await expect(kernelFromPath(join(folder.path, 'a'), folder.path)).rejects.toThrow('holds no vmlinux, vmlinuz or bzImage');
    await expect(kernelFromPath('/nonexistent/vmlinuz', folder.path)).rejects.toThrow(/^cannot read kernel \/nonexistent\/vmlinuz: ENOENT/);
  });
});
