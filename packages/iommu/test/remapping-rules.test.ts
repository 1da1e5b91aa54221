import { describe, expect, test } from 'vitest';
import { noTrace, ok, plainState, recordTrace } from '@siov/base';
import { ObservedState } from '@siov/base/testing';
import { cpuMask, freeIrq, irqSetAffinity, irqSetVcpuAffinity, requestIrq } from '@siov/irq';
import type { IrqChip, IrqData } from '@siov/irq';
import { composeRemappableMsg, InterruptRemapping, irteText, PostedInterrupts, readIrte, VALIDATION, writePosted, writeRemapped } from '../src/index.ts';
import { RID, value } from './machine.ts';
import { remapped, withTable } from './remapped.ts';

const FROM = { sourceId: 0x0500, qualifier: 0, validation: VALIDATION.requester } as const;

/** Remapping hardware alone: what it raises is noted. */
function hardware(options: ConstructorParameters<typeof InterruptRemapping>[2] = {}) {
  const { vectors } = remapped();
  const { state, table } = withTable();
  const raised: number[][] = [];
  const noting = { domain: vectors.domain, raise: (...to: [number, number]) => { raised.push(to); }, targetOf: () => ({ cpu: 0, vector: 0x41 }), scheduleCleanup() {} };
  return { remapping: new InterruptRemapping({ state, trace: noTrace }, noting, { size: 8, ...options }), table, raised };
}

/** The level of interrupt remapping of an interrupt. */
function levelOf({ core }: ReturnType<typeof remapped>, virq: number): IrqData {
  const level = core.desc(virq)?.state.data?.parent;
  if (level === undefined || level === null) throw new Error('no such interrupt');
  return level;
}

describe('the table', () => {
  test.each([[1], [65536]])('can have %d entries', (size) => {
    const { remapping, raised, table } = hardware({ size });
    writeRemapped(table(), size - 1, { ...FROM, sourceId: RID }, { cpu: 0, vector: 0x31 });
    remapping.message(RID, 0, composeRemappableMsg(size - 1).addressLo, 0);
    expect(raised).toEqual([[0, 0x31]]);
  });

  test.each([[0], [-1], [65537], [1.5]])('cannot have %d, and says so', (size) => {
    expect(() => hardware({ size })).toThrow(`an interrupt-remapping table has 1..65536 entries, not ${size}`);
  });

  test('of its entries those that are allocated are listed, with gaps, and each is given back alone', () => {
    const made = remapped();
    const { request, pf, run, core, remapping, of, messages, send, handled } = made;
    const descs = [0, 1, 2].map((index) => request(pf, index));
    run(freeIrq(core, descs[1]?.virq ?? -1, pf));
    value(run(of(pf).freeIrqsRange(1, 1)));
    expect(remapping.entries().map(({ index, mode }) => [index, mode])).toEqual([[0, 'remapped'], [2, 'remapped']]);
    expect(remapping.counters).toMatchObject({ entries: 2, present: 2 });
    for (const index of [0, 2]) send(RID, messages.get(descs[index]?.hwirq ?? -1) as never);
    expect(handled).toEqual(['dsa0 0', 'dsa0 2']);
    send(RID, composeRemappableMsg(1));
    expect(remapping.lastFault).toEqual({ reason: 'entry-not-present', requesterId: RID, index: 1 });
  });

  test('any entry can keep its faults quiet', () => {
    const { remapping, table } = hardware();
    for (const index of [1, 7]) {
      table()[index * 4] = 2;
      remapping.message(RID, 0, composeRemappableMsg(index).addressLo, 0);
    }
    expect(remapping.counters.faults).toBe(0);
    remapping.message(RID, 0, composeRemappableMsg(2).addressLo, 0);
    expect(remapping.counters.faults).toBe(1);
  });
});

describe('entries in words', () => {
  test('one posted in the midst of others touches none of them; FPD and urgency are read', () => {
    const words = new Uint32Array(16).fill(0x5a5a5a5a);
    writePosted(words, 2, FROM, { descriptor: 0x1_0000_0040n, vector: 9 });
    expect([...words].filter((word, at) => at >>> 2 !== 2 && word !== 0x5a5a5a5a)).toEqual([]);
    expect(readIrte(words, 2)).toMatchObject({ mode: 'posted', descriptor: 0x1_0000_0040n, vector: 9, urgent: false, faultDisable: false });
    words[8] = (words[8] ?? 0) | 2 | (1 << 14);
    expect(readIrte(words, 2)).toMatchObject({ urgent: true, faultDisable: true });
  });

  test('source ids are printed with four digits', () => {
    expect(irteText({ index: 1, virq: 2, ...FROM, faultDisable: false, mode: 'remapped', cpu: 0, vector: 0x41 })).toBe('1: irq 2 CPU 0 vector 0x41, source 0x0500 (SVT 1, SQ 0)');
  });
});

