import { describe, expect, test } from 'vitest';
import { point, waitUntil } from '@siov/base';
import type { Steps } from '@siov/base';
import { disableIrqNosync, enableIrq, freeIrq, handleEdgeIrq, handleFasteoiIrq, handleSimpleIrq, requestIrq, requestThreadedIrq } from '../src/index.ts';
import type { FlowHandler, IrqHandler, IrqRequest } from '../src/index.ts';
import { counting, makeKernel } from './kernel.ts';
import type { KernelOptions } from './kernel.ts';

const work = point('device', 'work');

/** A kernel whose interrupt is requested; its log shows what the hardware sees and when the handler runs. */
function requested(flow: FlowHandler, change: Partial<IrqRequest> = {}, options: KernelOptions = {}) {
  const kernel = makeKernel({ flow, ...options });
  const request: IrqRequest = { name: 'a', devId: 'a', handler: () => { kernel.log.push('handler'); return 'handled'; }, ...change };
  expect(kernel.run(requestThreadedIrq(kernel.core, kernel.virq, request)).ok).toBe(true);
  kernel.logged();
  return kernel;
}

/** A handler that waits in the middle; `inside` runs there the first time, as another CPU would. */
function interruptedHandler(inside: () => void): { handler: IrqHandler; runs: () => number } {
  const state = { runs: 0, inside: 0, go: true };
  return {
    runs: () => state.runs,
    *handler() {
      state.runs += 1;
      expect(++state.inside).toBe(1);
      yield work;
      if (state.runs === 1) inside();
      yield* waitUntil('go', () => state.go);
      state.inside -= 1;
      return 'handled';
    },
  };
}

