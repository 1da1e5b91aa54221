import { describe, expect, test } from 'vitest';
import { ModelError, point, waitUntil } from '@siov/base';
import type { Steps } from '@siov/base';
import { disableIrqNosync, enableIrq, freeIrq, procInterrupts, requestIrq, requestThreadedIrq, synchronizeHardirq } from '../src/index.ts';
import type { IrqRequest } from '../src/index.ts';
import { finish } from './kernel.ts';
import { countYields, intruded, makeMachine } from './machine.ts';
import type { MachineOptions } from './machine.ts';

/** As PCI MSI-X has it: a vector only while the interrupt is requested. */
const reserving = { activateEarly: true, mustReactivate: true };

/** A machine with interrupt 0 of its device allocated, and a handler that counts. */
function withInterrupt(options: MachineOptions = {}) {
  const machine = makeMachine({ template: { flags: reserving }, ...options });
  const virq = machine.alloc(0);
  const hwirq = 0;
  machine.table.log.length = 0;
  const handled: number[] = [];
  const inHandler = point('device', 'in the handler');
  const request: IrqRequest = {
    name: 'test',
    devId: machine,
    *handler(irq) {
      yield inHandler;
      handled.push(irq);
      return 'handled';
    },
  };
  return {
    ...machine,
    virq,
    hwirq,
    handled,
    request,
    state: () => machine.core.desc(virq)?.state,
    fire() {
      machine.table.fire(hwirq);
      machine.executor.settle();
    },
  };
}

describe('requestIrq', () => {
  test('EBUSY: both must share, and the holder is not disturbed', () => {
    const { core, run, request, virq, fire, handled } = withInterrupt();
    run(requestIrq(core, virq, request));
    expect(run(requestIrq(core, virq, { ...request, name: 'other', devId: 2, shared: true }))).toMatchObject({ errno: 'EBUSY', message: expect.stringContaining('taken by test') });
    fire();
    expect(handled).toEqual([virq]);
  });

  test('the message is stored before the entry is unmasked', () => {
    const { core, run, request, virq, table } = withInterrupt();
    run(requestIrq(core, virq, request));
    expect(table.log.at(-1)).toBe('unmask 0');
    expect(table.log.slice(0, -1).every((line) => line === 'message 0')).toBe(true);
    expect(procInterrupts(core)).toEqual([{ virq, counts: [0, 0], chip: 'TABLE-dev0', hwirq: 0, flow: 'edge', actions: ['test'] }]);
  });

  test('shared actions all run, in the order they were requested; freeing one leaves the other', () => {
    const { core, run, request, virq, fire, table } = withInterrupt();
    const order: string[] = [];
    const of = (name: string): IrqRequest => ({ ...request, name, devId: name, shared: true, *handler() { order.push(name); return 'handled'; } });
    run(requestIrq(core, virq, of('a')));
    run(requestIrq(core, virq, of('b')));
    fire();
    expect(run(freeIrq(core, virq, 'a'))).toBe('a');
    fire();
    expect(order).toEqual(['a', 'b', 'b']);
    expect(table.entry(0).masked).toBe(false);
  });

  test('an interrupt that arrives between any two steps of it is handled', () => {
    const counting = withInterrupt();
    const yields = countYields(counting.executor, counting.agent, requestIrq(counting.core, counting.virq, counting.request));
    expect(yields).toBeGreaterThan(5);
    for (let at = 0; at < yields; at++) {
      const { core, run, request, virq, fire, handled, executor } = withInterrupt();
      run(intruded(requestIrq(core, virq, request), (yielded) => { if (yielded === at) fire(); }));
      executor.settle();
      // The table latches what comes while the entry is masked: so never lost, whenever it came.
      expect([at, handled]).toEqual([at, [virq]]);
    }
  });
});

