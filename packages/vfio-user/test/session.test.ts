import { VFIO_IRQ_SET } from '@siov/vfio';
import { describe, expect, test } from 'vitest';
import { encodeVersion } from '../src/version.ts';
import {
  COMMAND, DeviceInfoPayload, DmaMap, DmaUnmap, encodeRequest, FLAG, IrqInfoPayload, IrqSetPayload, RegionAccess, RegionInfoPayload,
  RegionIoFdsPayload, WriteMulti, WriteMultiEntry,
} from '../src/wire.ts';
import { SessionHarness } from './session-harness.ts';

const { DATA_NONE, DATA_BOOL, DATA_EVENTFD, ACTION_TRIGGER, ACTION_MASK } = VFIO_IRQ_SET;
const [EIO, EEXIST, EINVAL, ENOSPC, ENOSYS, EOPNOTSUPP] = [5, 17, 22, 28, 38, 95];

const map = (change: Partial<{ argsz: number; flags: number; offset: bigint; address: bigint; size: bigint }> = {}) =>
  DmaMap.encode({ argsz: 32, flags: 3, offset: 0n, address: 0x10000n, size: 0x10000n, ...change });
const unmap = (address: bigint, size: bigint, flags = 0, argsz = 24) => DmaUnmap.encode({ argsz, flags, address, size });
const irqs = (change: Partial<{ argsz: number; flags: number; index: number; start: number; count: number }> = {}, data: number[] = []) =>
  Uint8Array.of(...IrqSetPayload.encode({ argsz: 20, flags: DATA_EVENTFD | ACTION_TRIGGER, index: 2, start: 0, count: 1, ...change }), ...data);
const access = (region: number, offset: bigint, count: number, data: number[] = []) =>
  Uint8Array.of(...RegionAccess.encode({ offset, region, count }), ...data);
const multi = (entries: { region: number; offset: bigint; count: number; data: bigint }[], count = BigInt(entries.length)) =>
  Uint8Array.of(...WriteMulti.encode({ count }), ...entries.flatMap((entry) => [...WriteMultiEntry.encode(entry)]));

describe('version', () => {
  test('comes first: anything else is answered with EINVAL and ends the session', () => {
    const harness = new SessionHarness();
    expect(harness.ask(COMMAND.DEVICE_RESET)).toMatchObject({ errno: EINVAL });
    expect(harness.session.broken).toMatch(/before VERSION/);
    expect(harness.device.log).toEqual([]);
    expect(harness.ask(COMMAND.VERSION, encodeVersion({ major: 0, minor: 0, capabilities: {} }))).toBeUndefined();
  });

  test('comes once', () => {
    const harness = new SessionHarness().negotiate();
    expect(harness.ask(COMMAND.VERSION, encodeVersion({ major: 0, minor: 0, capabilities: {} }))).toMatchObject({ errno: EINVAL });
    expect(harness.session.broken).toMatch(/twice/);
  });

  test.each([['too short', new Uint8Array(3)], ['another major', encodeVersion({ major: 9, minor: 0, capabilities: {} })]])(
    '%s is answered with EINVAL and ends the session',
    (_what, payload) => {
      const harness = new SessionHarness();
      expect(harness.ask(COMMAND.VERSION, payload)).toMatchObject({ errno: EINVAL });
      expect(harness.session.broken).toBeDefined();
    },
  );
});

