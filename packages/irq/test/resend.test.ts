import { describe, expect, test } from 'vitest';
import { disableIrqNosync, enableIrq, freeIrq, handleSimpleIrq, irqInjectInterrupt, requestIrq } from '../src/index.ts';
import { counting, makeKernel } from './kernel.ts';
import type { KernelOptions } from './kernel.ts';

/** Requested, disabled, an edge came. */
function latched(options: KernelOptions = {}) {
  const kernel = makeKernel(options);
  const { seen, request } = counting();
  kernel.run(requestIrq(kernel.core, kernel.virq, request));
  kernel.run(disableIrqNosync(kernel.core, kernel.virq));
  kernel.arrive();
  expect([seen.handled, kernel.desc.state.pending]).toEqual([0, true]);
  return { ...kernel, seen };
}

describe('replay', () => {
  test('the outermost level that can raises it again; REPLAY holds until it comes', () => {
    let raised = 0;
    const { core, run, virq, desc, seen, arrive } = latched({ inner: { irqRetrigger: () => { raised += 1; return true; } } });
    run(enableIrq(core, virq));
    expect([raised, desc.state.replay, desc.state.pending, seen.handled]).toEqual([1, true, false, 0]);
    expect(run(irqInjectInterrupt(core, virq))).toMatchObject({ errno: 'EBUSY' });
    arrive();
    expect([raised, desc.state.replay, seen.handled]).toEqual([1, false, 1]);
    expect(run(irqInjectInterrupt(core, virq)).ok).toBe(true);
    expect(raised).toBe(2);
  });

  test.each([['cannot', {}], ['could not this time', { irqRetrigger: () => false }]])('where the hardware %s, a tasklet calls the flow handler', (_what, inner) => {
    const { core, run, virq, desc, seen, executor } = latched({ inner });
    run(enableIrq(core, virq));
    expect(desc.state.replay).toBe(true);
    executor.settle();
    expect([seen.handled, desc.state.replay, [...desc.counts]]).toEqual([1, false, [1, 0]]);
  });

  test('not for what only its hardware may raise: the edge is gone, and nothing hangs', () => {
    const { core, run, virq, desc, seen, executor } = latched();
    desc.state.enforceIrqContext = true;
    run(enableIrq(core, virq));
    executor.settle();
    expect([seen.handled, desc.state.replay, desc.state.pending]).toEqual([0, false, false]);
    expect(run(irqInjectInterrupt(core, virq))).toMatchObject({ errno: 'EINVAL' });
  });

  test('not for what runs in its parent’s thread, nor for a level: that is raised by its device', () => {
    const nested = latched({ flow: handleSimpleIrq });
    nested.desc.state.nestedThread = true;
    expect(nested.run(enableIrq(nested.core, nested.virq)).ok).toBe(true);
    const level = latched({ inner: { irqRetrigger: () => { throw new Error('raised'); } } });
    level.desc.state.trigger = 'level-high';
    expect(level.run(enableIrq(level.core, level.virq)).ok).toBe(true);
    expect([level.desc.state.pending, level.desc.state.replay]).toEqual([false, false]);
    expect(level.run(irqInjectInterrupt(level.core, level.virq))).toMatchObject({ errno: 'EINVAL', message: expect.stringContaining('level') });
    for (const { executor, seen } of [nested, level]) {
      executor.settle();
      expect(seen.handled).toBe(0);
    }
  });

  test('asked for again before the tasklet ran, by an edge that came between, it is still one', () => {
    const kernel = makeKernel();
    const { seen, request } = counting();
    kernel.run(requestIrq(kernel.core, kernel.virq, request));
    expect(kernel.run(irqInjectInterrupt(kernel.core, kernel.virq)).ok).toBe(true);
    kernel.core.handleIrq(kernel.virq, 1);
    expect(kernel.run(irqInjectInterrupt(kernel.core, kernel.virq)).ok).toBe(true);
    kernel.executor.settle();
    expect(seen.handled).toBe(2);
  });

  test('freed before the tasklet ran, it is not replayed, neither to nobody nor to the next owner', () => {
    const kernel = latched();
    const { core, run, virq, seen } = kernel;
    const other = kernel.allocate();
    const second = counting('second');
    run(requestIrq(core, other.virq, second.request));
    kernel.core.resendList.add(other.virq);
    run(enableIrq(core, virq));
    const next = counting('next');
    run(freeIrq(core, virq, 'a'));
    run(requestIrq(core, virq, next.request));
    kernel.executor.settle();
    expect([seen.handled, next.seen.handled, second.seen.handled]).toEqual([0, 0, 1]);
    // The tasklet is scheduled anew when there is something again.
    run(irqInjectInterrupt(core, other.virq));
    kernel.executor.settle();
    expect(second.seen.handled).toBe(2);
  });
});
