import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { plainState } from '@siov/base';
import { ObservedState } from '@siov/base/testing';
import { cpuMask, freeIrq, irqSetAffinity, irqSetVcpuAffinity, requestIrq } from '@siov/irq';
import type { MsiMsg } from '@siov/irq';
import { irteText, PostedInterrupts } from '../src/index.ts';
import type { RemappedEntry } from '../src/index.ts';
import { outcome, RID, value } from './machine.ts';
import { remapped } from './remapped.ts';

/** What KVM notifies with (POSTED_INTR_VECTOR). */
const NOTIFY = 0xf2;

function posted(cpus = 1) {
  const made = remapped({ cpus });
  const { core, run, remapping, vectors, messages, request, pf } = made;
  const told: number[] = [];
  vectors.installSystemVector(NOTIFY, (cpu) => told.push(cpu));
  const { virq, hwirq } = request(pf, 0);
  const descriptor = value(remapping.posted.alloc());
  descriptor.notify(cpus - 1, NOTIFY);
  return {
    ...made, told, virq, descriptor,
    fire: () => made.send(RID, messages.get(hwirq) as MsiMsg),
    post: (vector: number | null, address = descriptor.address) => run(irqSetVcpuAffinity(core, virq, vector === null ? null : { descriptor: address, vector })),
  };
}

describe('a posted interrupt', () => {
  test('is noted for the virtual CPU and tells its CPU once; no handler of the host runs, and back at the host it does', () => {
    const { fire, post, told, descriptor, handled } = posted(2);
    value(post(0x31));
    fire();
    fire();
    expect([handled, told, descriptor.outstanding, descriptor.pending]).toEqual([[], [1], true, true]);
    expect([descriptor.take(), descriptor.take(), descriptor.pending, descriptor.outstanding]).toEqual([[0x31], [], false, false]);
    fire();
    expect(told).toEqual([1, 1]);
    value(post(null));
    fire();
    expect([handled, told.length]).toEqual([['dsa0 0'], 2]);
  });

  test('a virtual CPU that does not run is not told, and learns of it when it goes on', () => {
    const { fire, post, told, descriptor } = posted();
    value(post(0x31));
    descriptor.suppress();
    expect(descriptor.resume()).toBe(false);
    descriptor.suppress();
    fire();
    expect([told, descriptor.outstanding, descriptor.pending]).toEqual([[], false, true]);
    expect([descriptor.resume(), descriptor.take()]).toEqual([true, [0x31]]);
    fire();
    expect([told, descriptor.resume()]).toEqual([[0], false]);
  });

  test('moving it changes nothing while it is posted; back at the host it goes where it was moved', () => {
    const { post, run, core, virq, remapping, descriptor, handled, fire } = posted(2);
    value(post(0x31));
    value(run(irqSetAffinity(core, virq, cpuMask(1))));
    expect(remapping.entries()[0]).toMatchObject({ mode: 'posted', descriptor: descriptor.address, vector: 0x31 });
    expect(irteText(remapping.entries()[0] as RemappedEntry)).toBe(`0: irq ${virq} posted to 0x100000000 vector 0x31, source 0x6a01 (SVT 1, SQ 0)`);
    value(post(null));
    expect(remapping.entries()[0]).toMatchObject({ mode: 'remapped', cpu: 1 });
    fire();
    expect([handled, [...(core.desc(virq)?.counts ?? [])]]).toEqual([['dsa0 0'], [0, 1]]);
  });

  test('freed and requested again it is the host’s; its descriptor can be freed from then on', () => {
    const { post, run, core, virq, pf, remapping, descriptor, fire, handled } = posted();
    value(post(0x31));
    expect(outcome(remapping.posted.free(descriptor))).toBe('EBUSY');
    run(freeIrq(core, virq, pf));
    value(remapping.posted.free(descriptor));
    expect(outcome(remapping.posted.free(descriptor))).toBe('EINVAL');
    run(requestIrq(core, virq, { name: 'again', devId: 1, handler: () => { handled.push('again'); return 'handled'; } }));
    fire();
    expect([handled, remapping.posted.used]).toEqual([['again'], 0]);
  });

  test('moved from one descriptor to another it leaves the first', () => {
    const { post, remapping, descriptor, fire } = posted();
    const other = value(remapping.posted.alloc());
    other.notify(0, NOTIFY);
    value(post(0x31));
    value(post(0x32, other.address));
    value(remapping.posted.free(descriptor));
    fire();
    expect([other.take(), outcome(remapping.posted.free(other))]).toEqual([[0x32], 'EBUSY']);
  });

  test('an entry that is not in the table stays out when it is posted, and the host has it when it is requested', () => {
    const { remapping, alloc, pf, run, core } = remapped();
    const { virq } = alloc(pf, 0);
    const descriptor = value(remapping.posted.alloc());
    value(run(irqSetVcpuAffinity(core, virq, { descriptor: descriptor.address, vector: 3 })));
    expect([remapping.entries()[0]?.mode, outcome(remapping.posted.free(descriptor))]).toEqual(['not-present', 'EBUSY']);
    value(run(irqSetVcpuAffinity(core, virq, null)));
    expect([remapping.entries()[0]?.mode, remapping.counters.present, outcome(remapping.posted.free(descriptor))]).toEqual(['not-present', 0, 'ok']);
  });

  test('refusals change nothing: no descriptor there, no vector, hardware that cannot', () => {
    const { post, remapping, descriptor } = posted();
    const before = remapping.entries();
    for (const [vector, address] of [[0x31, descriptor.address + 64n], [0x31, descriptor.address + 1n], [0x31, 0n], [256, descriptor.address], [-1, descriptor.address]] as const) {
      expect(outcome(post(vector, address))).toBe('EINVAL');
    }
    expect(remapping.entries()).toEqual(before);
    const without = remapped({ posted: false });
    const { virq } = without.request(without.pf, 0);
    const address = value(without.remapping.posted.alloc()).address;
    expect(outcome(without.run(irqSetVcpuAffinity(without.core, virq, { descriptor: address, vector: 3 })))).toBe('ENODEV');
  });
});