/** What a hostile or broken client may send after VERSION, and the errno it gets. */
const HOSTILE: [what: string, command: number, payload: Uint8Array, errno: number, fds?: number][] = [
  ['an unknown command', 99, new Uint8Array(5), ENOSYS],
  ['command 0', 0, new Uint8Array(0), ENOSYS],
  ['message DMA from the client', COMMAND.DMA_READ, new Uint8Array(16), EOPNOTSUPP],
  ['the old DIRTY_PAGES', COMMAND.DIRTY_PAGES, new Uint8Array(8), EOPNOTSUPP],
  ['a short DEVICE_FEATURE', COMMAND.DEVICE_FEATURE, new Uint8Array(2), EOPNOTSUPP],
  ['migration', COMMAND.MIG_DATA_WRITE, new Uint8Array(8), EOPNOTSUPP],

  ['a descriptor with a reset', COMMAND.DEVICE_RESET, new Uint8Array(0), EINVAL, 1],
  ['descriptors with a region read', COMMAND.REGION_READ, access(7, 0n, 4), EINVAL, 3],
  ['two descriptors with one mapping', COMMAND.DMA_MAP, map(), EINVAL, 2],

  ['info with too small an argsz', COMMAND.DEVICE_GET_INFO, DeviceInfoPayload.encode({ argsz: 15, flags: 0, numRegions: 0, numIrqs: 0 }), EINVAL],
  ['info without a payload', COMMAND.DEVICE_GET_INFO, new Uint8Array(0), EINVAL],
  ['a region that is not there', COMMAND.DEVICE_GET_REGION_INFO,
    RegionInfoPayload.encode({ argsz: 32, flags: 0, index: 9, capOffset: 0, size: 0n, offset: 0n }), EINVAL],
  ['region info with too small an argsz', COMMAND.DEVICE_GET_REGION_INFO,
    RegionInfoPayload.encode({ argsz: 31, flags: 0, index: 0, capOffset: 0, size: 0n, offset: 0n }), EINVAL],
  ['ioeventfds of a region that is not there', COMMAND.DEVICE_GET_REGION_IO_FDS,
    RegionIoFdsPayload.encode({ argsz: 16, flags: 0, index: 0xffffffff, count: 0 }), EINVAL],
  ['an interrupt index that is not there', COMMAND.DEVICE_GET_IRQ_INFO, IrqInfoPayload.encode({ argsz: 16, flags: 0, index: 5, count: 0 }), EINVAL],

  ['a read of nothing', COMMAND.REGION_READ, access(0, 0n, 0), EINVAL],
  ['a read past the end', COMMAND.REGION_READ, access(7, 4095n, 2), EINVAL],
  ['a read at an offset that wraps', COMMAND.REGION_READ, access(7, 0xffff_ffff_ffff_ffffn, 4), EINVAL],
  ['a read above the transfer limit', COMMAND.REGION_READ, access(0, 0n, 2 ** 20 + 1), EINVAL],
  ['a read of 4 GiB', COMMAND.REGION_READ, access(0, 0n, 0xffffffff), EINVAL],
  ['a read of an absent region', COMMAND.REGION_READ, access(3, 0n, 4), EINVAL],
  ['a read of a region that cannot be', COMMAND.REGION_READ, access(0xffffffff, 0n, 4), EINVAL],
  ['a read with 15 bytes', COMMAND.REGION_READ, new Uint8Array(15), EINVAL],
  ['a write with less data than its count', COMMAND.REGION_WRITE, access(0, 0n, 4, [1, 2, 3]), EINVAL],
  ['a write with more data than its count', COMMAND.REGION_WRITE, access(0, 0n, 4, [1, 2, 3, 4, 5]), EINVAL],
  ['a write of nothing', COMMAND.REGION_WRITE, access(0, 0n, 0), EINVAL],
  ['a write past the end', COMMAND.REGION_WRITE, access(7, 4093n, 4, [1, 2, 3, 4]), EINVAL],
  ['many writes, one too wide', COMMAND.REGION_WRITE_MULTI, multi([{ region: 0, offset: 32n, count: 9, data: 1n }]), EINVAL],
  ['many writes, the count a lie', COMMAND.REGION_WRITE_MULTI, multi([{ region: 0, offset: 32n, count: 8, data: 1n }], 2n), EINVAL],
  ['many writes, the count beyond 2^60', COMMAND.REGION_WRITE_MULTI, multi([], 0xffff_ffff_ffff_ffffn), EINVAL],
  ['many writes, no count', COMMAND.REGION_WRITE_MULTI, new Uint8Array(7), EINVAL],

  ['a mapping of nothing', COMMAND.DMA_MAP, map({ size: 0n }), EINVAL, 1],
  ['a mapping that wraps', COMMAND.DMA_MAP, map({ address: 0xffff_ffff_ffff_f000n, size: 0x2000n }), EINVAL, 1],
  ['an unaligned mapping', COMMAND.DMA_MAP, map({ address: 0x10001n }), EINVAL, 1],
  ['a mapping of half pages', COMMAND.DMA_MAP, map({ size: 0x800n }), EINVAL, 1],
  ['a mapping with no access', COMMAND.DMA_MAP, map({ flags: 0 }), EINVAL, 1],
  ['a mapping with unknown flags', COMMAND.DMA_MAP, map({ flags: 7 }), EINVAL, 1],
  ['a mapping with a small argsz', COMMAND.DMA_MAP, map({ argsz: 31 }), EINVAL, 1],
  ['a mapping with bytes behind it', COMMAND.DMA_MAP, Uint8Array.of(...map(), 0), EINVAL, 1],
  ['a mapping above the byte limit', COMMAND.DMA_MAP, map({ address: 0n, size: 1n << 60n }), ENOSPC, 1],
  ['an unmap of nothing', COMMAND.DMA_UNMAP, unmap(0x10000n, 0n), EINVAL],
  ['an unmap that wraps', COMMAND.DMA_UNMAP, unmap(0xffff_ffff_ffff_f000n, 0x2000n), EINVAL],
  ['an unmap of all with a range', COMMAND.DMA_UNMAP, unmap(0x1000n, 0n, 2), EINVAL],
  ['an unmap that asks for dirty pages', COMMAND.DMA_UNMAP, unmap(0n, 0x1000n, 1), EOPNOTSUPP],
  ['an unmap with unknown flags', COMMAND.DMA_UNMAP, unmap(0n, 0x1000n, 8), EINVAL],
  ['an unmap with a small argsz', COMMAND.DMA_UNMAP, unmap(0n, 0x1000n, 0, 8), EINVAL],

  ['interrupts of no index', COMMAND.DEVICE_SET_IRQS, irqs({ index: 5 }), EINVAL, 1],
  ['interrupts past the last', COMMAND.DEVICE_SET_IRQS, irqs({ start: 8 }), EINVAL, 1],
  ['interrupts whose end wraps', COMMAND.DEVICE_SET_IRQS, irqs({ start: 0xffffffff, count: 2 }), EINVAL],
  ['a million interrupts', COMMAND.DEVICE_SET_IRQS, irqs({ count: 2 ** 20 }), EINVAL],
  ['more vectors than eventfds', COMMAND.DEVICE_SET_IRQS, irqs({ count: 3 }), EINVAL, 2],
  ['more eventfds than vectors', COMMAND.DEVICE_SET_IRQS, irqs({ count: 1 }), EINVAL, 2],
  ['eventfds where none belong', COMMAND.DEVICE_SET_IRQS, irqs({ flags: DATA_NONE | ACTION_TRIGGER }), EINVAL, 1],
  ['two actions', COMMAND.DEVICE_SET_IRQS, irqs({ flags: DATA_EVENTFD | ACTION_TRIGGER | ACTION_MASK }), EINVAL, 1],
  ['no action', COMMAND.DEVICE_SET_IRQS, irqs({ flags: DATA_EVENTFD }), EINVAL, 1],
  ['two kinds of data', COMMAND.DEVICE_SET_IRQS, irqs({ flags: DATA_EVENTFD | DATA_BOOL | ACTION_TRIGGER }), EINVAL, 1],
  ['a boolean list that is short', COMMAND.DEVICE_SET_IRQS, irqs({ flags: DATA_BOOL | ACTION_TRIGGER, count: 3 }, [1, 1]), EINVAL],
  ['an interrupt request with a small argsz', COMMAND.DEVICE_SET_IRQS, irqs({ argsz: 19 }), EINVAL, 1],
  ['an interrupt request of 19 bytes', COMMAND.DEVICE_SET_IRQS, irqs().subarray(0, 19), EINVAL, 1],
];