// At once where no agent can come between, step by step where it can: the hardware sees the same.
describe.each([['at once', false], ['step by step', true]])('%s', (_how, interleaved) => {
  describe('handle_edge_irq', () => {
    test('acknowledged first, handled, counted on its CPU', () => {
      const kernel = requested(handleEdgeIrq, {}, { interleaved });
      kernel.arrive(1);
      kernel.arrive(1);
      kernel.arrive(0);
      expect(kernel.logged()).toEqual(['ack', 'handler', 'ack', 'handler', 'ack', 'handler']);
      expect([...kernel.desc.counts]).toEqual([1, 2]);
      expect(kernel.desc.state).toMatchObject({ inProgress: false, pending: false });
    });

    test('disabled or with nobody there: masked, acknowledged and latched, not counted', () => {
      const kernel = requested(handleEdgeIrq, {}, { interleaved });
      kernel.run(disableIrqNosync(kernel.core, kernel.virq));
      kernel.arrive();
      expect(kernel.logged()).toEqual(['mask', 'ack']);
      kernel.arrive();
      expect(kernel.logged()).toEqual(['ack']);
      expect([kernel.desc.state.pending, ...kernel.desc.counts]).toEqual([true, 0, 0]);
      const nobody = makeKernel({ interleaved });
      Object.assign(nobody.desc.state, { disabled: false, masked: false });
      nobody.arrive();
      expect([nobody.logged(), nobody.desc.state.pending]).toEqual([['mask', 'ack'], true]);
    });

    test('what comes on another CPU while the handler runs is masked there, and handled by the first CPU, which unmasks', () => {
      const twice = interruptedHandler(() => { kernel.arrive(1); kernel.arrive(1); });
      const kernel = requested(handleEdgeIrq, twice, { interleaved });
      kernel.arrive(0);
      expect(twice.runs()).toBe(2);
      expect(kernel.logged()).toEqual(['ack', 'mask', 'ack', 'ack', 'unmask']);
      expect([...kernel.desc.counts]).toEqual([1, 0]);
      expect(kernel.desc.state).toMatchObject({ inProgress: false, pending: false, masked: false });
    });

    test('disabled while the handler runs, the latched edge waits; enabled again it is replayed', () => {
      const once = interruptedHandler(() => {
        kernel.arrive(1);
        kernel.run(disableIrqNosync(kernel.core, kernel.virq));
      });
      const kernel = requested(handleEdgeIrq, once, { interleaved });
      kernel.arrive(0);
      expect([once.runs(), kernel.desc.state.pending, kernel.desc.state.masked]).toEqual([1, true, true]);
      kernel.run(enableIrq(kernel.core, kernel.virq));
      kernel.executor.settle();
      expect([once.runs(), kernel.desc.state.pending, kernel.desc.state.masked]).toEqual([2, false, false]);
    });

    test('the last action unlinked while it runs: an edge that came is masked and left', () => {
      const once = interruptedHandler(() => {
        kernel.arrive(1);
        // As free_irq() does first; the rest of it waits for this handler.
        kernel.desc.state.actions = [];
      });
      const kernel = requested(handleEdgeIrq, once, { interleaved });
      kernel.arrive(0);
      expect([once.runs(), kernel.desc.state.masked, kernel.desc.state.inProgress, kernel.desc.state.pending]).toEqual([1, true, false, true]);
    });

    test('a latch that no replay took had it masked: it is unmasked with the next edge', () => {
      const kernel = requested(handleEdgeIrq, {}, { interleaved });
      Object.assign(kernel.desc.state, { pending: true, masked: true });
      kernel.arrive();
      expect(kernel.logged()).toEqual(['ack', 'unmask', 'handler']);
      expect(kernel.desc.state.pending).toBe(false);
    });

    test('an acknowledgement that needs steps is waited for before the handler runs', () => {
      const kernel = requested(handleEdgeIrq, {}, { interleaved, inner: { *irqAck() { yield work; kernel.log.push('slow ack'); } } });
      kernel.arrive();
      expect(kernel.logged()).toEqual(['slow ack', 'handler']);
    });
  });

  describe('handle_fasteoi_irq', () => {
    test('ended last, also when it is refused or handled elsewhere', () => {
      const kernel = requested(handleFasteoiIrq, {}, { interleaved });
      kernel.arrive(1);
      expect([kernel.logged(), ...kernel.desc.counts]).toEqual([['handler', 'eoi'], 0, 1]);
      kernel.run(disableIrqNosync(kernel.core, kernel.virq));
      kernel.arrive();
      expect([kernel.logged(), kernel.desc.state.pending]).toEqual([['mask', 'eoi'], true]);
    });

    test.each([[false, 1], [true, 2]])('while it is handled elsewhere: just ended; raised again if set so (%s)', (resendWhenInProgress, runs) => {
      const handler = interruptedHandler(() => kernel.arrive(1));
      const kernel = requested(handleFasteoiIrq, handler, { interleaved });
      kernel.desc.state.resendWhenInProgress = resendWhenInProgress;
      kernel.arrive(0);
      kernel.executor.settle();
      expect(handler.runs()).toBe(runs);
      expect(kernel.logged()).toEqual(Array.from({ length: runs + 1 }, () => 'eoi'));
      expect(kernel.desc.state.masked).toBe(false);
    });

    test('ONESHOT: masked before the handler, unmasked by the thread; by the flow when no thread was woken', () => {
      let wake = true;
      const kernel = requested(handleFasteoiIrq, {
        oneshot: true,
        handler: () => { kernel.log.push('handler'); return wake ? 'wake-thread' : 'handled'; },
        *thread() { kernel.log.push(`thread, masked ${kernel.hardware.masked}`); return 'handled'; },
      }, { interleaved });
      kernel.arrive();
      expect(kernel.logged()).toEqual(['mask', 'handler', 'eoi', 'thread, masked true', 'unmask']);
      wake = false;
      kernel.arrive();
      expect(kernel.logged()).toEqual(['mask', 'handler', 'unmask', 'eoi']);
    });

    test('ONESHOT disabled while its handlers run stays masked', () => {
      const kernel = requested(handleFasteoiIrq, {
        oneshot: true,
        *handler() { yield* disableIrqNosync(kernel.core, kernel.virq); return 'handled'; },
        *thread() { return 'handled'; },
      }, { interleaved });
      kernel.arrive();
      expect([kernel.logged(), kernel.desc.state.masked]).toEqual([['mask', 'eoi'], true]);
      kernel.run(enableIrq(kernel.core, kernel.virq));
      expect(kernel.logged()).toEqual(['unmask']);
    });

    test('an end of interrupt that needs steps', () => {
      const kernel = requested(handleFasteoiIrq, {}, { interleaved, inner: { *irqEoi() { yield work; kernel.log.push('slow eoi'); } } });
      kernel.arrive();
      expect(kernel.logged()).toEqual(['handler', 'slow eoi']);
    });
  });

  test.each([handleFasteoiIrq, handleSimpleIrq])('$name: with nobody there it is latched; what comes is no replay any more', (flow) => {
    const kernel = makeKernel({ interleaved, flow });
    Object.assign(kernel.desc.state, { disabled: false, masked: false, replay: true });
    kernel.arrive();
    expect(kernel.desc.state).toMatchObject({ pending: true, replay: false });
    expect([...kernel.desc.counts]).toEqual([0, 0]);
  });

  describe('handle_simple_irq', () => {
    test('nothing at the hardware; latched when disabled, dropped while it runs', () => {
      const handler = interruptedHandler(() => kernel.arrive(1));
      const kernel = requested(handleSimpleIrq, handler, { interleaved });
      kernel.arrive(0);
      expect([handler.runs(), kernel.desc.state.pending, ...kernel.desc.counts]).toEqual([1, false, 1, 0]);
      kernel.run(disableIrqNosync(kernel.core, kernel.virq));
      kernel.arrive();
      expect([handler.runs(), kernel.desc.state.pending]).toEqual([1, true]);
      expect(kernel.logged()).toEqual([]);
    });
  });

  test.each([handleEdgeIrq, handleFasteoiIrq, handleSimpleIrq])('$name: what comes while the poll runs the handlers waits for that, and is handled or refused after it', (flow) => {
    for (const disabled of [false, true]) {
      const kernel = requested(flow, {}, { interleaved });
      const { state } = kernel.desc;
      Object.assign(state, { inProgress: true, pollInProgress: true });
      kernel.executor.spawn({ name: 'cpu0', layer: 'irq' }, kernel.core.handleIrq(kernel.virq, 0) as Steps<void>);
      kernel.executor.settle();
      expect([kernel.logged(), state.pending]).toEqual([[], false]);
      Object.assign(state, { inProgress: false, pollInProgress: false, disabled });
      kernel.executor.settle();
      expect([kernel.log.includes('handler'), state.pending, kernel.desc.counts[0]]).toEqual(disabled ? [false, true, 0] : [true, false, 1]);
    }
  });

  test('a chip that cannot mask is not asked to, and is not taken for masked', () => {
    const kernel = requested(handleEdgeIrq, {}, { interleaved, chip: { irqMask: undefined as never, irqUnmask: undefined as never } });
    // Masked is what it was before anything unmasked it, and for the core it stays so.
    expect(kernel.desc.state.masked).toBe(true);
    kernel.desc.state.masked = false;
    kernel.run(disableIrqNosync(kernel.core, kernel.virq));
    kernel.arrive();
    expect([kernel.logged(), kernel.desc.state.masked, kernel.desc.state.pending]).toEqual([['ack'], false, true]);
    kernel.run(enableIrq(kernel.core, kernel.virq));
    kernel.executor.settle();
    expect(kernel.logged()).toEqual(['ack', 'handler']);
  });

  describe('the actions', () => {
    test('all of a shared interrupt, in the order of their requests, some at once and some step by step', () => {
      const kernel = makeKernel({ interleaved });
      const order: string[] = [];
      const add = (name: string, handler: IrqHandler) => kernel.run(requestIrq(kernel.core, kernel.virq, { name, devId: name, shared: true, handler }));
      add('a', () => { order.push('a'); return 'none'; });
      add('b', function* () { yield work; order.push('b'); return 'handled'; });
      add('c', () => { order.push('c'); return 'none'; });
      add('d', function* () { yield work; order.push('d'); return 'none'; });
      kernel.arrive();
      expect(order.splice(0)).toEqual(['a', 'b', 'c', 'd']);
      expect(kernel.desc.state.irqsUnhandled).toBe(0);
      kernel.run(freeIrq(kernel.core, kernel.virq, 'b'));
      kernel.arrive();
      expect([order, kernel.desc.state.irqsUnhandled]).toEqual([['a', 'c', 'd'], 1]);
    });

    test('one that wakes a thread it does not have is reported, once', () => {
      const kernel = requested(handleEdgeIrq, { handler: () => 'wake-thread' }, { interleaved });
      kernel.arrive();
      kernel.arrive();
      expect(kernel.core.log.lines).toEqual([`IRQ ${kernel.virq} device a returned IRQ_WAKE_THREAD but no thread function available`]);
      expect(kernel.desc.state.threadsActive).toBe(0);
    });
  });

  test('an interrupt that is not there, or is no longer, is nobody’s', () => {
    const kernel = makeKernel({ interleaved });
    const { seen } = counting();
    expect(kernel.core.handleIrq(40, 0)).toBeUndefined();
    kernel.core.freeDesc(kernel.desc);
    kernel.arrive();
    expect([seen.handled, kernel.logged()]).toEqual([0, []]);
  });
});
