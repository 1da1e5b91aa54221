import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { fail, interleavedState, ModelError, ok, plainState, point, runToCompletion } from '@siov/base';
import type { Steps } from '@siov/base';
import { ObservedState } from '@siov/base/testing';
import { Device } from '@siov/device';
import {
  clearMsiDomain, cpuMask, cpusOf, deviceMsi, freeIrq, IrqDomain, MsiDomain, msiDomainOf, requestIrq, setMsiDomain,
} from '../src/index.ts';
import type { DeviceMsi, IrqChip, MsiDesc, MsiDomainTemplate } from '../src/index.ts';
import { makeMachine } from './machine.ts';
import { Scheduler } from './scheduler.ts';

const chip: IrqChip = { name: 'test' };
const handler = () => 'handled' as const;

describe('MSI domains', () => {
  test('R26: any sequence of allocations and frees agrees with a set of indices, and counters return to the start', () => {
    const step = fc.record({ free: fc.boolean(), index: fc.oneof(fc.nat(5), fc.constant('any' as const)) });
    fc.assert(fc.property(fc.array(step, { maxLength: 40, size: 'max' }), fc.constantFrom('by-index' as const, 'any' as const), (steps, slots) => {
      const { msi, run, counters, domain } = makeMachine({ hwsize: 4, slots });
      const before = counters();
      const model = new Set<number>();
      for (const { free, index } of steps) {
        if (free && index !== 'any') {
          expect(run(msi.freeIrqsRange(index, index)).ok).toBe(slots === 'any' || index < 4);
          model.delete(index);
          continue;
        }
        const made = run(msi.allocIrqAt(index, null));
        expect(made.ok ? undefined : made.errno).toBe(expected(index, model, slots));
        if (!made.ok) continue;
        if (index === 'any') expect(made.value.index).toBe([0, 1, 2, 3, 4, 5, 6].find((each) => !model.has(each)));
        model.add(made.value.index);
        if (slots === 'by-index') expect(made.value.hwirq).toBe(made.value.index);
        expect([domain.irqDomain.findMapping(made.value.hwirq), msi.virq(made.value.index)]).toEqual([made.value.virq, made.value.virq]);
      }
      const used = counters();
      expect([used.virqs, used.descs, used.slots, used.msiMappings, used.vectorMappings, used.reserved, used.assigned]).toEqual([...Array<number>(6).fill(model.size), 0]);
      run(msi.freeIrqsAll());
      expect(counters()).toEqual(before);
    }));
  });

  function expected(index: number | 'any', model: Set<number>, slots: 'any' | 'by-index') {
    if (slots === 'by-index' && index !== 'any' && index >= 4) return 'ERANGE';
    if (index !== 'any' && model.has(index)) return 'EBUSY';
    if (model.size < 4) return undefined;
    return slots === 'any' ? 'ENOSPC' : 'EBUSY';
  }

  test('R5, R6, R24: a domain that refuses the device does so before anything is taken', () => {
    const asked: string[] = [];
    const state = new ObservedState();
    const { msi, run, table } = makeMachine({
      state,
      template: { validate: (device) => { asked.push(device.name); return fail('EINVAL', 'no id'); }, *prepareDesc() { asked.push('prepare'); return ok(); } },
    });
    const before = state.snapshot();
    state.refuse(0);
    expect(run(msi.allocIrqAt(0, null))).toMatchObject({ errno: 'EINVAL', message: 'no id' });
    expect([asked, state.changes(before), state.requests, table.log]).toEqual([['dev0'], [], [], []]);
  });

  test('R6, I4: whatever the machine refuses on the way, the failure says which and leaves nothing changed', () => {
    for (const early of [false, true]) {
      const state = new ObservedState();
      const { msi, run } = makeMachine({ state, template: { flags: { activateEarly: early } } });
      const seen: string[] = [];
      for (let nth = 1; ; nth++) {
        const before = state.snapshot();
        state.refuse(nth);
        const made = run(msi.allocIrqAt('any', null));
        if (made.ok) break;
        seen.push(`${state.requests.at(-1)} ${made.errno}`);
        expect(state.changes(before)).toEqual([]);
      }
      expect(seen).toEqual(['msi_desc ENOMEM', 'TABLE-dev0/slots ENOSPC', 'dev0/msi/default/indices ENOMEM', 'test/virqs ENOSPC', 'irq_desc ENOSPC', 'irq_data ENOSPC', 'apic_chip_data ENOSPC']);
    }
  });

  test('the slot is prepared before an interrupt is allocated for it, and given back after the chip has let go of it', () => {
    const log: string[] = [];
    const { msi, alloc, free, domain, core } = makeMachine({
      template: {
        *prepareDesc({ hwirq, virq }: MsiDesc<null>) { log.push(`prepare ${hwirq} virq ${virq} irqs ${core.used}`); return ok(); },
        *freeDesc({ hwirq, virq }: MsiDesc<null>) { log.push(`free ${hwirq} virq ${virq} irqs ${core.used} slots ${domain.slots.used}`); },
      },
    });
    const virq = alloc(2);
    expect(msi.desc(2)).toMatchObject({ index: 2, hwirq: 0, virq, cookie: null });
    free(2);
    expect(log).toEqual(['prepare 0 virq 0 irqs 0', 'free 0 virq 0 irqs 0 slots 1']);
    expect([msi.desc(2), msi.virq(2), domain.slots.used]).toEqual([undefined, 0, 0]);
  });

  test.each(['EINVAL', 'EBUSY', 'ENOMEM'] as const)('R6: a slot that cannot be prepared is given back, with %s and without asking for an interrupt', (errno) => {
    const state = new ObservedState();
    const { msi, run } = makeMachine({ state, template: { *prepareDesc() { return fail(errno, 'no'); }, *freeDesc() { throw new Error('freed'); } } });
    const before = state.snapshot();
    state.refuse(0);
    expect(run(msi.allocIrqAt(0, null))).toMatchObject({ errno });
    expect([state.changes(before), state.requests]).toEqual([[], ['msi_desc', 'TABLE-dev0/slots']]);
  });

  test('R6: a slot whose interrupt cannot be had is let go of by the chip again; with early messages also one that cannot be activated', () => {
    const compose = () => ({ addressLo: 0xfee00000, addressHi: 0, data: 1 });
    for (const [activateEarly, composes, errno] of [[false, true, 'ENOSPC'], [true, true, 'EINVAL'], [true, false, 'EINVAL']] as const) {
      const state = new ObservedState();
      const { core, table, run } = makeMachine({ state, nrIrqs: activateEarly ? 64 : 17 });
      const level: IrqChip = composes ? { name: 'ROOT', irqComposeMsiMsg: compose } : { name: 'MUTE' };
      const log: string[] = [];
      const root = new IrqDomain(state, 'plain', {
        *alloc(_domain, virq) { return ok({ hwirq: virq, chip: level, chipData: null }); },
        *activate() { log.push('activate'); return ok(); },
        *deactivate() { log.push('deactivate'); },
      });
      const device = new Device('other', { state, requesterId: 9 });
      const made = setMsiDomain(core, device, new MsiDomain<null>(core, device, root, {
        name: 'ROOTED', chip: table, hwsize: 4, slots: 'any', flags: { activateEarly },
        *prepareDesc() { log.push('prepare'); return ok(); },
        *freeDesc() { log.push('free'); },
        activate: () => (composes ? fail('EINVAL', 'no') : ok()),
        deactivate: () => { log.push('undo'); },
      }));
      if (!made.ok) throw new Error(made.message);
      if (!activateEarly) run(made.value.allocIrqAt(0, null));
      log.length = 0;
      const before = state.snapshot();
      expect(run(made.value.allocIrqAt(1, null))).toMatchObject({ errno });
      const activation = activateEarly ? ['activate', ...(composes ? [] : ['undo']), 'deactivate'] : [];
      expect([log, state.changes(before)]).toEqual([['prepare', ...activation, 'free'], []]);
    }
  });

  test('R6: a request that the template refuses gives the reservation back that had become a vector', () => {
    const state = new ObservedState();
    let holds = false;
    const { alloc, run, core, vectors } = makeMachine({ state, template: { activate: () => (holds ? ok() : fail('EINVAL', 'gone')) } });
    const virq = alloc(0);
    const before = state.snapshot();
    expect(run(requestIrq(core, virq, { name: 'a', devId: 1, handler }))).toMatchObject({ errno: 'EINVAL' });
    // The vector it had for a moment is marked: what comes on it late is dropped.
    expect(state.changes(before)).toEqual(['test/cpu0/vector_irq']);
    expect(vectors.counters).toEqual({ reserved: 1, assigned: 0, managed: 0 });
    holds = true;
    run(requestIrq(core, virq, { name: 'a', devId: 1, handler }));
    run(freeIrq(core, virq, 1));
    expect(vectors.counters).toEqual({ reserved: 0, assigned: 1, managed: 0 });
    holds = false;
    // Its own vector now, which it keeps as after any other request.
    expect(run(requestIrq(core, virq, { name: 'a', devId: 1, handler }))).toMatchObject({ errno: 'EINVAL' });
    expect(vectors.counters).toEqual({ reserved: 0, assigned: 1, managed: 0 });
  });

  test('below a parent without rules of its own the message follows the affinity; a level that has none is EINVAL', () => {
    const { core, table, run } = makeMachine();
    let target = 0;
    const level: IrqChip = {
      name: 'ROOT',
      irqComposeMsiMsg: () => ({ addressLo: 0xfee00000 + target * 4096, addressHi: 0, data: 0x41 }),
      *irqSetAffinity(_data, mask) { target = cpusOf(mask)[0] ?? 0; return ok('ok'); },
    };
    const inner: IrqChip = { name: 'INNER' };
    for (const [name, rootChip, expected] of [['able', level, ok('ok')], ['unable', inner, { errno: 'EINVAL' }]] as const) {
      const root = new IrqDomain(plainState, name, { *alloc(_domain, virq) { return ok({ hwirq: virq, chip: rootChip, chipData: null }); } });
      const between = new IrqDomain(plainState, `${name}/between`, { *alloc(_domain, virq) { return ok({ hwirq: virq, chip: inner, chipData: null }); } }, root);
      const device = new Device(name, { state: plainState, requesterId: 9 });
      const msi = setMsiDomain(core, device, new MsiDomain<null>(core, device, between, { name: 'X', chip: table, hwsize: 4, slots: 'by-index' }));
      if (!msi.ok) throw new Error(msi.message);
      const made = run(msi.value.allocIrqAt(0, null));
      const data = made.ok ? core.desc(made.value.virq)?.state.data : null;
      if (!data) throw new Error('no data');
      expect(run(data.chip.irqSetAffinity?.(data, cpuMask(1), false) as Steps<unknown>)).toMatchObject(expected);
      expect(msi.value.desc(0)?.message.addressLo).toBe(name === 'able' ? 0xfee01000 : 0);
    }
    expect(table.entry(0).message).toEqual({ addressLo: 0xfee01000, addressHi: 0, data: 0x41 });
    const mute: IrqChip = { name: 'MUTE', *irqSetAffinity() { return ok('ok'); } };
    const root = new IrqDomain(plainState, 'mute', { *alloc(_domain, virq) { return ok({ hwirq: virq, chip: mute, chipData: null }); } });
    const device = new Device('mute', { state: plainState, requesterId: 9 });
    const msi = setMsiDomain(core, device, new MsiDomain<null>(core, device, root, { name: 'X', chip: table, hwsize: 4, slots: 'by-index' }));
    const made = msi.ok ? run(msi.value.allocIrqAt(0, null)) : msi;
    const data = made.ok ? core.desc(made.value.virq)?.state.data : null;
    expect(run(data?.chip.irqSetAffinity?.(data, cpuMask(1), false) as Steps<unknown>)).toMatchObject({ errno: 'EINVAL', message: expect.stringContaining('composes') });
  });

  test('R26: agents that allocate and free on a shared domain never share a slot, in whatever order they take turns', () => {
    const program = fc.array(fc.tuple(fc.boolean(), fc.nat(2)), { maxLength: 8, size: 'max' });
    fc.assert(fc.property(program, program, program, fc.array(fc.nat(6), { maxLength: 200, size: 'max' }), (one, two, three, choices) => {
      const { core, owner, domain, counters, spawned } = interleaved();
      const before = counters();
      const used = new Map<number, string>();
      const msis = [0, 1].map((each) => {
        const set = setMsiDomain(core, new Device(`d${each}`, { state: interleavedState, parent: owner }), domain);
        if (!set.ok) throw new Error(set.message);
        return set.value;
      });
      function* work(name: string, msi: DeviceMsi<null>, steps: readonly (readonly [boolean, number])[]): Steps<void> {
        for (const [free, index] of steps) {
          if (free) {
            const { hwirq } = msi.desc(index) ?? { hwirq: -1 };
            if (used.get(hwirq) !== `${name}${index}`) continue;
            used.delete(hwirq);
            yield* msi.freeIrqsRange(index, index);
          } else {
            const made = yield* msi.allocIrqAt(index, null);
            if (!made.ok) continue;
            expect(used.has(made.value.hwirq)).toBe(false);
            used.set(made.value.hwirq, `${name}${index}`);
          }
        }
      }
      // Two of them on one device.
      const [first, second] = msis as [DeviceMsi<null>, DeviceMsi<null>];
      for (const [name, msi, steps] of [['a', first, one], ['b', first, two], ['c', second, three]] as const) spawned.spawn({ name }, work(name, msi, steps));
      spawned.run(choices);
      expect(spawned.stuck).toEqual([]);
      expect(domain.slots.used).toBe(first.descs.size + second.descs.size);
      for (const msi of msis) runToCompletion(msi.freeIrqsAll());
      expect(counters()).toEqual(before);
    }));
  });

  function interleaved() {
    const spawned = new Scheduler();
    return { ...makeMachine({ hwsize: 3, state: interleavedState, spawn: (agent, steps) => spawned.spawn(agent, steps, true) }), spawned };
  }

  test('an interrupt requested while its range is being freed stays, with those after it', () => {
    const requests: (() => void)[] = [];
    const { msi, run, core, alloc } = makeMachine({ template: { *freeDesc() { for (const request of requests.splice(0)) request(); } } });
    for (const index of [0, 1, 2]) alloc(index);
    const virq = msi.virq(1);
    requests.push(() => runToCompletion(requestIrq(core, virq, { name: 'late', devId: 1, handler })));
    expect(run(msi.freeIrqsRange(0, 2))).toMatchObject({ errno: 'EBUSY', message: expect.stringContaining('late') });
    expect([...msi.descs.keys()]).toEqual([1, 2]);
  });

  test('ENOSPC: whatever a level below ran out of; a range is allocated as a whole or not at all', () => {
    const state = new ObservedState();
    const { msi, run } = makeMachine({ state, nrIrqs: 18 });
    const before = state.snapshot();
    expect(run(msi.allocIrqsRange(0, 2, null))).toMatchObject({ errno: 'ENOSPC' });
    expect(state.changes(before)).toEqual([]);
    const made = run(msi.allocIrqsRange(1, 2, null, [null, { mask: cpuMask(1), managed: false }]));
    expect(made.ok && made.value.map(({ index, virq }) => [index, virq])).toEqual([[1, 16], [2, 17]]);
    expect(msi.desc(2)?.affinity?.mask).toBe(2n);
  });

  test.each([[2, 1], [-1, 0], [0, 4], [0.5, 1]])('EINVAL: %d..%d is no range of four', (first, last) => {
    const { msi, run } = makeMachine({ slots: 'by-index' });
    expect(run(msi.allocIrqsRange(first, last, null))).toMatchObject({ errno: 'EINVAL' });
    expect(run(msi.freeIrqsRange(first, last))).toMatchObject({ errno: 'EINVAL' });
  });

  test('EINVAL: an affinity that names no CPU', () => {
    const state = new ObservedState();
    const { msi, run } = makeMachine({ state });
    const before = state.snapshot();
    expect(run(msi.allocIrqAt(0, null, { mask: 0n, managed: false }))).toMatchObject({ errno: 'EINVAL' });
    expect(state.changes(before)).toEqual([]);
  });

  test('freeing a range takes the interrupts that are in it; with one of them requested it frees none', () => {
    const { msi, run, core, alloc } = makeMachine({ hwsize: 8 });
    for (const index of [1, 3, 6]) alloc(index);
    run(requestIrq(core, msi.virq(3), { name: 'user', devId: 1, handler }));
    expect(run(msi.freeIrqsRange(0, 5))).toMatchObject({ errno: 'EBUSY', message: expect.stringMatching(/interrupt 3 .*requested by user/) });
    expect([...msi.descs.keys()]).toEqual([1, 3, 6]);
    run(freeIrq(core, msi.virq(3), 1));
    expect(run(msi.freeIrqsRange(0, 5))).toEqual(ok());
    expect([...msi.descs.keys()]).toEqual([6]);
    expect(run(msi.freeIrqsAll())).toEqual(ok());
    expect(core.used).toBe(0);
  });

  test('R11: with a message written early it is in the slot before the request; else from the request on', () => {
    for (const activateEarly of [false, true]) {
      const { alloc, table, run, core } = makeMachine({ template: { flags: { activateEarly, mustReactivate: false } } });
      const virq = alloc(0);
      const early = table.entry(0).message.addressLo !== 0;
      run(requestIrq(core, virq, { name: 'a', devId: 1, handler }));
      expect([early, table.entry(0).message.addressLo >>> 20, table.entry(0).masked]).toEqual([activateEarly, 0xfee, false]);
    }
  });

  test('what held at allocation is asked for again when the message is written, and given up with it', () => {
    const log: string[] = [];
    let holds = true;
    const { alloc, run, core, table } = makeMachine({
      template: {
        activate: ({ hwirq }: MsiDesc<null>) => { log.push(`activate ${hwirq}`); return holds ? ok() : fail('EINVAL', 'gone'); },
        deactivate: ({ hwirq }: MsiDesc<null>) => { log.push(`deactivate ${hwirq}`); },
      },
    });
    const virq = alloc(0);
    run(requestIrq(core, virq, { name: 'a', devId: 1, handler }));
    run(freeIrq(core, virq, 1));
    expect(log).toEqual(['activate 0', 'deactivate 0']);
    holds = false;
    table.log.length = 0;
    expect(run(requestIrq(core, virq, { name: 'a', devId: 1, handler }))).toMatchObject({ errno: 'EINVAL', message: 'gone' });
    expect([log.slice(2), table.log]).toEqual([['activate 0'], []]);
  });

  test('messages are remembered as they are written, and zero when the interrupt is not active', () => {
    const { alloc, msi, run, core, table } = makeMachine();
    const virq = alloc(0);
    run(requestIrq(core, virq, { name: 'a', devId: 1, handler }));
    expect(msi.desc(0)?.message).toEqual(table.entry(0).message);
    expect(msi.desc(0)?.message.data).not.toBe(0);
    run(freeIrq(core, virq, 1));
    expect([msi.desc(0)?.message, table.entry(0).message]).toEqual(Array.from({ length: 2 }, () => ({ addressLo: 0, addressHi: 0, data: 0 })));
  });

  test('a chip that cannot be written directly has its bus locked around what allocating and freeing write', () => {
    const log: string[] = [];
    const access = point('register', 'queue');
    const queue = {
      name: 'QUEUE',
      *irqMask() { yield access; log.push('mask'); },
      *irqUnmask() { yield access; log.push('unmask'); },
      *irqWriteMsiMsg() { yield access; log.push('message'); },
      *irqBusLock() { yield access; log.push('lock'); },
      *irqBusSyncUnlock() { yield access; log.push('sync'); },
    };
    const { alloc, free } = makeMachine({ template: { chip: queue, flags: { activateEarly: true, mustReactivate: false } } });
    alloc(0);
    // The vector domain makes it reactivate at the request: a reservation, so freeing finds nothing active.
    free(0);
    expect(log).toEqual(['lock', 'message', 'sync']);
  });

  test('R26: devices that share a domain share its slots, each with its own indices; exhaustion is ENOSPC for the next', () => {
    const { core, owner, run, domain, counters } = makeMachine({ hwsize: 3 });
    const before = counters();
    const [a, b] = [0, 1].map((each) => {
      const set = setMsiDomain(core, new Device(`mdev${each}`, { state: plainState, parent: owner }), domain);
      if (!set.ok) throw new Error(set.message);
      return set.value;
    }) as [DeviceMsi<null>, DeviceMsi<null>];
    for (const [msi, index] of [[a, 0], [b, 0], [a, 1]] as const) expect(run(msi.allocIrqAt(index, null)).ok).toBe(true);
    expect([a.desc(0)?.hwirq, b.desc(0)?.hwirq, a.desc(1)?.hwirq]).toEqual([0, 1, 2]);
    expect(run(b.allocIrqAt(1, null))).toMatchObject({ errno: 'ENOSPC' });
    run(a.freeIrqsRange(0, 0));
    expect(run(b.allocIrqAt(1, null))).toMatchObject({ ok: true, value: { hwirq: 0, device: b.device } });
    for (const msi of [a, b]) run(msi.freeIrqsAll());
    expect(counters()).toEqual(before);
  });

  test('R25: the domain and the interrupts are found from the struct device alone', () => {
    const { core, owner, domain, msi } = makeMachine();
    expect([msiDomainOf(owner), deviceMsi(owner)]).toEqual([domain, msi]);
    expect([msiDomainOf(owner, 'secondary'), deviceMsi(owner, 'secondary')]).toEqual([undefined, undefined]);
    expect(setMsiDomain(core, owner, domain)).toMatchObject({ errno: 'EEXIST' });
    expect(() => setMsiDomain(makeMachine().core, owner, domain, 'secondary')).toThrow(ModelError);
  });

  test('a domain with interrupts allocated is not taken from its device: that would leak them', () => {
    const { owner, alloc, free, vectors } = makeMachine();
    alloc(0);
    expect(() => clearMsiDomain(owner)).toThrow(/dev0.*1 interrupt/);
    free(0);
    clearMsiDomain(owner);
    clearMsiDomain(owner);
    expect([msiDomainOf(owner), vectors.domain.children]).toEqual([undefined, []]);
  });

  test('a domain that its owner gets back is seen from its parent again', () => {
    const { core, owner, domain, vectors } = makeMachine();
    clearMsiDomain(owner);
    expect(setMsiDomain(core, owner, domain).ok).toBe(true);
    expect([msiDomainOf(owner), vectors.domain.children]).toEqual([domain, [domain.irqDomain]]);
  });

  test('an owner’s domain is not taken away under the devices that share it', () => {
    const { core, owner, domain, run } = makeMachine();
    const child = new Device('mdev0', { state: plainState, parent: owner });
    const shared = setMsiDomain(core, child, domain);
    if (!shared.ok) throw new Error(shared.message);
    run(shared.value.allocIrqAt(0, null));
    expect(() => clearMsiDomain(owner)).toThrow(ModelError);
    expect(msiDomainOf(owner)).toBe(domain);
  });

  test('a hierarchy in which no level composes messages cannot be activated: ENOSYS, nothing stays', () => {
    const { core, table, run } = makeMachine();
    const root = new IrqDomain(plainState, 'mute', { *alloc() { return ok({ hwirq: 0, chip, chipData: null }); } });
    const device = new Device('other', { state: plainState, requesterId: 9 });
    const template: MsiDomainTemplate<null> = { name: 'MUTE', chip: table, hwsize: 1, slots: 'any' };
    const msi = setMsiDomain(core, device, new MsiDomain(core, device, root, template));
    if (!msi.ok) throw new Error(msi.message);
    const made = run(msi.value.allocIrqAt(0, null));
    if (!made.ok) throw new Error(made.message);
    expect(run(requestIrq(core, made.value.virq, { name: 'a', devId: 1, handler }))).toMatchObject({ errno: 'ENOSYS' });
    expect(run(msi.value.freeIrqsAll())).toEqual(ok());
    expect(core.used).toBe(0);
  });
});
