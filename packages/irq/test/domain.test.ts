import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { interleavedState, ModelError, ok, plainState, runToCompletion } from '@siov/base';
import { ObservedState } from '@siov/base/testing';
import { hierarchy, IrqDomain, irqDomainAllocIrq, irqDomainFreeIrq, requestIrq } from '../src/index.ts';
import type { IrqChip } from '../src/index.ts';
import { makeMachine } from './machine.ts';
import { Scheduler } from './scheduler.ts';
import { makeStack } from './stack.ts';
import type { Level } from './stack.ts';

const chip: IrqChip = { name: 'test' };
const handler = () => 'handled' as const;
const NAMES = ['vector', 'remap', 'msi'];
const levels = (change: Partial<Record<string, Partial<Level>>> = {}) => NAMES.map((name) => ({ name, ...change[name] }));

function allocate(machine: ReturnType<typeof makeMachine>, domain: IrqDomain) {
  const made = runToCompletion(irqDomainAllocIrq(machine.core, domain, null));
  if (!made.ok) throw new Error(made.message);
  return made.value;
}

describe('IrqDomain', () => {
  test('I5: resources are taken root first and given back leaf first', () => {
    const machine = makeMachine();
    const { domain, log, counts } = makeStack(levels());
    const { virq } = allocate(machine, domain);
    expect(counts.live).toBe(3);
    expect(runToCompletion(irqDomainFreeIrq(machine.core, virq))).toEqual(ok());
    expect(log).toEqual(['alloc vector', 'alloc remap', 'alloc msi', 'free msi', 'free remap', 'free vector']);
    expect(counts.live).toBe(0);
  });

  test('I5: activation goes from the root to the device; while requested an interrupt is not freed', () => {
    const machine = makeMachine();
    const { domain, log } = makeStack(levels());
    const { virq } = allocate(machine, domain);
    log.length = 0;
    machine.run(requestIrq(machine.core, virq, { name: 'a', devId: 1, handler }));
    expect(log).toEqual(['activate vector', 'activate remap', 'activate msi']);
    log.length = 0;
    expect(runToCompletion(irqDomainFreeIrq(machine.core, virq))).toMatchObject({ errno: 'EBUSY', message: expect.stringContaining('requested by a') });
    expect(log).toEqual([]);
  });

  test('a level that cannot allocate, or has no parent and needs one: ENOSYS, with nothing taken', () => {
    const machine = makeMachine();
    const before = machine.counters();
    const mute = new IrqDomain(plainState, 'mute', {});
    const orphan = new IrqDomain(plainState, 'orphan', { *alloc() { return ok({ hwirq: 0, chip, chipData: null }); } }, null, { needsParent: true });
    for (const domain of [mute, orphan]) expect(runToCompletion(irqDomainAllocIrq(machine.core, domain, null))).toMatchObject({ errno: 'ENOSYS' });
    expect(runToCompletion(irqDomainAllocIrq(machine.core, null, null))).toMatchObject({ errno: 'EINVAL' });
    expect(machine.counters()).toEqual(before);
  });

  test('ENOTCONN: levels that take no part are left out, with all below; the outermost cannot be', () => {
    const machine = makeMachine();
    const { domain, log } = makeStack(levels({ remap: { disconnected: true } }));
    const desc = allocate(machine, domain);
    expect(log).toEqual(['alloc msi']);
    expect([...hierarchy(desc.state.data as never)].map((level) => level.domain.name)).toEqual(['msi']);
    runToCompletion(irqDomainFreeIrq(machine.core, desc.virq));
    expect(log).toEqual(['alloc msi', 'free msi']);
    const leaf = makeStack(levels({ msi: { disconnected: true } }));
    expect(runToCompletion(irqDomainAllocIrq(machine.core, leaf.domain, null))).toMatchObject({ errno: 'EINVAL' });
    expect(leaf.log).toEqual([]);
  });

  test('a hardware number beyond the domain’s is EINVAL and is given back', () => {
    const machine = makeMachine();
    const { domain, counts } = makeStack([{ name: 'root' }, { name: 'small', options: { hwirqMax: 2 } }]);
    allocate(machine, domain);
    expect(runToCompletion(irqDomainAllocIrq(machine.core, domain, null))).toMatchObject({ errno: 'EINVAL', message: 'small: hwirq 3 is beyond 2' });
    expect(counts.live).toBe(2);
  });

  test('EEXIST: a hardware number that is mapped already is refused, and what the level took for it is given back', () => {
    const taken: number[] = [];
    const domain = new IrqDomain(plainState, 'same', {
      *alloc() { taken.push(7); return ok({ hwirq: 7, chip, chipData: null }); },
      *free() { taken.pop(); },
    });
    const machine = makeMachine();
    const first = allocate(machine, domain);
    expect(runToCompletion(irqDomainAllocIrq(machine.core, domain, null))).toMatchObject({ errno: 'EEXIST', message: 'same: hwirq 7 is mapped to irq 16' });
    expect(taken).toEqual([7]);
    expect([domain.findMapping(7), domain.findMapping(8), machine.core.used]).toEqual([16, 0, 1]);
    expect(runToCompletion(irqDomainFreeIrq(machine.core, first.virq))).toEqual(ok());
    expect([taken, domain.mappings]).toEqual([[], 0]);
  });

  test('ENOMEM: a kernel without interrupt numbers left, as irq_expand_nr_irqs() says it', () => {
    const machine = makeMachine({ nrIrqs: 17 });
    const { domain } = makeStack([{ name: 'root' }]);
    allocate(machine, domain);
    expect(runToCompletion(irqDomainAllocIrq(machine.core, domain, null))).toMatchObject({ errno: 'ENOMEM' });
  });

  test('freeing an interrupt that is not there gives EINVAL', () => {
    expect(runToCompletion(irqDomainFreeIrq(makeMachine().core, 40))).toMatchObject({ errno: 'EINVAL' });
  });

  test('a domain is removed when nothing is mapped, and no longer seen from its parent', () => {
    const machine = makeMachine();
    const { domain } = makeStack(levels());
    const { virq } = allocate(machine, domain);
    expect(() => domain.remove()).toThrow(ModelError);
    runToCompletion(irqDomainFreeIrq(machine.core, virq));
    expect(domain.parent?.children).toEqual([domain]);
    domain.remove();
    expect(domain.parent?.children).toEqual([]);
    domain.publish();
    expect(domain.parent?.children).toEqual([domain]);
  });

  test('EINVAL: an affinity that names no CPU', () => {
    const machine = makeMachine();
    const { domain, log } = makeStack(levels());
    expect(runToCompletion(irqDomainAllocIrq(machine.core, domain, null, { mask: 0n, managed: false }))).toMatchObject({ errno: 'EINVAL' });
    expect([log, machine.core.used]).toEqual([[], 0]);
  });

  test('a domain whose name another has taken since leaves that one where it is', () => {
    const { domain } = makeStack(levels());
    const again = new IrqDomain(plainState, 'msi', {}, domain.parent);
    domain.remove();
    expect(domain.parent?.children).toEqual([again]);
    again.parent?.parent?.remove();
  });

  test('levels that can undo an activation do that instead of deactivating', () => {
    const machine = makeMachine();
    const undone: string[] = [];
    const { domain, log } = makeStack(levels({ remap: { ops: { *undoActivate() { undone.push('remap'); } } }, msi: { refuses: 'activate' } }));
    const { virq } = allocate(machine, domain);
    log.length = 0;
    expect(machine.run(requestIrq(machine.core, virq, { name: 'a', devId: 1, handler }))).toMatchObject({ errno: 'ENOSPC' });
    expect([log, undone]).toEqual([['activate vector', 'activate remap', 'activate msi', 'deactivate vector'], ['remap']]);
  });

  test('two agents that free one interrupt: one does, the other finds it gone', () => {
    const machine = makeMachine({ state: interleavedState });
    const { domain, counts } = makeStack(levels());
    const { virq } = allocate(machine, domain);
    const results: unknown[] = [];
    const free = function* () { results.push(yield* irqDomainFreeIrq(machine.core, virq)); };
    const scheduler = new Scheduler();
    for (const name of ['a', 'b']) scheduler.spawn({ name }, free());
    scheduler.run([0, 1]);
    expect([results, counts.live, machine.core.used]).toEqual([[ok(), expect.objectContaining({ errno: 'EINVAL' })], 0, 0]);
  });

  test('a linear reverse map and a tree agree with a map, whatever the numbers', () => {
    const numbers = fc.uniqueArray(fc.nat(40), { minLength: 1, maxLength: 20 });
    fc.assert(fc.property(numbers, fc.nat(40), fc.infiniteStream(fc.boolean()), (hwirqs, size, keep) => {
      const machine = makeMachine();
      const queue = [...hwirqs];
      const domain = new IrqDomain(plainState, 'mapped', { *alloc() { return ok({ hwirq: queue.shift() ?? -1, chip, chipData: null }); } }, null, { size });
      const model = new Map(hwirqs.map((hwirq) => [hwirq, allocate(machine, domain).virq]));
      for (const [hwirq, virq] of model) {
        if (keep.next().value) continue;
        runToCompletion(irqDomainFreeIrq(machine.core, virq));
        model.delete(hwirq);
      }
      for (let hwirq = 0; hwirq <= 41; hwirq++) expect(domain.findMapping(hwirq)).toBe(model.get(hwirq) ?? 0);
      expect([domain.mappings, domain.size]).toEqual([model.size, size]);
    }));
  });
});

