import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { ok, plainState } from '@siov/base';
import type { Point, Steps } from '@siov/base';
import { Device } from '@siov/device';
import {
  cpuDown, cpuMask, cpusOf, cpuUp, freeIrq, IrqDomain, irqSetAffinity, MsiDomain, remappingMsiParent, requestIrq, setMsiDomain, SHUTDOWN_VECTOR,
} from '../src/index.ts';
import type { IrqData, MsiAllocInfo, VectorTarget } from '../src/index.ts';
import type { ApicData } from '../src/vector-data.ts';
import { makeMachine } from './machine.ts';
import { moving } from './moving.ts';

describe('a move without interrupt remapping', () => {
  test('waits for the next interrupt, and ends a tick after the first one on the new CPU', () => {
    const { setAffinity, target, fire, tick, apic, vectors, seen, table } = moving();
    expect(setAffinity(cpuMask(1))).toEqual(ok());
    expect([target(), vectors.counters.assigned]).toEqual([{ cpu: 0, vector: 0x40 }, 1]);
    fire();
    expect([target(), vectors.counters.assigned, apic.moveInProgress, seen.handled]).toEqual([{ cpu: 1, vector: 0x40 }, 2, true, 1]);
    expect(table.entry(0).message.addressLo).toBe(0xfee01000);
    fire();
    expect([apic.moveInProgress, apic.cleanupPending, vectors.counters.assigned]).toEqual([false, true, 2]);
    tick();
    expect([apic.cleanupPending, apic.prevVector, vectors.counters.assigned, seen.handled]).toEqual([false, 0, 1, 2]);
  });

  test('EBUSY while one is under way: the next move waits for its end, and then happens by itself', () => {
    const { setAffinity, target, fire, tick, run, data, table } = moving();
    setAffinity(cpuMask(1));
    fire();
    const parent = data.parent as IrqData;
    expect(run(parent.chip.irqSetAffinity?.(parent, cpuMask(2), false) as Steps<unknown>)).toMatchObject({ errno: 'EBUSY' });
    setAffinity(cpuMask(2));
    table.log.length = 0;
    fire();
    expect([target().cpu, table.log]).toEqual([1, ['mask 0', 'unmask 0']]);
    tick();
    fire();
    expect(target().cpu).toBe(2);
  });

  test('to a mask with its CPU nothing moves', () => {
    const { setAffinity, fire, target, vectors } = moving();
    setAffinity(cpuMask(0, 1));
    fire();
    expect([target(), vectors.counters.assigned]).toEqual([{ cpu: 0, vector: 0x40 }, 1]);
  });

  test('a request on the old vector is taken before that is freed; the clean-up waits for it', () => {
    const agents = new Map<string, Steps<unknown>>();
    const { setAffinity, vectors, table, clock, apic, seen } = moving({ spawn: ({ name }, steps) => agents.set(name, steps) });
    const waits = new Map<string, Point>();
    /** The agent alone, until it waits; true when it is done. */
    const step = (name: string): boolean => {
      while (waits.get(name)?.ready?.() !== false) {
        const next = agents.get(name)?.next();
        if (next?.done !== false) return true;
        waits.set(name, next.value);
      }
      return false;
    };
    setAffinity(cpuMask(1));
    for (const cpu of [0, 1]) { table.fire(0); step(`cpu${cpu}`); }
    // Sent with the old message, before the device saw the new one.
    vectors.raise(0, 0x40);
    step('vector_cleanup/0');
    clock.advance(1);
    step('vector_cleanup/0');
    expect([apic.cleanupPending, vectors.counters.assigned, seen.handled]).toEqual([true, 2, 2]);
    step('cpu0');
    expect(step('vector_cleanup/0')).toBe(false);
    clock.advance(1);
    expect([step('vector_cleanup/0'), apic.cleanupPending, vectors.counters.assigned]).toEqual([true, false, 1]);
    expect([seen.handled, vectors.spurious(0), vectors.spurious(1)]).toEqual([3, 0, 0]);
  });

  test('an interrupt given back in the middle of a move gives both vectors back, and the timer finds nothing', () => {
    for (const fires of [1, 2]) {
      const { setAffinity, fire, tick, run, core, virq, msi, vectors } = moving();
      setAffinity(cpuMask(1));
      for (let each = 0; each < fires; each++) fire();
      run(freeIrq(core, virq, 1));
      run(msi.freeIrqsAll());
      expect(vectors.counters).toEqual({ reserved: 0, assigned: 0, managed: 0 });
      tick();
      expect(vectors.counters).toEqual({ reserved: 0, assigned: 0, managed: 0 });
    }
  });

  test('a message that cannot be masked changes in two steps, vector first; what comes in between is raised again', () => {
    const { setAffinity, table, vectors, alloc, run, core, executor, virq, seen } = moving();
    // CPU 1 has 0x40 in use, so that vector and CPU both change.
    const other = alloc(1, { mask: cpuMask(1), managed: false });
    run(requestIrq(core, other, { name: 'other', devId: 1, handler: () => 'handled' }));
    const written: string[] = [];
    const write = table.irqWriteMsiMsg.bind(table);
    const sends = { between: true };
    setAffinity(cpuMask(1));
    const desc = core.desc(virq);
    const chip = desc?.state.data?.chip as { irqWriteMsiMsg: unknown };
    chip.irqWriteMsiMsg = function* (data: IrqData, message: { addressLo: number; addressHi: number; data: number }) {
      yield* write(data, message);
      written.push(`cpu ${(message.addressLo >>> 12) & 0xff} vector ${message.data.toString(16)}`);
      // The device sends while it has the message in between.
      if (sends.between && written.length === 1) { sends.between = false; vectors.raise(0, message.data); }
    };
    table.fire(0);
    executor.settle();
    expect(written).toEqual(['cpu 0 vector 41', 'cpu 1 vector 41']);
    // The one that came first, and the one in between, on the new CPU; the stray on CPU 0 is dropped without a word.
    expect([seen.handled, vectors.spurious(0)]).toEqual([2, 0]);
    expect([...(desc?.counts ?? [])]).toEqual([1, 1, 0]);
  });

  test('and so for a CPU that goes, which sees what comes in between before it is gone', () => {
    const { table, run, core, alloc } = moving({ cpus: 2 });
    run(requestIrq(core, alloc(1, { mask: cpuMask(1), managed: false }), { name: 'other', devId: 1, handler: () => 'handled' }));
    table.log.length = 0;
    run(cpuDown(core, 0));
    expect(table.log).toEqual(['mask 0', 'message 0', 'message 0', 'unmask 0']);
    expect(table.entry(0).message).toMatchObject({ addressLo: 0xfee01000, data: 0x41 });
  });

  test('with the vector in the message alone, or the CPU, one step will do; and so it will before the start', () => {
    const { setAffinity, fire, table } = moving();
    setAffinity(cpuMask(1));
    table.log.length = 0;
    fire();
    expect(table.log.filter((line) => line.startsWith('message'))).toHaveLength(1);
  });
});

