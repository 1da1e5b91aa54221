// The end of a move, looked at closely: when old vectors are freed, by whom, and what still comes there.
import { describe, expect, test } from 'vitest';
import type { Point, Steps } from '@siov/base';
import { cpuDown, cpuMask, freeIrq, irqSetAffinity, requestIrq } from '../src/index.ts';
import { moving } from './moving.ts';

const EARLY = { template: { flags: { activateEarly: true } } };
const handler = () => 'handled' as const;

describe('the timer', () => {
  test('is one for each CPU, however many moves end there, and is started anew when all are over', () => {
    const { alloc, run, core, virq, agents, tick, table, executor, vectors } = moving();
    const other = alloc(1, { mask: cpuMask(0), managed: false });
    run(requestIrq(core, other, { name: 'other', devId: 1, handler }));
    const timers = () => agents.filter(({ name }) => name.startsWith('vector_cleanup'));
    const moveBothTo = (cpu: number) => {
      for (const each of [virq, other]) run(irqSetAffinity(core, each, cpuMask(cpu)));
      for (const index of [0, 1, 0, 1]) { table.fire(index); executor.settle(); }
    };
    moveBothTo(1);
    expect([timers(), vectors.counters.assigned]).toEqual([[{ name: 'vector_cleanup/0', layer: 'irq' }], 4]);
    tick();
    expect([timers().length, vectors.counters.assigned]).toEqual([1, 2]);
    moveBothTo(0);
    tick();
    moveBothTo(1);
    expect(timers().map(({ name }) => name)).toEqual(['vector_cleanup/0', 'vector_cleanup/1', 'vector_cleanup/0']);
  });

  test('goes off a tick after the first of the moves that wait', () => {
    const { setAffinity, fire, clock, executor, apic, vectors } = moving();
    setAffinity(cpuMask(1));
    for (let each = 0; each < 2; each++) fire();
    clock.advance(0.5);
    executor.settle();
    expect([apic.cleanupPending, vectors.counters.assigned]).toEqual([true, 2]);
    clock.advance(0.5);
    executor.settle();
    expect([apic.cleanupPending, vectors.counters.assigned]).toEqual([false, 1]);
  });

  test('of one CPU leaves alone what waits for another’s', () => {
    const { setAffinity, fire, clock, executor, apic, vectors, run, core } = moving();
    setAffinity(cpuMask(1));
    for (let each = 0; each < 2; each++) fire();
    // CPU 0’s timer is set; the move is ended by a CPU that goes, and the next one is from CPU 1.
    run(cpuDown(core, 2));
    expect([apic.cleanupPending, apic.prevVector]).toEqual([false, 0]);
    clock.advance(0.5);
    setAffinity(cpuMask(0));
    for (let each = 0; each < 2; each++) fire();
    expect([apic.cleanupPending, apic.prevCpu]).toEqual([true, 1]);
    clock.advance(0.5);
    executor.settle();
    expect([apic.cleanupPending, vectors.counters.assigned]).toEqual([true, 2]);
    clock.advance(0.5);
    executor.settle();
    expect([apic.cleanupPending, vectors.counters.assigned]).toEqual([false, 1]);
  });
});

describe('a move that is over', () => {
  test('leaves the old vector to nobody: what is sent there is a stray', () => {
    const { setAffinity, fire, tick, vectors, executor, seen } = moving();
    setAffinity(cpuMask(1));
    for (let each = 0; each < 2; each++) fire();
    tick();
    vectors.raise(0, 0x40);
    executor.settle();
    expect([seen.handled, vectors.spurious(0)]).toEqual([2, 1]);
  });

  test('before what is requested on the old vector is taken: raised on the new one, dropped without a word on the old', () => {
    const contexts = new Map<string, Steps<unknown>>();
    const { setAffinity, table, vectors, seen, run, core } = moving({ spawn: ({ name }, steps) => contexts.set(name, steps) });
    const take = (cpu: number) => { while (((contexts.get(`cpu${cpu}`) as Steps<unknown>).next().value as Point).kind !== 'wait'); };
    setAffinity(cpuMask(1));
    for (const cpu of [0, 1]) { table.fire(0); take(cpu); }
    vectors.raise(0, 0x40);
    // Ends every move, because it may be one from or to the CPU that goes.
    run(cpuDown(core, 2));
    for (const cpu of [0, 1]) take(cpu);
    expect([seen.handled, vectors.spurious(0), [...(core.desc(16)?.counts ?? [])]]).toEqual([3, 0, [1, 2, 0]]);
    vectors.raise(0, 0x40);
    take(0);
    expect(vectors.spurious(0)).toBe(1);
  });

  test('an interrupt on the old CPU is no end of it', () => {
    const { setAffinity, fire, vectors, executor, apic } = moving();
    setAffinity(cpuMask(1));
    fire();
    vectors.raise(0, 0x40);
    executor.settle();
    expect([apic.moveInProgress, apic.cleanupPending]).toEqual([true, false]);
  });

  test('is not spoken of when a CPU goes: only one in progress is', () => {
    const { setAffinity, fire, run, core } = moving();
    setAffinity(cpuMask(1));
    for (let each = 0; each < 2; each++) fire();
    run(cpuDown(core, 2));
    expect(core.log.lines).toEqual([]);
  });
});

test('an interrupt given back in the middle of a move can be requested and moved as if it had never moved', () => {
  for (const fires of [1, 2]) {
    const { setAffinity, fire, run, core, virq, apic, target, vectors } = moving(EARLY);
    setAffinity(cpuMask(1));
    for (let each = 0; each < fires; each++) fire();
    run(freeIrq(core, virq, 1));
    expect([apic.moveInProgress, apic.cleanupPending, apic.prevVector, vectors.counters]).toEqual([false, false, 0, { reserved: 1, assigned: 0, managed: 0 }]);
    setAffinity(cpuMask(2));
    run(requestIrq(core, virq, { name: 'again', devId: 2, handler }));
    setAffinity(cpuMask(0));
    fire();
    expect([target().cpu, apic.prevCpu, vectors.counters.assigned]).toEqual([0, 2, 2]);
  }
});
