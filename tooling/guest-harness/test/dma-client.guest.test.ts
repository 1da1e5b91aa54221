// The DMA client against a device of our own that errs on purpose: each way to err must be noticed.
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Guest, type ModuleImage, type TestModules, buildTestModules, requireAssets } from '../src/index.ts';
import { withBuilder } from '../src/test-modules/build.ts';
import { KERNEL_FLAGS } from '../src/test-modules/compiler.ts';

const LIMIT = { timeoutMs: 30_000 };

const OFFSETS = {
  device: ['dma_mask', 'coherent_dma_mask', 'driver'],
  device_driver: ['owner'],
  dma_chan: ['device', 'device_node'],
  dma_device: ['dev', 'device_prep_dma_memcpy', 'device_issue_pending', 'channels', 'cap_mask', 'device_tx_status'],
  dma_async_tx_descriptor: ['callback_result', 'callback_param', 'tx_submit', 'chan'],
  dmaengine_result: ['result'],
};

describe.each(['7.3', '6.12'])('kernel %s', async (kernel) => {
  const { assets } = await requireAssets({ kernel });

  describe.skipIf(!assets)('dmaclient', () => {
    let guest: Guest;
    let modules: TestModules;
    let fake: ModuleImage;
    beforeAll(async () => {
      if (!assets) return;
      modules = await buildTestModules(assets.kernel);
      const source = fileURLToPath(new URL('./fixtures/dmafake.c', import.meta.url));
      const image = await withBuilder(assets.kernel, process.env, OFFSETS, (build) => build(source, KERNEL_FLAGS));
      fake = { name: 'dmafake', image };
      guest = await Guest.boot({ assets });
    });
    afterAll(async () => {
      await guest.shutdown();
    });

    /** Runs the client against a device that errs in way `fault` at copy 7; its status and last log lines. */
    async function copy(fault: number, parameters: readonly string[]) {
      await guest.sh('dmesg -c > /dev/null; rmmod dmaclient 2> /dev/null; rmmod dmafake 2> /dev/null; true', LIMIT);
      expect(await guest.insmod(fake, [`fault=${fault}`], LIMIT)).toMatchObject({ status: 0, stderr: '' });
      const { status, stderr } = await guest.insmod(modules.dmaclient, parameters, LIMIT);
      return { status, stderr, log: await guest.dmesg() };
    }

    test('a thousand copies of mixed sizes through a device that does right', async () => {
      const { status, log } = await copy(0, []);
      expect(log).toMatch(/dmaclient: copies=1000 callbacks=1000 bytes=\d{7,} errors=0\n/);
      expect(status).toBe(0);
    });

    test('the seed changes nothing but the data', async () => {
      const { status, log } = await copy(0, ['copies=50', 'depth=1', 'max_size=100', 'seed=99']);
      expect(log).toMatch(/dmaclient: copies=50 callbacks=50 bytes=\d+ errors=0\n/);
      expect(status).toBe(0);
    });

    test('asked for more channels than there are it copies nothing, and gives back the one it got', async () => {
      const { status, log } = await copy(0, ['copies=10', 'channels=2']);
      expect([status === 0, log.includes('dmaclient: no free memcpy channel'), log.includes('copies=')]).toEqual([false, true, false]);
      expect((await copy(0, ['copies=10'])).status).toBe(0);
    });

    test.each([
      ['a lost callback', 1, /no callback within 300 ms[^]*callbacks=\d+ bytes=\d+ errors=1\n/, 'Connection timed out|Operation timed out'],
      ['a callback called twice', 2, /copy 6: 2 callbacks[^]*copies=20 callbacks=21/, 'Input/output error'],
      ['wrong data', 3, /copy 6 of 31 bytes: wrong data at byte 15/, 'Input/output error'],
      ['a byte written behind the target', 4, /copy 6 of 31 bytes: guard overwritten at byte 31/, 'Input/output error'],
      ['a byte written before the target', 5, /copy 6 of 31 bytes: guard overwritten at byte -1/, 'Input/output error'],
      ['a callback reporting failure', 6, /1 callbacks reported a failure/, 'Input/output error'],
      ['a changed source', 7, /copy 6 of 31 bytes: (source changed at byte 0|wrong data)/, 'Input/output error'],
      ['a channel without descriptors', 8, /copy 6: the channel gives no descriptor for 31 bytes/, 'Input/output error'],
      ['the last byte not copied', 9, /copy 6 of 31 bytes: wrong data at byte 30/, 'Input/output error'],
    ])('notices %s', async (_what, fault, line, error) => {
      const { status, stderr, log } = await copy(fault, ['copies=20', 'timeout_ms=300']);
      expect(log).toMatch(line);
      expect(log).not.toMatch(/errors=0/);
      expect(stderr).toMatch(new RegExp(error));
      expect(status).not.toBe(0);
    });
  });
});