describe('a move with interrupt remapping', () => {
  test('the device’s message never changes; the old vector goes when the table has been rewritten', () => {
    const { core, vectors, table, run, clock, executor, owner } = makeMachine({ hwsize: 8 });
    const inner = (data: IrqData) => data.parent as IrqData;
    const entries = new Map<number, VectorTarget>();
    const remapping = new IrqDomain<MsiAllocInfo>(plainState, 'INTEL-IR', {
      *alloc(_domain, _virq, _info, desc) {
        desc.state.movePcntxt = true;
        return ok({
          hwirq: 5,
          chip: {
            name: 'INTEL-IR',
            irqComposeMsiMsg: ({ hwirq }: IrqData) => ({ addressLo: 0xfee00010 | (hwirq << 5), addressHi: 0, data: 0 }),
            *irqSetAffinity(data: IrqData, mask: bigint, force: boolean) {
              const moved = yield* (inner(data).chip.irqSetAffinity ?? missing)(inner(data), mask, force);
              if (!moved.ok) return moved;
              entries.set(data.hwirq, vectors.targetOf(data));
              vectors.scheduleCleanup(data);
              return ok('done' as const);
            },
          },
          chipData: null,
        });
      },
      *activate(data) { entries.set(data.hwirq, vectors.targetOf(data)); return ok(); },
    }, vectors.domain, { msiParent: remappingMsiParent('IR-') });
    const device = new Device('remapped', { state: plainState, parent: owner });
    const msi = setMsiDomain(core, device, new MsiDomain<null>(core, device, remapping, { name: 'IMS', chip: table, hwsize: 4, slots: 'any' }));
    if (!msi.ok) throw new Error(msi.message);
    const made = run(msi.value.allocIrqAt(0, null, { mask: cpuMask(0), managed: false }));
    if (!made.ok) throw new Error(made.message);
    run(requestIrq(core, made.value.virq, { name: 'a', devId: 1, handler: () => 'handled' }));
    table.log.length = 0;
    expect(run(irqSetAffinity(core, made.value.virq, cpuMask(1)))).toEqual(ok());
    expect([entries.get(5), table.log, vectors.counters.assigned]).toEqual([{ cpu: 1, vector: 0x40 }, [], 2]);
    clock.advance(1);
    executor.settle();
    expect(vectors.counters.assigned).toBe(1);
  });

  const missing = (): never => { throw new Error('no setter'); };
});

