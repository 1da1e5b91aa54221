import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { ModelError, ok } from '@siov/base';
import { ObservedState } from '@siov/base/testing';
import { cpuMask, cpusOf, hasCpu } from '../src/index.ts';
import { VectorMatrix } from '../src/vector-matrix.ts';

/** Of the system vectors one is below the range, one in it, one above. */
const [CPUS, FIRST, END, SYSTEM] = [3, 62, 70, [33, 65, 200]] as const;
/** Vectors of a CPU that can be given out at all. */
const SIZE = END - FIRST - 1;

function make() {
  const state = new ObservedState();
  return { state, matrix: new VectorMatrix(state, 'm', { cpus: CPUS, first: FIRST, end: END, system: SYSTEM }) };
}

/** The same in sets, without counters. */
class Model {
  readonly cpus = Array.from({ length: CPUS }, () => ({ used: new Map<number, boolean>(), kept: 0, online: false }));
  reserved = 0;

  available(cpu: number): number {
    const { used, kept } = this.at(cpu);
    return SIZE - kept - [...used.values()].filter((managed) => !managed).length;
  }

  managedUsed(cpu: number): number {
    return [...this.at(cpu).used.values()].filter((managed) => managed).length;
  }

  at(cpu: number) {
    const found = this.cpus[cpu];
    if (found === undefined) throw new Error(`CPU ${cpu}`);
    return found;
  }
}

const cpu = fc.nat(CPUS - 1);
const mask = fc.bigInt(0n, 7n);
const step = fc.oneof(
  fc.record({ verb: fc.constant('toggle' as const), cpu }),
  fc.record({ verb: fc.constantFrom('reserve' as const, 'unreserve' as const), cpu }),
  fc.record({ verb: fc.constant('alloc' as const), mask, reserved: fc.boolean() }),
  fc.record({ verb: fc.constantFrom('allocManaged' as const, 'keep' as const), mask }),
  fc.record({ verb: fc.constant('free' as const), nth: fc.nat(20) }),
);

