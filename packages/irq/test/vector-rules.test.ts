// Rules of vectors that no flow shows: what a failure names, what comes late, what a CPU takes at once.
import { describe, expect, test } from 'vitest';
import { point } from '@siov/base';
import type { Steps } from '@siov/base';
import { cpuDown, cpuMask, freeIrq, requestIrq } from '../src/index.ts';
import type { IrqData } from '../src/index.ts';
import { makeMachine } from './machine.ts';
import { moving } from './moving.ts';

const handler = () => 'handled' as const;
const NARROW = { cpus: 2, hwsize: 8, vectors: { firstVector: 0xea } };

/** What the level of the vectors says of a move, asked without the interrupt. */
function setAt(run: <T>(steps: Steps<T>) => T, data: IrqData, mask: bigint): unknown {
  if (data.chip.irqSetAffinity === undefined) throw new Error('no setter');
  return run(data.chip.irqSetAffinity(data, mask, false));
}

describe('EBUSY names the interrupt and where it comes from', () => {
  test('before the first interrupt on the new CPU, and until the old vector is free', () => {
    const { setAffinity, fire, run, data } = moving();
    const busy = { ok: false, errno: 'EBUSY', message: 'irq 16 is still on its way from CPU 0' };
    setAffinity(cpuMask(1));
    for (let each = 0; each < 2; each++) {
      fire();
      expect(setAt(run, data.parent as IrqData, cpuMask(2))).toEqual(busy);
    }
  });

  test('also for a managed one', () => {
    const { alloc, run, core } = makeMachine({ cpus: 3 });
    const virq = alloc(0, { mask: cpuMask(1, 2), managed: true });
    run(requestIrq(core, virq, { name: 'a', devId: 1, handler }));
    const level = core.desc(virq)?.state.data?.parent as IrqData;
    expect(setAt(run, level, cpuMask(2))).toEqual({ ok: true, value: 'ok' });
    expect(setAt(run, level, cpuMask(1))).toEqual({ ok: false, errno: 'EBUSY', message: 'irq 16 is still on its way from CPU 1' });
  });
});

describe('what comes late', () => {
  test('on the vector of an interrupt that is gone is dropped without a word once; then the vector is nobody’s', () => {
    const { alloc, free, run, core, vectors, executor } = makeMachine({ cpus: 1 });
    const virq = alloc(0);
    run(requestIrq(core, virq, { name: 'a', devId: 1, handler }));
    run(freeIrq(core, virq, 1));
    free(0);
    const late = [0, 1].map(() => { vectors.raise(0, 0x40); executor.settle(); return vectors.spurious(0); });
    expect([late, core.log.lines]).toEqual([[0, 1], ['common_interrupt: 0.64 No irq handler for vector']]);
  });

  test('is not for the interrupt that has the virq now, on another CPU', () => {
    const { alloc, free, run, core, vectors, executor } = makeMachine();
    const virq = alloc(0, { mask: cpuMask(0), managed: false });
    run(requestIrq(core, virq, { name: 'a', devId: 1, handler }));
    run(freeIrq(core, virq, 1));
    free(0);
    expect(alloc(0, { mask: cpuMask(1), managed: false })).toBe(virq);
    run(requestIrq(core, virq, { name: 'b', devId: 2, handler }));
    vectors.raise(0, 0x40);
    executor.settle();
    expect([...(core.desc(virq)?.counts ?? [])]).toEqual([0, 0]);
    vectors.raise(1, 0x40);
    executor.settle();
    expect([...(core.desc(virq)?.counts ?? [])]).toEqual([0, 1]);
  });
});

describe('a CPU’s interrupt context', () => {
  test('takes one interrupt after the other without letting others in, where nobody could come between', () => {
    const { alloc, run, core, vectors } = makeMachine({ cpus: 1, spawn: () => {} });
    const handled: number[] = [];
    const virqs = [0, 1, 2].map((index) => alloc(index));
    for (const virq of virqs) run(requestIrq(core, virq, { name: 'a', devId: 1, handler: (irq) => { handled.push(irq); return 'handled'; } }));
    for (const vector of [0x40, 0x41, 0x42]) vectors.raise(0, vector);
    vectors.interrupts(0).next();
    expect(handled).toEqual(virqs.toReversed());
  });

  test('gives up the interrupt it is in the middle of when it fails', () => {
    const { alloc, run, core, vectors } = makeMachine({ cpus: 1, spawn: () => {} });
    const log: string[] = [];
    function* slow() {
      try { yield point('memory', 'handler'); log.push('end'); } finally { log.push('out'); }
      return 'handled' as const;
    }
    run(requestIrq(core, alloc(0), { name: 'a', devId: 1, handler: slow }));
    vectors.raise(0, 0x40);
    const context = vectors.interrupts(0);
    context.next();
    expect(() => context.throw(new Error('stop'))).toThrow('stop');
    expect(log).toEqual(['out']);
  });
});

describe('a CPU that goes', () => {
  test('with as many reservations as the others have vectors, nothing is said', () => {
    const { alloc, run, core } = makeMachine(NARROW);
    for (const index of [0, 1]) alloc(index);
    expect(run(cpuDown(core, 1)).ok).toBe(true);
    expect(core.log.lines).toEqual([]);
  });

  test('ENOSPC says how many vectors it has and how many are left for them', () => {
    const { alloc, run, core } = makeMachine(NARROW);
    for (const index of [0, 1, 2]) run(requestIrq(core, alloc(index), { name: 'a', devId: 1, handler }));
    expect(run(cpuDown(core, 0))).toEqual({ ok: false, errno: 'ENOSPC', message: 'CPU 0 has 2 vectors, 1 available. Cannot disable CPU' });
  });
});

test('a managed interrupt that was never activated has no target: all zero, as the kernel allocates it', () => {
  const { alloc, core, vectors } = makeMachine();
  const virq = alloc(0, { mask: cpuMask(1), managed: true });
  expect(vectors.targetOf(core.desc(virq)?.state.data as IrqData)).toEqual({ cpu: 0, vector: 0 });
});