describe('freeIrq', () => {
  test('an action that is not there: null, and nothing changes', () => {
    const { core, run, virq, request, state } = withInterrupt();
    run(requestIrq(core, virq, request));
    expect(run(freeIrq(core, virq, 'somebody else'))).toBeNull();
    expect(run(freeIrq(core, 40, machineless))).toBeNull();
    expect(state()?.actions).toHaveLength(1);
  });
  const machineless = {};

  test('the last action masks, then deactivates, and the counters are those from before the request (R6, R23)', () => {
    const { core, run, request, virq, table, counters, free } = withInterrupt();
    const before = counters();
    run(requestIrq(core, virq, request));
    expect(counters().assigned).toBe(1);
    table.log.length = 0;
    expect(run(freeIrq(core, virq, request.devId))).toBe('test');
    expect(table.log).toEqual(['mask 0', 'message 0']);
    expect(table.entry(0)).toEqual({ message: { addressLo: 0, addressHi: 0, data: 0 }, masked: true, pending: false });
    expect(counters()).toEqual(before);
    free(0);
    expect(core.desc(virq)).toBeUndefined();
  });

  test('an interrupt that arrives between any two steps of it is not handled after it returned (I6)', () => {
    const counting = withInterrupt();
    counting.run(requestIrq(counting.core, counting.virq, counting.request));
    const yields = countYields(counting.executor, counting.agent, freeIrq(counting.core, counting.virq, counting.request.devId));
    for (let at = 0; at < yields; at++) {
      const { core, run, request, virq, fire, handled, executor, counters, state } = withInterrupt();
      const before = counters();
      run(requestIrq(core, virq, request));
      run(intruded(freeIrq(core, virq, request.devId), (yielded) => { if (yielded === at) fire(); }));
      const upToReturn = handled.length;
      fire();
      executor.settle();
      expect([at, handled.length]).toEqual([at, upToReturn]);
      expect(state()).toMatchObject({ actions: [], inProgress: false, activated: false, started: false, masked: true, depth: 1 });
      expect(counters()).toEqual(before);
    }
  });

  test('it waits for a handler that is running', () => {
    const { core, run, request, virq, table, hwirq, executor, state } = withInterrupt();
    const go = { on: false };
    const order: string[] = [];
    run(requestIrq(core, virq, { ...request, *handler() { yield* waitUntil('go', () => go.on); order.push('handled'); return 'handled'; } }));
    table.fire(hwirq);
    executor.settle();
    expect(state()?.inProgress).toBe(true);
    executor.spawn({ name: 'later', layer: 'x' }, (function* () { yield point('device', 'later'); order.push('go'); go.on = true; })());
    run(freeIrq(core, virq, request.devId));
    expect([...order, 'freed']).toEqual(['go', 'handled', 'freed']);
  });

  test('freed from its own handler it waits for itself: a deadlock that is named', () => {
    const { core, run, request, virq, table, hwirq, executor } = withInterrupt();
    run(requestIrq(core, virq, { ...request, *handler() { yield* freeIrq(core, virq, request.devId); return 'handled'; } }));
    table.fire(hwirq);
    executor.settle();
    expect(() => run(synchronizeHardirq(core, virq))).toThrow(ModelError);
    expect(core.desc(virq)?.state.inProgress).toBe(true);
  });

  test('a request that comes while the interrupt is being freed gets an interrupt whose message is stored', () => {
    const counting = withInterrupt();
    counting.run(requestIrq(counting.core, counting.virq, counting.request));
    const yields = countYields(counting.executor, counting.agent, freeIrq(counting.core, counting.virq, counting.request.devId));
    for (let at = 0; at < yields; at++) {
      // The chip wipes the message at shut-down, as the IMS chip does.
      const { core, run, request, virq, fire, handled, executor } = withInterrupt({ chip: (table) => ({
        *irqShutdown(data) {
          yield* table.irqMask(data);
          yield* table.irqWriteMsiMsg(data, { addressLo: 0, addressHi: 0, data: 0 });
        },
      }) });
      run(requestIrq(core, virq, request));
      const results: unknown[] = [];
      run(intruded(freeIrq(core, virq, request.devId), (yielded) => {
        if (yielded !== at) return;
        executor.spawn({ name: 'second', layer: 'driver' }, (function* () { results.push(yield* requestIrq(core, virq, { ...request, devId: 'second' })); })());
        executor.settle();
      }));
      executor.settle();
      const [result] = results as { ok: boolean; errno?: string }[];
      expect(result?.ok === true || result?.errno === 'EBUSY').toBe(true);
      if (result?.ok !== true) continue;
      fire();
      expect([at, handled]).toEqual([at, [virq]]);
    }
  });

  test('two that free the same action: one gets its name, the other null', () => {
    const { core, run, request, virq, executor, counters } = withInterrupt();
    const before = counters();
    run(requestIrq(core, virq, request));
    const names: (string | null)[] = [];
    const other = function* () { names.push(yield* freeIrq(core, virq, request.devId)); };
    let spawned = false;
    names.push(run(intruded(freeIrq(core, virq, request.devId), () => {
      if (!spawned) executor.spawn({ name: 'second', layer: 'driver' }, other());
      spawned = true;
      executor.settle();
    })));
    executor.settle();
    expect(names.toSorted()).toEqual([null, 'test'].toSorted());
    expect(counters()).toEqual(before);
  });

  test('an interrupt cannot be given back and requested at once: one of the two is refused', () => {
    for (let at = 0; at < 12; at++) {
      const { core, run, request, virq, msi, executor, counters } = withInterrupt();
      const allocated = counters();
      const results: { ok: boolean }[] = [];
      const other = function* () { results.push(yield* requestIrq(core, virq, request)); };
      results.push(run(intruded(msi.freeIrqsRange(0, 0), (yielded) => {
        if (yielded !== at) return;
        executor.spawn({ name: 'second', layer: 'driver' }, other());
        executor.settle();
      })));
      executor.settle();
      if (results.length < 2) break;
      expect([at, results.filter((each) => each.ok).length]).toEqual([at, 1]);
      expect([0, 1]).toContain(counters().assigned);
      if (counters().assigned === 1) expect(counters()).toEqual({ ...allocated, assigned: 1, reserved: 0 });
      else expect(counters().virqs).toBe(0);
    }
  });
});

