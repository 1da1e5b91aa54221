// Traces of the flows hold every rule of the audit; each rule is broken by a trace in which one thing is otherwise.
import { describe, expect, test } from 'vitest';
import type { TraceEvent } from '@siov/base';
import { audit, auditEvents, runHostFlow, runMdevFlow, runV6Flow, runVsvmFlow, withLines } from '../src/index.ts';
import type { FlowOptions, FlowRun } from '../src/index.ts';

function recorded(run: (options: FlowOptions) => FlowRun, options: FlowOptions = {}): TraceEvent[] {
  const events: TraceEvent[] = [];
  run({ copies: [64], looks: 'rest', ...options, trace: { now: () => 0, sink: (event) => events.push(event) } });
  return events;
}

const broken = (events: readonly TraceEvent[]) => audit(withLines(events)).findings.map(({ rule, event }) => `${rule.id} ${event.operation}`);
const first = (events: readonly TraceEvent[]) => audit(withLines(events)).findings[0];

const flow = recorded(runVsvmFlow, { vmm: 'dynamic' });
const indexOf = (fits: (event: TraceEvent) => boolean) => {
  const found = flow.findIndex(fits);
  expect(found).toBeGreaterThan(0);
  return found;
};
const register = (name: string, value?: (value: number) => boolean) => ({ values }: TraceEvent) =>
  values['register'] === name && values['value'] !== undefined && (value === undefined || value(Number(values['value'])));
const OPENS = register('IMS[0].CONTROL', (value) => (value & 1) === 0);
const PERMITS = register('MSIXPERM[1]', (value) => value !== 0);
const without = (at: number) => flow.toSpliced(at, 1);
const moved = (from: number, to: number) => flow.toSpliced(from, 1).toSpliced(to, 0, flow[from] as TraceEvent);

