import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { fail, ok } from '@siov/base';
import { disableIrqNosync, freeIrq, IRQ_NOTCONNECTED, irqDomainFreeIrq, requestIrq, requestThreadedIrq } from '../src/index.ts';
import type { IrqRequest } from '../src/index.ts';
import { counting, makeKernel, sweepRefusals } from './kernel.ts';
import type { Kernel, KernelOptions } from './kernel.ts';

const thread = function* () { return 'handled' as const; };

/** The call fails with `errno` and everything is as before it. */
function refused(kernel: Kernel, request: IrqRequest, virq: number = kernel.virq) {
  const before = kernel.state.snapshot();
  const result = kernel.run(requestThreadedIrq(kernel.core, virq, request));
  return { ...result, changed: kernel.state.changes(before) };
}

describe('request_threaded_irq', () => {
  test.each<[string, Partial<IrqRequest>, string, (((kernel: Kernel) => void) | undefined)?, number?]>([
    ['a line that leads nowhere, before anything else', { shared: true, devId: null }, 'ENOTCONN', undefined, IRQ_NOTCONNECTED],
    ['sharing without devId', { shared: true, devId: null }, 'EINVAL'],
    ['sharing what is not enabled', { shared: true, noAutoen: true }, 'EINVAL'],
    ['COND_SUSPEND alone', { condSuspend: true }, 'EINVAL'],
    ['NO_SUSPEND and COND_SUSPEND', { shared: true, condSuspend: true, noSuspend: true }, 'EINVAL'],
    ['no such interrupt', {}, 'EINVAL', undefined, 40],
    ['one that is not to be requested', {}, 'EINVAL', ({ desc }) => { desc.state.noRequest = true; }],
    ['one that is requested for each CPU', {}, 'EINVAL', ({ desc }) => { desc.state.perCpuDevid = true; }],
    ['neither handler nor thread', { handler: undefined as never }, 'EINVAL'],
    ['no chip', {}, 'ENOSYS', ({ desc }) => { desc.state.data = null; }],
    ['nested in another thread, without thread function', {}, 'EINVAL', ({ desc }) => { desc.state.nestedThread = true; }],
    ['only a thread, not ONESHOT, on a chip that may storm', { handler: undefined as never, thread }, 'EINVAL'],
  ])('%s: refused, and nothing changes', (_what, change, errno, prepare, virq) => {
    const kernel = makeKernel();
    prepare?.(kernel);
    expect(refused(kernel, counting('a', change).request, virq)).toMatchObject({ ok: false, errno, changed: [] });
    expect(kernel.logged()).toEqual([]);
  });

  test('ENOMEM: for the action, then for the thread; a refusal of either changes nothing', () => {
    const kernel = makeKernel({ chip: { flags: { oneshotSafe: true } } });
    const refusals: string[] = [];
    const count = sweepRefusals(
      kernel.state,
      () => kernel.run(requestThreadedIrq(kernel.core, kernel.virq, counting('a', { thread }).request)),
      ({ resource, errno, changed }) => { refusals.push(resource); expect([errno, changed]).toEqual(['ENOMEM', []]); },
    );
    expect([count, refusals]).toEqual([2, ['irqaction', 'kthread']]);
  });

  test('what the chip or a domain refuses undoes what was done before it, last first', () => {
    const log: string[] = [];
    const refuse = { resources: true, type: true, activate: true };
    const kernel = makeKernel({
      chip: {
        *irqBusLock() { log.push('bus lock'); },
        *irqBusSyncUnlock() { log.push('bus unlock'); },
        *irqRequestResources() { log.push('resources'); return refuse.resources ? fail('ENODEV', 'no pin') : ok(); },
        *irqReleaseResources() { log.push('release'); },
        *irqSetType(_data, type) { log.push(type); return refuse.type ? fail('EINVAL', 'no such type') : ok(); },
      },
    });
    kernel.desc.state.trigger = 'edge-falling';
    const { data } = kernel.desc.state;
    if (data === null) throw new Error('no data');
    Object.assign(kernel.root.ops, { *activate() { log.push('activate'); return refuse.activate ? fail('ENOSPC', 'no vector') : ok(); } });
    const { request } = counting('a', { trigger: 'edge-rising' });
    expect(refused(kernel, request)).toMatchObject({ errno: 'ENODEV', changed: [] });
    expect(log.splice(0)).toEqual(['bus lock', 'resources', 'bus unlock']);
    refuse.resources = false;
    expect(refused(kernel, request)).toMatchObject({ errno: 'EINVAL', changed: [] });
    expect(log.splice(0)).toEqual(['bus lock', 'resources', 'edge-rising', 'release', 'bus unlock']);
    refuse.type = false;
    expect(refused(kernel, request)).toMatchObject({ errno: 'ENOSPC', changed: [] });
    expect(log.splice(0)).toEqual(['bus lock', 'resources', 'edge-rising', 'activate', 'edge-falling', 'release', 'bus unlock']);
    refuse.activate = false;
    expect(refused(kernel, request).ok).toBe(true);
    expect(kernel.desc.state.trigger).toBe('edge-rising');
    expect(log.splice(0)).toEqual(['bus lock', 'resources', 'edge-rising', 'activate', 'bus unlock']);
  });

  test('resources are asked for with the bus locked, and released after the last action, with the hierarchy deactivated', () => {
    const log: string[] = [];
    const kernel = makeKernel({
      chip: {
        *irqBusLock() { log.push('bus lock'); },
        *irqBusSyncUnlock() { log.push('bus unlock'); },
        *irqRequestResources() { log.push('resources'); return ok(); },
        *irqReleaseResources() { log.push(`release after ${kernel.logged().join(', ')}`); },
      },
    });
    const requests = ['a', 'b'].map((name) => counting(name, { shared: true }).request);
    for (const request of requests) kernel.run(requestIrq(kernel.core, kernel.virq, request));
    expect(log.splice(0)).toEqual(['bus lock', 'resources', 'bus unlock', 'bus lock', 'bus unlock']);
    expect(kernel.run(freeIrq(kernel.core, kernel.virq, 'a'))).toBe('a');
    kernel.logged();
    expect(log.splice(0)).toEqual(['bus lock', 'bus unlock']);
    expect(kernel.run(freeIrq(kernel.core, kernel.virq, 'b'))).toBe('b');
    expect(log).toEqual(['bus lock', 'bus unlock', 'bus lock', 'release after mask, deactivate', 'bus unlock']);
  });

  test('flags that do not exclude each other, and a chip that knows no trigger types', () => {
    for (const change of [{ noSuspend: true }, { shared: true, condSuspend: true }, { shared: true, noSuspend: true }, { trigger: 'level-high' as const }]) {
      const kernel = makeKernel();
      expect(kernel.run(requestIrq(kernel.core, kernel.virq, counting('a', change).request)).ok).toBe(true);
      expect(kernel.desc.state.trigger).toBe('none');
    }
    const safe = makeKernel({ chip: { flags: { oneshotSafe: true } } });
    expect(refused(safe, { name: 'none', devId: 1 })).toMatchObject({ errno: 'EINVAL', changed: [], message: expect.stringContaining('neither handler nor thread') });
  });

  test('a type is set when one is asked for, or the interrupt has one', () => {
    const types: string[] = [];
    const kernel = makeKernel({ chip: { *irqSetType(_data, type) { types.push(type); return ok(); } } });
    const { core, run, virq } = kernel;
    run(requestIrq(core, virq, counting('a', { shared: true }).request));
    expect([types, kernel.desc.state.trigger]).toEqual([[], 'none']);
    // The first of them that says one says it for all.
    run(requestIrq(core, virq, counting('b', { shared: true, trigger: 'edge-both' }).request));
    expect([types, kernel.desc.state.trigger]).toEqual([[], 'edge-both']);
    expect(refused(kernel, counting('c', { shared: true, trigger: 'edge-rising' }).request)).toMatchObject({ errno: 'EBUSY' });
    for (const name of ['a', 'b']) run(freeIrq(core, virq, name));
    run(requestIrq(core, virq, counting('d').request));
    expect(types).toEqual(['edge-both']);
  });

  test('sharing what somebody has disabled leaves it so', () => {
    const { core, run, virq, desc } = makeKernel();
    run(requestIrq(core, virq, counting('a', { shared: true }).request));
    run(disableIrqNosync(core, virq));
    run(requestIrq(core, virq, counting('b', { shared: true }).request));
    expect(desc.state).toMatchObject({ depth: 1, disabled: true });
  });

  test('freeing the last action asks the hardware for what is on its way, and the interrupt is lazy again', () => {
    let asked = 0;
    const { core, run, virq, desc } = makeKernel({
      chip: { *irqShutdown() {} },
      inner: { *irqGetIrqchipState() { asked += 1; return ok(false); } },
    });
    run(requestIrq(core, virq, counting().request));
    desc.state.disableUnlazy = true;
    expect(run(freeIrq(core, virq, 'a'))).toBe('a');
    expect(asked).toBe(1);
    expect(desc.state).toMatchObject({ disableUnlazy: false, disabled: true, masked: true });
  });

  test('the hierarchy is activated, then started, then the action is there (I5)', () => {
    const kernel = makeKernel({ chip: { *irqStartup() { kernel.log.push(`start with ${kernel.desc.state.actions.length} actions`); } } });
    kernel.run(requestIrq(kernel.core, kernel.virq, counting().request));
    expect(kernel.logged()).toEqual(['activate', 'start with 0 actions']);
    expect(kernel.desc.state).toMatchObject({ depth: 0, started: true, activated: true, disabled: false, masked: false });
  });

  test('one that waits while the interrupt is given back gets EINVAL', () => {
    const { core, run, virq, root, executor } = makeKernel();
    const results: unknown[] = [];
    Object.assign(root.ops, {
      *free() {
        executor.spawn({ name: 'second', layer: 'driver' }, (function* () { results.push(yield* requestIrq(core, virq, counting().request)); })());
        yield { kind: 'poll', what: 'others' };
        expect(results).toEqual([]);
      },
    });
    expect(run(irqDomainFreeIrq(core, virq)).ok).toBe(true);
    executor.settle();
    expect(results).toMatchObject([{ errno: 'EINVAL', message: expect.stringContaining('given back meanwhile') }]);
  });

  test('a first owner does not get an edge of the owner before, nor its ONESHOT threads and spurious counts', () => {
    const kernel = makeKernel();
    Object.assign(kernel.desc.state, { pending: true, oneshot: true, spuriousDisabled: true, irqCount: 7, irqsUnhandled: 7, threadsOneshot: 1 });
    const { request, seen } = counting();
    kernel.run(requestIrq(kernel.core, kernel.virq, request));
    kernel.executor.settle();
    expect(seen.handled).toBe(0);
    expect(kernel.desc.state).toMatchObject({ pending: false, oneshot: false, spuriousDisabled: false, irqCount: 0, irqsUnhandled: 0, threadsOneshot: 0 });
  });
});

