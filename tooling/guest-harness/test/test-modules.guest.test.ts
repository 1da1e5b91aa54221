// The test modules in a real guest, on both kernels. Copies through a DSA are tested where the device is.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Guest, type TestModules, buildTestModules, requireAssets } from '../src/index.ts';

describe.each(['7.3', '6.12'])('kernel %s', async (kernel) => {
  const { assets } = await requireAssets({ kernel });

  describe.skipIf(!assets)('test modules', () => {
    let guest: Guest;
    let modules: TestModules;
    beforeAll(async () => {
      if (!assets) return;
      modules = await buildTestModules(assets.kernel);
      guest = await Guest.boot({ assets, files: [{ path: '/bin/movdir64b-user', bytes: modules.movdir64bUser, mode: 0o755 }] });
    });
    afterAll(async () => {
      await guest.shutdown();
    });

    test('without the emulation the instruction is illegal', async () => {
      expect((await guest.run('movdir64b-user')).status).toBe(128 + 4);
    });

    test('the emulation passes its self test in kernel mode', async () => {
      expect(await guest.insmod(modules.movdir64b)).toMatchObject({ status: 0 });
      expect(await guest.dmesg()).toMatch(/movdir64b: self test (\d+) of \1 addressing forms/);
    });

    test('and in user mode, where an unaligned target stays an error', async () => {
      expect((await guest.run('movdir64b-user')).status).toBe(0);
      expect((await guest.run('movdir64b-user unaligned')).status).toBe(128 + 4);
      const counts = await guest.sh('cat /sys/module/movdir64b/parameters/emulated_user');
      expect(Number(counts)).toBe(7);
    });

    test('idxd loads now', async () => {
      expect(await guest.insmod('idxd')).toMatchObject({ status: 0 });
      expect(await guest.sh('ls /sys/bus/dsa/drivers')).toMatch(/dmaengine[^]*idxd[^]*user/);
    });

    test('the DMA client without a channel says so, once', async () => {
      const { status, stderr } = await guest.insmod(modules.dmaclient, ['copies=10']);
      expect(status).not.toBe(0);
      expect(stderr).toMatch(/517|No such device/); // EPROBE_DEFER, or ENODEV where another DMA device exists
      expect((await guest.dmesg()).match(/dmaclient: no free memcpy channel/g)).toHaveLength(1);
    });

    test('and refuses parameters out of range', async () => {
      expect((await guest.insmod(modules.dmaclient, ['depth=17'])).stderr).toContain('Invalid argument');
    });

    test('nothing of this upset the kernel', async () => {
      expect(await guest.dmesg()).not.toMatch(/BUG:|Oops|WARNING:|general protection/);
    });
  });
});
