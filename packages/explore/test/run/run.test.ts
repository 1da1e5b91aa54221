// Runs of the real code: step by step, replayed, sampled; and what is no model is told from what is.
import { describe, expect, test } from 'vitest';
import { point, waitUntil } from '@siov/base';
import type { StatePort, Steps } from '@siov/base';
import { check, DEADLOCK, NO_THROW, replay, Run, simulate } from '../../src/index.ts';
import type { Model, Predicate } from '../../src/index.ts';

const read = point('memory', 'read the counter');
const write = point('memory', 'write the counter');

/** Two that add one each without a lock: one of the two may be lost. */
function counter(options: { agents?: number; hidden?: boolean } = {}): Model {
  const outside = { calls: 0 };
  return {
    name: 'counter',
    make({ state }) {
      const box = state.record('box', { count: 0 });
      function* add(): Steps<void> {
        yield read;
        const { count } = box;
        if (options.hidden === true) outside.calls += 1;
        yield write;
        box.count = count + 1 + (options.hidden === true ? outside.calls % 2 : 0);
      }
      const { agents = 2 } = options;
      return {
        agents: Array.from({ length: agents }, (_, each) => ({ name: `adder${each}`, steps: add() })),
        properties: [{ kind: 'rest', name: 'all are counted', holds: () => box.count === agents || `${box.count} of ${agents} are counted` }],
      };
    },
  };
}

const one = (make: (state: StatePort) => { steps: Steps<unknown>; always?: Predicate }): Model => ({
  name: 'one',
  make({ state }) {
    const { steps, always } = make(state);
    return { agents: [{ name: 'agent', steps }], properties: always === undefined ? [] : [{ kind: 'always', name: 'always', holds: always }] };
  },
});

describe('a run', () => {
  test('an agent’s step goes from its point to the next, and says what it read and wrote', () => {
    const run = new Run(counter());
    expect([run.agents, run.enabled(), run.point('adder0')]).toEqual([['adder0', 'adder1'], ['adder0', 'adder1'], { kind: 'memory', what: 'read the counter' }]);
    expect(run.step('adder0')).toEqual({ agent: 'adder0', kind: 'memory', what: 'read the counter', reads: [{ cell: 'box.count', value: 0 }], writes: [] });
    const { writes } = run.step('adder0');
    expect(writes).toContainEqual({ cell: 'box.count', before: 0, after: 1 });
    expect(run.agents).toEqual(['adder1']);
    expect(() => run.step('adder0')).toThrow('there is no agent adder0; there are adder1');
  });

  test('an agent that waits has no step', () => {
    const run = new Run(one(() => ({ steps: waitUntil('pigs to fly', () => false) })));
    expect(run.waiting()).toEqual([{ agent: 'agent', for: 'pigs to fly' }]);
    expect(() => run.step('agent')).toThrow('agent waits for pigs to fly');
  });
});

describe('what is no model', () => {
  test('state that agents share without the port is told, with the agent and the place', async () => {
    await expect(check(counter({ hidden: true, agents: 3 }), { engine: 'lazy' })).rejects.toThrow(/adder\d.*(write the counter|read the counter)/);
  });

  test('a predicate that changes something', async () => {
    const model = one((state) => {
      const box = state.record('box', { looks: 0 });
      return { steps: waitUntil('nothing', () => true), always: () => (box.looks += 1) > 0 };
    });
    await expect(check(model, { engine: 'lazy' })).rejects.toThrow('property always writes box.looks: a predicate changes nothing');
  });
});

describe('a counterexample', () => {
  test('is the shortest, and replays to the same end', async () => {
    for (const engine of ['lazy', 'tables'] as const) {
      const report = await check(counter(), { engine });
      const found = report.verdicts.find(({ property }) => property === 'all are counted')?.counterexample;
      expect([found?.violation, found?.steps.length, found?.shortest]).toEqual(['1 of 2 are counted', 4, true]);
      if (found === null || found === undefined) throw new Error('nothing was found');
      const seen: number[] = [];
      expect(replay(counter(), found, (step) => seen.push(step))).toMatchObject({ violation: '1 of 2 are counted', diverged: null });
      expect(seen).toEqual([0, 1, 2, 3]);
    }
  });

  test('of another model diverges where it does', async () => {
    const report = await check(counter(), { engine: 'lazy' });
    const found = report.verdicts.find(({ property }) => property === 'all are counted')?.counterexample;
    if (found === null || found === undefined) throw new Error('nothing was found');
    const other = { ...found, steps: found.steps.map((step, each) => (each === 1 ? { ...step, reads: [{ cell: 'box.count', value: 9 }] } : step)) };
    expect(replay(counter(), other).diverged).toEqual({ step: 1, why: 'box.count is 0, and was 9' });
    expect(replay(counter({ agents: 1 }), found).diverged?.why).toContain('there is no agent adder1');
  });
});

describe('simulation', () => {
  test.each([['random'], ['pct']] as const)('%s: the same seed, the same schedules; nothing is proved', (strategy) => {
    const sample = (seed: number) => simulate(counter(), { strategy, seed, runs: 30 });
    const { verdicts, coverage } = sample(7);
    expect(verdicts.find(({ property }) => property === 'all are counted')?.outcome).toBe('refuted');
    expect(verdicts.filter(({ property }) => property === DEADLOCK || property === NO_THROW).map(({ outcome }) => outcome)).toEqual(['not refuted', 'not refuted']);
    expect(sample(7).verdicts).toEqual(verdicts);
    expect([coverage.engine, coverage.complete, coverage.seed, coverage.schedules]).toEqual([strategy, false, 7, 30]);
  });

  test('a run that does not end is given up', () => {
    const forever = one(() => ({ steps: (function* () { for (;;) yield read; })() }));
    expect(simulate(forever, { runs: 2, depth: 50 }).coverage.leftOver).toEqual({ limit: 'depth', states: 2 });
    expect(() => simulate(forever, { runs: 0 })).toThrow('0 runs: it takes at least one');
  });
});

describe('limits', () => {
  test('what ended it and how much is left is said, and nothing is called proved', async () => {
    const report = await check(counter({ agents: 6 }), { engine: 'lazy', reduction: false, limits: { seconds: 0 } });
    expect([report.coverage.complete, report.coverage.leftOver?.limit, report.verdicts.some(({ outcome }) => outcome === 'proved')]).toEqual([false, 'time', false]);
  });

  test('interrupted by whoever has its signal', async () => {
    const abort = new AbortController();
    abort.abort();
    const report = await check(counter({ agents: 6 }), { engine: 'lazy', reduction: false, signal: abort.signal });
    expect(report.coverage.leftOver?.limit).toBe('interrupted');
  });
});
