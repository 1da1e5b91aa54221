// Each flow's trace has the numbered steps of its description, in order, each by its agent.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { TraceEvent } from '@siov/base';
import { hostSteps, mdevSteps, numbered, runHostFlow, runMdevFlow, runV6Flow, runVsvmFlow, v6Steps, vsvmSteps } from '../src/index.ts';
import type { FlowOptions, FlowRun, NumberedStep } from '../src/index.ts';

function traced(flow: (options: FlowOptions) => FlowRun, options: FlowOptions = {}): TraceEvent[] {
  const events: TraceEvent[] = [];
  flow({ copies: [64], trace: { now: () => 0, sink: (event) => events.push(event) }, ...options });
  return events;
}

const FLOWS: readonly [string, (options: FlowOptions) => FlowRun, FlowOptions, readonly NumberedStep[], readonly string[]][] = [
  ['host', runHostFlow, {}, hostSteps(), ['a1', 'a2', 'a6', 'a4', 'a5', 'a7', 'a8', 'a9', 'a11', 'a12']],
  ['host with interrupts of the message store', runHostFlow, { store: 'ims' }, hostSteps({ store: 'ims' }), ['a1', 'a2', 'a6', 'a3', 'a5', 'a7', 'a8', 'a9', 'a11', 'a12']],
  ['mdev', runMdevFlow, { vmm: 'incremental' }, mdevSteps(), ['b1', 'b2', 'b3', 'b4', 'b5', 'b6', 'b7', 'b14', 'b8', 'b9', 'b10', 'b11', 'b13', 'b15', 'b16', 'b17', 'b18', 'b19']],
  ['mdev-vsvm, v6', runV6Flow, { vmm: 'incremental' }, v6Steps(), ['c1', 'c2', 'c3', 'c4', 'c5a', 'c5b', 'c6', 'c7', 'c7a']],
  ['mdev-vsvm', runVsvmFlow, { vmm: 'incremental' }, vsvmSteps(), ['d1', 'd2', 'd3', 'd4', 'd5', 'd6', 'd7', 'd8', 'd9', 'd10', 'd12']],
];

describe.each(FLOWS)('%s', (_name, flow, options, steps, ids) => {
  test('every step is there, in order, by its agent', () => {
    const { found, missing } = numbered(traced(flow, options), steps);
    expect(missing).toBeNull();
    expect([...new Set(found.map(({ step }) => step.id))]).toEqual(ids);
  });

  test('and none is found where it is another agent’s, or where it comes earlier', () => {
    const events = traced(flow, options);
    const last = steps.at(-1) as NumberedStep;
    const foreign = [...steps.slice(0, -1), { ...last, crossings: last.crossings.map((each) => ({ ...each, agent: 'nobody' })) }];
    expect(numbered(events, foreign).missing?.step.id).toBe(last.id);
    const [first, second, ...rest] = steps as [NumberedStep, NumberedStep, ...NumberedStep[]];
    expect(numbered(events, [last, first, second, ...rest]).missing?.step.id).toBe(first.id);
  });
});

test('docs/flows.md has the steps as they are', () => {
  const text = readFileSync(new URL('../../../docs/flows.md', import.meta.url), 'utf8');
  const rows = [...text.matchAll(/^\| ([abcd]\d+a?b?) \| [^|]* \| (.*) \|$/gmu)].map(([, id, says]) => [id, says]);
  expect(rows).toEqual([...hostSteps(), ...hostSteps({ store: 'ims' }), ...mdevSteps(), ...v6Steps(), ...vsvmSteps()].map(({ id, says }) => [id, says]));
});

test.each(['incremental', 'highest-unmasked', 'all-at-enable', 'dynamic'] as const)('with the VMM policy %s vectors are taken in its way, and all other steps are the same', (vmm) => {
  for (const [flow, steps] of [[runMdevFlow, mdevSteps({ vmm })], [runVsvmFlow, vsvmSteps({ vmm })]] as const) expect(numbered(traced(flow, { vmm }), steps).missing).toBeNull();
});

test('on a shared queue the descriptors bring the PASID, which the queue has not', () => {
  expect(numbered(traced(runVsvmFlow, { vmm: 'dynamic', queue: 'shared' }), vsvmSteps({ vmm: 'dynamic', queue: 'shared' })).missing).toBeNull();
});

test('R16, R17, R20: nothing of the host’s interrupt exists before the guest’s permission is stored', () => {
  const events = traced(runVsvmFlow);
  const stored = events.findIndex(({ operation, values }) => operation === 'register_write' && values['register'] === 'MSIXPERM[1]');
  const bound = events.findIndex(({ operation }) => operation === 'BIND_GPASID');
  const first = (to: string, operation: string) => events.findIndex((event) => event.to === to && event.operation === operation && event.agent === 'VC0/host');
  expect([bound, stored, first('irq', 'msi_domain_alloc_irq'), first('irq', 'request_irq'), first('ims', 'irq_startup')]).toEqual(
    [bound, stored, first('irq', 'msi_domain_alloc_irq'), first('irq', 'request_irq'), first('ims', 'irq_startup')].toSorted((a, b) => a - b),
  );
  // And before the guest itself allocates any interrupt it has bound its PASID.
  expect(bound).toBeLessThan(events.findIndex((event) => event.agent === 'VC0' && event.operation === 'msi_domain_alloc_irq'));
});
