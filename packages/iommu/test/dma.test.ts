import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { bufferMemory, Executor, noTrace, ok, plainState, recordTrace, runToCompletion } from '@siov/base';
import type { TraceEvent } from '@siov/base';
import { Device } from '@siov/device';
import { DMA_FAULT, FaultLog, Iommu, PagingDomain } from '../src/index.ts';
import type { DmaFaultReason, FaultRecord } from '../src/index.ts';
import { BASE, machine, outcome, RID, value } from './machine.ts';

describe('DMA', () => {
  test('a request reaches the address space of its requester and PASID, and no other', () => {
    const { iommu, mdevs: [a, b], pf, space } = machine();
    const [host, guestA, guestB] = [space('host'), space('a'), space('b')];
    value(iommu.attachDevice(host.domain, pf));
    const { pasid } = value(iommu.attachDevicePasid(guestA.domain, a));
    value(iommu.attachDevicePasid(guestB.domain, b));
    const dma = iommu.dma(RID);
    expect(runToCompletion(dma.write(pasid, BASE + 4n, Uint8Array.of(1, 2)))).toEqual(ok());
    expect(runToCompletion(dma.write(null, BASE, Uint8Array.of(9)))).toEqual(ok());
    expect([host, guestA, guestB].map(({ bytes }) => [...bytes.subarray(0, 6)])).toEqual([[9, 0, 0, 0, 0, 0], [0, 0, 0, 0, 1, 2], [0, 0, 0, 0, 0, 0]]);
    const read = new Uint8Array(2);
    runToCompletion(dma.read(pasid, BASE + 4n, read));
    expect([...read]).toEqual([1, 2]);
    value(iommu.detachDevicePasid(a));
    expect(outcome(runToCompletion(dma.read(pasid, BASE + 4n, read)))).toBe('EFAULT');
    expect(iommu.lastFault).toEqual({ requesterId: RID, pasid, address: BASE + 4n, kind: 'read', reason: 'pasid-entry-not-present' });
  });

  test('a request that crosses into unmapped addresses moves nothing and is recorded with the first address that failed', () => {
    const { iommu, pf, space } = machine();
    const { domain, bytes } = space('host');
    const more = new Uint8Array(4096);
    value(domain.map({ iova: 0x12000n, size: 4096n, readable: true, writable: false, memory: bufferMemory(more) }));
    value(iommu.attachDevice(domain, pf));
    const dma = iommu.dma(RID);
    expect(outcome(runToCompletion(dma.write(null, 0x11ffen, Uint8Array.of(1, 2, 3))))).toBe('EFAULT');
    expect(bytes.some((each) => each !== 0)).toBe(false);
    expect(iommu.lastFault).toMatchObject({ address: 0x12000n, kind: 'write', reason: 'second-level-permission' });
    more[0] = 7;
    const read = new Uint8Array(3);
    expect(runToCompletion(dma.read(null, 0x11ffen, read))).toEqual(ok());
    expect([...read]).toEqual([0, 0, 7]);
    expect(iommu.counters.faults).toBe(1);
  });

  test('legacy mode: one address space a requester, and requests with PASID are blocked', () => {
    const { iommu, pf, space, write } = machine({ scalable: false });
    const { domain, bytes } = space('host');
    expect([outcome(write(null)), iommu.lastFault?.reason]).toEqual(['EFAULT', 'legacy-root-not-present']);
    value(iommu.attachDevice(domain, pf));
    expect([outcome(write(null, 4)), bytes[0]]).toEqual(['ok', 4]);
    expect([outcome(write(1)), iommu.lastFault?.reason]).toEqual(['EFAULT', 'pasid-in-legacy-mode']);
    expect([outcome(write(null, 1, 0n)), iommu.lastFault?.reason]).toEqual(['EFAULT', 'legacy-no-write']);
    iommu.detachDevice(pf);
    expect([outcome(write(null)), iommu.lastFault?.reason]).toEqual(['EFAULT', 'legacy-context-not-present']);
  });

  test('every level of the tables can say no, with its own code', () => {
    const { iommu, mdevs: [mdev], pf, space, process, write } = machine({ pasidWidth: 14 });
    const codes: [DmaFaultReason, number][] = [];
    const blocked = (pasid: number | null, at = BASE, privileged = false) => {
      expect(outcome(write(pasid, 1, at, privileged))).toBe('EFAULT');
      const record = iommu.faultLog.take();
      codes.push([iommu.lastFault?.reason as DmaFaultReason, record?.code ?? 0]);
    };
    expect(outcome(runToCompletion(iommu.dma(0xff00).write(null, BASE, Uint8Array.of(1))))).toBe('EFAULT');
    codes.push(['root-not-present', iommu.faultLog.take()?.code ?? 0]);
    expect(outcome(runToCompletion(iommu.dma(RID + 1).write(null, BASE, Uint8Array.of(1))))).toBe('EFAULT');
    codes.push(['context-not-present', iommu.faultLog.take()?.code ?? 0]);
    blocked(1 << 14);
    blocked(1);
    value(iommu.enableFeature(pf, 'sva'));
    const { pasid } = value(iommu.attachDevicePasid(space('a').domain, mdev));
    blocked(pasid + 1);
    blocked(pasid, 0n);
    expect(outcome(write(pasid, 1, BASE, true))).toBe('ok');
    const user = value(iommu.svaBindDevice(mdev, process('user').domain)).witness;
    blocked(user.pasid, 0n);
    blocked(user.pasid, BASE, true);
    const kernel = value(iommu.svaBindDevice(mdev, process('kernel', { supervisor: true }).domain)).witness;
    blocked(kernel.pasid);
    expect(outcome(write(kernel.pasid, 1, BASE, true))).toBe('ok');
    expect(codes).toEqual([
      ['root-not-present', 0x39], ['context-not-present', 0x41], ['pasid-beyond-directory', 0x46], ['directory-entry-not-present', 0x51],
      ['pasid-entry-not-present', 0x59], ['second-level-permission', 0x79], ['first-level-not-present', 0x71], ['supervisor-request', 0x5d], ['user-request', 0x81],
    ]);
    for (const [reason, code] of codes) expect(DMA_FAULT[reason]).toBe(code);
  });

  test('any PASIDs of any of the tables reach their own domain only', () => {
    fc.assert(fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 1023 }), { minLength: 1, maxLength: 8 }), fc.integer({ min: 1, max: 1023 }), (pasids, stranger) => {
      const { iommu, mdevs: [mdev], space, write } = machine({ pasidWidth: 10 });
      const set = value(iommu.allocSet(null, 0));
      const spaces = pasids.map((pasid) => ({ pasid: value(set.alloc(pasid, pasid)), ...space(`s${pasid}`) }));
      for (const { pasid, domain } of spaces) value(iommu.attachPasid(domain, mdev, pasid));
      for (const { pasid } of spaces) value(write(pasid, pasid & 0xff));
      expect(spaces.map(({ bytes }) => bytes[0])).toEqual(pasids.map((pasid) => pasid & 0xff));
      expect(outcome(write(stranger))).toBe(pasids.includes(stranger) ? 'ok' : 'EFAULT');
    }), { numRuns: 60 });
  });
});

