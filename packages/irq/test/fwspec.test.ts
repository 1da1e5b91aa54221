import { describe, expect, test } from 'vitest';
import { fail, ok } from '@siov/base';
import { ObservedState } from '@siov/base/testing';
import { irqCreateFwspecMapping, IrqDomain, irqDomainFreeIrq, irqFindMatchingFwspec } from '../src/index.ts';
import type { IrqFwSpec, TriggerType } from '../src/index.ts';
import { makeMachine } from './machine.ts';

/** An interrupt controller with 8 inputs below the vectors: specifiers are the input and 1 for level. */
function controller() {
  const state = new ObservedState();
  const machine = makeMachine({ state });
  const parse = ({ params: [input = -1, level = 0] }: IrqFwSpec) => ({ hwirq: input, type: (level === 1 ? 'level-high' : level === 2 ? 'edge-rising' : 'none') as TriggerType });
  const gpio = new IrqDomain<IrqFwSpec>(state, 'gpio', {
    *alloc(_domain, _virq, spec) { return ok({ hwirq: parse(spec).hwirq, chip: { name: 'GPIO' }, chipData: null }); },
    translate: (spec) => (parse(spec).hwirq >= 0 ? ok(parse(spec)) : fail('EINVAL', 'no input')),
  }, machine.vectors.domain as unknown as IrqDomain<IrqFwSpec>, { fwnode: 'GPIO0', size: 8, hwirqMax: 7 });
  const root = machine.vectors.domain;
  return { ...machine, state, gpio, map: (fwnode: string, ...params: number[]) => machine.run(irqCreateFwspecMapping(machine.core, root, { fwnode, params })) };
}

describe('firmware’s specifiers', () => {
  test('name an interrupt of the domain of their node; asked for again it is the same', () => {
    const { map, gpio, core, vectors } = controller();
    expect([map('GPIO0', 3, 1), map('GPIO0', 3, 1), map('GPIO0', 3), map('GPIO0', 4)]).toEqual([ok(16), ok(16), ok(16), ok(17)]);
    expect([gpio.findMapping(3), core.desc(16)?.state.trigger, core.desc(17)?.state.trigger]).toEqual([16, 'level-high', 'none']);
    expect(vectors.counters.reserved).toBe(2);
    expect(map('GPIO0', 4, 2)).toEqual(ok(17));
    expect(core.desc(17)?.state.trigger).toBe('edge-rising');
  });

  test('ENODEV: no domain of that node; EINVAL: not understood, beyond the domain, or mapped with another type', () => {
    const { map, state } = controller();
    map('GPIO0', 3, 1);
    const before = state.snapshot();
    expect(map('PCI', 3)).toMatchObject({ errno: 'ENODEV' });
    expect(map('GPIO0')).toMatchObject({ errno: 'EINVAL' });
    expect(map('GPIO0', 8)).toMatchObject({ errno: 'EINVAL' });
    expect(map('GPIO0', 3, 2)).toMatchObject({ errno: 'EINVAL', message: expect.stringContaining('level-high, not edge-rising') });
    expect(state.changes(before)).toEqual([]);
  });

  test('a domain that translates nothing takes the first word', () => {
    const { gpio, core, run, vectors } = controller();
    delete gpio.ops.translate;
    expect(run(irqCreateFwspecMapping(core, vectors.domain, { fwnode: 'GPIO0', params: [5] }))).toEqual(ok(16));
    expect(gpio.findMapping(5)).toBe(16);
    expect(run(irqCreateFwspecMapping(core, vectors.domain, { fwnode: 'GPIO0', params: [] }))).toMatchObject({ errno: 'EINVAL' });
  });

  test('whatever the machine refuses leaves nothing, and the domain of a node is found in the whole tree', () => {
    const { map, state, gpio, vectors, core, run } = controller();
    for (let nth = 1; ; nth++) {
      const before = state.snapshot();
      state.refuse(nth);
      if (map('GPIO0', 1).ok) break;
      expect(state.changes(before)).toEqual([]);
    }
    state.refuse(0);
    run(irqDomainFreeIrq(core, 16));
    expect([irqFindMatchingFwspec(vectors.domain, { fwnode: 'GPIO0', params: [] }), irqFindMatchingFwspec(vectors.domain, { fwnode: 'VECTOR', params: [] })]).toEqual([gpio, vectors.domain]);
    gpio.remove();
    expect(irqFindMatchingFwspec(vectors.domain, { fwnode: 'GPIO0', params: [] })).toBeUndefined();
  });
});