describe('hostile requests', () => {
  test.each(HOSTILE)('%s', (_what, command, payload, errno, fds = 0) => {
    const harness = new SessionHarness().negotiate();
    const reply = harness.ask(command, payload, harness.fds(fds));
    expect(reply).toMatchObject({ id: 77, command, size: 16, flags: FLAG.ERROR | 1, errno });
    expect([...harness.open]).toEqual([]);
    expect(harness.closedWrongly).toEqual([]);
    expect(harness.device.log).toEqual([]);
    // The session goes on as if nothing had happened.
    expect(harness.session.broken).toBeUndefined();
    expect(harness.ask(COMMAND.REGION_READ, access(7, 0n, 4))).toMatchObject({ flags: 1, size: 36 });
  });

  test.each(HOSTILE)('%s, posted: never answered', (_what, command, payload, _errno, fds = 0) => {
    const harness = new SessionHarness().negotiate();
    expect(harness.ask(command, payload, harness.fds(fds), FLAG.NO_REPLY)).toBeUndefined();
    expect([...harness.open]).toEqual([]);
    expect(harness.counters).toMatchObject({ posted: 1, failures: 1 });
  });

  test('replies are never answered, and end the session when they do not stop', () => {
    const harness = new SessionHarness().negotiate();
    for (let count = 0; count < 16; count++) expect(harness.ask(COMMAND.DEVICE_RESET, undefined, harness.fds(1), 1)).toBeUndefined();
    expect(harness.session.broken).toBeUndefined();
    expect(harness.ask(COMMAND.DEVICE_RESET, undefined, [], 2)).toBeUndefined();
    expect(harness.session.broken).toMatch(/no commands/);
    expect(harness.counters.strayReplies).toBe(17);
    expect([...harness.open]).toEqual([]);
  });

  test('a flood of descriptors is closed and refused', () => {
    const harness = new SessionHarness().negotiate();
    expect(harness.ask(COMMAND.DEVICE_SET_IRQS, irqs({ count: 8 }), harness.fds(253))).toMatchObject({ errno: EINVAL });
    expect([...harness.open]).toEqual([]);
    expect(harness.counters.excessFds).toBe(253);
  });

  test('descriptors the kernel dropped are missed', () => {
    const harness = new SessionHarness().negotiate();
    harness.feed(encodeRequest(1, COMMAND.DMA_MAP, map()), harness.fds(1), true);
    expect(harness.replies.at(-1)).toMatchObject({ errno: EINVAL });
    expect([...harness.open]).toEqual([]);
  });

  test('a request byte by byte is served as one', () => {
    const harness = new SessionHarness().negotiate();
    const bytes = encodeRequest(5, COMMAND.REGION_WRITE, access(0, 64n, 4, [1, 2, 3, 4]));
    for (const byte of bytes) harness.feed(Uint8Array.of(byte));
    expect(harness.replies.at(-1)).toMatchObject({ id: 5, flags: 1, size: 32 });
    expect(harness.device.log).toEqual(['write 0 64+4']);
  });

  test('a message of impossible size ends the session without an answer', () => {
    const harness = new SessionHarness().negotiate();
    const before = harness.replies.length;
    const bytes = encodeRequest(5, COMMAND.REGION_WRITE, new Uint8Array(0));
    new DataView(bytes.buffer).setUint32(4, 2 ** 20 + 33, true);
    harness.feed(bytes, harness.fds(2));
    expect(harness.session.broken).toMatch(/impossible size/);
    harness.session.end();
    expect(harness.replies.length).toBe(before);
    expect([...harness.open]).toEqual([]);
  });
});

