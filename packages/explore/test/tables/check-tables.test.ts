import { point } from '@siov/base';
import { describe, expect, it } from 'vitest';
import { DEADLOCK, NO_THROW } from '../../src/model.ts';
import type { Model } from '../../src/model.ts';
import type { CheckOptions } from '../../src/options.ts';
import type { PropertyVerdict, Report } from '../../src/report.ts';
import { checkTables } from '../../src/tables/check-tables.ts';
import { independent, model, peterson, philosophers } from './models.ts';

async function reportOf(checked: Model, options?: CheckOptions): Promise<Report> {
  const report = await checkTables(checked, options);
  if ('notClosed' in report) throw new Error(report.notClosed);
  return report;
}

async function verdict(checked: Model, property: string): Promise<PropertyVerdict> {
  const { verdicts } = await reportOf(checked);
  return verdicts.find((each) => each.property === property) as PropertyVerdict;
}

describe('every state', () => {
  it('of two agents that take three steps each is one of 16', async () => {
    const { coverage } = await reportOf(independent(2, 3), { reduction: false });
    expect(coverage).toMatchObject({ engine: 'tables', states: 16, transitions: 24, depth: 6, complete: true, leftOver: null, merging: 'exact' });
  });

  it('of many agents is in several words', async () => {
    const { coverage } = await reportOf(independent(9, 2), { reduction: false });
    expect(coverage).toMatchObject({ states: 3 ** 9, depth: 18 });
  });

  it('of a machine without agents is the one it is made in', async () => {
    const { coverage, verdicts } = await reportOf(model('nothing', () => ({ agents: [] })));
    expect(coverage).toMatchObject({ states: 1, transitions: 0, depth: 0, complete: true });
    expect(verdicts.map(({ outcome }) => outcome)).toEqual(['proved', 'proved']);
  });
});

describe('a deadlock', () => {
  it('is found by the shortest schedule', async () => {
    const { outcome, counterexample } = await verdict(philosophers(3, false), DEADLOCK);
    expect(outcome).toBe('refuted');
    expect(counterexample?.steps.map(({ what }) => what)).toEqual(['lock fork0', 'lock fork1', 'lock fork2']);
    expect(counterexample).toMatchObject({ shortest: true, loop: null });
    expect(counterexample?.waiting.map((each) => each.for)).toEqual(['lock fork1', 'lock fork2', 'lock fork0']);
  });

  it('is not there where one philosopher is turned', async () => {
    expect((await verdict(philosophers(3, true), DEADLOCK)).outcome).toBe('proved');
  });

  it('is none when only daemons are left', async () => {
    const waits = (daemon: boolean) => model('waits for ever', ({ state }) => {
      const never = state.record('never', { comes: false });
      return { agents: [{ name: 'service', daemon, steps: (function* () { yield { kind: 'wait', what: 'what never comes', ready: () => never.comes }; })() }] };
    });
    expect((await verdict(waits(true), DEADLOCK)).outcome).toBe('proved');
    expect((await verdict(waits(false), DEADLOCK)).outcome).toBe('refuted');
  });

  it('is there when everybody looks in vain', async () => {
    const looks = model('looks', ({ state }) => {
      const never = state.record('never', { comes: false });
      return { agents: [{ name: 'looker', steps: (function* () { while (!never.comes) yield point('poll', 'look'); })() }] };
    });
    expect((await verdict(looks, DEADLOCK)).outcome).toBe('refuted');
  });
});

