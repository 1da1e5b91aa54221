import { describe, expect, test } from 'vitest';
import { point } from '@siov/base';
import { freeIrq, handleFasteoiIrq, requestThreadedIrq } from '../src/index.ts';
import type { IrqRequest } from '../src/index.ts';
import { makeKernel, sweepRefusals } from './kernel.ts';
import type { Kernel, KernelOptions } from './kernel.ts';

const work = point('device', 'work');

function requested(change: Partial<IrqRequest>, options: KernelOptions = {}): Kernel {
  const kernel = makeKernel({ threadirqs: true, flow: handleFasteoiIrq, ...options });
  const request: IrqRequest = { name: 'a', devId: 1, handler: () => { kernel.log.push('handler'); return 'handled'; }, ...change };
  expect(kernel.run(requestThreadedIrq(kernel.core, kernel.virq, request)).ok).toBe(true);
  kernel.logged();
  return kernel;
}

describe('a kernel that makes handlers threads (threadirqs)', () => {
  test('the handler runs in a thread, with the line masked; one that needs steps too', () => {
    const kernel = requested({});
    kernel.arrive();
    expect(kernel.logged()).toEqual(['mask', 'eoi', 'handler', 'unmask']);
    expect(kernel.threads).toEqual([`irq/${kernel.virq}-a`]);
    expect(kernel.desc.state.threadsHandled).toBe(1);
    const slow = requested({ *handler() { yield work; slow.log.push('slow'); return 'handled'; } });
    slow.arrive();
    expect(slow.logged()).toEqual(['mask', 'eoi', 'slow', 'unmask']);
  });

  test('one with a thread function of its own gets a second thread for that, which the first wakes', () => {
    const kernel = requested({
      handler: () => { kernel.log.push('handler'); return 'wake-thread'; },
      *thread() { yield work; kernel.log.push('thread'); return 'handled'; },
    });
    expect(kernel.threads).toEqual([`irq/${kernel.virq}-a`, `irq/${kernel.virq}-s-a`]);
    kernel.arrive();
    expect(kernel.logged()).toEqual(['mask', 'eoi', 'handler', 'unmask', 'thread']);
    expect(kernel.desc.state).toMatchObject({ threadsActive: 0, threadsOneshot: 0, threadsHandled: 1 });
    expect(kernel.run(freeIrq(kernel.core, kernel.virq, 1))).toBe('a');
  });

  test.each<[string, Partial<IrqRequest>]>([
    ['says it cannot be a thread', { noThread: true }],
    ['is for each CPU', { percpu: true }],
    ['is ONESHOT', { oneshot: true, *thread() { return 'handled'; } }],
  ])('a request that %s stays as it is', (_what, change) => {
    const kernel = requested(change);
    kernel.arrive();
    // Before the end of interrupt, so in interrupt context.
    expect(kernel.logged().filter((line) => line === 'handler' || line === 'eoi')).toEqual(['handler', 'eoi']);
    expect(kernel.desc.state.actions[0]).toMatchObject({ secondary: null, oneshot: change.oneshot ?? false });
  });

  test('a thread only stays one; on a chip that cannot storm nothing is masked for threads', () => {
    const only = requested({ handler: undefined as never, oneshot: true, *thread() { only.log.push('thread'); return 'handled'; } });
    only.arrive();
    expect(only.threads).toHaveLength(1);
    const neither = requested({ handler: undefined as never, *thread() { neither.log.push('thread'); return 'handled'; } }, { chip: { flags: { oneshotSafe: true } } });
    neither.arrive();
    expect([neither.threads.length, neither.logged()]).toEqual([1, ['eoi', 'thread']]);
    const safe = requested({}, { chip: { flags: { oneshotSafe: true } } });
    safe.arrive();
    expect(safe.logged()).toEqual(['eoi', 'handler']);
  });

  test('ENOMEM for each of two actions and two threads, with nothing changed', () => {
    const kernel = makeKernel({ threadirqs: true });
    const refused: string[] = [];
    sweepRefusals(
      kernel.state,
      () => kernel.run(requestThreadedIrq(kernel.core, kernel.virq, { name: 'a', devId: 1, handler: () => 'wake-thread', *thread() { return 'handled'; } })),
      ({ resource, errno, changed }) => { refused.push(resource); expect([errno, changed]).toEqual(['ENOMEM', []]); },
    );
    expect(refused).toEqual(['irqaction', 'irqaction', 'kthread', 'kthread']);
  });

  test('free_irq waits for both threads', () => {
    const go = { on: false };
    const kernel = requested({ handler: () => 'wake-thread', *thread() { yield { kind: 'wait', what: 'go', ready: () => go.on }; kernel.log.push('thread'); return 'handled'; } });
    kernel.arrive();
    kernel.executor.spawn({ name: 'later', layer: 'x' }, (function* () { yield work; go.on = true; })());
    kernel.run(freeIrq(kernel.core, kernel.virq, 1));
    expect(kernel.log).toContain('thread');
  });
});