describe('regions', () => {
  test('the largest read and write pass', () => {
    const harness = new SessionHarness().negotiate();
    const data = new Uint8Array(2 ** 20).fill(0xa5);
    const payload = new Uint8Array(16 + data.length);
    payload.set(RegionAccess.encode({ offset: 0n, region: 0, count: data.length }));
    payload.set(data, 16);
    expect(harness.ask(COMMAND.REGION_WRITE, payload)).toMatchObject({ flags: 1, size: 32 });
    const read = harness.ask(COMMAND.REGION_READ, access(0, 0n, 2 ** 20));
    expect(read?.payload.length).toBe(16 + 2 ** 20);
    expect(Buffer.compare(read?.payload.subarray(16) ?? new Uint8Array(0), data)).toBe(0);
  });

  test('many writes are done in order; one that fails does not stop the others', () => {
    const harness = new SessionHarness().negotiate();
    const reply = harness.ask(COMMAND.REGION_WRITE_MULTI, multi([
      { region: 0, offset: 32n, count: 8, data: 0x0807060504030201n },
      { region: 3, offset: 0n, count: 4, data: 0n },
      { region: 0, offset: 36n, count: 1, data: 0xffn },
    ]));
    expect(WriteMulti.read(reply?.payload ?? new Uint8Array(0))).toEqual({ ok: true, value: { count: 2n } });
    expect([...(harness.device.regions[0]?.subarray(32, 41) ?? [])]).toEqual([1, 2, 3, 4, 0xff, 6, 7, 8, 0]);
  });

  test('many writes need to be negotiated', () => {
    const harness = new SessionHarness().negotiate({});
    expect(harness.ask(COMMAND.REGION_WRITE_MULTI, multi([]))).toMatchObject({ errno: EOPNOTSUPP });
  });

  test('regions cannot be mapped and interrupts can be resized, whatever the device says', () => {
    const harness = new SessionHarness().negotiate();
    const region = harness.ask(COMMAND.DEVICE_GET_REGION_INFO, RegionInfoPayload.encode({ argsz: 64, flags: 0, index: 0, capOffset: 0, size: 0n, offset: 0n }));
    expect(RegionInfoPayload.read(region?.payload ?? new Uint8Array(0))).toMatchObject({ value: { argsz: 32, flags: 3, size: 0x100000n, capOffset: 0 } });
    const irq = harness.ask(COMMAND.DEVICE_GET_IRQ_INFO, IrqInfoPayload.encode({ argsz: 16, flags: 0, index: 2, count: 0 }));
    expect(IrqInfoPayload.read(irq?.payload ?? new Uint8Array(0))).toMatchObject({ value: { flags: 1, count: 8 } });
    const fds = harness.ask(COMMAND.DEVICE_GET_REGION_IO_FDS, RegionIoFdsPayload.encode({ argsz: 16, flags: 0, index: 0, count: 0 }));
    expect(RegionIoFdsPayload.read(fds?.payload ?? new Uint8Array(0))).toMatchObject({ value: { argsz: 16, index: 0, count: 0 } });
  });
});