describe('descriptors', () => {
  test('any program of posts, takes and suppressions agrees with a set and three flags', () => {
    const step = fc.oneof(
      fc.record({ vector: fc.nat(255), urgent: fc.boolean() }),
      fc.constantFrom('take' as const, 'suppress' as const, 'resume' as const),
    );
    fc.assert(fc.property(fc.array(step, { maxLength: 60, size: 'max' }), fc.nat(3), fc.nat(255), (steps, cpu, notification) => {
      const told: number[][] = [];
      const memory = new PostedInterrupts(plainState, 'p', { raise: (...to) => told.push(to) }, 2);
      const [other, descriptor] = [value(memory.alloc()), value(memory.alloc())];
      descriptor.notify(cpu, notification);
      const requested = new Set<number>();
      let [outstanding, suppressed, notified] = [false, false, 0];
      for (const each of steps) {
        if (each === 'take') {
          expect(descriptor.take()).toEqual([...requested].sort((a, b) => a - b));
          requested.clear();
          outstanding = false;
        } else if (each === 'suppress') {
          descriptor.suppress();
          suppressed = true;
        } else if (each === 'resume') {
          expect(descriptor.resume()).toBe(requested.size > 0 && !outstanding);
          suppressed = false;
        } else {
          expect(memory.post(1, Number(descriptor.address & 0xffffffffn), each.vector, each.urgent)).toBe(true);
          requested.add(each.vector);
          if (!outstanding && (!suppressed || each.urgent)) {
            outstanding = true;
            notified += 1;
          }
        }
        expect([descriptor.pending, descriptor.outstanding, told.length, other.pending]).toEqual([requested.size > 0, outstanding, notified, false]);
      }
      expect(told.every(([to, vector]) => to === cpu && vector === notification)).toBe(true);
    }));
  });

  test('a post to where no descriptor is goes nowhere; what is freed and allocated again is empty; ENOMEM changes nothing', () => {
    const state = new ObservedState();
    const memory = new PostedInterrupts(state, 'p', { raise() {} }, 1);
    const first = value(memory.alloc());
    const before = state.snapshot();
    expect([outcome(memory.alloc()), state.changes(before)]).toEqual(['ENOMEM', []]);
    memory.post(1, 0, 7, false);
    expect(first.pending).toBe(true);
    value(memory.free(first));
    expect([memory.post(1, 0, 7, false), memory.post(0, 0, 7, false), memory.post(1, 64, 7, false)]).toEqual([false, false, false]);
    expect(value(memory.alloc()).pending).toBe(false);
  });
});