describe('any hierarchy, any level failing', () => {
  const level = fc.record({
    refuses: fc.constantFrom(undefined, undefined, 'alloc' as const, 'activate' as const),
    disconnected: fc.boolean(),
  });

  test('R6, I4, I5: alloc and activation stop at the first level that refuses, undo the others, and leave nothing changed', () => {
    fc.assert(fc.property(fc.array(level, { minLength: 1, maxLength: 6 }), fc.nat(8), (specs, refused) => {
      const state = new ObservedState();
      const machine = makeMachine({ state });
      const named = specs.map(({ refuses, disconnected }, index) => ({
        name: `l${index}`,
        ...(refuses === undefined ? {} : { refuses }),
        disconnected: disconnected && index < specs.length - 1 && index % 2 === 1,
      }));
      const { domain, log, counts } = makeStack(named, state);
      const from = named.findLastIndex((each) => each.disconnected) + 1;
      const part = named.slice(from).map(({ name }) => name);
      const failing = named.findIndex((each, index) => index >= from && each.refuses === 'alloc');

      const before = state.snapshot();
      state.refuse(refused);
      const made = runToCompletion(irqDomainAllocIrq(machine.core, domain, null));
      state.refuse(0);
      if (!made.ok) {
        expect(state.changes(before)).toEqual([]);
        if (failing === -1) expect(made.errno).toBe(log.length > 0 ? 'ENOSPC' : 'ENOMEM');
        const up = log.filter((line) => line.startsWith('alloc')).map((line) => line.slice(6));
        const down = log.filter((line) => line.startsWith('free')).map((line) => line.slice(5));
        expect(up).toEqual(part.slice(0, up.length));
        expect(down).toEqual(up.slice(0, -1).toReversed());
        return;
      }
      expect([failing, counts.live]).toEqual([-1, part.length]);

      log.length = 0;
      const requested = state.snapshot();
      const activates = machine.run(requestIrq(machine.core, made.value.virq, { name: 'a', devId: 1, handler }));
      const refusing = named.findIndex((each, index) => index >= from && each.refuses === 'activate');
      expect(activates.ok).toBe(refusing === -1);
      if (!activates.ok) {
        const tried = part.slice(0, refusing - from + 1);
        expect(log).toEqual([...tried.map((name) => `activate ${name}`), ...tried.slice(0, -1).toReversed().map((name) => `deactivate ${name}`)]);
        expect([counts.active, state.changes(requested)]).toEqual([0, []]);
        expect(runToCompletion(irqDomainFreeIrq(machine.core, made.value.virq))).toEqual(ok());
        expect(counts.live).toBe(0);
      }
    }));
  });
});
