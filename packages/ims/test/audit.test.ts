import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { interleavedState, ok } from '@siov/base';
import type { Steps } from '@siov/base';
import { disableIrqNosync, enableIrq, freeIrq, irqSetAffinity } from '@siov/irq';
import type { PasidWitness } from '@siov/device';
import type { Host, Mdev, Variant } from './host.ts';
import { makeHost, VARIANTS, witnessOf } from './host.ts';
import { allocate, EMPTY, fire, request, requestSteps, tryAllocate, tryRequest } from './use.ts';

/** What a control write may be, by what the chip was doing: everything else is an unattributed write (I2). */
function lawful(operation: string, value: number, pasids: number): boolean {
  const id = (value >>> 3) & 1 ? value >>> 12 : null;
  const known = id !== null && id < pasids;
  if (operation === 'reset_slot' || operation === 'irq_shutdown') return value === 1;
  if (operation === 'irq_startup' || operation === 'irq_unmask') return (value & 7) === 0 && known;
  return ['irq_mask', 'program_slot'].includes(operation) && (value & 7) === 1 && known;
}

type Op = 'alloc' | 'free-msi' | 'request' | 'free-irq' | 'disable' | 'enable' | 'move' | 'fire' | 'reattach';
const step = fc.record({
  op: fc.constantFrom<Op>('alloc', 'alloc', 'free-msi', 'request', 'request', 'free-irq', 'disable', 'enable', 'move', 'fire', 'reattach'),
  which: fc.nat(2), index: fc.nat(1), slot: fc.nat(3),
});

/** A machine with three devices, and what the test knows of it. */
function makeAudited(variant: Variant) {
  const host = makeHost({ ...variant, size: 4, cpus: 2 });
  let nextPasid = 1;
  const mdevs = [0, 1, 2].map(() => host.mdev(nextPasid++));
  const handled: string[] = [];
  const owner = (slot: number) => mdevs.flatMap(({ device, msi }) => [0, 1].map((index) => ({ name: `${device.name}/${index}`, desc: msi.desc(index) }))).find(({ desc }) => desc?.hwirq === slot);
  return { host, mdevs, handled, owner, get nextPasid() { return nextPasid; }, newPasid: () => nextPasid++ };
}

function perform(audited: ReturnType<typeof makeAudited>, { op, which, index, slot }: { op: Op; which: number; index: number; slot: number }): void {
  const { host, mdevs, handled } = audited;
  const mdev = mdevs[which] as (typeof mdevs)[number];
  const name = `${mdev.device.name}/${index}`;
  const desc = mdev.msi.desc(index);
  if (op === 'alloc') tryAllocate(host, mdev, index);
  else if (op === 'reattach') { if (mdev.iommu.detach()) mdev.iommu.attach(audited.newPasid()); }
  else if (op === 'fire') {
    const count = handled.length;
    const { pasid } = host.store.entry(slot);
    for (let each = 0; each <= audited.nextPasid; each++) if (each !== pasid) expect(fire(host, slot, each)).toBe(false);
    fire(host, slot, pasid);
    expect(handled.slice(count).every((each) => each === audited.owner(slot)?.name)).toBe(true);
  } else if (desc !== undefined) {
    const { virq } = desc;
    if (op === 'request') tryRequest(host, virq, name, handled);
    else if (op === 'free-irq') host.run(freeIrq(host.core, virq, name));
    else if (op === 'disable') host.run(disableIrqNosync(host.core, virq));
    else if (op === 'enable') host.run(enableIrq(host.core, virq));
    else if (op === 'move') {
      host.run(irqSetAffinity(host.core, virq, slot % 2 === 0 ? 1n : 2n));
      // Time for the move before it to end.
      host.clock.advance(1000);
    }
    else host.run(mdev.msi.freeIrqsRange(index, index));
  }
  host.executor.settle();
}

/** I1, I10: who an entry is open for is its owner's PASID, attached and held, and the interrupt is requested and running. */
function checkEntries({ host, owner, mdevs }: ReturnType<typeof makeAudited>): void {
  expect(host.store.underWay).toBe(0);
  for (let slot = 0; slot < 4; slot++) {
    const entry = host.store.entry(slot);
    if (entry.pasidEnable === 0) {
      expect(entry).toMatchObject({ mask: 1, pasid: 0 });
      continue;
    }
    const desc = owner(slot)?.desc;
    const mdev = mdevs.find(({ device }) => device === desc?.device);
    expect(mdev?.device.iommu).toMatchObject({ valid: true, pasid: entry.pasid });
    expect(mdev?.iommu.held[entry.pasid]).toBeGreaterThan(0);
    if (entry.mask === 0) expect(host.core.desc(desc?.virq ?? 0)?.state).toMatchObject({ actions: [expect.anything()], activated: true, started: true });
  }
}

