import { describe, expect, test } from 'vitest';
import { requestIrq, requestThreadedIrq } from '../src/index.ts';
import { makeMachine } from './machine.ts';

const ROUND = 10_000;

/** Bytes the heap grows in a round, the median of many: in a few of them garbage is collected or something else is allocated. */
function growth(round: () => void): number {
  for (let warm = 0; warm < 20; warm++) round();
  const grown = Array.from({ length: 21 }, () => {
    const before = process.memoryUsage().heapUsed;
    round();
    return process.memoryUsage().heapUsed - before;
  });
  return grown.sort((a, b) => a - b)[10] ?? Infinity;
}

describe('an interrupt that need not wait', () => {
  const machine = () => {
    const made = makeMachine({ cpus: 1, template: { flags: { activateEarly: true, mustReactivate: true } } });
    const cpu = made.vectors.interrupts(0);
    const virq = made.alloc(0);
    return { ...made, cpu, virq, vector: () => made.vectors.targetOf(made.core.desc(virq)?.state.data as never).vector };
  };

  test('is handled before the CPU’s interrupt context comes back', () => {
    const { core, run, vectors, virq, vector, cpu } = machine();
    let handled = 0;
    run(requestIrq(core, virq, { name: 'a', devId: 1, handler: () => { handled += 1; return 'handled'; } }));
    vectors.raise(0, vector());
    cpu.next();
    expect(handled).toBe(1);
    expect(core.handleIrq(virq, 0)).toBeUndefined();
    expect(handled).toBe(2);
  });

  test.each([['one action', 1], ['three that share it', 3]])('allocates nothing from the raised vector to the handler: %s', (_what, actions) => {
    const { core, run, vectors, virq, vector, cpu } = machine();
    let handled = 0;
    for (let each = 0; each < actions; each++) {
      run(requestIrq(core, virq, { name: `a${each}`, devId: each + 1, shared: true, handler: () => { handled += 1; return each === 0 ? 'handled' : 'none'; } }));
    }
    const target = vector();
    const grown = growth(() => {
      for (let each = 0; each < ROUND; each++) {
        vectors.raise(0, target);
        cpu.next();
      }
    });
    expect(handled).toBe(41 * ROUND * actions);
    // The smallest object is 16 bytes: one in an interrupt would be 160,000.
    expect(grown).toBeLessThan(40_000);
  });

  test('nor for one that wakes a thread which is due already', () => {
    const { core, run, vectors, virq, vector, cpu } = machine();
    run(requestThreadedIrq(core, virq, { name: 't', devId: 1, shared: true, *thread() { return 'handled'; } }));
    // Else nobody would have handled any of them, and the interrupt would be disabled as stuck.
    run(requestIrq(core, virq, { name: 'h', devId: 2, shared: true, handler: () => 'handled' }));
    const target = vector();
    const grown = growth(() => {
      for (let each = 0; each < ROUND; each++) {
        vectors.raise(0, target);
        cpu.next();
      }
    });
    expect(core.desc(virq)?.state).toMatchObject({ threadsActive: 1, depth: 0 });
    expect(core.desc(virq)?.counts[0]).toBe(41 * ROUND);
    expect(grown).toBeLessThan(40_000);
  });
});
