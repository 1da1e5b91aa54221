import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { locate } from '../src/assets/locate.ts';
import { mustProvision, requireAssets } from '../src/assets/require.ts';
import { temporaryFolder } from './support/folders.ts';

/** A command that answers the probe like a QEMU with (or without) vfio-user-pci. */
function fakeQemu(folder: string, status: number, name = 'qemu-system-x86_64'): string {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\n[ "$1 $2" = "-device vfio-user-pci,help" ] || exit 9\necho "not a valid device" >&2\nexit ${status}\n`);
  chmodSync(path, 0o755);
  return path;
}

const CACHE = {
  'cache/current.json': JSON.stringify({ 'busybox': 'busybox-1', 'kernel-7.3': 'kernel-1' }),
  'cache/busybox-1/busybox': '',
  'cache/kernel-1/release': '7.3.4-test\n',
};

describe('locate', () => {
  test('nothing provisioned: one line, with the command that helps', async () => {
    await using folder = temporaryFolder();
    const located = await locate({ cacheDir: folder.path, env: { PATH: '' } });
    expect(located).toEqual({ ok: false, reason: expect.stringMatching(/^no QEMU is provisioned: run `siov guest`/) });
  });

  test('SIOV_QEMU wins and must have the feature', async () => {
    await using folder = temporaryFolder(CACHE);
    const good = fakeQemu(folder.path, 0, 'mine');
    const cacheDir = join(folder.path, 'cache');
    const located = await locate({ cacheDir, env: { SIOV_QEMU: good, PATH: '' } });
    expect(located.ok && located.assets).toMatchObject({ qemu: { command: good, from: 'SIOV_QEMU' }, kernel: { release: '7.3.4-test' } });
    const bad = fakeQemu(folder.path, 1, 'old');
    const refused = await locate({ cacheDir, env: { SIOV_QEMU: bad, PATH: '' } });
    expect(refused).toMatchObject({ ok: false, reason: expect.stringContaining('SIOV_QEMU: ') });
    expect(refused).toMatchObject({ reason: expect.stringContaining('has no vfio-user-pci (QEMU >= 10.1 on Linux is needed): not a valid device') });
    const gone = await locate({ cacheDir, env: { SIOV_QEMU: '/nonexistent/qemu', PATH: '' } });
    expect(gone).toMatchObject({ reason: expect.stringContaining('/nonexistent/qemu does not exist') });
  });

  test('a QEMU on PATH is probed for the feature, not for its version', async () => {
    await using folder = temporaryFolder(CACHE);
    const cacheDir = join(folder.path, 'cache');
    const path = fakeQemu(folder.path, 0);
    const env = { PATH: `${folder.path}:/usr/bin:/bin` };
    expect(await locate({ cacheDir, env })).toMatchObject({ ok: true, assets: { qemu: { command: path, from: 'PATH' } } });
    fakeQemu(folder.path, 1);
    expect(await locate({ cacheDir, env })).toMatchObject({ ok: false, reason: expect.stringContaining('has no vfio-user-pci, and no other QEMU is provisioned') });
  });

  test('what else is missing is named', async () => {
    await using folder = temporaryFolder(CACHE);
    const env = { SIOV_QEMU: fakeQemu(folder.path, 0), PATH: '' };
    const cacheDir = join(folder.path, 'cache');
    expect(await locate({ cacheDir, env, kernel: '6.12' })).toMatchObject({ reason: expect.stringMatching(/^kernel 6.12 is not provisioned: /) });
    expect(await locate({ cacheDir, env, kernel: '/nonexistent' })).toMatchObject({ reason: expect.stringMatching(/^cannot read kernel/) });
    expect(await locate({ cacheDir: folder.path, env })).toMatchObject({ reason: expect.stringMatching(/^no busybox is provisioned: /) });
  });
});

describe('requireAssets', () => {
  test('outside CI nothing is fetched and the reason comes back', async () => {
    await using folder = temporaryFolder();
    const options = { cacheDir: folder.path, env: { PATH: '' } };
    expect(await requireAssets(options)).toEqual({ reason: expect.stringMatching(/^no QEMU/) });
  });

  test('guest tests can be switched off even where everything is there', async () => {
    await using folder = temporaryFolder(CACHE);
    const env = { SIOV_QEMU: fakeQemu(folder.path, 0), PATH: '' };
    const cacheDir = join(folder.path, 'cache');
    expect(await requireAssets({ cacheDir, env })).toHaveProperty('assets');
    expect(await requireAssets({ cacheDir, env: { ...env, SIOV_GUEST: 'off' } })).toEqual({ reason: expect.stringContaining('SIOV_GUEST=off') });
  });

  test('in CI a failure to fetch is a failure', async () => {
    await using folder = temporaryFolder();
    const env = { CI: 'true', PATH: '/usr/bin:/bin', DEB_BASE: 'http://127.0.0.1:1/debian' };
    const failure = requireAssets({ cacheDir: folder.path, env, transport: 'http' });
    await expect(failure).rejects.toThrow(/^guest tests must run here, but: cannot fetch http:\/\/127.0.0.1:1\/debian\/dists\//);
  });

  test('CI=true or SIOV_GUEST=provision asks for provisioning', () => {
    expect([{ CI: 'true' }, { CI: '1' }, { SIOV_GUEST: 'provision' }, { CI: 'false' }, {}].map((env) => mustProvision(env))).toEqual([true, true, true, false, false]);
  });
});