describe.each(VARIANTS)('any program: %s', (variant) => {
  test('R9, R10, R12, R23: only layer ims writes entries, every control write is attributable, open means owned, and at the end all is empty', () => {
    fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const audited = makeAudited(variant);
      const { host, mdevs } = audited;
      const before = host.counters();
      for (const each of steps) {
        perform(audited, each);
        checkEntries(audited);
      }
      for (const { device, msi, iommu } of mdevs) {
        for (const index of [0, 1]) {
          const desc = msi.desc(index);
          if (desc === undefined) continue;
          host.run(freeIrq(host.core, desc.virq, `${device.name}/${index}`));
          expect(host.run(msi.freeIrqsRange(index, index))).toEqual(ok());
        }
        expect(iommu.held).toEqual({});
      }
      host.executor.settle();
      expect([...host.writers].filter((layer) => layer !== 'ims')).toEqual([]);
      for (const { operation, value } of host.controlWrites) expect([operation, lawful(operation, value, audited.nextPasid)]).toEqual([operation, true]);
      expect(host.counters()).toEqual(before);
      for (let slot = 0; slot < 4; slot++) expect(host.store.entry(slot)).toMatchObject({ ...EMPTY, pending: expect.any(Number) });
    }), { numRuns: 60 });
  });
});

function* withIntruder<T>(steps: Steps<T>, at: number, intrude: () => void): Steps<T> {
  for (let yielded = 0; ; yielded++) {
    const next = steps.next();
    if (next.done) return next.value;
    if (yielded === at) intrude();
    yield next.value;
  }
}

/** `body` with `intrude` at its n-th yield, for every n; on a machine of its own each time. */
function atEveryStep<H>(make: () => H, body: (host: H) => { run: (wrap: <T>(steps: Steps<T>) => Steps<T>) => void; intrude: () => void; after: () => void }): number {
  for (let at = 0; ; at++) {
    let intruded = false;
    const { run, intrude, after } = body(make());
    run((steps) => withIntruder(steps, at, () => { intruded = true; intrude(); }));
    after();
    if (!intruded) return at;
  }
}

/** An interrupt from its allocation to its end; tells what was granted: A allocated, R requested. */
function* wholeLife(host: Host, { msi }: Mdev, witness: PasidWitness, granted: (what: string) => void): Steps<void> {
  const desc = yield* msi.allocIrqAt(0, witness);
  if (!desc.ok) return;
  granted('A');
  const { virq } = desc.value;
  if ((yield* requestSteps(host, virq)).ok) granted('R');
  yield* freeIrq(host.core, virq, 'me');
  yield* msi.freeIrqsAll();
}

describe.each(VARIANTS)('between any two steps: %s', (variant) => {
  const make = () => makeHost({ ...variant, state: interleavedState });

  test('R15: a descriptor meets the owner’s id or a masked entry, while the interrupt is requested and while it is freed', () => {
    for (const call of ['request', 'free'] as const) {
      const steps = atEveryStep(make, (host: Host) => {
        const { virq, hwirq } = allocate(host, host.mdev(5));
        const handled = call === 'free' ? request(host, virq) : [];
        let freedAt = -1;
        return {
          run: (wrap) => {
            if (call === 'free') host.run(wrap(freeIrq(host.core, virq, 'me')));
            else host.run(wrap(requestSteps(host, virq, 'me', handled)));
            freedAt = handled.length;
          },
          intrude: () => {
            for (const stranger of [4, 6]) expect(host.store.fire(hwirq, stranger)).toBe(false);
            host.store.fire(hwirq, 5);
          },
          after: () => {
            host.executor.settle();
            if (call === 'free') expect(handled).toHaveLength(freedAt);
            expect(fire(host, hwirq, 5)).toBe(call === 'request');
          },
        };
      });
      expect(steps).toBeGreaterThan(5);
    }
  });

  test('R15, d12: whenever its PASID is detached, an entry is never open for a PASID that is not attached', () => {
    const outcomes = new Set<string>();
    atEveryStep(make, (host: Host) => {
      const mdev = host.mdev(5);
      const witness = witnessOf(mdev.device);
      let results = '';
      let detached = false;
      return {
        run: (wrap) => host.run(wrap(wholeLife(host, mdev, witness, (result) => { results += result; }))),
        intrude: () => {
          const { pasidEnable } = host.store.entry(0);
          detached = mdev.iommu.detach();
          if (pasidEnable === 1) expect(detached).toBe(false);
        },
        after: () => {
          outcomes.add(`${detached}: ${results}`);
          expect([host.store.entry(0), mdev.iommu.held]).toEqual([EMPTY, {}]);
          expect(host.counters()).toMatchObject({ virqs: 0, slots: 0, mappings: 0 });
        },
      };
    });
    // Refused at allocation, refused at start-up, or not at all.
    const expected = variant.program === 'startup' ? ['false: AR', 'true: ', 'true: A', 'true: AR'] : ['false: AR', 'true: ', 'true: AR'];
    expect([...outcomes].toSorted()).toEqual(expected);
  });
});
