import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { interleavedState, isSteps, ModelError, ok, point } from '@siov/base';
import type { Point, Steps } from '@siov/base';
import { ObservedState } from '@siov/base/testing';
import {
  composeMsiMsg, cpuMask, disableIrqNosync, enableIrq, freeIrq, IrqCore, irqDomainAllocIrq, irqSetAffinity, parseVectorMsg, requestIrq, SHUTDOWN_VECTOR,
  VectorDomain,
} from '../src/index.ts';
import type { IrqData, IrqDesc } from '../src/index.ts';
import { irqDomainActivateIrq, irqDomainDeactivateIrq } from '../src/startup.ts';
import { makeMachine } from './machine.ts';
import type { MachineOptions } from './machine.ts';

const handler = () => 'handled' as const;
const EARLY = { template: { flags: { activateEarly: true } } };

function allocated(options: MachineOptions = {}) {
  const machine = makeMachine({ hwsize: 8, ...options });
  const virqs = [0, 1, 2].map((index) => machine.alloc(index));
  const dataOf = (virq: number) => machine.core.desc(virq)?.state.data as IrqData;
  return { ...machine, virqs: virqs as [number, number, number], dataOf, targetOf: (virq: number) => machine.vectors.targetOf(dataOf(virq)) };
}

describe('a vector’s life', () => {
  test('reservation mode: reserved at allocation and on the shutdown vector, assigned at the request, reserved again after it', () => {
    const { run, core, vectors, virqs: [virq], table, free, targetOf } = allocated(EARLY);
    expect(vectors.counters).toEqual({ reserved: 3, assigned: 0, managed: 0 });
    expect([table.entry(0).message.data, table.entry(0).masked]).toEqual([SHUTDOWN_VECTOR, true]);
    run(requestIrq(core, virq, { name: 'a', devId: 1, handler }));
    expect(vectors.counters).toEqual({ reserved: 2, assigned: 1, managed: 0 });
    expect([table.entry(0).message.data, targetOf(virq)]).toEqual([0x40, { cpu: 0, vector: 0x40 }]);
    run(freeIrq(core, virq, 1));
    expect(vectors.counters).toEqual({ reserved: 3, assigned: 0, managed: 0 });
    expect(targetOf(virq)).toEqual({ cpu: 0, vector: SHUTDOWN_VECTOR });
    free(0);
    expect(vectors.counters).toEqual({ reserved: 2, assigned: 0, managed: 0 });
  });

  test('without it (IMS) the vector assigned at the first request stays until the interrupt is given back', () => {
    const { run, core, vectors, virqs: [virq], free, targetOf } = allocated();
    expect(vectors.counters).toEqual({ reserved: 3, assigned: 0, managed: 0 });
    for (let each = 0; each < 2; each++) {
      run(requestIrq(core, virq, { name: 'a', devId: 1, handler }));
      expect([vectors.counters, targetOf(virq)]).toEqual([{ reserved: 2, assigned: 1, managed: 0 }, { cpu: 0, vector: 0x40 }]);
      run(freeIrq(core, virq, 1));
      expect(vectors.counters).toEqual({ reserved: 2, assigned: 1, managed: 0 });
    }
    free(0);
    expect(vectors.counters).toEqual({ reserved: 2, assigned: 0, managed: 0 });
  });

  test('an explicit mask is assigned at once, on a CPU of it, or fails with nothing taken', () => {
    const { run, core, vectors } = makeMachine();
    const made = run(irqDomainAllocIrq(core, vectors.domain, { mask: cpuMask(1) }));
    if (!made.ok) throw new Error(made.message);
    expect([vectors.counters, vectors.targetOf(made.value.state.data as IrqData)]).toEqual([{ reserved: 0, assigned: 1, managed: 0 }, { cpu: 1, vector: 0x40 }]);
    expect(run(irqDomainAllocIrq(core, vectors.domain, { mask: cpuMask(5) }))).toMatchObject({ errno: 'EINVAL' });
    expect([core.used, vectors.counters.assigned]).toEqual([1, 1]);
  });

  test('ENOMEM: no memory for what the domain knows of an interrupt', () => {
    const state = new ObservedState();
    const { run, core, vectors } = makeMachine({ state });
    for (let nth = 1; ; nth++) {
      state.refuse(nth);
      const made = run(irqDomainAllocIrq(core, vectors.domain, null));
      if (made.ok) throw new Error('never refused');
      if (state.requests.at(-1) === 'apic_chip_data') return expect(made).toMatchObject({ errno: 'ENOMEM', message: expect.stringContaining('vector') });
    }
  });

  test('a managed interrupt has a vector kept on every CPU of its mask, and none when it is gone', () => {
    const { alloc, free, vectors, run, core } = makeMachine({ cpus: 3 });
    const virq = alloc(0, { mask: cpuMask(0, 2), managed: true });
    expect(vectors.counters).toEqual({ reserved: 0, assigned: 0, managed: 2 });
    run(requestIrq(core, virq, { name: 'a', devId: 1, handler }));
    expect(vectors.counters).toEqual({ reserved: 0, assigned: 1, managed: 2 });
    run(freeIrq(core, virq, 1));
    expect(vectors.counters).toEqual({ reserved: 0, assigned: 0, managed: 2 });
    expect(vectors.targetOf(core.desc(virq)?.state.data as IrqData)).toEqual({ cpu: 0, vector: SHUTDOWN_VECTOR });
    free(0);
    expect(vectors.counters).toEqual({ reserved: 0, assigned: 0, managed: 0 });
  });

  test('ENOSPC: no vector to keep for a managed interrupt on one of its CPUs, and none is kept on the others', () => {
    const { alloc, msi, run, vectors } = makeMachine({ hwsize: 8, vectors: { firstVector: 0xea } });
    for (const index of [0, 1]) alloc(index, { mask: cpuMask(1), managed: true });
    expect(run(msi.allocIrqAt(2, null, { mask: cpuMask(0, 1), managed: true }))).toMatchObject({ errno: 'ENOSPC' });
    expect(vectors.counters.managed).toBe(2);
  });

  test('activation by itself: what has a vector keeps it even when only that is asked for; a managed one gets one of its own, or none when shut down', () => {
    const { run, core, vectors, alloc } = makeMachine();
    const targetOf = (desc: IrqDesc) => vectors.targetOf(desc.state.data as IrqData);
    const made = run(irqDomainAllocIrq(core, vectors.domain, { mask: cpuMask(1) }));
    if (!made.ok) throw new Error(made.message);
    expect([run(irqDomainActivateIrq(made.value, true)), targetOf(made.value)]).toEqual([ok(), { cpu: 1, vector: 0x40 }]);
    const managed = core.desc(alloc(0, { mask: cpuMask(0), managed: true })) as IrqDesc;
    managed.state.managedShutdown = true;
    expect([run(irqDomainActivateIrq(managed)), targetOf(managed)]).toEqual([ok(), { cpu: 0, vector: SHUTDOWN_VECTOR }]);
    run(irqDomainDeactivateIrq(managed));
    managed.state.managedShutdown = false;
    expect([run(irqDomainActivateIrq(managed)), targetOf(managed)]).toEqual([ok(), { cpu: 0, vector: 0x40 }]);
  });

  test('a vector that stayed while nobody used the interrupt is exchanged when that is requested for another CPU', () => {
    const { run, core, virqs: [virq], vectors, targetOf, dataOf } = allocated();
    run(requestIrq(core, virq, { name: 'a', devId: 1, handler }));
    run(freeIrq(core, virq, 1));
    run(irqSetAffinity(core, virq, cpuMask(1)));
    expect(targetOf(virq).cpu).toBe(0);
    run(requestIrq(core, virq, { name: 'a', devId: 1, handler }));
    expect([targetOf(virq), vectors.counters.assigned]).toEqual([{ cpu: 1, vector: 0x40 }, 2]);
    // Not active and not reserved, it can be moved at once.
    run(freeIrq(core, virq, 1));
    const level = dataOf(virq).parent as IrqData;
    expect(run(level.chip.irqSetAffinity?.(level, cpuMask(0), false) as Steps<unknown>)).toMatchObject({ errno: 'EBUSY' });
  });

  test('interrupts are spread: each goes to the CPU with most vectors free', () => {
    const { run, core, virqs, targetOf } = allocated();
    for (const virq of virqs) run(requestIrq(core, virq, { name: 'a', devId: virq, handler }));
    expect(virqs.map(targetOf)).toEqual([{ cpu: 0, vector: 0x40 }, { cpu: 1, vector: 0x40 }, { cpu: 0, vector: 0x41 }]);
  });

  test('the message in the table names the vector that was assigned', () => {
    const { run, core, virqs: [virq], table, dataOf } = allocated();
    run(requestIrq(core, virq, { name: 'a', devId: 1, handler }));
    const { message } = table.entry(0);
    expect(composeMsiMsg(dataOf(virq))).toEqual({ ok: true, value: message });
    expect(parseVectorMsg(message.addressHi, message.addressLo, message.data)).toBe(0x40);
  });

  test('reservations are no guarantee: with more than there are vectors the kernel warns, and the request that finds none gets ENOSPC', () => {
    const { run, core, alloc, counters, vectors } = makeMachine({ cpus: 1, hwsize: 8, vectors: { firstVector: 0xea } });
    const virqs = [0, 1, 2].map((index) => alloc(index));
    expect([vectors.counters.reserved, core.log.lines]).toEqual([3, ['Interrupt reservation exceeds available resources']]);
    for (const virq of virqs.slice(0, 2)) expect(run(requestIrq(core, virq, { name: 'a', devId: 1, handler })).ok).toBe(true);
    const before = counters();
    expect(run(requestIrq(core, virqs[2] ?? 0, { name: 'a', devId: 1, handler }))).toMatchObject({ errno: 'ENOSPC' });
    expect(counters()).toEqual(before);
    run(freeIrq(core, virqs[0] ?? 0, 1));
    expect(run(requestIrq(core, virqs[2] ?? 0, { name: 'a', devId: 1, handler }))).toMatchObject({ errno: 'ENOSPC' });
  });

  test('an affinity without a vector left is broken at activation, with a warning', () => {
    const { run, core, alloc, vectors } = makeMachine({ hwsize: 8, vectors: { firstVector: 0xea } });
    const on0 = { mask: cpuMask(0), managed: false };
    const virqs = [0, 1, 2].map((index) => alloc(index, on0));
    for (const virq of virqs) expect(run(requestIrq(core, virq, { name: 'a', devId: 1, handler })).ok).toBe(true);
    expect(virqs.map((virq) => vectors.targetOf(core.desc(virq)?.state.data as IrqData).cpu)).toEqual([0, 0, 1]);
    expect(core.log.lines).toContain(`irq ${virqs[2]}: Affinity broken due to vector space exhaustion.`);
  });

  test('vectors outside of what devices can have are a programmer’s mistake', () => {
    const { core } = makeMachine();
    for (const options of [{ firstVector: 31 }, { systemVector: 257 }, { firstVector: 0x80, systemVector: 0x80 }]) {
      expect(() => new VectorDomain(core, options)).toThrow(ModelError);
    }
    const all = new VectorDomain(new IrqCore(core.ports, { ...core.options, name: 'other' }), { firstVector: 32, systemVector: 256 });
    expect(all.matrix.cpu(0).available).toBe(224);
  });
});

