// A function that is the driver's to configure: what it writes, in which order, and what it refuses to.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DSA_SMALL, DSA_SPR, GENCAP, GRPCAP, OPCAP, VERSION, WQCAP } from '@siov/datasheet';
import type { DsaProfile } from '@siov/datasheet';
import type { EngineConfig, QueueConfig } from '../src/index.ts';
import { command, permission, request } from './accesses.ts';
import { makeGuest, recordedPasids } from './recorded-function.ts';

const DEDICATED: QueueConfig = { index: 0, group: 0, mode: 'dedicated', size: 16, priority: 10 };
const SHARED: QueueConfig = { index: 1, group: 0, mode: 'shared', size: 8, threshold: 6 };

function configured(queues: readonly QueueConfig[] | undefined, { profile = DSA_SMALL, engines, pasids = true }: { profile?: DsaProfile; engines?: readonly EngineConfig[]; pasids?: boolean } = {}) {
  const guest = makeGuest({ profile });
  const made = recordedPasids(guest);
  const probed = guest.probe({ ...(queues && { queues }), ...(engines && { engines }), ...(pasids && { pasids: made.pasids }) });
  return { ...guest, ...made, probed };
}

function driven(...args: Parameters<typeof configured>) {
  const made = configured(...args);
  if (!made.probed.ok) throw new Error(made.probed.message);
  const driver = made.probed.value;
  made.take();
  return { ...made, driver, queue: (index: number) => driver.queues[index] ?? expect.unreachable() };
}

const hex = (value: number) => value.toString(16);
const words = Array.from({ length: 8 }, (_, index) => index * 4);
/** All words of a WQCFG read, then all written: those the driver has an opinion on as given, the others as they were. */
const wqcfg = (base: number, values: readonly string[]) => [
  ...words.map((offset) => `R32 ${hex(base + offset)}`), ...words.map((offset, index) => `W32 ${hex(base + offset)} = ${values[index] ?? '0'}`),
];
const grpcfg = (base: number, wqs: string, engines: string, flags: string) => [
  `W64 ${hex(base)} = ${wqs}`, ...[8, 16, 24].map((offset) => `W64 ${hex(base + offset)} = 0`), `W64 ${hex(base + 32)} = ${engines}`, `W64 ${hex(base + 40)} = ${flags}`,
];

describe('the device', () => {
  test('the worked trace: one kernel queue of 16, priority 10, in one of several groups, no PASID', () => {
    const { driver, run, take } = driven([DEDICATED], { profile: { ...DSA_SPR, GENCAP: GENCAP.maxBatchShift.set(DSA_SPR.GENCAP, 5) }, pasids: false });
    expect(run(driver.enable()).ok).toBe(true);
    expect(take()).toEqual([
      ...wqcfg(0x400, ['10', '0', 'a1', 'b5']),
      ...grpcfg(0x300, '1', '1', '6000009'), ...[0x340, 0x380, 0x3c0].flatMap((base) => grpcfg(base, '0', '0', '6000009')),
      'R32 80', 'W32 80 = 1000', 'R32 90', ...command('80100000'),
    ]);
  });

  test('its configuration is not read, as that of a fixed function is', () => {
    const { take } = configured([DEDICATED]);
    expect(take().some((each) => /^R\d+ [34]\w\w$/.test(each))).toBe(false);
  });

  test('queues in ascending order, with their group’s engines; a shared one has no PASID before it is enabled', () => {
    const { driver, run, take } = driven([SHARED, DEDICATED], { engines: [{ index: 0, group: 0 }, { index: 1, group: 0 }] });
    run(driver.enable());
    expect(take().slice(0, 38)).toEqual([...wqcfg(0x400, ['10', '0', 'a1', 'b5']), ...wqcfg(0x420, ['8', '6', '0', 'b5']), ...grpcfg(0x300, '3', '3', '800009')]);
  });

  test('queues that say which operations they take get all there are, and attributes are written', () => {
    const WQCAP_ALL = { ...WQCAP.decode(DSA_SMALL.WQCAP), wqcfgSize: 1, operationConfig: 1, atsDisable: 1, prsDisable: 1, priority: 1 };
    const profile = { ...DSA_SMALL, WQCAP: WQCAP.of(WQCAP_ALL), GENCAP: GENCAP.blockOnFault.set(DSA_SMALL.GENCAP, 1), OPCAP: OPCAP[0].image(0x5_0000000dn), VERSION: VERSION.of({ major: 3 }) };
    const { driver, run, take } = driven([{ ...DEDICATED, blockOnFault: true, atsDisable: true, prsDisable: true, maxTransferShift: 12, maxBatchShift: 3 }], { profile });
    run(driver.enable());
    const written = take().filter((each) => each.startsWith('W'));
    expect(written.slice(0, 16).map((each) => each.split(' = ')[1])).toEqual(['10', '0', 'af', '6c', '0', '0', '0', '0', 'd', '5', '0', '0', '0', '0', '0', '0']);
    expect(written[21]).toBe('W64 328 = 800008');
  });

  test('disabled, it is reset, and its errors interrupt again', () => {
    const { driver, run, take } = driven([DEDICATED]);
    run(driver.enable());
    take();
    run(driver.disable());
    expect(take()).toEqual(['R32 90', ...command('80200000'), ...command('80500000'), 'R32 88', 'W32 88 = 3']);
  });

  test('without queues it is not enabled', () => {
    const { driver, run, take } = driven(undefined);
    expect(run(driver.enable())).toMatchObject({ errno: 'EINVAL' });
    expect(take()).toEqual([]);
  });
});

