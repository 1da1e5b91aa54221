// Rules of the flow handlers at their edges: interrupts without chip, chips that cannot mask, what is not resent.
import { describe, expect, test } from 'vitest';
import { point } from '@siov/base';
import type { Steps } from '@siov/base';
import { handleEdgeIrq, handleFasteoiIrq, handleSimpleIrq, requestIrq } from '../src/index.ts';
import type { FlowHandler, IrqHandler } from '../src/index.ts';
import { counting, finish, makeKernel } from './kernel.ts';
import type { KernelOptions } from './kernel.ts';

const work = point('device', 'work');
const cannotMask = { irqMask: undefined as never, irqUnmask: undefined as never };

function requested(flow: FlowHandler, handler: IrqHandler, options: KernelOptions = {}) {
  const kernel = makeKernel({ flow, ...options });
  expect(kernel.run(requestIrq(kernel.core, kernel.virq, { name: 'a', devId: 'a', handler })).ok).toBe(true);
  kernel.logged();
  return kernel;
}

describe.each([['at once', false], ['step by step', true]])('%s', (_how, interleaved) => {
  test('an interrupt that no domain has given a chip: latched while nobody wants it, handled by who does', () => {
    const kernel = makeKernel({ interleaved });
    const made = kernel.core.allocDesc();
    if (!made.ok) throw new Error(made.message);
    const { virq, state } = made.value;
    const arrive = () => finish(kernel.executor, kernel.core.handleIrq(virq, 0));
    state.masked = false;
    arrive();
    expect([state.pending, state.masked]).toEqual([true, false]);
    const other = makeKernel({ interleaved });
    const seen = counting();
    other.run(requestIrq(other.core, other.virq, seen.request));
    Object.assign(state, { actions: other.desc.state.actions, disabled: false, masked: true });
    arrive();
    expect([seen.seen.handled, state.pending, state.masked]).toEqual([1, false, true]);
  });

  test('one without flow handler is nobody’s', () => {
    const kernel = makeKernel({ interleaved });
    kernel.desc.state.flow = null;
    expect(kernel.core.handleIrq(kernel.virq, 0)).toBeUndefined();
    expect([kernel.desc.state.pending, [...kernel.desc.counts]]).toEqual([false, [0, 0]]);
  });

  test('a hierarchy in which nobody acknowledges', () => {
    const kernel = requested(handleEdgeIrq, () => { kernel.log.push('handler'); return 'handled'; }, { interleaved, inner: { irqAck: undefined as never } });
    kernel.arrive();
    expect(kernel.logged()).toEqual(['handler']);
  });

  test('edge: masked and not latched, it stays masked, also after an acknowledgement in steps', () => {
    const slow = { *irqAck() { yield work; kernel.log.push('slow ack'); } };
    const kernel = requested(handleEdgeIrq, () => { kernel.log.push('handler'); return 'handled'; }, { interleaved, inner: slow });
    kernel.desc.state.masked = true;
    kernel.arrive();
    expect([kernel.logged(), kernel.desc.state.masked]).toEqual([['slow ack', 'handler'], true]);
  });

  test('edge, with a chip that cannot mask: an edge while the handler runs is handled after it, and no other', () => {
    let runs = 0;
    const kernel = requested(handleEdgeIrq, () => {
      runs += 1;
      if (runs === 1) kernel.arrive(1);
      return 'handled';
    }, { interleaved, chip: cannotMask });
    kernel.desc.state.masked = false;
    kernel.arrive(0);
    expect([runs, kernel.desc.state.pending, kernel.desc.state.inProgress, [...kernel.desc.counts]]).toEqual([2, false, false, [1, 0]]);
  });

  test.each([['masked it', {}, {}], ['had it masked, and it was opened since', {}, { masked: false }], ['cannot mask', cannotMask, {}]])('edge, the last action gone while it ran, and an edge came that %s: that is left latched', (_what, chip, since) => {
    const kernel = requested(handleEdgeIrq, () => {
      kernel.arrive(1);
      // As free_irq() does first; the rest of it waits for this handler.
      Object.assign(kernel.desc.state, { actions: [] }, since);
      return 'handled';
    }, { interleaved, chip });
    kernel.desc.state.masked = false;
    kernel.arrive(0);
    expect(kernel.desc.state).toMatchObject({ pending: true, inProgress: false, irqCount: 1 });
  });

  test.each([handleEdgeIrq, handleFasteoiIrq, handleSimpleIrq])('$name: one that has come is no longer waited for (IRQS_WAITING)', (flow) => {
    const kernel = requested(flow, () => 'handled', { interleaved });
    kernel.desc.state.waiting = true;
    kernel.arrive();
    expect(kernel.desc.state.waiting).toBe(false);
  });

  test.each([['at once', {}], ['in steps', { *irqEoi() { yield work; } }]])('fasteoi, ended %s: what came while it was handled elsewhere is dropped, unless it is set to be raised again', (_what, inner) => {
    for (const again of [false, true]) {
      let runs = 0;
      const kernel = requested(handleFasteoiIrq, () => {
        runs += 1;
        if (runs === 1) kernel.arrive(1);
        return 'handled';
      }, { interleaved, inner });
      if (again) kernel.desc.state.resendWhenInProgress = true;
      kernel.arrive(0);
      kernel.executor.settle();
      expect([again, runs, kernel.desc.state.pending]).toEqual([again, again ? 2 : 1, false]);
    }
  });

  test('fasteoi: what waits for the poll to end is handled then, and so is not to be raised again', () => {
    const kernel = requested(handleFasteoiIrq, () => { kernel.log.push('handler'); return 'handled'; }, { interleaved });
    const { state } = kernel.desc;
    Object.assign(state, { inProgress: true, pollInProgress: true, resendWhenInProgress: true });
    kernel.executor.spawn({ name: 'cpu0', layer: 'irq' }, kernel.core.handleIrq(kernel.virq, 0) as Steps<void>);
    kernel.executor.settle();
    expect([kernel.logged(), state.pending]).toEqual([[], false]);
    Object.assign(state, { inProgress: false, pollInProgress: false });
    kernel.executor.settle();
    expect(kernel.logged()).toEqual(['handler', 'eoi']);
  });

  test('a handler whose steps are made by a function that does something first is called once', () => {
    let calls = 0;
    function* rest() { yield work; return 'handled' as const; }
    const kernel = requested(handleEdgeIrq, () => { calls += 1; return rest(); }, { interleaved });
    kernel.arrive();
    expect([calls, kernel.desc.state.irqsUnhandled]).toEqual([1, 0]);
  });

  test('a report names all handlers', () => {
    const kernel = makeKernel({ interleaved });
    for (const name of ['a', 'b']) kernel.run(requestIrq(kernel.core, kernel.virq, { name, devId: name, shared: true, handler: () => 'yes' as never }));
    kernel.arrive();
    expect(kernel.core.log.lines).toEqual([`irq ${kernel.virq}: bogus return value (handlers: a, b)`]);
  });
});

test('flow handlers are named as /proc/interrupts has them', () => {
  expect([handleEdgeIrq, handleFasteoiIrq, handleSimpleIrq].map(({ name }) => name)).toEqual(['edge', 'fasteoi', 'simple']);
});