test('requests are crossings from the device, for who traces', () => {
  const executor = new Executor();
  const events: TraceEvent[] = [];
  const { iommu, pf, space } = machine({ ports: { trace: recordTrace(executor, () => 0, (event) => events.push(event)) } });
  const { domain } = space('host');
  value(iommu.attachDevice(domain, pf));
  value(executor.run({ name: 'DEV', layer: 'hw' }, iommu.dma(RID).write(null, BASE, Uint8Array.of(1, 2))));
  expect(events).toEqual([{ time: 0, agent: 'DEV', from: 'hw', to: 'iommu', operation: 'dma_write', values: { pasid: null, address: BASE, size: 2 } }]);
});

describe('the interrupt range', () => {
  function withSink() {
    const messages: number[][] = [];
    const made = machine({ ports: { interrupts: { message: (...words) => messages.push(words) } } });
    const send = (pasid: number | null, address: bigint, size: number) => runToCompletion(made.iommu.dma(RID).write(pasid, address, new Uint8Array(size).fill(0x41)));
    return { ...made, messages, send };
  }

  test('a double word written without PASID is an interrupt request with the requester’s id; anything else there is blocked', () => {
    const { iommu, messages, send, pf, space } = withSink();
    const { domain } = space('host');
    value(domain.map({ iova: 0xfee00000n, size: 8192n, readable: true, writable: true, memory: bufferMemory(new Uint8Array(8192)) }));
    value(iommu.attachDevice(domain, pf));
    expect(outcome(send(null, 0xfee00000n, 4))).toBe('ok');
    expect(outcome(send(null, 0xfeeffffcn, 4))).toBe('ok');
    expect(messages).toEqual([[RID, 0, 0xfee00000, 0x41414141], [RID, 0, 0xfeeffffc, 0x41414141]]);
    for (const [address, size] of [[0xfee00000n, 8], [0xfee00002n, 4], [0xfedffffcn, 8], [0xfeeffffen, 4]] as const) {
      expect([outcome(send(null, address, size)), iommu.lastFault?.reason]).toEqual(['EFAULT', 'interrupt-address']);
    }
    expect(outcome(runToCompletion(iommu.dma(RID).read(null, 0xfee00000n, new Uint8Array(4))))).toBe('EFAULT');
    expect(messages).toHaveLength(2);
  });

  test('without anybody who takes interrupts it is blocked', () => {
    const { iommu, write } = machine();
    expect(outcome(write(null, 1, 0xfee00000n))).toBe('EFAULT');
    expect(outcome(runToCompletion(iommu.dma(RID).write(null, 0xfee00000n, new Uint8Array(4))))).toBe('EFAULT');
    expect(iommu.lastFault?.reason).toBe('interrupt-address');
  });

  test('a request with PASID is never an interrupt: it is translated, and blocked where nothing is translated', () => {
    const { iommu, messages, send, mdevs: [a, b], space, state } = withSink();
    const { domain } = space('guest');
    const memory = new Uint8Array(4096);
    value(domain.map({ iova: 0xfee00000n, size: 4096n, readable: true, writable: true, memory: bufferMemory(memory) }));
    const { pasid } = value(iommu.attachDevicePasid(domain, a));
    expect([outcome(send(pasid, 0xfee00000n, 4)), memory[0], messages]).toEqual(['ok', 0x41, []]);
    const identity = new PagingDomain(state, 'identity', { type: 'pass-through' });
    value(identity.map({ iova: 0xfee00000n, size: 4096n, readable: true, writable: true, memory: bufferMemory(memory) }));
    value(identity.map({ iova: 0x1000n, size: 4096n, readable: true, writable: true, memory: bufferMemory(memory) }));
    const through = value(iommu.attachDevicePasid(identity, b)).pasid;
    expect([outcome(send(through, 0x1000n, 4)), outcome(send(through, 0xfee00000n, 4)), iommu.lastFault?.reason]).toEqual(['ok', 'EFAULT', 'interrupt-address']);
    expect(messages).toEqual([]);
  });
});

