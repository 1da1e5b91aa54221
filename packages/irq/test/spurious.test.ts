import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { disableIrqNosync, enableIrq, freeIrq, handleSimpleIrq, requestIrq, requestThreadedIrq } from '../src/index.ts';
import type { IrqReturn } from '../src/index.ts';
import { SPURIOUS_LIMIT, SPURIOUS_WINDOW } from '../src/flow/note-interrupt.ts';
import { startSpuriousPoll as startPoll } from '../src/spurious.ts';
import { finish, makeKernel } from './kernel.ts';
import type { Kernel } from './kernel.ts';

function arrivals(kernel: Kernel, count: number): void {
  for (let each = 0; each < count; each++) kernel.core.handleIrq(kernel.virq, 0);
}

/** A kernel whose interrupt answers what `answer` holds. */
function answering(answer: { now: IrqReturn }, options: { shared?: boolean } = {}) {
  const kernel = makeKernel();
  const calls = { count: 0 };
  kernel.run(requestIrq(kernel.core, kernel.virq, { name: 'a', devId: 'a', ...options, handler: () => { calls.count += 1; return answer.now; } }));
  return { ...kernel, calls };
}

describe('interrupts nobody handles', () => {
  test('the thresholds are the kernel’s: more than 99,900 of 100,000', () => {
    expect([SPURIOUS_WINDOW, SPURIOUS_LIMIT]).toEqual([100_000, 99_900]);
  });

  test.each([[99, true], [100, false]])('%i handled of 100,000: disabled %s, and both counters start again', (handled, stuck) => {
    const answer = { now: 'handled' as IrqReturn };
    const kernel = answering(answer);
    arrivals(kernel, handled);
    answer.now = 'none';
    arrivals(kernel, SPURIOUS_WINDOW - handled - 1);
    expect(kernel.desc.state).toMatchObject({ spuriousDisabled: false, irqCount: SPURIOUS_WINDOW - 1, irqsUnhandled: SPURIOUS_WINDOW - handled - 1 });
    kernel.arrive();
    expect(kernel.desc.state).toMatchObject({ spuriousDisabled: stuck, disabled: stuck, depth: stuck ? 1 : 0, irqCount: 0, irqsUnhandled: 0, inProgress: false });
    expect(kernel.core.log.lines).toEqual(stuck ? [`irq ${kernel.virq}: nobody cared (handlers: a)`, `Disabling IRQ #${kernel.virq}`] : []);
  });

  test('the counters agree with a plain count over any answers and pauses', () => {
    const event = fc.record({ answer: fc.constantFrom<IrqReturn>('none', 'handled'), pause: fc.constantFrom(0, 1, 99, 100, 101, 5000) });
    fc.assert(fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      const answer = { now: 'none' as IrqReturn };
      const kernel = answering(answer);
      const model = { unhandled: 0, last: 0, now: 0 };
      for (const each of events) {
        kernel.clock.advance(each.pause);
        model.now += each.pause;
        answer.now = each.answer;
        kernel.arrive();
        if (each.answer === 'handled') continue;
        model.unhandled = model.now - model.last > 100 ? 1 : model.unhandled + 1;
        model.last = model.now;
      }
      expect(kernel.desc.state).toMatchObject({ irqCount: events.length, irqsUnhandled: model.unhandled, lastUnhandled: model.last });
    }));
  });

  test('an answer that is none is reported at once and not counted; after 100 reports no more are kept', () => {
    const kernel = answering({ now: 'yes' as never });
    arrivals(kernel, 103);
    expect(kernel.desc.state.irqCount).toBe(0);
    expect([kernel.core.log.lines.length, kernel.core.log.dropped, kernel.core.log.lines[0]]).toEqual([100, 3, `irq ${kernel.virq}: bogus return value (handlers: a)`]);
  });
});

describe('interrupts that only wake threads', () => {
  test('each is accounted with the next one, by whether a thread has handled something since', () => {
    const answer = { thread: 'handled' as IrqReturn, hard: 'wake-thread' as IrqReturn };
    const kernel = makeKernel({ chip: { flags: { oneshotSafe: true } } });
    const { core, run, virq, desc } = kernel;
    run(requestThreadedIrq(core, virq, { name: 't', devId: 1, handler: () => answer.hard, *thread() { return answer.thread; } }));
    const counts = () => [desc.state.irqCount, desc.state.irqsUnhandled];
    kernel.arrive();
    expect(counts()).toEqual([0, 0]);
    kernel.arrive();
    expect(counts()).toEqual([1, 0]);
    answer.thread = 'none';
    kernel.arrive();
    expect(counts()).toEqual([2, 0]);
    kernel.arrive();
    expect(counts()).toEqual([3, 1]);
    // A hard handler that takes it ends the deferral: this one is counted at once, and the next deferred again.
    answer.hard = 'handled';
    kernel.arrive();
    expect([...counts(), desc.state.spuriousDeferred]).toEqual([4, 1, true]);
    answer.hard = 'wake-thread';
    kernel.arrive();
    expect(counts()).toEqual([5, 2]);
  });

  test('one that is handled by a hard handler beside the woken thread ends the deferral', () => {
    const kernel = makeKernel({ chip: { flags: { oneshotSafe: true } } });
    const { core, run, virq, desc } = kernel;
    const other = { now: 'none' as IrqReturn };
    run(requestThreadedIrq(core, virq, { name: 't', devId: 1, shared: true, handler: () => 'wake-thread', *thread() { return 'none'; } }));
    run(requestIrq(core, virq, { name: 'h', devId: 2, shared: true, handler: () => other.now }));
    kernel.arrive();
    expect([desc.state.spuriousDeferred, desc.state.irqCount]).toEqual([true, 0]);
    other.now = 'handled';
    kernel.arrive();
    expect([desc.state.spuriousDeferred, desc.state.irqCount, desc.state.irqsUnhandled]).toEqual([false, 1, 0]);
    other.now = 'none';
    kernel.arrive();
    expect([desc.state.spuriousDeferred, desc.state.irqCount]).toEqual([true, 1]);
  });
});

