import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { ModelError, recordTrace } from '@siov/base';
import type { TraceEvent } from '@siov/base';
import { ObservedState } from '@siov/base/testing';
import { cpuMask, freeIrq, irqSetAffinity, requestIrq } from '@siov/irq';
import type { MsiMsg } from '@siov/irq';
import { composeRemappableMsg, irteText, IR_FAULT, VALIDATION } from '../src/index.ts';
import type { InterruptFault, RemappedEntry } from '../src/index.ts';
import { outcome, RID, value } from './machine.ts';
import { remapped, withTable } from './remapped.ts';

const compatibility: MsiMsg = { addressLo: 0xfee00000, addressHi: 0, data: 0x40 };

describe('InterruptRemapping', () => {
  test('an interrupt goes through its entry to its handler; a mediated device’s carries the function’s id', () => {
    const { messages, request, send, handled, pf, mdev, counters, remapping } = remapped();
    request(pf, 0);
    const { hwirq, virq } = request(mdev, 0);
    expect(counters()).toMatchObject({ entries: 2, present: 2 });
    send(RID, messages.get(hwirq) as MsiMsg);
    expect(handled).toEqual(['mdev0 0']);
    expect(counters().faults).toBe(0);
    const entry = remapping.entries()[1];
    expect(entry).toMatchObject({ index: 1, virq, sourceId: RID, qualifier: 0, validation: VALIDATION.requester, mode: 'remapped' });
    expect(irteText(entry as RemappedEntry)).toMatch(/^1: irq \d+ CPU 0 vector 0x\w+, source 0x6a01 \(SVT 1, SQ 0\)$/);
  });

  test('the message says nothing of vectors: it stays the same when the interrupt is requested again', () => {
    const { messages, request, run, core, pf } = remapped();
    const { virq, hwirq } = request(pf, 0);
    const before = messages.get(hwirq);
    run(freeIrq(core, virq, pf));
    expect(messages.get(hwirq)).toEqual({ addressLo: 0, addressHi: 0, data: 0 });
    run(requestIrq(core, virq, { name: 'again', devId: 1, handler: () => 'handled' }));
    expect(messages.get(hwirq)).toEqual(before);
  });

  test('moving it rewrites the entry and not the device, and the interrupt arrives on the other CPU', () => {
    const made = remapped({ cpus: 2 });
    const { request, run, core, pf, remapping, messages, send, handled } = made;
    const { virq, hwirq } = request(pf, 0);
    const written = made.written;
    for (const cpu of [1, 0, 1]) {
      value(run(irqSetAffinity(core, virq, cpuMask(cpu))));
      expect(remapping.entries()[0]).toMatchObject({ mode: 'remapped', cpu });
      send(RID, messages.get(hwirq) as MsiMsg);
      expect(core.desc(virq)?.counts[cpu]).toBeGreaterThan(0);
      made.tick();
    }
    expect([made.written, handled.length, [...(core.desc(virq)?.counts ?? [])]]).toEqual([written, 3, [1, 2]]);
    expect(outcome(run(irqSetAffinity(core, virq, 0n)))).toBe('EINVAL');
    expect(remapping.entries()[0]).toMatchObject({ mode: 'remapped', cpu: 1 });
  });

  test('moved again before any interrupt came it moves at once: the entry alone decides where the next one goes', () => {
    const { request, run, core, pf, remapping, vectors, tick } = remapped({ cpus: 2 });
    const { virq } = request(pf, 0);
    for (const cpu of [1, 0, 1]) {
      value(run(irqSetAffinity(core, virq, cpuMask(cpu))));
      expect(remapping.entries()[0]).toMatchObject({ mode: 'remapped', cpu });
      tick();
      expect(vectors.counters.assigned).toBe(1);
    }
  });

  const cases: [InterruptFault['reason'], number, MsiMsg, number | null][] = [
    ['source-id', 0x6a02, composeRemappableMsg(0), 0],
    ['index-beyond-table', RID, composeRemappableMsg(8), 8],
    ['entry-not-present', RID, composeRemappableMsg(7), 7],
    ['compatibility-blocked', RID, compatibility, null],
    ['reserved-request-bits', RID, { ...composeRemappableMsg(0), data: 0x10000 }, null],
  ];
  test.each(cases)('%s: the message is dropped, recorded, and no CPU sees it', (reason, requesterId, message, index) => {
    const { request, pf, send, handled, remapping } = remapped();
    request(pf, 0);
    send(requesterId, message);
    expect([handled, remapping.counters.faults, remapping.lastFault]).toEqual([[], 1, { reason, requesterId, index }]);
    expect(remapping.faultLog.take()).toEqual({
      sourceId: requesterId, code: IR_FAULT[reason], info: BigInt(index ?? 0) << 48n, pasid: null, read: false, privileged: false,
    });
  });

  test('an entry with reserved bits, or posted where the hardware cannot, is a fault; one that disables faults is quiet', () => {
    const { state, table } = withTable();
    const { request, pf, send, handled, remapping } = remapped({ state, posted: false });
    request(pf, 0);
    const low = table()[0] ?? 0;
    const change = (word: number, bits: number, action: () => void) => {
      const before = table()[word] ?? 0;
      table()[word] = before | bits;
      action();
      table()[word] = before;
    };
    const sent = (requesterId = RID) => {
      const faults = remapping.counters.faults;
      send(requesterId, composeRemappableMsg(0));
      return remapping.counters.faults - faults === 0 ? 'quiet' : remapping.lastFault?.reason;
    };
    change(2, 3 << 18, () => expect(sent()).toBe('reserved-entry-bits'));
    change(0, 1 << 15, () => expect(sent()).toBe('reserved-entry-bits'));
    expect(sent(0x6a02)).toBe('source-id');
    change(0, 2, () => expect([sent(0x6a02), handled]).toEqual(['quiet', []]));
    table()[0] = 2;
    expect(sent()).toBe('quiet');
    table()[0] = low;
    expect([sent(), handled]).toEqual(['quiet', ['dsa0 0']]);
  });

  test('messages that name a vector go through only where that is allowed, and only to a vector', () => {
    const { pf, request, send, remapping, vectors, core, handled } = remapped({ compatibilityAllowed: true });
    const { virq } = request(pf, 0);
    const { cpu, vector } = vectors.targetOf(core.desc(virq)?.state.data as never);
    send(0x1234, { ...compatibility, addressLo: 0xfee00000 + (cpu << 12), data: vector });
    expect([handled, remapping.counters.faults]).toEqual([['dsa0 0'], 0]);
    send(RID, { ...compatibility, data: 0x400 });
    expect([handled.length, remapping.lastFault?.reason]).toEqual([1, 'compatibility-blocked']);
  });

  test('a message to an address that means no interrupt is dropped and counted', () => {
    const { send, remapping } = remapped();
    for (const [addressHi, addressLo] of [[0, 0], [1, 0xfee00000], [0, 0xfef00000]] as const) send(RID, { addressHi, addressLo, data: 0 });
    expect([remapping.strays, remapping.counters.faults]).toEqual([3, 0]);
  });

  test('faults: as many as there are registers, then overflow; the event comes once', () => {
    let events = 0;
    const { send, remapping } = remapped({ faultRecords: 2, faultEvent: () => (events += 1) });
    for (const index of [1, 2, 3]) send(RID, composeRemappableMsg(index));
    expect([remapping.faultLog.overflow, remapping.faultLog.lost, events]).toEqual([true, 1, 1]);
    expect([remapping.faultLog.take()?.info, remapping.faultLog.take()?.info, remapping.faultLog.take()]).toEqual([1n << 48n, 2n << 48n, null]);
  });

  test('an entry is present from activation to deactivation only', () => {
    const { core, run, pf, send, remapping, handled, alloc, of } = remapped();
    const { virq } = alloc(pf, 0);
    expect(remapping.counters).toMatchObject({ entries: 1, present: 0 });
    run(requestIrq(core, virq, { name: 'a', devId: 1, handler: () => 'handled' }));
    expect(remapping.counters.present).toBe(1);
    run(freeIrq(core, virq, 1));
    expect(remapping.counters).toMatchObject({ entries: 1, present: 0 });
    send(RID, composeRemappableMsg(0));
    expect([handled, remapping.lastFault?.reason]).toEqual([[], 'entry-not-present']);
    value(run(of(pf).freeIrqsAll()));
    expect(remapping.counters.entries).toBe(0);
  });

  test('debugfs shows the table’s use, and of an interrupt its entry', () => {
    const { core, pf, request, remapping, alloc } = remapped();
    const { virq } = request(pf, 0);
    const { hwirq, virq: idle } = alloc(pf, 1);
    const show = remapping.domain.ops.debugShow;
    expect(show?.(null)).toEqual(['entries: 2 of 8, 1 present']);
    expect(show?.(core.desc(virq)?.state.data?.parent ?? null)).toEqual([irteText(remapping.entries()[0] as RemappedEntry)]);
    expect(irteText(remapping.entries()[hwirq] as RemappedEntry)).toBe(`${hwirq}: irq ${idle} not present`);
  });

  test('a table of a size that the handle cannot name is a programmer’s mistake', () => {
    for (const size of [0, 65537, 1.5]) expect(() => remapped({ size })).toThrow(ModelError);
  });

  test('it can be asked for no device’s interrupt, and moves nothing that nothing below can', () => {
    const { run, remapping, core, pf, request } = remapped();
    const { ops } = remapping.domain;
    const { virq } = request(pf, 0);
    const desc = core.desc(virq);
    const level = desc?.state.data?.parent;
    if (desc === undefined || level === undefined || level === null || ops.alloc === undefined) throw new Error('no such interrupt');
    expect(outcome(run(ops.alloc(level.domain, 40, null as never, desc)))).toBe('EINVAL');
    const alone = { ...level, parent: null };
    expect(outcome(run(level.chip.irqSetAffinity?.(alone, 1n, false) as never))).toBe('EINVAL');
  });

  test('R6: a full table fails the allocation, and vector, virq and slot are given back', () => {
    const { run, pf, counters, of, alloc } = remapped({ size: 2 });
    for (const index of [0, 1]) alloc(pf, index);
    const before = counters();
    expect(run(of(pf).allocIrqAt(2, null))).toMatchObject({ ok: false, message: expect.stringContaining('all 2 entries') });
    expect(counters()).toEqual(before);
  });

  test('I4: whatever an allocation asks for can be refused, at any level, and then nothing has changed', () => {
    const state = new ObservedState();
    const { run, pf, of, alloc } = remapped({ state });
    alloc(pf, 0);
    state.refuse(0);
    const index = 1;
    value(run(of(pf).allocIrqAt(index, null)));
    const { requests } = state;
    expect(requests).toContain('irq_2_iommu');
    expect(requests).toContain('iommu/irtes');
    value(run(of(pf).freeIrqsRange(index, index)));
    for (let nth = 1; nth <= requests.length; nth++) {
      const before = state.snapshot();
      state.refuse(nth);
      expect(run(of(pf).allocIrqAt(index, null)).ok).toBe(false);
      expect([nth, state.changes(before)]).toEqual([nth, []]);
    }
  });

  test('crossings are as ever: the message into the IOMMU, the vector into the irq core', () => {
    const events: TraceEvent[] = [];
    const { request, pf, executor, remapping, messages } = remapped({ trace: (each) => recordTrace(each, () => 0, (event) => events.push(event)) });
    const { hwirq } = request(pf, 0);
    const { addressHi, addressLo, data } = messages.get(hwirq) as MsiMsg;
    events.length = 0;
    remapping.message(RID, addressHi, addressLo, data);
    expect(events.map(({ from, to, operation, values }) => [from, to, operation, values])).toEqual([
      ['main', 'iommu', 'remap_interrupt', { requester: RID, address: BigInt(addressLo), data }],
      ['iommu', 'irq', 'raise_vector', { cpu: 0, vector: expect.any(Number) }],
    ]);
    expect(executor.current.layer).toBe('main');
  });

  test('the message of any index and requester reaches a handler only when both are the entry’s', () => {
    fc.assert(fc.property(fc.nat(9), fc.constantFrom(RID, 0x6a02), fc.nat(1), (index, requesterId, data) => {
      const { request, pf, send, handled } = remapped();
      for (const each of [0, 1, 2]) request(pf, each);
      send(requesterId, { ...composeRemappableMsg(index), data });
      const reached = index + data;
      expect(handled).toEqual(reached < 3 && requesterId === RID ? [`dsa0 ${reached}`] : []);
    }));
  });
});