describe('threads', () => {
  const threaded = (log: string[], work: () => Steps<void>): Partial<IrqRequest> => ({ thread: function* () { log.push('start'); yield* work(); log.push('end'); return 'handled'; } });
  const pause = point('device', 'work');
  const quick = function* () { yield pause; };

  test('without a handler every interrupt wakes the thread, and one run serves all wake-ups that came before it', () => {
    const { core, run, virq, table, hwirq, executor } = withInterrupt();
    const log: string[] = [];
    run(requestThreadedIrq(core, virq, { name: 't', devId: 1, ...threaded(log, quick) }));
    table.fire(hwirq);
    executor.settle();
    expect(log).toEqual(['start', 'end']);
    expect(run(freeIrq(core, virq, 1))).toBe('t');
    expect(core.desc(virq)?.state.actions).toEqual([]);
  });

  test('free_irq waits for the thread, and a wake-up from before it is still served', () => {
    const { core, run, virq, executor, state } = withInterrupt();
    const log: string[] = [];
    run(requestThreadedIrq(core, virq, { name: 't', devId: 1, ...threaded(log, quick) }));
    const [action] = state()?.actions ?? [];
    if (action === undefined) throw new Error('no action');
    // The hard handler has run, the thread has not had the CPU yet.
    Object.assign(action.threadState, { runThread: true });
    Object.assign(state() ?? {}, { threadsActive: 1 });
    run(freeIrq(core, virq, 1));
    expect(log).toEqual(['start', 'end']);
    executor.settle();
    expect(action.threadState).toMatchObject({ gone: true, runThread: false });
  });
});

describe('disabling', () => {
  test('any number of edges while disabled is replayed once, and the entry is masked from the first on (I9)', () => {
    const { core, run, request, virq, fire, handled, table, executor } = withInterrupt();
    run(requestIrq(core, virq, request));
    run(disableIrqNosync(core, virq));
    expect(table.entry(0).masked).toBe(false);
    fire();
    expect(table.entry(0).masked).toBe(true);
    fire();
    fire();
    expect(handled).toEqual([]);
    run(enableIrq(core, virq));
    executor.settle();
    // One from the core's latch, and one the table latched while it was masked: the vector takes both as one.
    expect(handled).toEqual([virq]);
    expect(table.entry(0)).toMatchObject({ masked: false, pending: false });
  });

  test('it nests', () => {
    const { core, run, request, virq, fire, handled } = withInterrupt();
    run(requestIrq(core, virq, request));
    run(disableIrqNosync(core, virq));
    run(disableIrqNosync(core, virq));
    run(enableIrq(core, virq));
    fire();
    expect(handled).toEqual([]);
    run(enableIrq(core, virq));
    fire();
    expect(handled.length).toBeGreaterThan(0);
    expect(run(enableIrq(core, virq))).toMatchObject({ errno: 'EINVAL', message: expect.stringContaining('unbalanced') });
  });

  test('an interrupt nobody requested is not enabled: EINVAL, and its entry stays masked (I1)', () => {
    const { core, run, virq, table, request } = withInterrupt();
    expect(run(enableIrq(core, virq))).toMatchObject({ errno: 'EINVAL' });
    run(requestIrq(core, virq, request));
    run(freeIrq(core, virq, request.devId));
    expect(run(enableIrq(core, virq))).toMatchObject({ errno: 'EINVAL' });
    expect(table.entry(0).masked).toBe(true);
    expect(run(enableIrq(core, 40))).toMatchObject({ errno: 'EINVAL' });
    expect(run(disableIrqNosync(core, 40))).toMatchObject({ errno: 'EINVAL' });
  });

  test('an edge that arrives while the handler runs is handled after it, by the same loop', () => {
    const { core, run, virq, table, hwirq, executor, vectors, request } = withInterrupt({ cpus: 1 });
    let runs = 0;
    run(requestIrq(core, virq, { ...request, *handler() { runs += 1; if (runs === 1) table.fire(hwirq); return 'handled'; } }));
    table.fire(hwirq);
    executor.settle();
    expect([runs, vectors.spurious(0)]).toEqual([2, 0]);
    expect(procInterrupts(core)[0]?.counts).toEqual([2]);
  });

  test('an edge that another CPU takes while the handler runs is left to the first CPU, and masked until it gets there', () => {
    const { core, run, virq, table, hwirq, executor, request } = withInterrupt();
    const running = { now: 0, most: 0, runs: 0 };
    const go = { on: false };
    run(requestIrq(core, virq, {
      ...request,
      *handler() {
        running.runs += 1;
        running.now += 1;
        running.most = Math.max(running.most, running.now);
        yield* waitUntil('go', () => go.on);
        running.now -= 1;
        return 'handled';
      },
    }));
    table.fire(hwirq);
    executor.settle();
    finish(executor, core.handleIrq(virq, 1), 1);
    finish(executor, core.handleIrq(virq, 1), 1);
    expect([running, table.entry(hwirq).masked]).toEqual([{ now: 1, most: 1, runs: 1 }, true]);
    go.on = true;
    executor.settle();
    expect([running, table.entry(hwirq).masked]).toEqual([{ now: 0, most: 1, runs: 2 }, false]);
    // Only who ran the handler counts.
    expect(procInterrupts(core)[0]?.counts).toEqual([1, 0]);
  });
});
