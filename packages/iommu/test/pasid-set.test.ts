import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import type { Result } from '@siov/base';
import { INVALID_PASID } from '../src/index.ts';
import type { PasidEvent, PasidSet } from '../src/index.ts';
import { machine, outcome, value } from './machine.ts';

const MM = { name: 'mm of a VMM' };

/** What a set is, as plainly as can be. */
interface Model {
  readonly members: Map<number, { spid: number | null; references: number }>;
}

type Command =
  | { readonly do: 'alloc' }
  | { readonly do: 'free' | 'get' | 'put' | 'detachSpid'; readonly pasid: number }
  | { readonly do: 'attachSpid'; readonly pasid: number; readonly spid: number }
  | { readonly do: 'find'; readonly spid: number; readonly get: boolean };

const pasid = fc.integer({ min: 1, max: 9 });
const spid = fc.oneof(fc.nat(4), fc.constant(INVALID_PASID));
const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({ do: fc.constant('alloc' as const) }),
  fc.record({ do: fc.constantFrom('free' as const, 'get' as const, 'put' as const, 'detachSpid' as const), pasid }),
  fc.record({ do: fc.constant('attachSpid' as const), pasid, spid }),
  fc.record({ do: fc.constant('find' as const), spid, get: fc.boolean() }),
);

/** Does the command on the model; the outcome it must have. */
function expected({ members }: Model, step: Command, quota: number, taken: ReadonlySet<number>): string {
  const byName = (name: number) => [...members].find(([, each]) => each.spid === name)?.[0];
  if (step.do === 'alloc') {
    if (members.size >= quota) return 'ENOSPC';
    let lowest = 1;
    while (members.has(lowest) || taken.has(lowest)) lowest++;
    members.set(lowest, { spid: null, references: 1 });
    return `ok ${lowest}`;
  }
  if (step.do === 'find') {
    const found = byName(step.spid);
    const member = found === undefined ? undefined : members.get(found);
    if (member === undefined) return 'ENOENT';
    if (step.get) member.references += 1;
    return `ok ${found}`;
  }
  const member = members.get(step.pasid);
  if (step.do === 'attachSpid') {
    if (step.spid === INVALID_PASID) return 'EINVAL';
    if (member === undefined) return 'ENOENT';
    if (byName(step.spid) !== undefined) return 'EINVAL';
    member.spid = step.spid;
    return 'ok';
  }
  if (member === undefined) return step.do === 'free' ? 'EINVAL' : 'ENOENT';
  if (step.do === 'detachSpid') {
    if (member.spid === null) return 'ENOENT';
    member.spid = null;
    return 'ok';
  }
  if (step.do === 'get') {
    member.references += 1;
    return 'ok';
  }
  if (step.do === 'free' && member.references > 1) return 'EBUSY';
  member.references -= 1;
  if (member.references === 0) members.delete(step.pasid);
  return 'ok';
}

function run(set: PasidSet, step: Command): string {
  const show = (result: Result<number | void>) => (result.ok ? `ok${typeof result.value === 'number' ? ` ${result.value}` : ''}` : result.errno);
  switch (step.do) {
    case 'alloc': return show(set.alloc());
    case 'free': return show(set.free(step.pasid));
    case 'get': return show(set.get(step.pasid));
    case 'put': return show(set.put(step.pasid));
    case 'attachSpid': return show(set.attachSpid(step.pasid, step.spid));
    case 'detachSpid': return show(set.detachSpid(step.pasid));
    case 'find': return show(set.findBySpid(step.spid, { get: step.get }));
  }
}

