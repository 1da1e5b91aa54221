// Commands, files and time limits in a real guest, on both kernels.
import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Guest, readPciFunctions, requireAssets } from '../src/index.ts';

describe.each(['7.3', '6.12'])('kernel %s', async (kernel) => {
  const { assets } = await requireAssets({ kernel });

  describe.skipIf(!assets)('a booted guest', () => {
    let guest: Guest;
    const lines: string[] = [];
    beforeAll(async () => {
      if (assets) guest = await Guest.boot({ assets, onConsole: (line) => lines.push(line), files: [{ path: '/etc/motd', bytes: Buffer.from('hello') }] });
    });
    afterAll(async () => {
      await guest.shutdown();
    });

    test('runs the kernel that was asked for', async () => {
      expect(guest.release).toBe(assets?.kernel.release);
      expect((await guest.sh('uname -r')).trim()).toBe(guest.release);
    });

    test.each([0, 1, 7, 255])('exit status %i is exact', async (status) => {
      expect((await guest.run(`exit ${status}`)).status).toBe(status);
    });

    test('a signal is 128 and its number', async () => {
      expect((await guest.run('kill -9 $$')).status).toBe(137);
    });

    test('standard output and error are apart, and a newline at the end is kept or absent as written', async () => {
      const { stdout, stderr } = await guest.run('printf out; echo err >&2');
      expect([stdout, stderr]).toEqual(['out', 'err\n']);
    });

    test('output is binary safe', async () => {
      const { stdoutBytes } = await guest.run(String.raw`printf '\000\377\n\r\001\032'; head -c 200000 /dev/zero | tr '\000' '\377'`);
      expect(stdoutBytes.subarray(0, 6)).toEqual(Buffer.from([0, 255, 10, 13, 1, 26]));
      expect(stdoutBytes.length).toBe(200_006);
      expect(stdoutBytes.subarray(6).every((byte) => byte === 255)).toBe(true);
    });

    test('scripts are binary safe too, and standard input is empty', async () => {
      expect(await guest.sh("cat; echo 'a\\b $HOME \"quoted\"' ä €\n# no newline at the end")).toBe('a\\b $HOME "quoted" ä €\n');
    });

    test('the shell starts anew for each command', async () => {
      await guest.run('cd /tmp; export LEFT=1; exec 9>/tmp/x');
      expect(await guest.sh('echo "$PWD ${LEFT-unset}"')).toBe('/root unset\n');
    });

    test('commands queue', async () => {
      const results = await Promise.all(['a', 'b', 'c'].map((word) => guest.sh(`echo ${word}`)));
      expect(results).toEqual(['a\n', 'b\n', 'c\n']);
    });

    test('an upload arrives whole, and comes back', async () => {
      const bytes = randomBytes(3_000_001);
      await guest.upload('/tmp/new folder/file', bytes);
      expect(await guest.sh("sha256sum '/tmp/new folder/file'")).toContain(createHash('sha256').update(bytes).digest('hex'));
      expect((await guest.download('/tmp/new folder/file')).equals(bytes)).toBe(true);
      await guest.upload('/empty', new Uint8Array());
      expect((await guest.download('/empty')).length).toBe(0);
    });

    test('a file that cannot be written or read is an error, and the agent goes on', async () => {
      await expect(guest.upload('/proc/version', Buffer.alloc(100_000))).rejects.toThrow('cannot write /proc/version in the guest');
      await expect(guest.download('/nonexistent')).rejects.toThrow('cannot read /nonexistent in the guest');
      expect(await guest.sh('echo still here')).toBe('still here\n');
    });

    test('a command that takes too long is ended with all it started, and what it printed is told', async () => {
      const started = Date.now();
      const failure = guest.run('echo before; sleep 1000 & (trap "" TERM; sleep 1000); echo after', { timeoutMs: 1000 });
      await expect(failure).rejects.toMatchObject({ code: 'TIMEOUT', message: 'the command did not end within 1 s; it printed:\nbefore' });
      expect(Date.now() - started).toBeLessThan(10_000);
      expect(await guest.sh('ps | grep -c "[s]leep 1000"; true')).toBe('0\n');
    });

    test('files given at boot are there, and PCI functions are read', async () => {
      expect((await guest.download('/etc/motd')).toString()).toBe('hello');
      const [bridge] = await readPciFunctions(guest);
      expect(bridge).toMatchObject({ address: '0000:00:00.0', vendor: 0x8086, device: 0x29c0, class: 0x060000 });
      expect(bridge?.config.subarray(0, 4)).toEqual(new Uint8Array([0x86, 0x80, 0xc0, 0x29]));
      expect(bridge?.config.length).toBeGreaterThanOrEqual(256);
    });

    test('stock modules load after what they depend on; an absent one is an error', async () => {
      expect((await guest.insmod('vfio_pci')).status).toBe(0);
      expect(await guest.sh('ls /sys/module')).toMatch(/vfio_pci_core/);
      expect(await guest.insmod('nonsense')).toMatchObject({ status: 2, stderr: expect.stringContaining('no module nonsense') });
    });

    test('idxd does not load without MOVDIR64B: the emulation is needed', async () => {
      const { status } = await guest.insmod('idxd');
      expect(status).not.toBe(0);
      expect(await guest.dmesg()).toContain('idxd driver failed to load without MOVDIR64B');
    });

    test('a shut-down guest is gone, and says so', async () => {
      const { pid } = guest;
      await guest.shutdown();
      await guest.shutdown();
      expect(() => process.kill(pid ?? 0, 0)).toThrow('ESRCH');
      await expect(guest.run('true')).rejects.toMatchObject({ code: 'QEMU' });
      expect(lines.join('\n')).toMatch(/reboot: Power down/);
    });
  });
});