describe('mappings', () => {
  test('a mapping is the device\'s until it is unmapped', () => {
    const harness = new SessionHarness().negotiate();
    expect(harness.ask(COMMAND.DMA_MAP, map(), harness.fds(1))).toMatchObject({ flags: 1, size: 16 });
    expect(harness.device.mappings).toMatchObject([{ iova: 0x10000n, size: 0x10000n, readable: true, writable: true, memory: { size: 0x10000 } }]);
    expect(harness.attachedMemories).toBe(1);
    expect(harness.ask(COMMAND.DMA_UNMAP, unmap(0x10000n, 0x10000n))?.payload).toEqual(unmap(0x10000n, 0x10000n));
    expect(harness.device.mappings).toEqual([]);
    expect(harness.attachedMemories).toBe(0);
  });

  test('a range without memory is remembered but never the device\'s', () => {
    const harness = new SessionHarness().negotiate();
    expect(harness.ask(COMMAND.DMA_MAP, map({ flags: 1 }))).toMatchObject({ flags: 1 });
    expect(harness.events).toContainEqual({ kind: 'dma-unreachable', iova: 0x10000n, size: 0x10000n });
    expect(harness.ask(COMMAND.DMA_MAP, map(), harness.fds(1))).toMatchObject({ errno: EEXIST });
    expect(harness.ask(COMMAND.DMA_UNMAP, unmap(0x10000n, 0x10000n))).toMatchObject({ flags: 1 });
    expect(harness.counters.emptyUnmaps).toBe(0);
    expect(harness.device.log).toEqual([]);
    expect([...harness.open]).toEqual([]);
  });

  test('an unmap takes every mapping inside it, refuses to cut one, and succeeds where there is none', () => {
    const harness = new SessionHarness().negotiate();
    for (const address of [0x10000n, 0x20000n, 0x40000n]) harness.ask(COMMAND.DMA_MAP, map({ address }), harness.fds(1));
    expect(harness.ask(COMMAND.DMA_UNMAP, unmap(0x18000n, 0x18000n))).toMatchObject({ errno: EINVAL });
    expect(harness.device.mappings).toHaveLength(3);
    expect(harness.ask(COMMAND.DMA_UNMAP, unmap(0n, 0x40000n))).toMatchObject({ flags: 1 });
    expect(harness.device.mappings).toMatchObject([{ iova: 0x40000n }]);
    expect(harness.ask(COMMAND.DMA_UNMAP, unmap(0n, 0x40000n))).toMatchObject({ flags: 1 });
    expect(harness.counters.emptyUnmaps).toBe(1);
  });

  test('unmapping all unmaps all', () => {
    const harness = new SessionHarness().negotiate();
    for (const address of [0x10000n, 0x20000n]) harness.ask(COMMAND.DMA_MAP, map({ address }), harness.fds(1));
    harness.ask(COMMAND.DMA_MAP, map({ address: 0n }));
    expect(harness.ask(COMMAND.DMA_UNMAP, unmap(0n, 0n, 2))).toMatchObject({ flags: 1 });
    expect(harness.device.mappings).toEqual([]);
    expect(harness.session.dma.ranges).toEqual([]);
  });

  test('there are not more than agreed', () => {
    const harness = new SessionHarness({ maxDmaMaps: 2 }).negotiate();
    const errnos = [1n, 2n, 3n].map((page) => harness.ask(COMMAND.DMA_MAP, map({ address: page << 20n }), harness.fds(1))?.errno);
    expect(errnos).toEqual([0, 0, ENOSPC]);
    expect([...harness.open]).toEqual([]);
  });

  test('memory that cannot be mapped is the client\'s mistake', () => {
    const harness = new SessionHarness().negotiate();
    expect(harness.ask(COMMAND.DMA_MAP, map(), harness.fds(1, 2000))).toMatchObject({ errno: EINVAL });
    expect(harness.session.dma.ranges).toEqual([]);
    expect([...harness.open]).toEqual([]);
  });
});