describe('the audit of a trace', () => {
  test.each([
    ['the host alone', recorded(runHostFlow)],
    ['the host with interrupts of the store', recorded(runHostFlow, { store: 'ims' })],
    ['a guest without PASIDs', recorded(runMdevFlow)],
    ['a guest with PASIDs', flow],
    ['ids at allocation', recorded(runVsvmFlow, { programAt: 'allocation' })],
    ['a VMM that grows, a vector more', recorded(runVsvmFlow, { vmm: 'incremental', vectors: 3 })],
    ['a VMM with irqfd, which takes vectors back while the guest leaves', recorded(runVsvmFlow, { vmm: 'incremental', irqfd: true, guestCpus: 2 })],
    ['three tenants on shared queues', recorded(runVsvmFlow, { devices: 3, queue: 'shared', vmm: 'all-at-enable' })],
  ])('%s breaks no rule', (_what, events) => {
    const found = audit(withLines(events));
    expect(found.findings).toEqual([]);
    expect(found.events).toBe(events.length);
  });

  test('all rules of entries apply to a guest with PASIDs', () => {
    const silent = audit(withLines(flow)).rules.filter(({ applied }) => applied === 0).map(({ rule }) => rule.id);
    expect(silent).toEqual(['R18', 'I12']);
  });

  test('the refuted design: the interrupt opens before its permission, whose late arrival changes a running id, and free_irq() leaves it', () => {
    const found = broken(recorded(runV6Flow));
    for (const each of ['R18 irq_set_auxdata', 'I2 write32', 'I7 write32', 'R20 register_write', 'I1 write32', 'R14 write32', 'R23 register_write', 'I6 irq_set_auxdata']) expect(found).toContain(each);
  });

  test('the permission after the interrupt was requested', () => {
    expect(broken(moved(indexOf(PERMITS), indexOf(OPENS) + 1))).toEqual(['I7 write32', 'R20 register_write']);
  });

  test('the permission is not stored at all', () => {
    expect(broken(without(indexOf(PERMITS)))).toContain('I7 write32');
  });

  test('the entry opens before its interrupt is requested', () => {
    const request = indexOf(({ operation, values }) => operation === 'request_irq' && String(values['name']).startsWith('vfio-msix'));
    const early = moved(indexOf(OPENS), request);
    expect(first(early)).toMatchObject({ rule: { id: 'I1' }, event: { line: request + 1 }, why: 'entry 0 is opened: its interrupt is not requested' });
  });

  test('somebody else writes the entry', () => {
    const at = indexOf(OPENS);
    expect(broken(flow.with(at, { ...(flow[at] as TraceEvent), from: 'vfio-mdev' }))).toEqual(['I2 write32']);
  });

  test('the entry opens with another id afterwards', () => {
    const at = indexOf(OPENS);
    const again = { ...(flow[at] as TraceEvent), values: { register: 'IMS[0].CONTROL', value: 0x1008 } };
    expect(broken(flow.toSpliced(at + 1, 0, again))).toEqual(expect.arrayContaining(['I1 write32', 'I7 write32', 'R14 write32']));
  });

  test('a wipe is left out: free_irq() has returned and the entry is open, and the message goes before', () => {
    const shutdown = indexOf(({ operation }) => operation === 'irq_shutdown');
    expect(broken(without(shutdown + 1))).toEqual(['I5 write32', 'I5 write32', 'I5 write32', 'I6 msi_domain_free_irq', 'R23 msi_domain_free_irq']);
  });

  test('the slot is not reset for its owner', () => {
    expect(broken(without(indexOf(({ operation }) => operation === 'reset_slot')))).toContain('I10 write32');
  });

  test('the PASID goes before the interrupt', () => {
    const free = indexOf(({ operation, agent, from }) => operation === 'free_irq' && agent === 'VC0/host' && from !== 'guest');
    expect(broken(moved(indexOf(({ operation }) => operation === 'unbind_gpasid'), free))).toEqual(['R23 unbind_gpasid']);
  });

  test('a message comes while the entry is masked, or for work under another PASID', () => {
    const at = indexOf(OPENS);
    expect(broken(flow.with(at, { ...(flow[at] as TraceEvent), values: { register: 'IMS[0].CONTROL', value: 0x2009 } }))).toContain('I3 remap_interrupt');
    const work = flow.map((event) => (event.operation.startsWith('dma_') ? { ...event, values: { ...event.values, pasid: 9 } } : event));
    expect(broken(work)).toEqual(['I3 remap_interrupt']);
  });

  test('a call past the declared layers', () => {
    const layers = { 'vfio-mdev': { uses: ['irq'] }, irq: { uses: [] }, vmm: { uses: [] }, idxd: { uses: ['vfio'] } };
    const event = { time: 0, agent: 'QM', from: 'vmm', to: 'idxd', operation: 'reset', values: {} };
    expect(audit(withLines([event]), { layers }).findings).toMatchObject([{ rule: { id: 'I12' }, why: 'vmm calls idxd, and neither may use the other' }]);
    expect(audit(withLines([{ ...event, from: 'vfio-mdev', to: 'irq' }]), { layers }).findings).toEqual([]);
  });
});

describe('a trace file', () => {
  const line = '{"time":1,"agent":"HK","from":"a","to":"b","operation":"c","values":{}}';
  test('keeps the numbers of its lines', () => {
    expect(auditEvents(`${line}\n\n${line}\n`)).toMatchObject({ ok: true, value: [{ line: 1 }, { line: 3 }] });
  });
  test.each([
    ['no JSON', 'line 2: {oops is no JSON', `${line}\n{oops`],
    ['no object', 'line 1: [1] is no crossing: it has to be an object', '[1]'],
    ['no time', 'line 1: time: "now" is no number of nanoseconds', line.replace('1', '"now"')],
    ['no agent', 'line 1: agent: nothing is no text', line.replace('"agent":"HK",', '')],
    ['no values', 'line 1: values: 3 is no object', line.replace('{}', '3')],
  ])('with %s is refused', (_what, message, text) => {
    expect(auditEvents(text)).toEqual({ ok: false, errno: 'EINVAL', message });
  });
});