describe('a set', () => {
  test('any program of two sets agrees with a model of members, names and references, and every change was announced', () => {
    fc.assert(fc.property(fc.array(fc.tuple(fc.nat(1), command), { maxLength: 60, size: 'max' }), (steps) => {
      const { iommu } = machine({ pasidWidth: 4 });
      const quotas = [4, 3];
      const sets = quotas.map((quota) => value(iommu.allocSet(null, quota)));
      const models: Model[] = quotas.map(() => ({ members: new Map() }));
      const heard = sets.map(() => new Map<number, number | null>());
      for (const [index, set] of sets.entries()) {
        set.subscribe(({ event, pasid: id, spid: name }) => {
          const known = heard[index] as Map<number, number | null>;
          if (event === 'free') known.delete(id);
          else known.set(id, event === 'bind' ? name : null);
        });
      }
      for (const [which, step] of steps) {
        const [set, model, other] = [sets[which], models[which], models[1 - which]] as [PasidSet, Model, Model];
        expect(run(set, step)).toBe(expected(model, step, quotas[which] ?? 0, new Set(other.members.keys())));
      }
      for (const [index, { members }] of models.entries()) {
        expect(sets[index]?.list()).toEqual([...members].map(([id, each]) => ({ pasid: id, ...each })).sort((a, b) => a.pasid - b.pasid));
        expect(new Map(heard[index])).toEqual(new Map([...members].map(([id, each]) => [id, each.spid])));
      }
      expect(iommu.counters.pasids).toBe(models.reduce((sum, { members }) => sum + members.size, 0));
    }), { numRuns: 300 });
  });

  test('events say what, whose and with which data, in order, to every subscriber until it ends', () => {
    const { iommu } = machine();
    const set = value(iommu.allocSet(MM, 8));
    const events: PasidEvent[] = [];
    const end = set.subscribe((event) => events.push(event));
    const late: string[] = [];
    set.subscribe(({ event }) => late.push(event));
    const id = value(set.alloc(5, 9, 'client 3'));
    value(set.attachSpid(id, 70));
    value(set.detachSpid(id));
    value(set.attachSpid(id, 71));
    end();
    value(set.free(id));
    expect(events).toEqual([
      { event: 'alloc', pasid: 5, spid: null, set, data: 'client 3' },
      { event: 'bind', pasid: 5, spid: 70, set, data: 'client 3' },
      { event: 'unbind', pasid: 5, spid: 70, set, data: 'client 3' },
      { event: 'bind', pasid: 5, spid: 71, set, data: 'client 3' },
    ]);
    expect(late).toEqual(['alloc', 'bind', 'unbind', 'bind', 'free']);
    expect(outcome(set.findBySpid(71))).toBe('ENOENT');
  });

  test('a subscriber can take a PASID up again while it is being freed: then it stays', () => {
    const { iommu } = machine();
    const set = value(iommu.allocSet(MM, 8));
    const id = value(set.alloc());
    let again = true;
    set.subscribe(({ event, pasid: freed }) => {
      if (event === 'free' && again) value(set.get(freed));
    });
    expect([outcome(set.free(id)), set.list()]).toEqual(['EBUSY', [{ pasid: id, spid: null, references: 2 }]]);
    value(set.put(id));
    again = false;
    value(set.free(id));
    expect(iommu.counters.pasids).toBe(0);
  });

  test('a subscriber that gives its reference back when a name is taken away can free the PASID by it', () => {
    const { iommu } = machine();
    const set = value(iommu.allocSet(MM, 8));
    const id = value(set.alloc());
    value(set.attachSpid(id, 3));
    set.subscribe(({ event, pasid: unbound }) => {
      if (event === 'unbind') value(set.put(unbound));
    });
    value(set.detachSpid(id));
    expect([set.has(id), outcome(set.findBySpid(3)), iommu.counters.pasids]).toEqual([false, 'ENOENT', 0]);
  });

  test('ranges: outside 1..2^width is EINVAL, a range without a free id is ENOSPC', () => {
    const { iommu } = machine({ pasidWidth: 4 });
    const set = value(iommu.allocSet(null, 0));
    for (const [min, max] of [[0, 5], [6, 5], [1.5, 5]]) expect(outcome(set.alloc(min, max))).toBe('EINVAL');
    expect([set.alloc(14, 90), set.alloc(14, 90), set.alloc(14, 90)].map((each) => (each.ok ? each.value : each.errno))).toEqual([14, 15, 'ENOSPC']);
  });

  test('quotas are taken from what is left; 0 is all of it; a token has one set; a set with PASIDs stays', () => {
    const { iommu } = machine({ pasidWidth: 4, reservedPasids: [2] });
    expect(outcome(iommu.allocSet(null, 15))).toBe('ENOSPC');
    const first = value(iommu.allocSet(MM, 10));
    expect(outcome(iommu.allocSet(MM, 1))).toBe('EEXIST');
    expect([outcome(iommu.allocSet(null, 1, 'mm')), outcome(iommu.allocSet(MM, 1, 'null')), outcome(iommu.allocSet(null, -1))]).toEqual(['EINVAL', 'EINVAL', 'EINVAL']);
    const rest = value(iommu.allocSet(null, 0));
    expect([first.quota, rest.quota]).toEqual([10, 4]);
    expect(outcome(iommu.allocSet(null, 1))).toBe('ENOSPC');
    const id = value(rest.alloc());
    expect(outcome(iommu.freeSet(rest))).toBe('EBUSY');
    value(rest.free(id));
    value(iommu.freeSet(rest));
    expect(outcome(iommu.freeSet(rest))).toBe('EINVAL');
    expect(value(iommu.allocSet(null, 4)).id).toBe(rest.id);
  });
});

describe('guest PASIDs', () => {
  test('R16: the guest’s PASID resolves to the host’s before any interrupt is there, for a device attached with it, and for no other', () => {
    const { iommu, mdevs: [a, b], space } = machine();
    const set = value(iommu.allocSet(MM, 8));
    const host = value(set.alloc());
    expect(outcome(iommu.resolveGuest(set, a, 7))).toBe('ENXIO');
    value(set.attachSpid(host, 7));
    expect(outcome(iommu.resolveGuest(set, a, 7))).toBe('ENXIO');
    const witness = value(iommu.attachPasid(space('guest process').domain, a, host));
    expect(value(iommu.resolveGuest(set, a, 7))).toBe(witness);
    expect([outcome(iommu.resolveGuest(set, b, 7)), outcome(iommu.resolveGuest(set, a, 8))]).toEqual(['ENXIO', 'ENXIO']);
    expect([witness.pasid, witness.valid]).toEqual([host, true]);
    value(iommu.detachPasid(a, host));
    expect([witness.valid, outcome(iommu.resolveGuest(set, a, 7))]).toEqual([false, 'ENXIO']);
  });

  test('a PASID that an interrupt entry names is not freed behind its back, by free or by the last put', () => {
    const { iommu, mdevs: [mdev], space } = machine();
    const set = value(iommu.allocSet(MM, 8));
    const host = value(set.alloc());
    const events: string[] = [];
    set.subscribe(({ event }) => events.push(event));
    const witness = value(iommu.attachPasid(space('guest process').domain, mdev, host));
    witness.hold();
    expect([outcome(set.free(host)), outcome(set.put(host)), outcome(iommu.detachPasid(mdev, host))]).toEqual(['EBUSY', 'EBUSY', 'EBUSY']);
    expect([events, witness.valid, set.has(host)]).toEqual([[], true, true]);
    witness.release();
    value(iommu.detachPasid(mdev, host));
    value(set.put(host));
    expect([events, set.has(host), iommu.counters.pasids]).toEqual([['free'], false, 0]);
  });
});
