// Rules of actions and their threads at their edges: who gets a thread, what one may open, what a second one is woken by.
import { describe, expect, test } from 'vitest';
import { Executor, ModelClock, plainState, recordTrace, waitUntil } from '@siov/base';
import type { Steps, TraceEvent } from '@siov/base';
import { freeIrq, handleFasteoiIrq, IrqCore, requestIrq, requestThreadedIrq } from '../src/index.ts';
import type { IrqRequest, IrqReturn } from '../src/index.ts';
import { startSpuriousPoll } from '../src/spurious.ts';
import { counting, makeKernel } from './kernel.ts';
import type { KernelOptions } from './kernel.ts';

const threaded = { devId: 1, name: 't', *thread() { return 'handled'; } } satisfies IrqRequest;
const safe = { chip: { flags: { oneshotSafe: true } } } satisfies KernelOptions;

describe('what a request takes', () => {
  test.each<[string, KernelOptions, boolean, IrqRequest, string[], string[]]>([
    ['a handler', {}, false, counting().request, ['irqaction'], []],
    ['a thread', safe, false, threaded, ['irqaction', 'kthread'], ['t']],
    ['a thread of an interrupt that runs in its parent’s', safe, true, threaded, ['irqaction'], []],
    ['a handler and a thread, made two threads', { threadirqs: true }, false, { ...threaded, handler: () => 'handled' }, ['irqaction', 'irqaction', 'kthread', 'kthread'], ['t', 's-t']],
    ['a handler that is made a thread', { threadirqs: true }, false, counting().request, ['irqaction', 'kthread'], ['a']],
  ])('%s', (_what, options, nested, request, asked, threads) => {
    const kernel = makeKernel(options);
    kernel.desc.state.nestedThread = nested;
    kernel.state.refuse(0);
    expect(kernel.run(requestThreadedIrq(kernel.core, kernel.virq, request)).ok).toBe(true);
    expect([kernel.state.requests, kernel.threads]).toEqual([asked, threads.map((name) => `irq/${kernel.virq}-${name}`)]);
    const idle = { runThread: false, warned: false, stop: false, gone: false };
    for (const action of kernel.desc.state.actions) expect([action.threadState, action.secondary?.threadState ?? idle]).toEqual([idle, idle]);
    expect(kernel.run(freeIrq(kernel.core, kernel.virq, request.devId))).toBe(request.name);
    kernel.executor.settle();
    expect(kernel.desc.state).toMatchObject({ actions: [], threadsActive: 0 });
  });

  test('the second thread of a handler that is made one keeps nothing masked', () => {
    const { run, core, virq, desc } = makeKernel({ threadirqs: true });
    run(requestThreadedIrq(core, virq, { ...threaded, handler: () => 'wake-thread' }));
    expect(desc.state.actions[0]).toMatchObject({ oneshot: true, threadMask: 1, secondary: { name: 't', devId: 1, oneshot: false, threadMask: 0, secondary: null } });
  });
});

describe('a thread that is done', () => {
  test('opens nothing where it is not ONESHOT', () => {
    const { run, core, virq, desc, arrive, logged } = makeKernel(safe);
    run(requestThreadedIrq(core, virq, threaded));
    logged();
    desc.state.masked = true;
    arrive();
    expect([logged(), desc.state.masked, desc.state.threadsHandled]).toEqual([['ack'], true, 1]);
  });

  test('woken again meanwhile, it runs again before the line is opened', () => {
    const kernel = makeKernel({ flow: handleFasteoiIrq });
    const { run, core, virq, desc, executor, hardware } = kernel;
    const go = { on: false };
    const runs: boolean[] = [];
    run(requestThreadedIrq(core, virq, {
      name: 't', devId: 1, oneshot: true,
      *thread() {
        runs.push(hardware.masked);
        yield* waitUntil('go', () => go.on);
        return 'handled';
      },
    }));
    kernel.arrive();
    // It was on its way before the line was masked.
    kernel.arrive();
    expect([runs, desc.state.threadsActive]).toEqual([[true], 2]);
    go.on = true;
    executor.settle();
    expect(runs).toEqual([true, true]);
    expect([hardware.masked, desc.state.threadsActive, desc.state.threadsOneshot]).toEqual([false, 0, 0]);
  });

  test.each<[IrqReturn, number]>([['wake-thread', 1], ['handled', 0], ['none', 0]])('a handler made a thread that says %s wakes the second thread %i times', (answer, woken) => {
    const { run, core, virq, desc, arrive } = makeKernel({ threadirqs: true });
    let runs = 0;
    run(requestThreadedIrq(core, virq, { name: 't', devId: 1, handler: () => answer, *thread() { runs += 1; return 'handled'; } }));
    arrive();
    expect([runs, desc.state.threadsActive]).toEqual([woken, 0]);
  });

  test('one that asks for a second thread and has none wakes nobody', () => {
    const forced = makeKernel({ threadirqs: true });
    forced.run(requestIrq(forced.core, forced.virq, { name: 'a', devId: 1, handler: () => 'wake-thread' }));
    const own = makeKernel(safe);
    own.run(requestThreadedIrq(own.core, own.virq, { name: 'a', devId: 1, *thread() { return 'wake-thread'; } }));
    for (const { arrive, desc } of [forced, own]) {
      arrive();
      expect(desc.state).toMatchObject({ threadsActive: 0, threadsOneshot: 0, threadsHandled: 0 });
    }
  });
});

test('the poll for stuck interrupts leaves an edge latched when the last action has gone meanwhile', () => {
  const { run, core, virq, desc, executor, clock } = makeKernel();
  let runs = 0;
  run(requestIrq(core, virq, {
    name: 'a', devId: 'a', shared: true,
    handler() {
      runs += 1;
      Object.assign(desc.state, { pending: true, actions: [] });
      return 'handled';
    },
  }));
  Object.assign(desc.state, { spuriousDisabled: true, disabled: true });
  startSpuriousPoll(core);
  executor.settle();
  clock.advance(100);
  executor.settle();
  expect([runs, desc.state.pending, desc.state.inProgress, desc.state.pollInProgress]).toEqual([1, true, false, false]);
});

test('a request and its end are crossings into the interrupt layer', () => {
  const executor = new Executor();
  const events: TraceEvent[] = [];
  const trace = recordTrace(executor, () => 0, (event) => events.push(event));
  const core = new IrqCore({ state: plainState, clock: new ModelClock(plainState), trace, spawn: () => {} }, { name: 'k', cpus: 1, nrIrqs: 64, threadAgent: (virq) => `irq/${virq}` });
  const run = <T>(steps: Steps<T>) => executor.run({ name: 'task', layer: 'driver' }, steps);
  expect(run(requestIrq(core, 40, counting('queue').request)).ok).toBe(false);
  expect(run(freeIrq(core, 40, 'queue'))).toBeNull();
  expect(events.map(({ from, to, operation, values }) => ({ from, to, operation, values }))).toEqual([
    { from: 'driver', to: 'irq', operation: 'request_irq', values: { irq: 40, name: 'queue' } },
    { from: 'driver', to: 'irq', operation: 'free_irq', values: { irq: 40 } },
  ]);
});
