import { describe, expect, test } from 'vitest';
import { allCpus, cpuDown, cpuMask, cpusOf, handleFasteoiIrq, irqSetAffinity, procInterrupts, procInterruptsText, procIrq, requestIrq, writeSmpAffinity } from '../src/index.ts';
import { cpuList, lowestCpu } from '../src/cpu-mask.ts';
import { counting, makeKernel } from './kernel.ts';
import { makeMachine } from './machine.ts';

const reserving = { template: { flags: { activateEarly: true, mustReactivate: true } } };

describe('/proc/interrupts', () => {
  const machine = () => {
    const made = makeMachine({ ...reserving, cpus: 3 });
    const virqs = [0, 1, 2].map((index) => made.alloc(index));
    for (const index of [0, 1]) made.run(requestIrq(made.core, virqs[index] ?? 0, { name: `queue${index}`, devId: index, shared: true, handler: () => 'handled' }));
    made.run(requestIrq(made.core, virqs[0] ?? 0, { name: 'other', devId: 'o', shared: true, handler: () => 'none' }));
    for (let each = 0; each < 12; each++) {
      made.table.fire(1);
      made.executor.settle();
    }
    return { ...made, virqs };
  };

  test('as data: a row for each interrupt', () => {
    const { core, virqs } = machine();
    expect(procInterrupts(core)).toEqual([
      { virq: virqs[0], counts: [0, 0, 0], chip: 'TABLE-dev0', hwirq: 0, flow: 'edge', actions: ['queue0', 'other'] },
      { virq: virqs[1], counts: [0, 12, 0], chip: 'TABLE-dev0', hwirq: 1, flow: 'edge', actions: ['queue1'] },
      { virq: virqs[2], counts: [0, 0, 0], chip: 'TABLE-dev0', hwirq: 2, flow: 'edge', actions: [] },
    ]);
  });

  test('as text: columns of the online CPUs, lines of what has an action or has come', () => {
    const { core, run } = machine();
    expect(procInterruptsText(core)).toBe(
      '           CPU0       CPU1       CPU2       \n' +
      ' 16:          0          0          0  TABLE-dev0   0-edge      queue0, other\n' +
      ' 17:          0         12          0  TABLE-dev0   1-edge      queue1\n',
    );
    run(cpuDown(core, 1));
    expect(procInterruptsText(core).split('\n')[2]).toBe(' 17:          0          0  TABLE-dev0   1-edge      queue1');
  });

  test('as wide as the largest interrupt number needs; what has come and has no action is shown without one', () => {
    const kernel = makeKernel({ nrIrqs: 4096, flow: handleFasteoiIrq });
    expect(procInterruptsText(kernel.core)).toBe('            CPU0       CPU1       \n');
    kernel.desc.counts[1] = 7;
    expect(procInterruptsText(kernel.core).split('\n')[1]).toBe('  16:          0          7    device    0-fasteoi ');
  });
});

describe('/proc/irq/N', () => {
  test('where it may go, where it goes, and where it will', () => {
    const { core, run, alloc } = makeMachine({ ...reserving, cpus: 2 });
    const virq = alloc(0);
    run(requestIrq(core, virq, { name: 'q', devId: 1, handler: () => 'none' }));
    expect(procIrq(core, virq)).toEqual({
      smpAffinity: '3', smpAffinityList: '0-1', effectiveAffinity: '1', effectiveAffinityList: '0',
      spurious: { count: 0, unhandled: 0, lastUnhandledMs: 0 }, actions: ['q'],
    });
    // It cannot move from here: it will with its next interrupt.
    expect(run(irqSetAffinity(core, virq, cpuMask(1))).ok).toBe(true);
    expect(procIrq(core, virq)).toMatchObject({ smpAffinity: '2', smpAffinityList: '1', effectiveAffinityList: '0' });
    expect(procIrq(core, 40)).toBeUndefined();
  });

  test('many CPUs are groups of eight digits', () => {
    const { core, desc } = makeKernel({ cpus: 72 });
    desc.state.affinity = cpuMask(0, 33, 64, 71);
    expect(procIrq(core, desc.virq)).toMatchObject({ smpAffinity: '81,00000002,00000001', smpAffinityList: '0,33,64,71', effectiveAffinity: '00,00000000,00000000', effectiveAffinityList: '' });
    const eight = makeKernel({ cpus: 32 });
    expect(procIrq(eight.core, eight.virq)?.smpAffinity).toBe('ffffffff');
  });

  test('how often nobody handled it', () => {
    const kernel = makeKernel();
    kernel.run(requestIrq(kernel.core, kernel.virq, counting('a', { handler: () => 'none' }).request));
    kernel.clock.advance(7);
    kernel.arrive();
    kernel.arrive();
    expect(procIrq(kernel.core, kernel.virq)?.spurious).toEqual({ count: 2, unhandled: 2, lastUnhandledMs: 7 });
  });

  test('writing it: EPERM for what nobody or only the kernel may move, EINVAL without online CPU', () => {
    const fixed = makeKernel();
    expect(fixed.run(writeSmpAffinity(fixed.core, fixed.virq, 1n))).toMatchObject({ errno: 'EPERM' });
    expect(fixed.run(writeSmpAffinity(fixed.core, 40, 1n))).toMatchObject({ errno: 'EINVAL' });
    const { core, run, alloc } = makeMachine(reserving);
    const managed = alloc(0, { mask: cpuMask(0), managed: true });
    expect(run(writeSmpAffinity(core, managed, cpuMask(1)))).toMatchObject({ errno: 'EPERM', message: expect.stringContaining('managed') });
    const virq = alloc(1);
    run(requestIrq(core, virq, counting().request));
    expect(run(writeSmpAffinity(core, virq, cpuMask(5)))).toMatchObject({ errno: 'EINVAL' });
    expect(run(writeSmpAffinity(core, virq, cpuMask(1, 5))).ok).toBe(true);
    expect(procIrq(core, virq)?.smpAffinityList).toBe('1,5');
  });
});

describe('CPU masks', () => {
  test('sets of CPUs', () => {
    expect([cpuMask(), cpuMask(0, 3), allCpus(0), allCpus(4), allCpus(70)]).toEqual([0n, 9n, 0n, 15n, 2n ** 70n - 1n]);
    expect([cpusOf(cpuMask(65, 2)), lowestCpu(cpuMask(65, 2)), lowestCpu(0n)]).toEqual([[2, 65], 2, -1]);
    expect([cpuList(0n), cpuList(cpuMask(0, 1, 2, 5, 7, 8))]).toEqual(['', '0-2,5,7-8']);
  });
});
