import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { ok, waitUntil } from '@siov/base';
import { disableIrq, disableIrqNosync, enableIrq, freeIrq, irqGetIrqchipState, irqInjectInterrupt, irqSetIrqchipState, irqSetVcpuAffinity, requestIrq, requestThreadedIrq, synchronizeHardirq, synchronizeIrq } from '../src/index.ts';
import { counting, makeKernel } from './kernel.ts';

describe('disable_irq and enable_irq', () => {
  const op = fc.constantFrom('request', 'request-no-autoen', 'free', 'disable', 'enable', 'arrive', 'arrive');

  test('any sequence: the depth nests, one edge is latched while nobody may handle it and replayed once (I9)', () => {
    fc.assert(fc.property(fc.array(op, { maxLength: 40 }), fc.boolean(), fc.boolean(), (ops, unlazy, atChip) => {
      const log: string[] = [];
      const kernel = makeKernel({
        chip: atChip ? { *irqEnable() { log.push('enable'); }, *irqDisable() { log.push('disable'); } } : {},
        inner: { irqRetrigger: () => { log.push('retrigger'); return true; } },
      });
      const { core, run, virq, desc, state } = kernel;
      desc.state.disableUnlazy = unlazy;
      const { seen, request } = counting();
      const model = { requested: false, started: false, depth: 1, latch: false, handled: 0 };
      for (const each of ops) {
        const before = state.snapshot();
        let result: { ok: boolean } = { ok: true };
        let allowed = true;
        if (each === 'request' || each === 'request-no-autoen') {
          result = run(requestIrq(core, virq, { ...request, noAutoen: each !== 'request' }));
          allowed = !model.requested;
          if (allowed) Object.assign(model, { requested: true, started: each === 'request', depth: each === 'request' ? 0 : 1, latch: false });
        } else if (each === 'free') {
          run(freeIrq(core, virq, request.devId));
          if (model.requested) Object.assign(model, { requested: false, started: false, depth: model.started ? model.depth + 1 : model.depth });
        } else if (each === 'disable') {
          result = run(disableIrqNosync(core, virq));
          model.depth += 1;
        } else if (each === 'enable') {
          result = run(enableIrq(core, virq));
          allowed = model.requested && model.depth > 0;
          if (allowed) model.depth -= 1;
          if (allowed && model.depth === 0) {
            model.started = true;
            expect(log.filter((line) => line === 'retrigger')).toHaveLength(model.latch ? 1 : 0);
            if (model.latch) { kernel.arrive(); model.handled += 1; }
            model.latch = false;
          }
        } else {
          kernel.arrive();
          if (model.requested && model.depth === 0) model.handled += 1;
          else model.latch = true;
        }
        log.length = 0;
        expect([each, result.ok]).toEqual([each, allowed]);
        if (!allowed) expect(state.changes(before)).toEqual([]);
        expect(desc.state).toMatchObject({ depth: model.depth, disabled: model.depth > 0, started: model.started, pending: model.latch });
        expect(seen.handled).toBe(model.handled);
      }
    }), { numRuns: 400 });
  });

  test('disabling is lazy: the hardware is masked when an edge comes, at once if set so, and told itself if it can be', () => {
    const lazy = makeKernel();
    lazy.run(requestIrq(lazy.core, lazy.virq, counting().request));
    lazy.logged();
    lazy.run(disableIrqNosync(lazy.core, lazy.virq));
    expect(lazy.logged()).toEqual([]);
    lazy.arrive();
    expect(lazy.logged()).toEqual(['mask', 'ack']);
    lazy.desc.state.disableUnlazy = true;
    lazy.run(enableIrq(lazy.core, lazy.virq));
    lazy.logged();
    lazy.run(disableIrqNosync(lazy.core, lazy.virq));
    lazy.run(disableIrqNosync(lazy.core, lazy.virq));
    expect(lazy.logged()).toEqual(['mask']);
    expect(lazy.desc.state).toMatchObject({ depth: 2, masked: true });

    const told: string[] = [];
    const chip = makeKernel({ chip: { *irqEnable() { told.push('enable'); }, *irqDisable() { told.push('disable'); } } });
    chip.run(requestIrq(chip.core, chip.virq, counting().request));
    chip.run(disableIrqNosync(chip.core, chip.virq));
    chip.run(disableIrqNosync(chip.core, chip.virq));
    expect(chip.desc.state.masked).toBe(true);
    chip.run(enableIrq(chip.core, chip.virq));
    expect(told).toEqual(['enable', 'disable']);
    chip.run(enableIrq(chip.core, chip.virq));
    expect(told).toEqual(['enable', 'disable', 'enable']);
    expect(chip.desc.state).toMatchObject({ masked: false, disabled: false });
    expect(chip.logged()).toEqual(['activate']);
  });

  test('what cannot be: no such interrupt, not requested, unbalanced, requested for each CPU', () => {
    const { core, run, virq, desc, state } = makeKernel();
    const refused = (result: unknown) => expect(result).toMatchObject({ ok: false, errno: 'EINVAL' });
    for (const call of [disableIrq, disableIrqNosync, enableIrq]) refused(run(call(core, 40)));
    const before = state.snapshot();
    refused(run(enableIrq(core, virq)));
    expect(state.changes(before)).toEqual([]);
    run(requestIrq(core, virq, counting().request));
    const enabled = state.snapshot();
    expect(run(enableIrq(core, virq))).toMatchObject({ errno: 'EINVAL', message: expect.stringContaining('unbalanced') });
    expect(state.changes(enabled)).toEqual([]);
    desc.state.perCpuDevid = true;
    for (const call of [disableIrqNosync, enableIrq]) refused(run(call(core, virq)));
    expect(run(freeIrq(core, virq, 'a'))).toBeNull();
  });

  test('the bus lock is held around the change, and what it changed is effective when the call returns', () => {
    const log: string[] = [];
    const kernel = makeKernel({ chip: { *irqBusLock() { log.push('lock'); }, *irqBusSyncUnlock() { log.push('sync'); }, *irqDisable() { log.push('disable'); } } });
    kernel.run(requestIrq(kernel.core, kernel.virq, counting().request));
    log.length = 0;
    kernel.run(disableIrqNosync(kernel.core, kernel.virq));
    kernel.run(enableIrq(kernel.core, kernel.virq));
    expect(log).toEqual(['lock', 'disable', 'sync', 'lock', 'sync']);
  });
});