describe('a queue', () => {
  test('dedicated, for the kernel: its PASID, then everything once more, then Enable WQ, permission and interrupt', () => {
    const { driver, queue, run, take } = driven([DEDICATED, SHARED]);
    run(driver.enable());
    take();
    expect(run(queue(0).enable()).ok).toBe(true);
    expect(take()).toEqual([
      'R32 408', 'W32 408 = 100005a1', ...wqcfg(0x400, ['10', '0', '100005a1', 'b5']), ...wqcfg(0x420, ['8', '6', '0', 'b5']), ...grpcfg(0x300, '3', '1', '800009'),
      ...command('80600000'), permission(1, 5), ...request(1), ...command('80d00001'),
    ]);
    expect(queue(0).pasid).toBe(5);
  });

  test('shared, for the kernel: no PASID of its own but PASID enable, and each descriptor with the kernel’s, by ENQCMDS', () => {
    const { driver, queue, run, take, submissions } = driven([DEDICATED, SHARED]);
    run(driver.enable());
    take();
    expect(run(queue(1).enable()).ok).toBe(true);
    expect(run(queue(1).copy(0n, 0x1000n, 8, 0x40n)).ok).toBe(true);
    const accesses = take();
    expect(accesses.slice(0, 2)).toEqual(['R32 428', 'W32 428 = 10000000']);
    expect(accesses.slice(-1 - command('').length * 2 - request(2).length - 1)).toEqual([...command('80600001'), permission(2, 5), ...request(2), ...command('80d00002'), 'enqueue 5000 taken']);
    expect(new DataView(submissions[0]?.bytes.buffer ?? new ArrayBuffer(64)).getUint32(0, true)).toBe(5);
  });

  test.each([
    ['that is not configured', [DEDICATED], true, 1, 'kernel', 'ENXIO'],
    ['that is shared, without PASIDs', [DEDICATED, SHARED], false, 1, 'kernel', 'ENXIO'],
    ['for processes, without PASIDs', [DEDICATED], false, 0, 'user', 'EOPNOTSUPP'],
  ] as const)('%s is refused before anything is touched', (_name, queues, pasids, index, type, errno) => {
    const { queue, run, take } = driven(queues, { pasids });
    expect(run(queue(index).enable(type))).toMatchObject({ errno });
    expect(take()).toEqual([]);
  });

  test('shared is refused where the kernel’s own PASID is missing; enabled twice is EBUSY and leaves it enabled', () => {
    const guest = makeGuest({ profile: DSA_SMALL });
    const { pasids, refuse } = recordedPasids(guest);
    refuse.system = true;
    const probed = guest.probe({ pasids, queues: [DEDICATED, SHARED] });
    const [dedicated, shared] = probed.ok ? probed.value.queues : [];
    if (dedicated === undefined || shared === undefined) throw new Error('no queues');
    expect(guest.run(shared.enable())).toMatchObject({ errno: 'ENXIO' });
    expect(guest.run(dedicated.enable()).ok).toBe(true);
    guest.take();
    expect(guest.run(dedicated.enable())).toMatchObject({ errno: 'EBUSY' });
    expect([guest.take(), dedicated.enabled]).toEqual([[], true]);
  });
});

