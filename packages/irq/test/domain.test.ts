import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { fail, IdAllocator, ok, plainState, point, runToCompletion } from '@siov/base';
import { Device } from '@siov/device';
import { clearMsiDomain, IrqDomain, msiAllocIrq, MsiDomain, msiDesc, msiDomainOf, msiFreeIrq, requestIrq, setMsiDomain } from '../src/index.ts';
import type { IrqChip, IrqDomainOps } from '../src/index.ts';
import { intruded, makeMachine } from './machine.ts';

const chip: IrqChip = { name: 'test' };

/** A stack of domains that logs what is done to each level; level `failing` refuses `verb`. */
function stack(levels: string[], failing: { level: string; verb: 'alloc' | 'activate' } | null = null) {
  const log: string[] = [];
  const live = new Map<string, number>();
  const ids = new IdAllocator(plainState, 'ids', { first: 0, end: 1000 });
  let domain: IrqDomain | null = null;
  for (const level of levels) {
    const refuses = (verb: string) => failing?.level === level && failing.verb === verb;
    const ops: IrqDomainOps<unknown> = {
      *alloc() {
        log.push(`alloc ${level}`);
        if (refuses('alloc')) return fail('ENOSPC', `${level} is full`);
        live.set(level, (live.get(level) ?? 0) + 1);
        const id = ids.alloc();
        return ok({ hwirq: id.ok ? id.value : -1, chip, chipData: null });
      },
      *free() { log.push(`free ${level}`); live.set(level, (live.get(level) ?? 0) - 1); },
      *activate() { log.push(`activate ${level}`); return refuses('activate') ? fail('ENOSPC', `${level}: no vector`) : ok(); },
      *deactivate() { log.push(`deactivate ${level}`); },
    };
    domain = new IrqDomain(plainState, level, ops, domain);
  }
  return { domain: domain as unknown as IrqDomain, log, live: () => [...live.values()].reduce((sum, count) => sum + count, 0) };
}

describe('IrqDomain', () => {
  const levels = ['vector', 'remap', 'msi'];

  test('resources are taken root first and given back leaf first (I5)', () => {
    const { core } = makeMachine();
    const { domain, log, live } = stack(levels);
    const desc = runToCompletion(core.allocIrq(domain, null));
    expect(desc.ok && live()).toBe(3);
    expect(desc.ok && runToCompletion(core.freeVirq(desc.value.virq))).toEqual(ok());
    expect(log).toEqual(['alloc vector', 'alloc remap', 'alloc msi', 'free msi', 'free remap', 'free vector']);
    expect(live()).toBe(0);
  });

  test('activation goes from the root to the device, deactivation back (I5)', () => {
    const { core, run } = makeMachine();
    const { domain, log } = stack(levels);
    const desc = runToCompletion(core.allocIrq(domain, null));
    if (!desc.ok) throw new Error(desc.message);
    log.length = 0;
    run(requestIrq(core, desc.value.virq, { name: 'a', devId: 1, *handler() { return 'handled'; } }));
    expect(log).toEqual(['activate vector', 'activate remap', 'activate msi']);
    log.length = 0;
    expect(runToCompletion(core.freeVirq(desc.value.virq))).toMatchObject({ errno: 'EBUSY', message: expect.stringContaining('requested by a') });
    expect(log).toEqual([]);
  });

  test.each(levels)('R6: when %s has no resource left, the levels below give theirs back and no virq is left', (level) => {
    const { core, counters } = makeMachine();
    const before = counters();
    const { domain, log, live } = stack(levels, { level, verb: 'alloc' });
    expect(runToCompletion(core.allocIrq(domain, null))).toMatchObject({ errno: 'ENOSPC' });
    const below = levels.slice(0, levels.indexOf(level));
    expect(log).toEqual([...below, level].map((each) => `alloc ${each}`).concat(below.toReversed().map((each) => `free ${each}`)));
    expect(live()).toBe(0);
    expect(counters()).toEqual(before);
  });

  test.each(levels)('when %s cannot be activated, the levels below it are deactivated and the action is not linked', (level) => {
    const { core, run } = makeMachine();
    const { domain, log } = stack(levels, { level, verb: 'activate' });
    const desc = runToCompletion(core.allocIrq(domain, null));
    if (!desc.ok) throw new Error(desc.message);
    log.length = 0;
    expect(run(requestIrq(core, desc.value.virq, { name: 'a', devId: 1, *handler() { return 'handled'; } }))).toMatchObject({ errno: 'ENOSPC' });
    const below = levels.slice(0, levels.indexOf(level));
    expect(log).toEqual([...below, level].map((each) => `activate ${each}`).concat(below.toReversed().map((each) => `deactivate ${each}`)));
    expect(desc.value.state).toMatchObject({ actions: [], activated: false, started: false, depth: 1 });
    expect(run(core.freeVirq(desc.value.virq))).toEqual(ok());
  });

  test('EEXIST: a hardware number that is mapped already is refused, and what the level took for it is given back', () => {
    const taken: number[] = [];
    const domain = new IrqDomain(plainState, 'same', {
      *alloc() { taken.push(7); return ok({ hwirq: 7, chip, chipData: null }); },
      *free() { taken.pop(); },
    });
    const { core } = makeMachine();
    const first = runToCompletion(core.allocIrq(domain, null));
    expect(runToCompletion(core.allocIrq(domain, null))).toMatchObject({ errno: 'EEXIST', message: 'same: hwirq 7 is mapped to irq 16' });
    expect(taken).toEqual([7]);
    expect([domain.findMapping(7), domain.findMapping(8), core.used]).toEqual([16, 0, 1]);
    expect(first.ok && runToCompletion(core.freeVirq(16))).toEqual(ok());
    expect([taken, domain.mappings]).toEqual([[], 0]);
  });

  test('ENOMEM: a kernel without interrupt numbers left, as irq_expand_nr_irqs() says it', () => {
    const { core } = makeMachine({ nrIrqs: 17 });
    const { domain } = stack(['root']);
    expect(runToCompletion(core.allocIrq(domain, null)).ok).toBe(true);
    expect(runToCompletion(core.allocIrq(domain, null))).toMatchObject({ errno: 'ENOMEM' });
  });

  test('freeing an interrupt that is not there gives EINVAL', () => {
    const { core } = makeMachine();
    expect(runToCompletion(core.freeVirq(40))).toMatchObject({ errno: 'EINVAL' });
  });
});