describe('interrupts', () => {
  test('a vector nobody owns is counted as spurious and runs nothing; one that is gone only now is dropped without a word', () => {
    const { vectors, executor, run, core, virqs: [virq], table, free } = allocated({ cpus: 1 });
    const handled: number[] = [];
    run(requestIrq(core, virq, { name: 'a', devId: 1, handler: (irq) => { handled.push(irq); return 'handled'; } }));
    table.fire(0);
    // In the request register, not taken yet, when the interrupt is given back.
    run(freeIrq(core, virq, 1));
    free(0);
    handled.length = 0;
    for (const vector of [0x90, 0x1f, SHUTDOWN_VECTOR]) vectors.raise(0, vector);
    executor.settle();
    expect([handled, vectors.spurious(0), core.log.lines]).toEqual([[], 2, [144, 31].map((vector) => `common_interrupt: 0.${vector} No irq handler for vector`)]);
    expect(() => vectors.spurious(1)).toThrow(/CPU 1 is not one of 1/);
  });

  test('a request left behind is never taken for the next owner of the vector', () => {
    fc.assert(fc.property(fc.array(fc.record({ index: fc.nat(3), verb: fc.constantFrom('on', 'off', 'fire', 'settle') }), { maxLength: 40, size: 'max' }), (steps) => {
      const { run, core, msi, table, executor } = makeMachine({ cpus: 2, hwsize: 4, slots: 'by-index', vectors: { firstVector: 0xea } });
      const due = new Map<number, number>();
      let owner = 0;
      for (const { index, verb } of steps) {
        if (verb === 'settle') executor.settle();
        else if (verb === 'fire') {
          if (msi.desc(index) === undefined) continue;
          table.fire(index);
          due.set(msi.virq(index), 1);
        } else if (verb === 'off') {
          run(freeIrq(core, msi.virq(index), index));
          run(msi.freeIrqsRange(index, index));
          due.delete(index);
        } else if (msi.desc(index) === undefined) {
          if (!run(msi.allocIrqAt(index, null)).ok) continue;
          const virq = msi.virq(index);
          const me = ++owner;
          due.delete(virq);
          // A handler that runs without a fire of its own was given somebody else's interrupt.
          const requested = run(requestIrq(core, virq, { name: `o${me}`, devId: index, handler: () => { expect(due.get(virq)).toBe(1); return 'handled'; } }));
          if (!requested.ok) run(msi.freeIrqsRange(index, index));
        }
      }
      executor.settle();
    }), { numRuns: 500 });
  });

  test('edges on one vector before the CPU takes it are one; of several vectors the highest is taken first', () => {
    const { run, core, virqs, table, executor } = allocated({ cpus: 1 });
    const handled: number[] = [];
    for (const virq of virqs) run(requestIrq(core, virq, { name: 'a', devId: 1, handler: (irq) => { handled.push(irq); return 'handled'; } }));
    for (const slot of [1, 0, 2, 1]) table.fire(slot);
    executor.settle();
    expect(handled).toEqual([virqs[2], virqs[1], virqs[0]]);
  });

  test('the replay after a disabled period goes through the vector, to the CPU that owns it', () => {
    const { run, core, virqs: [other, virq], table, executor } = allocated();
    run(requestIrq(core, other, { name: 'other', devId: 1, handler }));
    run(requestIrq(core, virq, { name: 'a', devId: 1, handler }));
    run(disableIrqNosync(core, virq) as Steps<unknown>);
    table.fire(1);
    executor.settle();
    run(enableIrq(core, virq) as Steps<unknown>);
    executor.settle();
    expect([...(core.desc(virq)?.counts ?? [])]).toEqual([0, 1]);
  });

  test('system vectors run their own handlers', () => {
    const { vectors, executor } = makeMachine();
    const taken: string[] = [];
    for (const vector of [0xec, 0xf2]) {
      vectors.installSystemVector(vector, (cpu) => taken.push(`${cpu}.${vector}`));
      vectors.raise(1, vector);
    }
    executor.settle();
    expect([taken, vectors.spurious(1)]).toEqual([['1.242', '1.236'], 0]);
    for (const vector of [0xeb, 0xf2, SHUTDOWN_VECTOR, 256]) expect(() => vectors.installSystemVector(vector, () => {})).toThrow(ModelError);
  });

  test('a message for a CPU that there is not is lost', () => {
    const { vectors, executor } = makeMachine();
    vectors.raise(7, 0x40);
    executor.settle();
    expect([vectors.spurious(0), vectors.spurious(1)]).toEqual([0, 0]);
  });

  test('where nobody can come between, all that is requested is taken in one step', () => {
    const { vectors, core, run, virqs: [virq] } = allocated({ cpus: 1, spawn: () => {} });
    let handled = 0;
    run(requestIrq(core, virq, { name: 'a', devId: 1, handler: () => { handled += 1; return 'handled'; } }));
    // Nobody's, this interrupt's and one that is gone.
    for (const vector of [0x90, 0x40, 0x91, SHUTDOWN_VECTOR]) vectors.raise(0, vector);
    expect(vectors.interrupts(0).next()).toMatchObject({ done: false, value: { kind: 'wait' } });
    expect([handled, vectors.spurious(0)]).toEqual([1, 2]);
  });

  test('where others may come between, there is a point between any two interrupts', () => {
    const machine = makeMachine({ state: interleavedState, cpus: 1, spawn: () => {} });
    const context = machine.vectors.interrupts(0);
    for (const vector of [0x90, 0x91]) machine.vectors.raise(0, vector);
    expect(isSteps(context)).toBe(true);
    const spurious = [0, 1].map(() => { const { done, value } = context.next(); return [done, value?.kind, machine.vectors.spurious(0)]; });
    expect(spurious).toEqual([[false, 'wait', 1], [false, 'wait', 2]]);
  });

  test('a CPU’s interrupt context is steps like any others: it can be delegated to, ended and failed', () => {
    const { run, core, vectors, virqs: [virq] } = allocated({ cpus: 1, spawn: () => {} });
    const log: string[] = [];
    const slow = function* () { try { log.push('begin'); yield point('memory', 'handler'); log.push('end'); } finally { log.push('out'); } return 'handled' as const; };
    run(requestIrq(core, virq, { name: 'a', devId: 1, handler: slow }));
    const delegating = function* (): Steps<void> { yield* vectors.interrupts(0); };
    const context = delegating();
    vectors.raise(0, 0x40);
    expect([context.next().value, log]).toEqual([expect.objectContaining({ kind: 'memory' }), ['begin']]);
    while ((context.next().value as Point).kind !== 'wait');
    expect(log).toEqual(['begin', 'end', 'out']);
    vectors.raise(0, 0x40);
    context.next();
    expect([context.return().done, log.slice(3)]).toEqual([true, ['begin', 'out']]);
    const failing = vectors.interrupts(0);
    expect(() => failing.throw(new Error('stop'))).toThrow('stop');
  });
});