describe('sharing', () => {
  const shared = { shared: true };
  const other = (change: Partial<IrqRequest>, holder: Partial<IrqRequest> = shared, options: KernelOptions = {}) => {
    const kernel = makeKernel({ ...options, chip: { *irqSetType() { return ok(); } } });
    expect(kernel.run(requestThreadedIrq(kernel.core, kernel.virq, counting('holder', holder).request)).ok).toBe(true);
    return refused(kernel, counting('other', { ...shared, ...change }).request);
  };

  test.each<[string, Partial<IrqRequest>, Partial<IrqRequest>?]>([
    ['the holder does not share', {}, {}],
    ['the other does not share', { shared: false }],
    ['another trigger', { trigger: 'level-low' }, { ...shared, trigger: 'edge-rising' }],
    ['ONESHOT beside one without', { oneshot: true, thread }],
    ['one without beside ONESHOT', {}, { ...shared, oneshot: true, thread }],
    ['for each CPU beside one that is not', { percpu: true }],
  ])('EBUSY: %s, and the holder is not disturbed', (_what, change, holder) => {
    expect(other(change, holder)).toMatchObject({ errno: 'EBUSY', changed: [] });
  });

  test('equal flags share; without a trigger of its own the other takes the holder’s', () => {
    expect(other({}, { ...shared, trigger: 'edge-rising' }).ok).toBe(true);
    expect(other({ trigger: 'edge-rising' }, { ...shared, trigger: 'edge-rising' }).ok).toBe(true);
    expect(other({ trigger: 'edge-rising' }).ok).toBe(true);
    expect(other({ oneshot: true, thread }, { ...shared, oneshot: true, thread }).ok).toBe(true);
  });

  test('ONESHOT actions get a bit each, the lowest free one; the 33rd is EBUSY', () => {
    const kernel = makeKernel();
    const request = (name: string) => kernel.run(requestThreadedIrq(kernel.core, kernel.virq, counting(name, { ...shared, oneshot: true, thread }).request));
    for (let each = 0; each < 32; each++) expect(request(`a${each}`).ok).toBe(true);
    expect(kernel.desc.state.actions.map(({ threadMask }) => threadMask >>> 0)).toEqual(Array.from({ length: 32 }, (_, bit) => 2 ** bit));
    expect(refused(kernel, counting('one too many', { ...shared, oneshot: true, thread }).request)).toMatchObject({ errno: 'EBUSY', changed: [] });
    kernel.run(freeIrq(kernel.core, kernel.virq, 'a5'));
    expect(request('again').ok).toBe(true);
    expect(kernel.desc.state.actions.at(-1)?.threadMask).toBe(1 << 5);
  });

  test('ONESHOT is dropped for a chip whose interrupts cannot storm', () => {
    const kernel = makeKernel({ chip: { flags: { oneshotSafe: true } } });
    kernel.run(requestThreadedIrq(kernel.core, kernel.virq, { name: 't', devId: 1, oneshot: true, thread }));
    expect([kernel.desc.state.oneshot, kernel.desc.state.actions[0]?.threadMask]).toEqual([false, 0]);
  });

  test('any sequence of requests and frees: who is there and in which order agrees with a list, and the last one leaves all as before', () => {
    const step = fc.record({ free: fc.boolean(), name: fc.constantFrom('a', 'b', 'c'), shared: fc.boolean(), oneshot: fc.boolean() });
    fc.assert(fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const kernel = makeKernel();
      const { core, run, virq, desc } = kernel;
      const before = kernel.state.snapshot();
      let model: { name: string; shared: boolean; oneshot: boolean }[] = [];
      for (const { free, ...asked } of steps) {
        if (free) {
          const first = model.findIndex(({ name }) => name === asked.name);
          expect(run(freeIrq(core, virq, asked.name))).toBe(first < 0 ? null : asked.name);
          model = model.filter((_, index) => index !== first);
        } else {
          const holder = model[0];
          const fits = holder === undefined || (holder.shared && asked.shared && holder.oneshot === asked.oneshot);
          const made = run(requestThreadedIrq(core, virq, { ...counting(asked.name, asked).request, thread }));
          expect(made.ok ? null : made.errno).toBe(fits ? null : 'EBUSY');
          if (fits) model.push(asked);
        }
        expect(desc.state.actions.map(({ name, shared, oneshot }) => ({ name, shared, oneshot }))).toEqual(model);
        expect(desc.state).toMatchObject({ started: model.length > 0, activated: model.length > 0, depth: model.length > 0 ? 0 : 1 });
        const bits = desc.state.actions.map(({ threadMask }) => threadMask).filter((bit) => bit !== 0);
        expect(new Set(bits).size).toBe(bits.length);
      }
      while (model.length > 0) run(freeIrq(core, virq, model.shift()?.name));
      const allowed = ['k/log', `k/irq${virq}`];
      expect(kernel.state.changes(before).filter((name) => !allowed.includes(name))).toEqual([]);
      expect(desc.state).toMatchObject({ actions: [], threadsActive: 0, threadsOneshot: 0, masked: true, disabled: true });
    }));
  });
});