describe('properties', () => {
  it('of every state are refuted by a shortest schedule, with what the predicate says', async () => {
    const { counterexample } = await verdict(peterson(false), 'one is inside');
    expect(counterexample).toMatchObject({ violation: '2 are inside', shortest: true });
    // Both announce their turn first: the one that raises its flag last sees the other's, but it is its turn.
    expect(counterexample?.steps).toHaveLength(6);
    expect((await verdict(peterson(true), 'one is inside')).outcome).toBe('proved');
  });

  it('of rest are looked at where nobody moves', async () => {
    const sums = (locked: boolean) => model('two add', ({ state }) => {
      const total = state.record('total', { sum: 0 });
      const add = function* () {
        yield point('memory', 'read');
        const before = total.sum;
        if (!locked) yield point('memory', 'write');
        total.sum = before + 1;
      };
      return { agents: [{ name: 'a', steps: add() }, { name: 'b', steps: add() }], properties: [{ kind: 'rest', name: 'two', holds: () => total.sum === 2 }] };
    });
    expect((await verdict(sums(true), 'two')).outcome).toBe('proved');
    const { counterexample } = await verdict(sums(false), 'two');
    expect(counterexample).toMatchObject({ violation: 'two does not hold' });
    expect(counterexample?.steps).toHaveLength(4);
  });

  it('that read another cell when it has another value are asked again', async () => {
    const chain = model('a chain of cells', ({ state }) => {
      const cells = Array.from({ length: 140 }, (_, index) => state.record(`link${index}`, { set: false }));
      const set = function* () {
        for (const [index, cell] of cells.entries()) {
          yield point('memory', `set ${index}`);
          cell.set = true;
        }
      };
      return { agents: [{ name: 'setter', steps: set() }], properties: [{ kind: 'always', name: 'not all', holds: () => !cells.every((cell) => cell.set) }] };
    });
    expect((await verdict(chain, 'not all')).counterexample?.steps).toHaveLength(140);
  });
});

describe('an agent that throws', () => {
  const throws = model('throws', ({ state }) => {
    const shared = state.record('shared', { value: 0 });
    return {
      agents: [
        { name: 'writer', steps: (function* () { yield point('memory', 'write'); shared.value = 1; })() },
        { name: 'reader', steps: (function* () { yield point('memory', 'read'); if (shared.value === 1) throw new RangeError('one'); })() },
      ],
    };
  });

  it('is found when it comes to that, by the shortest schedule', async () => {
    const { outcome, counterexample } = await verdict(throws, NO_THROW);
    expect(outcome).toBe('refuted');
    expect(counterexample?.steps.map(({ agent, threw }) => [agent, threw])).toEqual([['writer', undefined], ['reader', 'RangeError: one']]);
  });
});

describe('agents that are spawned', () => {
  it('run with others of their name, as many as there are', async () => {
    const workers = model('workers', ({ state, spawn }) => {
      const done = state.record('done', { workers: 0 });
      const worker = function* () {
        yield point('memory', 'work');
        done.workers += 1;
      };
      const starter = function* () {
        for (let number = 0; number < 4; number++) {
          yield point('trap', 'start one');
          spawn({ name: 'worker', steps: worker() });
        }
      };
      return { agents: [{ name: 'starter', steps: starter() }], properties: [{ kind: 'rest', name: 'four', holds: () => done.workers === 4 }] };
    });
    const { verdicts, coverage } = await reportOf(workers, { reduction: false });
    expect(verdicts.map(({ outcome }) => outcome)).toEqual(['proved', 'proved', 'proved']);
    expect(coverage.depth).toBe(8);
  });
});

describe('counters', () => {
  it('that are bounded by what can happen need no closed values', async () => {
    const counts = model('two counters', ({ state }) => {
      const shared = state.record('shared', { count: 0 });
      const add = function* () {
        for (let round = 0; round < 30; round++) {
          // What was counted before makes no difference to what the agent does.
          yield { kind: 'memory', what: `add, round ${round}`, anew: true } as const;
          shared.count += 1;
        }
      };
      return { agents: [{ name: 'a', steps: add() }, { name: 'b', steps: add() }], properties: [{ kind: 'rest', name: 'sixty', holds: () => shared.count === 60 }] };
    });
    const { verdicts, coverage } = await reportOf(counts, { reduction: false });
    expect(verdicts.map(({ outcome }) => outcome)).toEqual(['proved', 'proved', 'proved']);
    expect(coverage.states).toBe(31 * 31);
  });
});