describe('MSI domains', () => {
  const owner = { *handler() { return 'handled' as const; } };

  test('R26: any sequence of allocations and frees agrees with a set of indices, and counters return to the start', () => {
    const step = fc.record({ free: fc.boolean(), index: fc.nat(5) });
    fc.assert(fc.property(fc.array(step, { maxLength: 40 }), fc.constantFrom('by-index' as const, 'any' as const), (steps, slots) => {
      const { core, owner, run, counters, domain } = makeMachine({ hwsize: 4, slots });
      const before = counters();
      const model = new Set<number>();
      for (const { free, index } of steps) {
        if (free) {
          expect(run(msiFreeIrq(core, owner, index)).ok).toBe(model.delete(index));
          continue;
        }
        const full = slots === 'any' ? model.size === 4 : index >= 4;
        const errno = model.has(index) ? 'EBUSY' : full ? (slots === 'any' ? 'ENOSPC' : 'ERANGE') : undefined;
        const made = run(msiAllocIrq(core, owner, index));
        expect(made.ok ? undefined : made.errno).toBe(errno);
        if (!made.ok) continue;
        model.add(index);
        if (slots === 'by-index') expect(made.value.hwirq).toBe(index);
        expect(domain.irqDomain.findMapping(made.value.hwirq)).toBe(made.value.virq);
      }
      const used = counters();
      expect([used.virqs, used.descs, used.slots, used.msiMappings, used.vectorMappings, used.reserved, used.assigned]).toEqual([...Array<number>(6).fill(model.size), 0]);
      for (const index of model) run(msiFreeIrq(core, owner, index));
      expect(counters()).toEqual(before);
    }));
  });

  test('R5, R6: a domain that refuses the device does so before anything is taken', () => {
    const asked: string[] = [];
    const { core, owner, run, counters, table } = makeMachine({
      template: { validate: (device) => { asked.push(device.name); return fail('EINVAL', 'no id'); }, *prepare() { asked.push('prepare'); } },
    });
    const before = counters();
    expect(run(msiAllocIrq(core, owner, 0))).toMatchObject({ errno: 'EINVAL', message: 'no id' });
    expect([asked, counters(), table.log]).toEqual([['dev0'], before, []]);
  });

  test('ENOSPC: whatever a level below ran out of, and the slot is free again (R6)', () => {
    const { core, owner, run, counters } = makeMachine({ nrIrqs: 18 });
    run(msiAllocIrq(core, owner, 0));
    run(msiAllocIrq(core, owner, 1));
    const before = counters();
    expect(run(msiAllocIrq(core, owner, 2))).toMatchObject({ errno: 'ENOSPC' });
    expect(counters()).toEqual(before);
  });

  test('a requested interrupt is not given back: EBUSY, and everything stays', () => {
    const { core, owner: device, run, counters } = makeMachine();
    const made = run(msiAllocIrq(core, device, 0));
    if (!made.ok) throw new Error(made.message);
    run(requestIrq(core, made.value.virq, { name: 'a', devId: 1, ...owner }));
    const before = counters();
    expect(run(msiFreeIrq(core, device, 0))).toMatchObject({ errno: 'EBUSY' });
    expect(counters()).toEqual(before);
  });

  const resetting = { template: { *prepare() { yield point('register', 'reset the slot'); } } };

  test('two that allocate the same index of a device: one gets it, the other EBUSY, and one slot is taken', () => {
    for (let at = 0; at < 8; at++) {
      const { core, owner, run, counters, executor } = makeMachine(resetting);
      const results: { ok: boolean }[] = [];
      const other = function* () { results.push(yield* msiAllocIrq(core, owner, 0)); };
      results.push(run(intruded(msiAllocIrq(core, owner, 0), (yielded) => {
        if (yielded !== at) return;
        executor.spawn({ name: 'second', layer: 'driver' }, other());
        executor.settle();
      })));
      executor.settle();
      if (results.length < 2) break;
      expect([at, results.filter((each) => each.ok).length]).toEqual([at, 1]);
      expect(results).toContainEqual(expect.objectContaining({ errno: 'EBUSY' }));
      expect(counters()).toMatchObject({ slots: 1, virqs: 1 });
    }
  });

  test('two that free the same index: one does, the other gets EINVAL', () => {
    const { core, owner, run, counters, executor } = makeMachine();
    const before = counters();
    run(msiAllocIrq(core, owner, 0));
    const results: { ok: boolean }[] = [];
    let spawned = false;
    results.push(run(intruded(msiFreeIrq(core, owner, 0), () => {
      if (!spawned) executor.spawn({ name: 'second', layer: 'driver' }, (function* () { results.push(yield* msiFreeIrq(core, owner, 0)); })());
      spawned = true;
      executor.settle();
    })));
    executor.settle();
    expect(results.filter((each) => each.ok)).toHaveLength(1);
    expect(results).toContainEqual(expect.objectContaining({ errno: 'EINVAL' }));
    expect(counters()).toEqual(before);
  });

  test('R25: the domain is found from the struct device, and a device without one gets ENODEV', () => {
    const { core, owner, run, domain } = makeMachine();
    expect([msiDomainOf(owner), msiDomainOf(owner, 'secondary')]).toEqual([domain, undefined]);
    expect(run(msiAllocIrq(core, owner, 0, 'secondary'))).toMatchObject({ errno: 'ENODEV' });
    expect(setMsiDomain(core, owner, domain)).toMatchObject({ errno: 'EEXIST' });
    expect(run(msiFreeIrq(core, owner, 3))).toMatchObject({ errno: 'EINVAL' });
    clearMsiDomain(owner);
    expect(run(msiAllocIrq(core, owner, 0))).toMatchObject({ errno: 'ENODEV' });
  });

  test('a domain with interrupts allocated is not taken from its device: that would leak them', () => {
    const { core, owner, run } = makeMachine();
    run(msiAllocIrq(core, owner, 0));
    expect(() => clearMsiDomain(owner)).toThrow(/dev0.*1 interrupt/);
    run(msiFreeIrq(core, owner, 0));
    clearMsiDomain(owner);
    clearMsiDomain(owner);
    expect(msiDomainOf(owner)).toBeUndefined();
  });

  test('R26: devices that share a domain share its slots, each with its own indices; exhaustion is ENOSPC for the next', () => {
    const { core, owner, run, domain, counters } = makeMachine({ hwsize: 3 });
    const before = counters();
    const devices = [0, 1].map((each) => new Device(`mdev${each}`, { state: plainState, parent: owner }));
    for (const device of devices) setMsiDomain(core, device, domain);
    const [a, b] = devices as [Device, Device];
    for (const [device, index] of [[a, 0], [b, 0], [a, 1]] as const) expect(run(msiAllocIrq(core, device, index)).ok).toBe(true);
    expect([msiDesc(a, 0)?.hwirq, msiDesc(b, 0)?.hwirq, msiDesc(a, 1)?.hwirq]).toEqual([0, 1, 2]);
    expect(run(msiAllocIrq(core, b, 1))).toMatchObject({ errno: 'ENOSPC' });
    run(msiFreeIrq(core, a, 0));
    expect(run(msiAllocIrq(core, b, 1))).toMatchObject({ ok: true, value: { hwirq: 0, device: b } });
    for (const [device, index] of [[b, 0], [a, 1], [b, 1]] as const) run(msiFreeIrq(core, device, index));
    expect(counters()).toEqual(before);
  });

  test('a hierarchy in which no level composes messages cannot be activated: ENOSYS, nothing stays', () => {
    const { core, table, run, counters } = makeMachine();
    const before = counters();
    const root = new IrqDomain(plainState, 'mute', { *alloc() { return ok({ hwirq: 0, chip, chipData: null }); }, *free() {} });
    const device = new Device('other', { state: plainState, requesterId: 9 });
    setMsiDomain(core, device, new MsiDomain(core, device, root, { name: 'MUTE', chip: table, hwsize: 1, slots: 'any' }));
    const made = run(msiAllocIrq(core, device, 0));
    if (!made.ok) throw new Error(made.message);
    expect(run(requestIrq(core, made.value.virq, { name: 'a', devId: 1, ...owner }))).toMatchObject({ errno: 'ENOSYS' });
    expect(run(msiFreeIrq(core, device, 0))).toEqual(ok());
    expect(counters()).toEqual(before);
  });
});