describe('CPUs that go and come', () => {
  test('its interrupts move, their vectors there are free, and it takes none until it is back', () => {
    const { run, core, vectors, target, fire, seen, executor, virq } = moving();
    expect(run(cpuDown(core, 0))).toEqual(ok());
    expect([cpusOf(cpuMask(target().cpu)), vectors.counters.assigned, vectors.matrix.cpu(0)]).toEqual([[1], 1, expect.objectContaining({ allocated: 0, online: false })]);
    fire();
    vectors.raise(0, 0x40);
    executor.settle();
    expect([seen.handled, vectors.spurious(0), [...(core.desc(virq)?.counts ?? [])]]).toEqual([1, 0, [0, 1, 0]]);
    expect(run(cpuUp(core, 0))).toEqual(ok());
    expect(vectors.matrix.cpu(0)).toMatchObject({ online: true, available: 0xec - 0x40 });
    vectors.raise(0, 0x40);
    executor.settle();
    expect(vectors.spurious(0)).toBe(1);
  });

  test('what was requested there and not taken is raised where the interrupt is now', () => {
    const { run, core, table, executor, seen, virq } = moving();
    table.fire(0);
    run(cpuDown(core, 0));
    executor.settle();
    expect([seen.handled, [...(core.desc(virq)?.counts ?? [])]]).toEqual([1, [0, 1, 0]]);
  });

  test('a move that is not over is ended, and what was requested on the old vector is not lost', () => {
    for (const victim of [0, 1]) {
      const { run, core, vectors, setAffinity, fire, seen, executor, apic } = moving();
      setAffinity(cpuMask(1, 2));
      // Not 0: to 1, where most vectors are free.
      setAffinity(cpuMask(1));
      fire();
      vectors.raise(0, 0x40);
      run(cpuDown(core, victim));
      executor.settle();
      expect([seen.handled, apic.moveInProgress, apic.prevVector, vectors.counters.assigned]).toEqual([2, false, 0, 1]);
      expect(core.log.lines).toContain('IRQ fixup: irq 16 move in progress, old vector 64');
    }
  });

  test('a managed interrupt moves within its set, to a vector kept there', () => {
    const { run, core, alloc, vectors, executor, clock, table } = makeMachine({ cpus: 3 });
    const virq = alloc(0, { mask: cpuMask(0, 1), managed: true });
    run(requestIrq(core, virq, { name: 'a', devId: 1, handler: () => 'handled' }));
    const data = core.desc(virq)?.state.data?.parent as IrqData;
    const set = (mask: bigint) => run(data.chip.irqSetAffinity?.(data, mask, false) as Steps<unknown>);
    expect([set(cpuMask(0, 2)), vectors.targetOf(data).cpu]).toEqual([ok('ok'), 0]);
    expect(set(cpuMask(2))).toMatchObject({ errno: 'EINVAL' });
    expect([set(cpuMask(1)), vectors.targetOf(data)]).toEqual([ok('ok'), { cpu: 1, vector: 0x40 }]);
    expect(set(cpuMask(0))).toMatchObject({ errno: 'EBUSY' });
    // The message was not rewritten: it arrives where it was, which is no end of the move; then where it is now, which is.
    table.fire(0);
    vectors.raise(1, 0x40);
    executor.settle();
    clock.advance(1);
    executor.settle();
    expect(vectors.counters).toEqual({ reserved: 0, assigned: 1, managed: 2 });
    expect([set(cpuMask(0)), vectors.targetOf(data).cpu]).toEqual([ok('ok'), 0]);
  });

  test('an interrupt that is not active is not moved: it gets a vector that fits when it is', () => {
    const { run, core, alloc, vectors } = makeMachine();
    const data = core.desc(alloc(0))?.state.data?.parent as IrqData;
    expect(run(data.chip.irqSetAffinity?.(data, cpuMask(1), false) as Steps<unknown>)).toEqual(ok('ok'));
    expect([vectors.counters.assigned, data.chip.irqRetrigger?.(data)]).toEqual([0, false]);
  });

  test('reserved vectors the others cannot cover are a warning only', () => {
    const { run, core, alloc } = makeMachine({ cpus: 2, hwsize: 8, vectors: { firstVector: 0xea } });
    for (const index of [0, 1, 2]) alloc(index);
    expect(run(cpuDown(core, 1))).toEqual(ok());
    expect(core.log.lines).toEqual(['Reserved vectors 3 > available 2. IRQ request may fail']);
  });

  test('a clean-up that waits on a CPU that goes is done before it goes; one that would come later is done at once', () => {
    const pending = moving();
    pending.setAffinity(cpuMask(1));
    pending.fire();
    pending.fire();
    pending.vectors.raise(0, 0x40);
    expect(pending.apic.cleanupPending).toBe(true);
    pending.run(cpuDown(pending.core, 0));
    expect([pending.apic.cleanupPending, pending.apic.prevVector, pending.vectors.counters.assigned]).toEqual([false, 0, 1]);
    pending.tick();
    expect([pending.seen.handled, pending.vectors.counters.assigned]).toEqual([3, 1]);

    const late = moving();
    late.setAffinity(cpuMask(1));
    late.fire();
    // No longer online, and its interrupts are not looked at yet.
    late.core.setOnline(cpuMask(1, 2));
    late.fire();
    expect([late.apic.cleanupPending, late.apic.moveInProgress, late.vectors.counters.assigned]).toEqual([false, false, 1]);
  });

  test('with room for exactly what has to move it goes, and says nothing; managed interrupts need none', () => {
    const { run, core, alloc, vectors } = makeMachine({ cpus: 2, hwsize: 8, vectors: { firstVector: 0xea } });
    const on = (index: number, cpu: number, managed = false) => {
      const virq = alloc(index, { mask: cpuMask(cpu), managed });
      expect(run(requestIrq(core, virq, { name: 'a', devId: 1, handler: () => 'handled' }))).toEqual(ok());
    };
    on(0, 0);
    on(1, 1, true);
    on(2, 1);
    expect(run(cpuDown(core, 1))).toEqual(ok());
    expect([vectors.matrix.cpu(0).available, core.log.lines]).toEqual([0, []]);
    run(cpuUp(core, 1));
    expect(run(cpuDown(core, 1))).toEqual(ok());
  });

  test('ENOSPC: the others have no room for its vectors, and nothing has changed', () => {
    const { run, core, alloc, vectors } = makeMachine({ cpus: 2, hwsize: 8, vectors: { firstVector: 0xea } });
    const virqs = [0, 1, 2].map((index) => alloc(index));
    for (const virq of virqs) run(requestIrq(core, virq, { name: 'a', devId: 1, handler: () => 'handled' }));
    expect(run(cpuDown(core, 0))).toMatchObject({ errno: 'ENOSPC' });
    expect([cpusOf(core.online), vectors.matrix.cpu(0).online]).toEqual([[0, 1], true]);
    run(freeIrq(core, virqs[0] ?? 0, 1));
  });

  test('a managed interrupt is shut down with its last CPU and started on it again', () => {
    const { run, core, alloc, vectors, table, executor } = makeMachine({ cpus: 2 });
    let handled = 0;
    const virq = alloc(0, { mask: cpuMask(1), managed: true });
    run(requestIrq(core, virq, { name: 'a', devId: 1, handler: () => { handled += 1; return 'handled'; } }));
    run(cpuDown(core, 1));
    expect([vectors.counters, table.entry(0).masked]).toEqual([{ reserved: 0, assigned: 0, managed: 1 }, true]);
    run(cpuUp(core, 1));
    expect([vectors.counters, table.entry(0).masked]).toEqual([{ reserved: 0, assigned: 1, managed: 1 }, false]);
    table.fire(0);
    executor.settle();
    expect(handled).toBe(1);
  });

  test('a managed interrupt none of whose CPUs is online is allocated and requested, with its message on the shutdown vector', () => {
    const { run, core, alloc, table, vectors } = makeMachine({ cpus: 2, template: { flags: { activateEarly: true } } });
    run(cpuDown(core, 1));
    const virq = alloc(0, { mask: cpuMask(1), managed: true });
    expect(run(requestIrq(core, virq, { name: 'a', devId: 1, handler: () => 'handled' }))).toEqual(ok());
    expect([table.entry(0).masked, table.entry(0).message.data, vectors.counters.assigned]).toEqual([true, SHUTDOWN_VECTOR, 0]);
    run(cpuUp(core, 1));
    expect([table.entry(0).masked, table.entry(0).message.data]).toEqual([false, 0x40]);
  });
});

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ verb: fc.constant('fire' as const), index: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ verb: fc.constant('affinity' as const), index: fc.nat(2), mask: fc.bigInt(1n, 7n) }) },
  { weight: 2, arbitrary: fc.record({ verb: fc.constantFrom('down' as const, 'up' as const), index: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ verb: fc.constantFrom('settle' as const, 'tick' as const), index: fc.constant(0) }) },
  { weight: 1, arbitrary: fc.record({ verb: fc.constant('free' as const), index: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ verb: fc.constant('renew' as const), index: fc.nat(2), mask: fc.bigInt(1n, 7n), managed: fc.boolean() }) },
);

