// Rules of moving interrupts at their edges: what nobody has chosen, what cannot be masked, which way a chip is asked.
import { describe, expect, test } from 'vitest';
import { fail, ok } from '@siov/base';
import { cpuDown, cpuMask, cpuUp, freeIrq, irqMoveIrq, irqSetAffinity, requestIrq } from '../src/index.ts';
import type { AffinityErrno, CpuMask, IrqData } from '../src/index.ts';
import { counting, makeKernel } from './kernel.ts';
import type { KernelOptions } from './kernel.ts';

/** A controller that sends to the lowest CPU it is offered, or refuses; what it is asked is kept. */
function movable(options: KernelOptions = {}) {
  const asked: { mask: CpuMask; force: boolean }[] = [];
  const answer: { next: 'ok' | AffinityErrno } = { next: 'ok' };
  const kernel = makeKernel({
    cpus: 4,
    ...options,
    inner: {
      irqAck: (data) => irqMoveIrq(data),
      *irqSetAffinity({ desc }: IrqData, mask: CpuMask, force: boolean) {
        asked.push({ mask, force });
        kernel.log.push('move');
        if (answer.next !== 'ok') return fail(answer.next, 'told so');
        desc.state.effectiveAffinity = mask & -mask;
        return ok('ok');
      },
    },
  });
  const request = () => kernel.run(requestIrq(kernel.core, kernel.virq, counting().request));
  return { ...kernel, asked, answer, request };
}

function requested(options: KernelOptions = {}) {
  const made = movable(options);
  expect(made.request().ok).toBe(true);
  made.asked.length = 0;
  made.logged();
  return made;
}

describe('at start-up', () => {
  test('what nobody has chosen goes to any CPU that is online by then, whatever was left by the start before', () => {
    const { run, core, virq, desc, asked, request } = movable();
    run(cpuDown(core, 3));
    request();
    expect(desc.state).toMatchObject({ affinity: 7n, affinitySet: false });
    run(freeIrq(core, virq, 'a'));
    run(cpuUp(core, 3));
    request();
    expect(asked.map(({ mask }) => mask)).toEqual([7n, 15n]);
  });

  test('what the allocation has chosen is where it goes', () => {
    const { desc, asked, request } = movable({ affinity: { mask: cpuMask(1), managed: false } });
    expect(desc.state).toMatchObject({ affinity: 2n, affinitySet: true, managed: false, managedShutdown: false });
    request();
    expect([asked, desc.state.affinity]).toEqual([[{ mask: 2n, force: false }], 2n]);
  });

  test('a managed interrupt of a controller that moves nothing is started where it is', () => {
    const { run, core, virq, desc } = makeKernel({ affinity: { mask: cpuMask(1), managed: true } });
    expect(run(requestIrq(core, virq, counting().request)).ok).toBe(true);
    expect(desc.state).toMatchObject({ started: true, managedShutdown: false, affinity: 2n, effectiveAffinity: 0n });
  });
});

describe('a move that waits for the interrupt', () => {
  const waiting = (mask: CpuMask, options: KernelOptions = {}) => {
    const made = requested(options);
    expect(made.run(irqSetAffinity(made.core, made.virq, mask)).ok).toBe(true);
    expect(made.desc.state.pendingAffinity).toBe(mask);
    return made;
  };

  test('goes to those of its CPUs that are online, not by force', () => {
    const { core, arrive, asked, desc } = waiting(cpuMask(1, 2));
    core.setOnline(cpuMask(0, 2));
    arrive();
    expect(asked).toEqual([{ mask: 4n, force: false }]);
    expect(desc.state).toMatchObject({ affinity: 6n, pendingAffinity: null });
  });

  test('is off for what is every CPU’s own by then, and without CPU online', () => {
    const own = waiting(cpuMask(1));
    own.desc.state.perCpu = true;
    own.arrive();
    const gone = waiting(cpuMask(1));
    gone.core.setOnline(cpuMask(0));
    gone.arrive();
    for (const { asked, desc } of [own, gone]) expect([asked, desc.state.pendingAffinity, desc.state.affinity]).toEqual([[], null, 15n]);
  });

  test('is made without masking by a chip that cannot mask', () => {
    const { arrive, desc, logged } = waiting(cpuMask(1), { chip: { irqMask: undefined as never, irqUnmask: undefined as never } });
    desc.state.masked = false;
    arrive();
    expect([logged(), desc.state.affinity]).toEqual([['move'], 2n]);
  });
});

describe('a CPU that goes away', () => {
  test('nobody has to object to it', () => {
    const { run, core } = makeKernel();
    const told: string[] = [];
    core.registerCpuHooks({ cpuOnline() {}, cpuOffline: (cpu) => told.push(`offline ${cpu}`), retriggerPending: (cpu) => told.push(`retrigger ${cpu}`) });
    expect(run(cpuDown(core, 0))).toEqual(ok());
    expect(told).toEqual(['offline 0', 'retrigger 0']);
  });

  // What the chip is asked when interrupts of a mask leave CPU 0 and it answers so.
  test.each<[string, CpuMask, 'ok' | AffinityErrno, CpuMask[], string]>([
    ['once, when it says yes', 3n, 'ok', [2n], ''],
    ['once more for all that are online, when its own have no vector left', 3n, 'ENOSPC', [2n, 14n], 'told so'],
    ['once more, when those are all that are online and some that are not', 15n, 'ENOSPC', [14n, 14n], 'told so'],
    ['once, when it is busy', 3n, 'EBUSY', [2n], 'told so'],
    ['once, when none of its own is online', 1n, 'ENOSPC', [14n], 'told so'],
  ])('the chip is asked %s', (_what, affinity, next, masks, warning) => {
    const { run, core, virq, desc, asked, answer } = requested();
    Object.assign(desc.state, { affinity, effectiveAffinity: 1n, movePcntxt: true });
    answer.next = next;
    expect(run(cpuDown(core, 0)).ok).toBe(true);
    expect(asked).toEqual(masks.map((mask) => ({ mask, force: false })));
    expect(core.log.lines).toEqual(warning === '' ? [] : [`IRQ${virq}: set affinity failed: ${warning}`]);
  });
});