describe('synchronize_irq', () => {
  test('waits for a handler that runs and for the thread it wakes; synchronize_hardirq for the handler only', () => {
    const kernel = makeKernel({ chip: { flags: { oneshotSafe: true } } });
    const { core, virq, executor } = kernel;
    const go = { handler: false, thread: false };
    kernel.run(requestThreadedIrq(core, virq, {
      name: 'a', devId: 1,
      *handler() { yield* waitUntil('handler', () => go.handler); return 'wake-thread'; },
      *thread() { yield* waitUntil('thread', () => go.thread); return 'handled'; },
    }));
    const steps = core.handleIrq(virq, 0);
    executor.spawn({ name: 'cpu0', layer: 'irq' }, steps as never);
    executor.settle();
    const ended: string[] = [];
    function* waiter(name: string, call: typeof synchronizeIrq | typeof synchronizeHardirq) { ended.push(`${name} ${String(yield* call(core, virq))}`); }
    executor.spawn({ name: 'w1', layer: 'x' }, waiter('hard', synchronizeHardirq));
    executor.spawn({ name: 'w2', layer: 'x' }, waiter('all', synchronizeIrq));
    executor.spawn({ name: 'w3', layer: 'x' }, (function* () { yield* disableIrq(core, virq); ended.push('disabled'); })());
    executor.settle();
    expect(ended).toEqual([]);
    go.handler = true;
    executor.settle();
    expect(ended).toEqual(['hard false']);
    go.thread = true;
    executor.settle();
    expect(ended.toSorted()).toEqual(['all undefined', 'disabled', 'hard false']);
    expect(kernel.run(synchronizeHardirq(core, virq))).toBe(true);
    expect(kernel.run(synchronizeHardirq(core, 40))).toBe(true);
    expect(kernel.run(synchronizeIrq(core, 40))).toBeUndefined();
  });

  test('what a CPU has accepted and not taken is waited for, where the hardware tells', () => {
    let active = 3;
    const kernel = makeKernel({ inner: { *irqGetIrqchipState(_data, which) { expect(which).toBe('active'); active -= 1; return ok(active > 0); } } });
    kernel.executor.spawn({ name: 'cpu', layer: 'irq' }, (function* () { for (;;) { yield { kind: 'poll', what: 'idle' }; } })());
    kernel.run(synchronizeHardirq(kernel.core, kernel.virq));
    expect(active).toBe(3);
    kernel.run(synchronizeIrq(kernel.core, kernel.virq));
    expect(active).toBe(0);
  });
});

describe('the hardware’s own view', () => {
  test('the first level that knows is asked and told; without one: EINVAL, and ENOSYS for posting', () => {
    const told: unknown[] = [];
    const { core, run, virq } = makeKernel({
      inner: {
        *irqGetIrqchipState(_data, which) { return ok(which === 'pending'); },
        *irqSetIrqchipState(_data, which, value) { told.push([which, value]); return ok(); },
        *irqSetVcpuAffinity(_data, target) { told.push(target); return ok(); },
      },
    });
    expect([run(irqGetIrqchipState(core, virq, 'pending')), run(irqGetIrqchipState(core, virq, 'masked'))]).toEqual([ok(true), ok(false)]);
    expect(run(irqSetIrqchipState(core, virq, 'pending', true)).ok).toBe(true);
    expect(run(irqSetVcpuAffinity(core, virq, { descriptor: 0x40n, vector: 5 })).ok).toBe(true);
    expect(run(irqSetVcpuAffinity(core, virq, null)).ok).toBe(true);
    expect(run(irqInjectInterrupt(core, virq)).ok).toBe(true);
    expect(told).toEqual([['pending', true], { descriptor: 0x40n, vector: 5 }, null, ['pending', true]]);
    const plain = makeKernel();
    for (const irq of [plain.virq, 40]) {
      expect(plain.run(irqGetIrqchipState(plain.core, irq, 'pending'))).toMatchObject({ errno: 'EINVAL' });
      expect(plain.run(irqSetIrqchipState(plain.core, irq, 'pending', true))).toMatchObject({ errno: 'EINVAL' });
      expect(plain.run(irqInjectInterrupt(plain.core, irq))).toMatchObject({ errno: 'EINVAL' });
    }
    expect(plain.run(irqSetVcpuAffinity(plain.core, plain.virq, null))).toMatchObject({ errno: 'ENOSYS' });
    expect(plain.run(irqSetVcpuAffinity(plain.core, 40, null))).toMatchObject({ errno: 'EINVAL' });
  });
});