test('I4, I9: whatever happens, every vector has its one owner, no edge is lost, and at the end all counters are as at the start', () => {
  fc.assert(fc.property(fc.array(step, { maxLength: 40, size: 'max' }), fc.boolean(), (steps, activateEarly) => {
    const machine = makeMachine({ cpus: 3, hwsize: 3, slots: 'by-index', template: { flags: { activateEarly } }, vectors: { firstVector: 0xe8 } });
    const { run, core, msi, table, executor, clock, vectors, counters } = machine;
    const before = counters();
    const unhandled = new Set<number>();
    const handlers = (index: number) => ({ name: `i${index}`, devId: index, handler: () => { unhandled.delete(index); return 'handled' as const; } });
    /** A new interrupt in the place of the old one, requested if there is a vector for it. */
    const renew = (index: number, mask: bigint, managed: boolean) => {
      run(freeIrq(core, msi.virq(index), index));
      run(msi.freeIrqsRange(index, index));
      unhandled.delete(index);
      if (run(msi.allocIrqAt(index, null, { mask, managed })).ok) run(requestIrq(core, msi.virq(index), handlers(index)));
    };
    for (const index of [0, 1, 2]) renew(index, 7n, false);
    for (const each of steps) {
      const { verb, index } = each;
      const virq = msi.virq(index);
      const state = core.desc(virq)?.state;
      if (verb === 'settle') executor.settle();
      else if (verb === 'tick') { clock.advance(1); executor.settle(); }
      else if (verb === 'down') run(cpuDown(core, index));
      else if (verb === 'up') run(cpuUp(core, index));
      else if (verb === 'renew') renew(index, each.mask, each.managed);
      else if (verb === 'free') { run(freeIrq(core, virq, index)); unhandled.delete(index); }
      else if (verb === 'affinity') { if (state?.managed === false) run(irqSetAffinity(core, virq, each.mask)); }
      else if (state?.started) { table.fire(index); unhandled.add(index); }
      checkOwners(machine);
    }
    executor.settle();
    // What waits for a CPU to come back may have lost its edge with the shut-down, as managed interrupts do.
    for (const index of unhandled) expect(core.desc(msi.virq(index))?.state.managed).toBe(true);
    for (const cpu of [0, 1, 2]) run(cpuUp(core, cpu));
    for (const index of [0, 1, 2]) run(freeIrq(core, msi.virq(index), index));
    run(msi.freeIrqsAll());
    clock.advance(1);
    executor.settle();
    expect(counters()).toEqual(before);
    expect([0, 1, 2].map((cpu) => vectors.matrix.cpu(cpu).available)).toEqual([4, 4, 4]);
    expect([0, 1, 2].map((cpu) => vectors.spurious(cpu))).toEqual([0, 0, 0]);
  }), { numRuns: 300 });
});

/** Vectors in the matrix are those of some interrupt, now or before its move, each of one. */
function checkOwners({ core, vectors }: ReturnType<typeof makeMachine>): void {
  const owned = core.descs().flatMap(({ state }) => {
    const apic = state.data?.parent?.chipData as ApicData;
    const now = apic.vector === 0 ? [] : [`${apic.cpu}.${apic.vector}`];
    return apic.prevVector === 0 ? now : [...now, `${apic.prevCpu}.${apic.prevVector}`];
  });
  const allocated = [0, 1, 2].flatMap((cpu) => vectors.matrix.cpu(cpu).vectors.map((vector) => `${cpu}.${vector}`));
  expect(owned.sort()).toEqual(allocated.sort());
  expect(vectors.matrix.counters.totalAllocated).toBe(allocated.length);
}
