// Rules of descriptors, domains and what is shown of them, at their edges.
import { describe, expect, test } from 'vitest';
import { ok, runToCompletion } from '@siov/base';
import { irqCreateFwspecMapping, IrqDomain, irqDomainAllocIrq, irqDomainFreeIrq, irqRow, irqText, procInterrupts, requestThreadedIrq } from '../src/index.ts';
import type { IrqChip, IrqFwSpec } from '../src/index.ts';
import { irqDomainActivateIrq } from '../src/startup.ts';
import { makeKernel } from './kernel.ts';

const chip: IrqChip = { name: 'CHIP' };

describe('descriptors', () => {
  test('begin disabled, masked and with nothing else said of them', () => {
    const { core } = makeKernel();
    const made = core.allocDesc();
    if (!made.ok) throw new Error(made.message);
    expect(irqRow(core, made.value.virq)).toEqual({
      virq: 17, handler: 'handle_edge_irq', depth: 1, state: ['IRQD_IRQ_DISABLED', 'IRQD_IRQ_MASKED'], affinity: 3n, effective: 0n, pending: null, levels: [],
    });
    const { state } = made.value;
    const set = Object.entries(state).filter(([, value]) => value === true).map(([field]) => field);
    expect(set).toEqual(['disabled', 'masked']);
  });

  test('each piece of state of a kernel has a name of its own, by which two machines are compared', () => {
    const kernel = makeKernel({ threadirqs: true });
    const { run, core, virq, state, allocate } = kernel;
    for (const irq of [virq, allocate().virq]) {
      for (const name of ['a', 'b']) {
        run(requestThreadedIrq(core, irq, { name, devId: name, shared: true, handler: () => 'handled', *thread() { return 'handled'; } }));
      }
    }
    const names = state.current().map(([name]) => name);
    expect(names.toSorted()).toEqual([...new Set(names)].toSorted());
    expect(names.filter((name) => name.split('/').includes(''))).toEqual([]);
  });

  test('are listed by number, whatever the order they came in', () => {
    const kernel = makeKernel();
    for (let each = 0; each < 3; each++) kernel.allocate();
    for (const virq of [16, 18]) runToCompletion(irqDomainFreeIrq(kernel.core, virq));
    expect([kernel.allocate().virq, kernel.allocate().virq]).toEqual([16, 18]);
    expect(kernel.core.descs().map(({ virq }) => virq)).toEqual([16, 17, 18, 19]);
    expect(procInterrupts(kernel.core).map(({ virq }) => virq)).toEqual([16, 17, 18, 19]);
  });

  test('without domain or flow handler they are not in /proc/interrupts', () => {
    const { core, allocate } = makeKernel();
    const bare = core.allocDesc();
    allocate().state.flow = null;
    expect(bare.ok).toBe(true);
    expect(core.descs().map(({ virq }) => virq)).toEqual([16, 17, 18]);
    expect(procInterrupts(core).map(({ virq }) => virq)).toEqual([16]);
  });
});

describe('domains', () => {
  test('the largest hardware number is one of theirs, the next is not', () => {
    const { core, state } = makeKernel();
    const numbers = [7, 8];
    const domain = new IrqDomain(state, 'small', { *alloc() { return ok({ hwirq: numbers.shift() ?? -1, chip, chipData: null }); } }, null, { hwirqMax: 7 });
    expect(runToCompletion(irqDomainAllocIrq(core, domain, null)).ok).toBe(true);
    expect(domain.findMapping(7)).toBe(17);
    expect(runToCompletion(irqDomainAllocIrq(core, domain, null))).toMatchObject({ errno: 'EINVAL' });
  });

  test('what is activated and was never requested is deactivated before it is given back', () => {
    const { run, core, virq, desc, root } = makeKernel();
    const order: string[] = [];
    Object.assign(root.ops, { *deactivate() { order.push('deactivate'); }, *free() { order.push('free'); } });
    run(irqDomainActivateIrq(desc));
    expect(run(irqDomainFreeIrq(core, virq))).toEqual(ok());
    expect(order).toEqual(['deactivate', 'free']);
  });

  test('an activation that does not say so is not a reservation', () => {
    const { run, desc, root } = makeKernel();
    const reserved: boolean[] = [];
    Object.assign(root.ops, { *activate(_data: unknown, reserve: boolean) { reserved.push(reserve); return ok(); } });
    const { data } = desc.state;
    if (data === null) throw new Error('no data');
    run(data.domain.activate(data));
    run(data.domain.activate(data, true));
    expect(reserved).toEqual([false, true]);
  });

  test('a specifier of one that translates nothing: the first word, no trigger type, the same interrupt again', () => {
    const { run, core, state } = makeKernel();
    const domain = new IrqDomain<IrqFwSpec>(state, 'plain', { *alloc(_domain, _virq, { params: [hwirq = -1] }) { return ok({ hwirq, chip, chipData: null }); } }, null, { fwnode: 'PLAIN' });
    const map = (...params: number[]) => run(irqCreateFwspecMapping(core, domain, { fwnode: 'PLAIN', params }));
    expect([map(5), map(5), map(6)]).toEqual([ok(17), ok(17), ok(18)]);
    expect(core.desc(17)?.state.trigger).toBe('none');
  });
});

test('levels of a hierarchy are printed each four columns further in than the one outside it', () => {
  const { core, state } = makeKernel();
  let domain: IrqDomain | null = null;
  for (const [index, name] of ['vector', 'remap', 'msi'].entries()) {
    domain = new IrqDomain(state, name, { *alloc() { return ok({ hwirq: index + 10, chip: { name: name.toUpperCase() }, chipData: null }); } }, domain);
  }
  const made = runToCompletion(irqDomainAllocIrq(core, domain, null));
  if (!made.ok) throw new Error(made.message);
  expect(irqText(core, made.value.virq).split('\n').slice(8)).toEqual([
    'domain:  msi',
    ' hwirq:   0xc',
    ' chip:    MSI',
    ' parent:',
    '    domain:  remap',
    '     hwirq:   0xb',
    '     chip:    REMAP',
    '     parent:',
    '        domain:  vector',
    '         hwirq:   0xa',
    '         chip:    VECTOR',
  ]);
});