describe('interrupts', () => {
  const msix = (harness: SessionHarness, count: number, start = 0) => harness.ask(COMMAND.DEVICE_SET_IRQS, irqs({ start, count }), harness.fds(count));

  test('eventfds are the device\'s from then on, and closed when the client leaves', () => {
    const harness = new SessionHarness().negotiate();
    expect(msix(harness, 8)).toMatchObject({ flags: 1, size: 16 });
    expect([...harness.device.armed.keys()]).toEqual(['2.0', '2.1', '2.2', '2.3', '2.4', '2.5', '2.6', '2.7']);
    expect(harness.device.armed.get('2.5')?.name).toBe('irq 2.5');
    expect(harness.open.size).toBe(8);
    harness.session.end();
    expect(harness.open.size).toBe(0);
    expect(harness.closedWrongly).toEqual([]);
  });

  test('no descriptor at all gives the vectors up', () => {
    const harness = new SessionHarness().negotiate();
    msix(harness, 4);
    expect(harness.ask(COMMAND.DEVICE_SET_IRQS, irqs({ start: 1, count: 2 }))).toMatchObject({ flags: 1 });
    expect([...harness.device.armed.keys()]).toEqual(['2.0', '2.3']);
    expect(harness.open.size).toBe(2);
  });

  test('no data, trigger, count 0 disables the index', () => {
    const harness = new SessionHarness().negotiate();
    msix(harness, 4);
    expect(harness.ask(COMMAND.DEVICE_SET_IRQS, irqs({ flags: DATA_NONE | ACTION_TRIGGER, count: 0 }))).toMatchObject({ flags: 1 });
    expect(harness.open.size).toBe(0);
  });

  test('booleans come one byte each', () => {
    const harness = new SessionHarness().negotiate();
    expect(harness.ask(COMMAND.DEVICE_SET_IRQS, irqs({ argsz: 22, flags: DATA_BOOL | ACTION_MASK, count: 2 }, [0, 7]))).toMatchObject({ flags: 1 });
    expect(harness.device.log).toEqual(['irqs 2 mask bool 0+2']);
  });

  test('one descriptor that is no eventfd refuses them all', () => {
    const harness = new SessionHarness().negotiate();
    const fds = [...harness.fds(2), ...harness.fds(1, 3000), ...harness.fds(1, 200)];
    expect(harness.ask(COMMAND.DEVICE_SET_IRQS, irqs({ count: 4 }), fds)).toMatchObject({ errno: EINVAL });
    expect([...harness.open]).toEqual([]);
    expect(harness.closedWrongly).toEqual([]);
    expect(harness.device.log).toEqual([]);
  });
});

