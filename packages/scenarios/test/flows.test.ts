// The flows of the review, whole, with every policy of the VMM and every choice of the host: they copy what they are asked to,
// leave nothing behind, and none of the invariants is ever broken.
import { describe, expect, test } from 'vitest';
import type { TraceEvent } from '@siov/base';
import { runHostFlow, runMdevFlow, runVsvmFlow } from '../src/index.ts';
import type { FlowOptions, FlowRun } from '../src/index.ts';
import { declaredLayers } from './declared-layers.ts';

function expectClean(run: FlowRun, copies: number): void {
  expect(run.verdicts.filter(({ violations }) => violations.length > 0)).toEqual([]);
  expect(run.verdicts.map(({ invariant }) => invariant)).toEqual(['I1', 'I2', 'I3', 'I5', 'I6', 'I7', 'I8', 'I9', 'I10', 'I11']);
  expect(run).toMatchObject({ copies: { count: copies }, completionInterrupts: copies, softwareErrors: 0, vmmErrors: [] });
  expect(run.after).toEqual(run.before);
}

const POLICIES = ['incremental', 'highest-unmasked', 'all-at-enable', 'dynamic'] as const;

describe.each([['mdev', runMdevFlow], ['mdev-vsvm', runVsvmFlow]] as const)('%s', (_name, flow: (options: FlowOptions) => FlowRun) => {
  test.each(POLICIES)('VMM policy %s, with and without KVM', (vmm) => {
    for (const irqfd of [false, true]) expectClean(flow({ vmm, irqfd, copies: [64, 4096] }), 2);
  });

  test('four virtual devices on one function, each in a guest of its own', () => {
    expectClean(flow({ devices: 4, copies: [64] }), 4);
  });

  test('more vectors than the guest uses, more CPUs of both', () => {
    expectClean(flow({ vectors: 9, hostCpus: 4, guestCpus: 2, copies: [64] }), 1);
  });

  test.each(POLICIES)('interrupts are posted, with the VMM policy %s: no handler of the host runs, no eventfd is signalled', (vmm) => {
    const events: TraceEvent[] = [];
    expectClean(flow({ remapping: 'posted', vmm, devices: 2, copies: [64, 64], trace: { now: () => 0, sink: (event) => events.push(event) } }), 4);
    const queue = (event: TraceEvent) => event.values['vector'] === 1;
    expect(events.filter((event) => queue(event) && ['irq_handler', 'eventfd_signal'].includes(event.operation))).toEqual([]);
    expect(events.filter(({ operation }) => operation === 'wq_thread')).toHaveLength(4);
  });

  test.each(['allocation', 'startup'] as const)('R11: ids written at %s', (programAt) => {
    for (const vmm of POLICIES) expectClean(flow({ programAt, vmm, copies: [64] }), 1);
  });

  test.each(['acceptance', 'generation'] as const)('PASIDs compared at %s', (permissionCheck) => {
    expectClean(flow({ permissionCheck, copies: [64] }), 1);
  });
});

test('mdev-vsvm on a shared queue: descriptors bring the guest’s PASIDs, which the virtual CPUs translate', () => {
  expectClean(runVsvmFlow({ queue: 'shared', devices: 2, copies: [64, 4096] }), 4);
});

test('I12: no call of any flow goes where the layers do not lead', () => {
  const layers = declaredLayers();
  for (const flow of [runHostFlow, runMdevFlow, runVsvmFlow]) {
    for (const queue of ['dedicated', 'shared'] as const) {
      if (flow === runMdevFlow && queue === 'shared') continue;
      expect(flow({ layers, queue, remapping: 'posted', looks: 'rest', copies: [64] }).verdicts.at(-1)).toEqual({ invariant: 'I12', violations: [] });
    }
  }
  expect(runHostFlow({ layers: { ...layers, guest: { uses: [] } }, looks: 'rest', copies: [] }).verdicts.at(-1)?.violations).not.toEqual([]);
});

describe('host', () => {
  test.each(['off', 'on', 'posted'] as const)('interrupt remapping %s', (remapping) => {
    expectClean(runHostFlow({ remapping, copies: [64] }), 1);
  });

  test.each(['allocation', 'startup'] as const)('with interrupts of the message store, ids written at %s', (programAt) => {
    for (const queue of ['dedicated', 'shared'] as const) expectClean(runHostFlow({ store: 'ims', programAt, queue, copies: [64, 4096] }), 2);
  });

  test('on a shared queue', () => {
    expectClean(runHostFlow({ queue: 'shared', copies: [64, 4096] }), 2);
  });
});