describe('VectorMatrix', () => {
  test('any sequence of calls agrees with sets, and every counter with what is in them', () => {
    fc.assert(fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
      const { matrix, state } = make();
      const model = new Model();
      const kept: bigint[] = [];
      const given: { cpu: number; vector: number; managed: boolean }[] = [];
      for (const each of steps) {
        const before = state.snapshot();
        if (each.verb === 'toggle') {
          const at = model.at(each.cpu);
          if (at.online) matrix.offline(each.cpu);
          else matrix.online(each.cpu);
          at.online = !at.online;
        } else if (each.verb === 'reserve') {
          const covered = model.reserved !== matrix.counters.globalAvailable;
          expect(matrix.reserve()).toBe(covered);
          model.reserved += 1;
        } else if (each.verb === 'unreserve') {
          if (model.reserved > 0) { matrix.removeReserved(); model.reserved -= 1; }
        } else if (each.verb === 'alloc') {
          const reserved = each.reserved && model.reserved > 0;
          const made = matrix.alloc(each.mask, reserved);
          const free = cpusOf(each.mask).filter((at) => model.at(at).online).map((at) => model.available(at));
          expect(made.ok ? undefined : made.errno).toBe(each.mask === 0n ? 'EINVAL' : Math.max(0, ...free) === 0 ? 'ENOSPC' : undefined);
          if (!made.ok) { expect(state.changes(before)).toEqual([]); continue; }
          const { cpu: at, vector } = made.value;
          expect([hasCpu(each.mask, at), model.available(at)]).toEqual([true, Math.max(...free)]);
          expect(vector >= FIRST && vector < END && vector !== 65 && !model.at(at).used.has(vector)).toBe(true);
          model.at(at).used.set(vector, false);
          if (reserved) model.reserved -= 1;
          given.push({ cpu: at, vector, managed: false });
        } else if (each.verb === 'keep') {
          const fits = cpusOf(each.mask).every((at) => model.available(at) > 0);
          expect(matrix.reserveManaged(each.mask).ok).toBe(fits);
          if (!fits) { expect(state.changes(before)).toEqual([]); continue; }
          for (const at of cpusOf(each.mask)) model.at(at).kept += 1;
          kept.push(each.mask);
        } else if (each.verb === 'allocManaged') {
          const online = cpusOf(each.mask).filter((at) => model.at(at).online);
          const fewest = Math.min(...online.map((at) => model.managedUsed(at)));
          const made = matrix.allocManaged(each.mask);
          if (!made.ok) {
            expect(state.changes(before)).toEqual([]);
            expect(made.errno).toBe(each.mask === 0n ? 'EINVAL' : 'ENOSPC');
            const at = online.find((one) => model.managedUsed(one) === fewest);
            expect(at === undefined || model.at(at).kept === model.managedUsed(at)).toBe(true);
            continue;
          }
          expect(model.managedUsed(made.value.cpu)).toBe(fewest);
          model.at(made.value.cpu).used.set(made.value.vector, true);
          given.push({ ...made.value, managed: true });
        } else if (each.verb === 'free') {
          const [one] = given.splice(each.nth, 1);
          if (one === undefined) continue;
          matrix.free(one, one.managed);
          model.at(one.cpu).used.delete(one.vector);
        }
        for (const [at, { used, kept: count, online }] of model.cpus.entries()) {
          const map = matrix.cpu(at);
          expect([map.allocated, map.managed, map.managedAllocated, map.online, map.vectors]).toEqual([
            used.size, count, model.managedUsed(at), online, [...used.keys()].sort((a, b) => a - b),
          ]);
          expect(map.available).toBe(map.initialized ? model.available(at) : 0);
        }
        const online = model.cpus.flatMap(({ online: on }, at) => (on ? [at] : []));
        expect({ ...matrix.counters }).toEqual({
          globalAvailable: online.reduce((sum, at) => sum + model.available(at), 0),
          globalReserved: model.reserved,
          totalAllocated: given.length,
          onlineMaps: online.length,
        });
      }
    }), { numRuns: 150 });
  });

  test('CPUs that there are not have no vectors, and are in nobody’s way', () => {
    const { matrix, state } = make();
    matrix.online(0);
    const before = state.snapshot();
    expect([matrix.alloc(cpuMask(7), false), matrix.allocManaged(cpuMask(7)), matrix.reserveManaged(cpuMask(0, 7))]).toEqual([
      { ok: false, errno: 'ENOSPC', message: 'no vector is left on CPUs 7' },
      { ok: false, errno: 'ENOSPC', message: 'no vector is kept for managed interrupts on CPUs 7' },
      { ok: false, errno: 'ENOSPC', message: 'CPU 7 has no vector to keep for a managed interrupt' },
    ]);
    expect(state.changes(before)).toEqual([]);
    matrix.reserveManaged(cpuMask(0));
    expect([matrix.alloc(cpuMask(0, 7), false), matrix.allocManaged(cpuMask(0, 7))]).toEqual([ok({ cpu: 0, vector: FIRST + 1 }), ok({ cpu: 0, vector: FIRST })]);
    expect(matrix.alloc(cpuMask(1, 2), false)).toMatchObject({ errno: 'ENOSPC', message: 'no vector is left on CPUs 1,2' });
    expect(matrix.allocManaged(cpuMask(1, 2))).toMatchObject({ errno: 'ENOSPC', message: 'no vector is kept for managed interrupts on CPUs 1,2' });
  });

  test('what is not there is not freed', () => {
    const { matrix } = make();
    matrix.online(0);
    expect(() => matrix.free({ cpu: 0, vector: FIRST }, false)).toThrow(ModelError);
    expect(() => matrix.removeManaged(1n)).toThrow(ModelError);
    expect(() => matrix.online(0)).toThrow(ModelError);
    expect(() => matrix.cpu(3)).toThrow(ModelError);
  });
});