describe('a device that throws', () => {
  const throwing = () => {
    const harness = new SessionHarness().negotiate();
    harness.device.before = (operation) => {
      throw new Error(`no ${operation}`);
    };
    return harness;
  };

  test.each([
    ['read', COMMAND.REGION_READ, access(7, 0n, 4), 0],
    ['write', COMMAND.REGION_WRITE, access(7, 0n, 1, [1]), 0],
    ['many writes', COMMAND.REGION_WRITE_MULTI, multi([{ region: 0, offset: 0n, count: 1, data: 0n }]), 0],
    ['map', COMMAND.DMA_MAP, map(), 1],
    ['interrupts', COMMAND.DEVICE_SET_IRQS, irqs(), 1],
    ['reset', COMMAND.DEVICE_RESET, new Uint8Array(0), 0],
  ])('%s: answered with EIO, nothing leaks, the session goes on', (_what, command, payload, fds) => {
    const harness = throwing();
    expect(harness.ask(command, payload, harness.fds(fds))).toMatchObject({ errno: EIO, size: 16 });
    expect(harness.events.at(-2)).toMatchObject({ kind: 'device-error' });
    expect(harness.attachedMemories).toBe(0);
    expect([...harness.open]).toEqual([]);
    expect(harness.session.broken).toBeUndefined();
  });

  test('an unmap is done all the same', () => {
    const harness = new SessionHarness().negotiate();
    harness.ask(COMMAND.DMA_MAP, map(), harness.fds(1));
    harness.device.before = () => {
      throw new Error('no');
    };
    expect(harness.ask(COMMAND.DMA_UNMAP, unmap(0x10000n, 0x10000n))).toMatchObject({ errno: EIO });
    expect(harness.session.dma.ranges).toEqual([]);
  });

  test('a release that throws still ends the session', () => {
    const harness = throwing();
    harness.session.end();
    expect(harness.events.at(-1)).toMatchObject({ kind: 'device-error', operation: 'release' });
  });
});

describe('the end', () => {
  test('releases the device once, and not at all for a client that never said VERSION', () => {
    const harness = new SessionHarness().negotiate();
    harness.session.end();
    harness.session.end();
    expect(harness.device.log).toEqual(['release']);
    const silent = new SessionHarness();
    silent.session.end();
    expect(silent.device.log).toEqual([]);
  });

  test('a call that took longer than the client waits is not answered any more', () => {
    const harness = new SessionHarness({ replyDeadline: 100 }).negotiate();
    harness.device.before = () => void (harness.clock += 101);
    expect(harness.ask(COMMAND.DEVICE_RESET)).toBeUndefined();
    expect(harness.session.broken).toMatch(/RESET took 101 ms/);
  });
});