describe('the poll for what was disabled', () => {
  const stuck = (options: { shared?: boolean } = {}) => {
    const answer = { now: 'none' as IrqReturn };
    const kernel = answering(answer, options);
    arrivals(kernel, SPURIOUS_WINDOW - 1);
    kernel.arrive();
    expect(kernel.desc.state).toMatchObject({ spuriousDisabled: true, pending: false });
    kernel.arrive();
    expect(kernel.desc.state).toMatchObject({ spuriousDisabled: true, pending: true });
    kernel.calls.count = 0;
    return { ...kernel, answer, tick: () => { kernel.clock.advance(100); kernel.executor.settle(); } };
  };

  test('calls the handlers of shared lines every 100 ms, without counting what they say', () => {
    const kernel = stuck({ shared: true });
    kernel.clock.advance(99);
    kernel.executor.settle();
    expect(kernel.calls.count).toBe(0);
    kernel.clock.advance(1);
    kernel.executor.settle();
    expect(kernel.calls.count).toBe(1);
    kernel.tick();
    expect(kernel.calls.count).toBe(2);
    expect(kernel.desc.state).toMatchObject({ pollInProgress: false, inProgress: false, irqCount: 0, spuriousDisabled: true });
  });

  test('another handler that is added gets a chance: enabled again, and the poll ends', () => {
    const kernel = stuck({ shared: true });
    const { core, run, virq, desc } = kernel;
    run(requestIrq(core, virq, { name: 'b', devId: 'b', shared: true, handler: () => 'handled' }));
    expect(desc.state).toMatchObject({ spuriousDisabled: false, depth: 0, disabled: false, masked: false });
    kernel.tick();
    expect(core.spuriousPoll.running).toBe(false);
    const before = kernel.calls.count;
    kernel.tick();
    expect(kernel.calls.count).toBe(before);
  });

  test('added while somebody else has it disabled too, that one still holds', () => {
    const { core, run, virq, desc } = stuck({ shared: true });
    run(disableIrqNosync(core, virq));
    run(requestIrq(core, virq, { name: 'b', devId: 'b', shared: true, handler: () => 'handled' }));
    expect(desc.state).toMatchObject({ spuriousDisabled: false, depth: 1, disabled: true });
    run(enableIrq(core, virq));
    expect(desc.state).toMatchObject({ depth: 0, disabled: false });
  });

  test('an unshared line, one in its parent’s thread or for each CPU is not polled; freed, nothing is', () => {
    const unshared = stuck();
    unshared.tick();
    expect(unshared.calls.count).toBe(0);
    const nested = stuck({ shared: true });
    nested.desc.state.nestedThread = true;
    nested.tick();
    expect(nested.calls.count).toBe(0);
    const freed = stuck({ shared: true });
    freed.run(freeIrq(freed.core, freed.virq, 'a'));
    freed.tick();
    expect(freed.calls.count).toBe(0);
  });

  test('one timer polls all of them', () => {
    const kernel = stuck({ shared: true });
    const other = kernel.allocate();
    let calls = 0;
    kernel.run(requestIrq(kernel.core, other.virq, { name: 'o', devId: 'o', shared: true, handler: () => { calls += 1; return 'none'; } }));
    other.state.irqCount = SPURIOUS_WINDOW - 1;
    other.state.irqsUnhandled = SPURIOUS_WINDOW - 1;
    finish(kernel.executor, kernel.core.handleIrq(other.virq, 0));
    expect(other.state.spuriousDisabled).toBe(true);
    calls = 0;
    kernel.tick();
    expect([kernel.calls.count, calls]).toEqual([1, 1]);
    expect(kernel.threads.filter((name) => name === 'k spurious poll')).toHaveLength(1);
  });

  test('while the handlers run they are not called again, only asked to look once more', () => {
    const kernel = stuck({ shared: true });
    kernel.desc.state.pending = false;
    kernel.desc.state.inProgress = true;
    kernel.tick();
    expect([kernel.calls.count, kernel.desc.state.pending]).toEqual([0, true]);
  });

  test('an edge that comes while it polls waits for it, and the poll looks once more', () => {
    const kernel = makeKernel({ flow: handleSimpleIrq });
    const { core, run, virq, desc, executor, clock } = kernel;
    let runs = 0;
    let inside = 0;
    run(requestIrq(core, virq, { name: 'a', devId: 'a', shared: true, *handler() {
      runs += 1;
      expect(++inside).toBe(1);
      if (runs === 1) {
        desc.state.disabled = false;
        executor.spawn({ name: 'cpu1', layer: 'irq' }, core.handleIrq(virq, 1) as never);
        yield { kind: 'poll', what: 'others' };
        desc.state.pending = true;
      }
      inside -= 1;
      return 'handled';
    } }));
    desc.state.spuriousDisabled = true;
    desc.state.disabled = true;
    core.spuriousPoll.running = false;
    startPoll(core);
    executor.settle();
    clock.advance(100);
    executor.settle();
    // Twice by the poll, once for the edge that waited for it.
    expect([runs, [...desc.counts], desc.state.pollInProgress]).toEqual([3, [0, 1], false]);
  });
});