describe('messages', () => {
  test('through a posted entry that is urgent, the CPU is told also where that is suppressed', () => {
    const { remapping, table, raised } = hardware();
    const descriptor = value(remapping.posted.alloc());
    descriptor.notify(3, 0xf2);
    descriptor.suppress();
    writePosted(table(), 1, { ...FROM, sourceId: RID }, { descriptor: descriptor.address, vector: 9 });
    remapping.message(RID, 0, composeRemappableMsg(1).addressLo, 0);
    expect([raised, descriptor.pending]).toEqual([[], true]);
    table()[4] = (table()[4] ?? 0) | (1 << 14);
    remapping.message(RID, 0, composeRemappableMsg(1).addressLo, 0);
    expect(raised).toEqual([[3, 0xf2]]);
  });

  test('that name a vector themselves can name any: whether it is one is for the CPU to say', () => {
    const { remapping, raised } = hardware({ compatibilityAllowed: true });
    remapping.message(RID, 0, 0xfee00000, 0);
    expect([raised, remapping.counters.faults]).toEqual([[[0, 0]], 0]);
  });

  test('arrive just so where somebody traces', () => {
    const { request, pf, send, messages, handled } = remapped({ trace: (each) => recordTrace(each, () => 0, () => {}) });
    const { hwirq } = request(pf, 0);
    send(RID, messages.get(hwirq) as never);
    expect(handled).toEqual(['dsa0 0']);
  });
});

describe('the level', () => {
  test('is named as the kernel names it, for debugfs and /proc/interrupts', () => {
    const made = remapped();
    const { remapping, request, pf } = made;
    const { virq } = request(pf, 0);
    const { name, options } = remapping.domain;
    expect([name, options.fwnode, levelOf(made, virq).chip.name, options.msiParent?.prefix]).toEqual(['INTEL-IR', 'INTEL-IR', 'INTEL-IR', 'IR-']);
    expect([options.size, options.hwirqMax, options.needsParent]).toEqual([8, 7, true]);
  });

  test('counts an entry once, however often it is written, and takes it back once', () => {
    const { remapping, request, run, core, pf, of } = remapped({ cpus: 2 });
    const { virq } = request(pf, 0);
    for (const cpu of [1, 0]) value(run(irqSetAffinity(core, virq, cpuMask(cpu))));
    expect(remapping.counters.present).toBe(1);
    for (let round = 0; round < 2; round++) {
      run(freeIrq(core, virq, round === 0 ? pf : 1));
      expect(remapping.counters.present).toBe(0);
      value(run(requestIrq(core, virq, { name: 'again', devId: 1, handler: () => 'handled' })));
      expect(remapping.counters.present).toBe(1);
    }
    run(freeIrq(core, virq, 1));
    value(run(of(pf).freeIrqsAll()));
    expect(remapping.counters).toMatchObject({ entries: 0, present: 0 });
  });

  test('leaves the entry alone where the level below says that all is done (IRQ_SET_MASK_OK_DONE)', () => {
    const { state, table } = withTable();
    const made = remapped({ state, cpus: 2 });
    const { request, pf, run } = made;
    const level = levelOf(made, request(pf, 0).virq);
    const { parent } = level;
    if (parent === null) throw new Error('nothing is below');
    const set = (outcome: 'ok' | 'done') => {
      const chip: IrqChip = { ...parent.chip, *irqSetAffinity() { return ok(outcome); } };
      const below = Object.create(parent, { chip: { value: chip } }) as IrqData;
      const here = Object.create(level, { parent: { value: below } }) as IrqData;
      return value<unknown>(run(level.chip.irqSetAffinity?.(here, 1n, false) as never));
    };
    table()[1] = 77;
    expect([set('done'), table()[1]]).toEqual(['done', 77]);
    expect([set('ok'), table()[1]]).toEqual(['done', 0]);
  });

  test('requested after it was posted, an interrupt is the host’s, and its descriptor nobody’s', () => {
    const { remapping, alloc, pf, run, core } = remapped();
    const { virq } = alloc(pf, 0);
    const descriptor = value(remapping.posted.alloc());
    value(run(irqSetVcpuAffinity(core, virq, { descriptor: descriptor.address, vector: 3 })));
    value(run(requestIrq(core, virq, { name: 'a', devId: 1, handler: () => 'handled' })));
    expect(remapping.entries()[0]?.mode).toBe('remapped');
    value(remapping.posted.free(descriptor));
  });
});

describe('descriptors', () => {
  test('are there at their whole address only, and a new one leaves the others as they are', () => {
    const memory = new PostedInterrupts(plainState, 'p', { raise() {} }, 4);
    const first = value(memory.alloc());
    expect([memory.post(0, 0, 7, false), memory.post(2, 0, 7, false), first.pending]).toEqual([false, false, false]);
    expect(memory.post(1, 0, 7, false)).toBe(true);
    value(memory.alloc());
    expect(first.take()).toEqual([7]);
  });

  test('posted to and back no more, all is as it was before', () => {
    const state = new ObservedState();
    const { remapping, request, pf, run, core } = remapped({ state });
    const { virq } = request(pf, 0);
    const descriptor = value(remapping.posted.alloc());
    const before = state.snapshot();
    for (const target of [{ descriptor: descriptor.address, vector: 3 }, null]) value(run(irqSetVcpuAffinity(core, virq, target)));
    expect(state.changes(before)).toEqual([]);
  });
});
