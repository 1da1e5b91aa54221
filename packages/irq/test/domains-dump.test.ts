import { expect, test } from 'vitest';
import { plainState } from '@siov/base';
import { cpuMask, domainRows, domainsText, freeIrq, IrqDomain, irqRow, irqSetAffinity, irqText, requestIrq } from '../src/index.ts';
import { makeMachine } from './machine.ts';

function running() {
  const machine = makeMachine({ cpus: 2 });
  const virqs = [0, 1].map((index) => machine.alloc(index));
  machine.alloc(2, { mask: cpuMask(1), managed: true });
  machine.run(requestIrq(machine.core, virqs[0] ?? 0, { name: 'a', devId: 1, handler: () => 'handled' }));
  return machine;
}

test('domains: parents before children, with what is mapped in them and the vectors of every CPU', () => {
  const { vectors } = running();
  expect(domainRows(vectors.domain).map(({ name, size, mapped, flags, parent }) => [name, size, mapped, flags, parent])).toEqual([
    ['test/vector', 0, 3, ['hierarchy', 'msi-parent'], null],
    ['TABLE-dev0', 0, 3, ['hierarchy'], 'test/vector'],
  ]);
  expect(domainsText(vectors.domain)).toBe(`\
name:   test/vector
 size:   0
 mapped: 3
 flags:  hierarchy msi-parent
 Online bitmaps:        2
 Global available:    342
 Global reserved:       1
 Total allocated:       1
 System: 20: 236-255
 | CPU | avl | man | mac | act | vectors
     0   171     0     0    1  64
     1   171     1     0    0  

name:   TABLE-dev0
 size:   0
 mapped: 3
 flags:  hierarchy
 parent: test/vector`);
});

test('vectors are printed in ranges', () => {
  const { vectors, run, core, alloc, free } = makeMachine({ cpus: 1, hwsize: 8 });
  const virqs = [0, 1, 2, 3, 4].map((index) => alloc(index));
  for (const virq of virqs) run(requestIrq(core, virq, { name: 'a', devId: 1, handler: () => 'handled' }));
  run(freeIrq(core, virqs[1] ?? 0, 1));
  free(1);
  expect(domainRows(vectors.domain)[0]?.lines.at(-1)).toBe('    0   168     0     0    4  64,66-68');
});

test('an interrupt: its state and every level of its hierarchy', () => {
  const { core, run, table, executor } = running();
  run(irqSetAffinity(core, 16, cpuMask(1)));
  expect(irqText(core, 16)).toBe(`\
handler:  handle_edge_irq
ddepth:   0
dstate:
            IRQD_ACTIVATED
            IRQD_IRQ_STARTED
            IRQD_AFFINITY_SET
            IRQD_AFFINITY_ON_ACTIVATE
            IRQD_SINGLE_TARGET
            IRQD_HANDLE_ENFORCE_IRQCTX
            IRQD_SETAFFINITY_PENDING
affinity: 0-1
effectiv: 0
pending:  1
domain:  TABLE-dev0
 hwirq:   0x0
 chip:    TABLE-dev0
 parent:
    domain:  test/vector
     hwirq:   0x10
     chip:    APIC
     Vector:    64
     Target:     0
     move_in_progress: 0
     is_managed:       0
     can_reserve:      0
     has_reserved:     0
     cleanup_pending:  0`);
  table.fire(0);
  executor.settle();
  expect(irqRow(core, 16)).toMatchObject({ affinity: 2n, effective: 2n, pending: null });
  expect(irqRow(core, 16)?.levels.at(-1)?.lines.slice(0, 5)).toEqual(['Vector:    65', 'Target:     1', 'Previous vector:    64', 'Previous target:     0', 'move_in_progress: 1']);
});

test('what has no levels, and a domain that gives nothing out', () => {
  const { core, vectors } = running();
  const made = core.allocDesc();
  if (!made.ok) throw new Error(made.message);
  made.value.state.flow = null;
  expect(irqText(core, made.value.virq).split('\n')).toEqual(['handler:  none', 'ddepth:   1', 'dstate:', '            IRQD_IRQ_DISABLED', '            IRQD_IRQ_MASKED', 'affinity: 0-1', 'effectiv: ', 'pending:  ']);
  void new IrqDomain(plainState, 'idle', {}, vectors.domain, { size: 8 });
  expect(domainRows(vectors.domain).at(-1)).toEqual({ name: 'idle', size: 8, mapped: 0, flags: [], parent: 'test/vector', lines: [] });
});

test('one that is only reserved, a managed one, and one that is not there', () => {
  const { core } = running();
  expect(irqRow(core, 17)?.levels.at(-1)?.lines).toContain('has_reserved:     1');
  expect(irqRow(core, 18)).toMatchObject({ depth: 1, state: expect.arrayContaining(['IRQD_AFFINITY_MANAGED', 'IRQD_MANAGED_SHUTDOWN', 'IRQD_IRQ_MASKED']) });
  expect([irqRow(core, 19), irqText(core, 19)]).toEqual([undefined, '']);
});