describe('what is refused at probe', () => {
  test('queues of a function that its host has fixed: EPERM', () => {
    const guest = makeGuest();
    expect(guest.probe({ queues: [DEDICATED] })).toMatchObject({ errno: 'EPERM' });
    expect(guest.take().some((each) => /MSGCTL|MSIX/.test(each))).toBe(false);
  });

  test.each<[string, QueueConfig[], string, EngineConfig[]?]>([
    ['no queue', [], 'EINVAL'],
    ['a queue that is not there', [{ ...DEDICATED, index: 2 }], 'EINVAL'],
    ['a group that is not there', [{ ...DEDICATED, group: 1 }], 'EINVAL'],
    ['a queue twice', [DEDICATED, DEDICATED], 'EINVAL'],
    ['no entries', [{ ...DEDICATED, size: 0 }], 'EINVAL'],
    ['more entries than there are', [DEDICATED, { ...SHARED, size: 17 }], 'EINVAL'],
    ['a threshold where there is none', [{ ...DEDICATED, threshold: 1 }], 'EINVAL'],
    ['a shared queue without threshold', [{ ...SHARED, threshold: 0 }], 'EINVAL'],
    ['a threshold above the size', [{ ...SHARED, threshold: 9 }], 'EINVAL'],
    ['priority 16', [{ ...DEDICATED, priority: 16 }], 'EINVAL'],
    ['transfers that are too large', [{ ...DEDICATED, maxTransferShift: 22 }], 'EINVAL'],
    ['batches that are too large', [{ ...DEDICATED, maxBatchShift: 6 }], 'EINVAL'],
    ['an engine that is not there', [DEDICATED], 'EINVAL', [{ index: 2, group: 0 }]],
    ['a group without engine', [DEDICATED], 'EINVAL', []],
    ['an engine’s group that is not there', [DEDICATED], 'EINVAL', [{ index: 0, group: 0 }, { index: 1, group: 1 }]],
    ['block on fault', [{ ...DEDICATED, blockOnFault: true }], 'EOPNOTSUPP'],
    ['no ATS', [{ ...DEDICATED, atsDisable: true }], 'EOPNOTSUPP'],
    ['no page requests', [{ ...DEDICATED, prsDisable: true }], 'EOPNOTSUPP'],
  ])('%s: %s %s', (_name, queues, errno, engines) => {
    const { probed, take, bound, counters } = configured(queues, engines === undefined ? {} : { engines });
    expect(probed).toMatchObject({ errno });
    expect([take().some((each) => /MSGCTL|MSIX/.test(each)), bound.size, counters()]).toEqual([false, 0, { virqs: 0, reserved: 0, assigned: 0, managed: 0 }]);
  });

  test.each([['sharedMode', SHARED], ['dedicatedMode', DEDICATED]] as const)('a mode the device lacks: %s', (mode, queue) => {
    expect(configured([queue], { profile: { ...DSA_SMALL, WQCAP: WQCAP[mode].set(DSA_SMALL.WQCAP, 0) } }).probed).toMatchObject({ errno: 'EOPNOTSUPP' });
  });

  test('whatever is accepted, the device accepts: sizes, thresholds, engines and groups add up', () => {
    const profile = { ...DSA_SMALL, GRPCAP: GRPCAP.of({ numberOfGroups: 2, totalReadBuffers: 8 }) };
    const seldom = (usual: number, unusual: number) => fc.oneof({ arbitrary: fc.nat(usual), weight: 9 }, { arbitrary: fc.nat(unusual), weight: 1 });
    const queue = fc.record({ index: seldom(1, 2), group: seldom(1, 2), shared: fc.boolean(), size: seldom(24, 40), threshold: seldom(8, 40) });
    const arbitrary = fc.tuple(fc.array(queue, { maxLength: 3 }), fc.option(fc.array(fc.record({ index: seldom(1, 2), group: seldom(1, 2) }), { maxLength: 3 }), { nil: undefined }));
    let accepted = 0;
    fc.assert(fc.property(arbitrary, ([list, engines]) => {
      const queues = list.map(({ shared, threshold, ...each }): QueueConfig => (shared ? { ...each, mode: 'shared', threshold } : { ...each, mode: 'dedicated' }));
      const { probed, run, bar0 } = configured(queues, { profile, ...(engines && { engines }) });
      if (!probed.ok) return;
      accepted += 1;
      run(probed.value.enable());
      const read = (offset: number) => bar0.read(offset, 4);
      const sizes = [0, 1].map((each) => read(0x400 + 0x20 * each) & 0xffff);
      const groups = [0, 1].map((each) => ({ wqs: read(0x300 + 0x40 * each), engines: read(0x320 + 0x40 * each) }));
      expect((sizes[0] ?? 0) + (sizes[1] ?? 0)).toBeLessThanOrEqual(32);
      for (const { wqs, engines: working } of groups) expect(wqs === 0).toBe(working === 0);
      for (const members of [groups.map(({ wqs }) => wqs), groups.map((each) => each.engines)]) expect((members[0] ?? 0) & (members[1] ?? 0)).toBe(0);
      for (const each of [0, 1]) expect((sizes[each] ?? 0) > 0).toBe(groups.some(({ wqs }) => (wqs & (1 << each)) !== 0));
    }), { numRuns: 300 });
    expect(accepted).toBeGreaterThan(10);
  });
});
