import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { dsaShell } from '../src/shell/dsa-shell.ts';
import { parsePciListing } from '../src/shell/pci-functions.ts';
import { temporaryFolder } from './support/folders.ts';

/** The sysfs writes of a script, in order, as `attribute=value`. */
const writes = (script: string) => [...script.matchAll(/^put (\S+) \/sys\/bus\/(.*)$/gm)].map(([, value, path]) => `${path}=${value}`);

describe('dsaShell', () => {
  test('mode comes before group, type before name', () => {
    expect(writes(dsaShell.configure({ wq: 1, group: 2, engines: [0, 3], size: 8, priority: 5 }))).toEqual([
      'dsa/devices/engine0.0/group_id=2',
      'dsa/devices/engine0.3/group_id=2',
      'dsa/devices/wq0.1/mode=dedicated',
      'dsa/devices/wq0.1/group_id=2',
      'dsa/devices/wq0.1/size=8',
      'dsa/devices/wq0.1/priority=5',
      'dsa/devices/wq0.1/type=kernel',
      'dsa/devices/wq0.1/name=dmaengine',
      'dsa/devices/wq0.1/driver_name=dmaengine',
    ]);
  });

  test('a device that is not configurable takes only the use of its queue', () => {
    expect(writes(dsaShell.configureFixed({ device: 'dsa1' }))).toEqual(['dsa/devices/wq1.0/type=kernel', 'dsa/devices/wq1.0/name=dmaengine', 'dsa/devices/wq1.0/driver_name=dmaengine']);
  });

  test('device before queue when enabling, and a user queue goes to the user driver', () => {
    expect(writes(dsaShell.enable({ type: 'user' }))).toEqual(['dsa/drivers/idxd/bind=dsa0', 'dsa/drivers/user/bind=wq0.0']);
    expect(writes(dsaShell.disable())).toEqual(['dsa/drivers/dmaengine/unbind=wq0.0']);
    expect(writes(dsaShell.disableDevice())).toEqual(['dsa/drivers/idxd/unbind=dsa0']);
    expect(writes(dsaShell.unbind('0000:01:00.0'))).toEqual(['pci/drivers/idxd/unbind=0000:01:00.0']);
  });

  test('nothing but a word gets into a script', () => {
    expect(() => dsaShell.configure({ name: 'a; reboot' })).toThrow('not a sysfs word');
    expect(() => dsaShell.configure({ wq: 0.5 })).toThrow('not a sysfs number');
    expect(() => dsaShell.enable({ device: 'dsa' })).toThrow('not the name of a device');
  });

  test('a refused write ends the script and is named with the status of the device', async () => {
    await using folder = temporaryFolder();
    const bus = join(folder.path, 'bus');
    mkdirSync(join(bus, 'devices/dsa0'), { recursive: true });
    mkdirSync(join(bus, 'drivers/idxd'), { recursive: true });
    writeFileSync(join(bus, 'devices/dsa0/state'), 'disabled\n');
    writeFileSync(join(bus, 'devices/dsa0/cmd_status'), '0x80030000\n');
    const script = dsaShell.enable().replaceAll('/sys/bus/dsa', bus);
    const { status, stderr } = spawnSync('sh', ['-c', script], { encoding: 'utf8' });
    expect(status).toBe(1);
    expect(stderr).toMatch(/refused: wq0.0 to .*drivers\/dmaengine\/bind; cmd_status 0x80030000/);
    expect(readFileSync(join(bus, 'drivers/idxd/bind'), 'utf8')).toBe('dsa0\n');
  });
});

test('a PCI listing is read back exactly', () => {
  const listing = `@ 0000:00:00.0 0x8086 0x29c0 0x060000 \n0x0 0x0 0x0\n=\n 86 80 c0 29\n@ 0000:01:00.0 0x8086 0x0b25 0x088000 idxd\n0x00000000fe000000 0x00000000fe00ffff 0x000000000014220c\n=\n 86 80 25 0b\n 00 ff\n`;
  expect(parsePciListing(listing)).toEqual([
    { address: '0000:00:00.0', vendor: 0x8086, device: 0x29c0, class: 0x060000, resources: [{ start: 0n, end: 0n, flags: 0n }], config: new Uint8Array([0x86, 0x80, 0xc0, 0x29]) },
    { address: '0000:01:00.0', vendor: 0x8086, device: 0x0b25, class: 0x088000, driver: 'idxd', resources: [{ start: 0xfe000000n, end: 0xfe00ffffn, flags: 0x14220cn }], config: new Uint8Array([0x86, 0x80, 0x25, 0x0b, 0, 0xff]) },
  ]);
});
