import { point } from '@siov/base';
import { describe, expect, it } from 'vitest';
import { checkTables } from '../../src/tables/check-tables.ts';
import { leafFor } from '../../src/tables/learn/behaviour.ts';
import { BOUNDS, Learner } from '../../src/tables/learn/learner.ts';
import { independent, model, peterson, philosophers } from './models.ts';

describe('learning', () => {
  it('knows what every agent does for everything it can read', () => {
    const learner = new Learner(philosophers(2, true));
    expect(learner.close()).toBe(true);
    const [first] = learner.places;
    expect(first).toMatchObject({ kind: 'lock', what: 'lock fork0' });
    const free = leafFor(first?.tree ?? null, () => 0);
    expect(free?.writes.map((cell) => learner.book.cells.name(cell))).toEqual(['lock/fork0.held']);
    expect(free?.next).toMatchObject({ what: 'lock fork1' });
    expect(leafFor(first?.tree ?? null, () => 1)).toMatchObject({ blocked: true, writes: [] });
  });

  it('comes back to a place where nothing is remembered', () => {
    const learner = new Learner(peterson(true), { ...BOUNDS, eagerSteps: 300 });
    learner.close();
    expect(learner.families.map(({ places }) => places.filter(({ what }) => what === 'outside').length)).toEqual([1, 1]);
  });

  it('runs as much code as there is to learn', () => {
    const learner = new Learner(independent(2, 3));
    learner.close();
    const [learned, again] = [6, 1 + 2 + 1 + 2];
    expect(learner.steps).toBe(learned + again);
  });

  it('gives up eagerness where values do not close', () => {
    const grows = model('grows', ({ state }) => {
      const shared = state.record('shared', { count: 0 });
      return { agents: [{ name: 'adder', steps: (function* () { yield point('memory', 'add'); shared.count += 1; })() }] };
    });
    const learner = new Learner(grows, { ...BOUNDS, eagerValuesOfCell: 4 });
    expect(learner.close()).toBe(false);
    expect(learner.steps).toBeLessThan(40);
  });
});

describe('a model that cannot be learned', () => {
  it('says which cell takes too many values', async () => {
    const endless = model('endless', ({ state }) => {
      const shared = state.record('shared', { count: 0 });
      const add = function* () {
        for (;;) {
          yield { kind: 'memory', what: 'add', anew: true } as const;
          shared.count += 1;
        }
      };
      return { agents: [{ name: 'adder', steps: add() }], properties: [{ kind: 'always', name: 'small', holds: () => shared.count < 1_000_000 }] };
    });
    expect(await checkTables(endless)).toEqual({ notClosed: 'shared.count takes more than 1000 values' });
  });

  it('says that an agent keeps an object of its own in a cell', async () => {
    const own = model('own object', ({ state }) => {
      const shared = state.record<{ date: Date | null }>('shared', { date: null });
      return { agents: [{ name: 'keeper', steps: (function* () { yield point('memory', 'keep'); shared.date = new Date(0); })() }] };
    });
    expect(await checkTables(own)).toEqual({ notClosed: 'an agent puts Date of its own into a cell' });
  });
});

describe('agents that are not deterministic', () => {
  it('are named, with where they are and the cell', async () => {
    let hidden = 0;
    const chance = model('chance', ({ state }) => {
      const shared = state.record('shared', { value: 0, other: 0 });
      const agent = function* () {
        yield point('memory', 'write');
        shared.value = hidden++;
        yield point('memory', 'read');
        shared.other = shared.value;
      };
      return { agents: [{ name: 'gambler', steps: agent() }] };
    });
    await expect(checkTables(chance)).rejects.toThrow(/gambler at memory write: it writes 0 to shared.value one time and 1 the other, having read the same/);
  });

  it('are found where they say that they remember nothing, and do', async () => {
    const remembers = model('remembers', ({ state }) => {
      const shared = state.record('shared', { value: 0 });
      const agent = function* () {
        for (let round = 0; ; round++) {
          yield { kind: 'memory', what: 'loop', anew: true } as const;
          shared.value = round;
        }
      };
      return { agents: [{ name: 'counter', steps: agent() }] };
    });
    await expect(checkTables(remembers)).rejects.toThrow(/counter at memory loop/);
  });
});

describe('objects in cells', () => {
  it('are the own ones of each machine', async () => {
    const passes = model('passes a record', ({ state }) => {
      const one = state.record('one', { value: 1 });
      const two = state.record('two', { value: 2 });
      const box = state.record<{ holds: { value: number } }>('box', { holds: one });
      return {
        agents: [
          { name: 'swapper', steps: (function* () { yield point('memory', 'swap'); box.holds = two; })() },
          { name: 'adder', steps: (function* () { yield point('memory', 'add'); box.holds.value += 10; })() },
        ],
        properties: [{ kind: 'rest', name: 'one got ten', holds: () => one.value + two.value === 13 }],
      };
    });
    const report = await checkTables(passes);
    expect('verdicts' in report && report.verdicts.map(({ outcome }) => outcome)).toEqual(['proved', 'proved', 'proved']);
  });

  it('that an agent makes on its way can be used by others', async () => {
    const makes = model('makes a record', ({ state }) => {
      const box = state.record<{ holds: { value: number } | null }>('box', { holds: null });
      const use = function* () {
        yield { kind: 'wait', what: 'the record', ready: () => box.holds !== null } as const;
        if (box.holds !== null) box.holds.value += 1;
      };
      return {
        agents: [
          { name: 'maker', steps: (function* () { yield point('memory', 'make'); box.holds = state.record('made', { value: 1 }); })() },
          { name: 'user', steps: use() },
        ],
        properties: [{ kind: 'rest', name: 'two', holds: () => box.holds?.value === 2 }],
      };
    });
    const report = await checkTables(makes);
    expect('verdicts' in report && report.verdicts.map(({ outcome }) => outcome)).toEqual(['proved', 'proved', 'proved']);
  });
});