describe('fault records', () => {
  const record = fc.record({
    sourceId: fc.nat(0xffff), code: fc.nat(0xff), info: fc.bigInt({ min: 0n, max: (1n << 52n) - 1n }).map((page) => page << 12n),
    pasid: fc.option(fc.nat(0xfffff)), read: fc.boolean(), privileged: fc.boolean(),
  });

  test('any sequence of faults and reads agrees with a bounded queue; when it is full the rest is lost until the overflow is cleared', () => {
    const step = fc.oneof(fc.record({ fault: record }), fc.constantFrom('take' as const, 'clear' as const));
    fc.assert(fc.property(fc.array(step, { maxLength: 50, size: 'max' }), fc.integer({ min: 1, max: 4 }), (steps, records) => {
      let events = 0;
      const log = new FaultLog(plainState, 'log', { records, event: () => (events += 1) });
      const queue: FaultRecord[] = [];
      let [overflow, total, lost, expectedEvents] = [false, 0, 0, 0];
      for (const each of steps) {
        if (each === 'take') expect(log.take()).toEqual(queue.shift() ?? null);
        else if (each === 'clear') {
          log.clearOverflow();
          overflow = false;
        } else {
          log.record(each.fault);
          total += 1;
          if (overflow || queue.length === records) {
            overflow = true;
            lost += 1;
          } else if (queue.push(each.fault) === 1) expectedEvents += 1;
        }
        expect([log.pending, log.overflow, log.total, log.lost, events]).toEqual([queue.length > 0, overflow, total, lost, expectedEvents]);
      }
    }));
  });

  test('the fault event comes with the first fault, not again until all were taken', () => {
    let events = 0;
    const { iommu, write } = machine({ faultRecords: 2, ports: { faultEvent: () => (events += 1) } });
    for (const pasid of [1, 2, 3]) write(pasid);
    expect([events, iommu.faultLog.overflow, iommu.counters.faults, iommu.faultLog.lost]).toEqual([1, true, 3, 1]);
    expect([iommu.faultLog.take()?.pasid, iommu.faultLog.take()?.pasid, iommu.faultLog.take()]).toEqual([1, 2, null]);
    iommu.faultLog.clearOverflow();
    write(4);
    expect([events, iommu.faultLog.take()]).toEqual([2, { sourceId: RID, code: 0x51, info: BASE, pasid: 4, read: false, privileged: false }]);
  });

  test('a requester on no bus of this machine is a fault, not an error of the model', () => {
    const iommu = new Iommu({ state: plainState, trace: noTrace });
    expect(new Device('d', { state: plainState, requesterId: 7 }).iommu.valid).toBe(false);
    expect(outcome(runToCompletion(iommu.dma(7).read(3, 0n, new Uint8Array(1))))).toBe('EFAULT');
  });
});
