// Two virtual CPUs, the main loop, KVM's work queue and the device, in any order: what an armed vector raises reaches the guest.
import { expect, test } from 'vitest';
import fc from 'fast-check';
import { interleavedState, Lock, noTrace, runToCompletion } from '@siov/base';
import type { Point, Steps } from '@siov/base';
import { IrqBypass, VFIO_PCI_REGION } from '@siov/vfio';
import { VfioPci } from '../src/index.ts';
import type { VmmPolicy } from '../src/index.ts';
import { KernelDevice } from './kernel-device.ts';
import { CONTROL, ENABLE, MASK_ALL, TABLE } from './recording-device.ts';

const VECTORS = 3;
/** The guest's vector behind entry n. */
const DATA = 40;

type Operation =
  | { readonly kind: 'control'; readonly value: number }
  | { readonly kind: 'mask'; readonly vector: number; readonly mask: 0 | 1 }
  /** Logical destinations are not posted. */
  | { readonly kind: 'address'; readonly vector: number; readonly address: number };

const vector = fc.nat({ max: VECTORS - 1 });
const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('control' as const), value: fc.constantFrom(0, ENABLE, ENABLE, ENABLE | MASK_ALL) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('mask' as const), vector, mask: fc.constantFrom(0 as const, 1 as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('address' as const), vector, address: fc.constantFrom(0xfee00000, 0xfee00004) }) },
);
const program = fc.array(operation, { maxLength: 8 });

/** An agent's steps up to where it waits, is done, or others may run. */
class Agent {
  readonly #steps: Steps<unknown>;
  #at: Point | undefined;
  done = false;

  constructor(steps: Steps<unknown>) {
    this.#steps = steps;
  }

  get ready(): boolean {
    return !this.done && this.#at?.ready?.() !== false;
  }

  step(): void {
    const next = this.#steps.next();
    this.done = next.done === true;
    this.#at = next.done === true ? undefined : next.value;
  }
}

function machine(policy: VmmPolicy, resize: 'classic' | 'dynamic', irqfd: boolean) {
  const bypass = new IrqBypass(interleavedState, 'host');
  const device = new KernelDevice(VECTORS, resize, bypass);
  const owed = Array.from({ length: VECTORS }, () => false);
  const count = { raised: 0, got: 0, atomic: 0 };
  const take = (data: number) => {
    count.got += 1;
    owed[data - DATA] = false;
  };
  const ports = {
    state: interleavedState,
    trace: noTrace,
    bypass,
    posting: { descriptor: 0x40n },
    bigLock: new Lock(interleavedState, 'bql'),
    *inject(_address: bigint, data: number): Steps<void> {
      yield { kind: 'memory', what: 'the interrupt controller' };
      take(data);
    },
    injectInAtomic(_address: bigint, data: number) {
      count.atomic += 1;
      if (count.atomic % 2 === 0) return false;
      take(data);
      return true;
    },
  };
  const realized = runToCompletion(VfioPci.realize(ports, { trapAgent: 'VC/host', policy, irqfd }, device));
  if (!realized.ok) throw new Error(realized.message);
  const vmm = realized.value;
  const config = vmm.region(VFIO_PCI_REGION.CONFIG);
  const bar0 = vmm.region(VFIO_PCI_REGION.BAR0);
  function* run(operations: readonly Operation[]): Steps<void> {
    for (const each of operations) {
      if (each.kind === 'mask') yield* bar0.write(TABLE + each.vector * 16 + 12, 4, each.mask);
      else if (each.kind === 'address') yield* bar0.write(TABLE + each.vector * 16, 4, each.address);
      else {
        yield* config.write(CONTROL, 2, each.value);
        // What nobody had seen by then belongs to the use that ended.
        if (each.value === 0) owed.fill(false);
      }
    }
  }
  for (let index = 0; index < VECTORS; index++) {
    runToCompletion(bar0.write64(TABLE + index * 16, 0xfee00000n));
    runToCompletion(bar0.write(TABLE + index * 16 + 8, 4, DATA + index));
  }
  /** The device raises a vector; what is posted is in the virtual CPU at once. */
  const raise = (index: number) => {
    const posted = device.posted.length;
    if (!device.actions.has(index)) return;
    count.raised += 1;
    owed[index] = true;
    device.raise(index);
    if (device.posted.length > posted) take(device.posted.at(-1) ?? 0);
  };
  return { device, vmm, run, raise, owed, count };
}

/** Runs all until none can move, starting with `picks`: an index of an agent, or beyond those the device raising a vector. */
function interleave(agents: readonly Agent[], picks: readonly number[], raise: (vector: number) => void): void {
  for (const pick of picks) {
    const agent = agents[pick];
    if (agent === undefined) raise(pick - agents.length);
    else if (agent.ready) agent.step();
  }
  for (let ready = agents.filter((each) => each.ready); ready.length > 0; ready = agents.filter((each) => each.ready)) for (const each of ready) if (each.ready) each.step();
}

test('nothing is lost, invented or left posted, whoever runs between whom', () => {
  const policies = fc.constantFrom<VmmPolicy[]>('incremental', 'highest-unmasked', 'all-at-enable', 'dynamic');
  const picks = fc.array(fc.nat({ max: 3 + VECTORS }), { maxLength: 400, size: 'max' });
  fc.assert(
    fc.property(policies, fc.constantFrom('classic' as const, 'dynamic' as const), fc.boolean(), program, program, picks, (policy, resize, irqfd, first, second, order) => {
      const { device, vmm, run, raise, owed, count } = machine(policy, resize, irqfd);
      const loops = [vmm.mainLoop(), vmm.kvmWork()].flatMap((loop) => (loop === null ? [] : [new Agent(loop)]));
      const enable: Operation = { kind: 'control', value: ENABLE };
      const cpus = [new Agent(run([enable, ...first])), new Agent(run(second))];
      interleave([...cpus, ...loops], order, raise);
      expect(cpus.map(({ done }) => done)).toEqual([true, true]);
      const unmask = Array.from({ length: VECTORS }, (_, index): Operation => ({ kind: 'mask', vector: index, mask: 0 }));
      interleave([new Agent(run([enable, ...unmask])), ...loops], [], raise);
      expect([owed, vmm.errors, device.leftPosted]).toEqual([[false, false, false], [], 0]);
      expect(count.got).toBeLessThanOrEqual(count.raised);
      for (let index = 0; index < VECTORS; index++) raise(index);
      interleave(loops, [], raise);
      expect([owed, device.actions.size]).toEqual([[false, false, false], VECTORS]);
      interleave([new Agent(run([{ kind: 'control', value: 0 }])), ...loops], [], raise);
      expect([device.actions.size, device.handed.filter((fd) => !fd.closed).length]).toEqual([0, 0]);
    }),
    { numRuns: 300 },
  );
});
