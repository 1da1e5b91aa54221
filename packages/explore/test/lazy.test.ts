// The engine `lazy` where it is not like the other: agents that come and go, identities, polling, rounds of reduction.
import { describe, expect, test } from 'vitest';
import { Lock, point, waitUntil } from '@siov/base';
import type { Steps } from '@siov/base';
import { check, DEADLOCK, LIVELOCK, NO_THROW } from '../src/index.ts';
import type { Model, Report } from '../src/index.ts';

const lazily = (model: Model, reduction = true) => check(model, { engine: 'lazy', reduction });
const outcomes = ({ verdicts }: Report) => Object.fromEntries(verdicts.map(({ property, outcome }) => [property, outcome]));
const look = point('register', 'status');
const again = point('poll', 'status');

/** One that polls a flag which another sets, or nobody. */
const polling = (set: boolean): Model => ({
  name: 'polling',
  make({ state }) {
    const device = state.record('device', { done: false });
    function* poll(): Steps<void> {
      for (;;) {
        yield look;
        if (device.done) return;
        yield again;
      }
    }
    function* finish(): Steps<void> {
      yield point('device', 'done');
      device.done = set;
    }
    return { agents: [{ name: 'driver', steps: poll() }, { name: 'device', steps: finish(), daemon: true }], properties: [] };
  },
});

describe('agents that poll', () => {
  test('come to their end when what they poll for comes, however long it takes', async () => {
    const report = await lazily(polling(true));
    expect([outcomes(report), report.coverage.complete]).toEqual([{ [NO_THROW]: 'proved', [DEADLOCK]: 'proved', [LIVELOCK]: 'proved' }, true]);
  });

  test('go round for ever when it does not: that is no progress, and so refuted', async () => {
    for (const reduction of [true, false]) {
      const report = await lazily(polling(false), reduction);
      expect([outcomes(report)[DEADLOCK], outcomes(report)[LIVELOCK]]).toEqual(['proved', 'refuted']);
      expect(report.verdicts.find(({ property }) => property === LIVELOCK)?.counterexample?.shortest).toBe(false);
    }
  });
});

describe('objects with an identity', () => {
  const handing = (wrong: boolean): Model => ({
    name: 'hand over',
    make({ state }) {
      const seat = state.map<string, { run: () => number }>('seat');
      const told = state.record('told', { value: 0 });
      function* giver(): Steps<void> {
        yield point('memory', 'give');
        seat.set('it', { run: () => 7 });
      }
      function* taker(): Steps<void> {
        yield* waitUntil('it is there', () => wrong || seat.has('it'));
        told.value = seat.get('it')?.run() ?? -1;
      }
      return { agents: [{ name: 'giver', steps: giver() }, { name: 'taker', steps: taker() }], properties: [{ kind: 'rest', name: 'called', holds: () => told.value === 7 || `told ${told.value}` }] };
    },
  });

  test('go from one agent to another as they are', async () => {
    expect(outcomes(await lazily(handing(false)))['called']).toBe('proved');
    const report = await lazily(handing(true));
    expect(report.verdicts.find(({ property }) => property === 'called')?.counterexample).toMatchObject({ violation: 'told -1', shortest: true, steps: [{ agent: 'taker' }, { agent: 'giver' }] });
  });
});

describe('agents that come while it runs', () => {
  test('have names of their own, and are waited for', async () => {
    const model: Model = {
      name: 'fork and join',
      make({ state, spawn }) {
        const sum = state.record('sum', { done: 0 });
        function* worker(): Steps<void> {
          yield point('memory', 'work');
          sum.done += 1;
        }
        function* main(): Steps<void> {
          yield point('memory', 'start');
          for (let each = 0; each < 3; each++) spawn({ name: 'worker', steps: worker() });
          yield* waitUntil('all are done', () => sum.done === 3);
        }
        return { agents: [{ name: 'main', steps: main() }], properties: [{ kind: 'rest', name: 'done', holds: () => sum.done === 3 }] };
      },
    };
    expect(outcomes(await lazily(model))).toEqual({ [NO_THROW]: 'proved', [DEADLOCK]: 'proved', [LIVELOCK]: 'proved', done: 'proved' });
  });
});

describe('reduction', () => {
  /** `count` agents, each with a lock of its own or all with one. */
  const locking = (count: number, shared: boolean): Model => ({
    name: 'locking',
    make({ state }) {
      const locks = Array.from({ length: count }, (_, each) => new Lock(state, `${shared ? 0 : each}/${shared ? '' : each}`));
      const box = state.record('box', { inside: 0, most: 0 });
      const own = Array.from({ length: count }, (_, each) => state.record(`own${each}`, { done: 0 }));
      const body = function* (each: number): Steps<void> {
        if (shared) box.most = Math.max(box.most, (box.inside += 1));
        yield point('memory', 'inside');
        if (shared) box.inside -= 1;
        (own[each] as { done: number }).done += 1;
      };
      const one = shared ? new Lock(state, 'the one') : null;
      return {
        agents: Array.from({ length: count }, (_, each) => ({ name: `a${each}`, steps: (one ?? (locks[each] as Lock)).with(body(each)) })),
        properties: [{ kind: 'always', name: 'one inside', holds: () => box.most <= 1 }, { kind: 'rest', name: 'all done', holds: () => own.every(({ done }) => done === 1) }],
      };
    },
  });

  test('agents that have nothing to do with each other are followed in one order', async () => {
    const [reduced, full] = [await lazily(locking(5, false)), await lazily(locking(5, false), false)];
    expect(outcomes(reduced)).toEqual(outcomes(full));
    expect(reduced.coverage.transitions).toBe(15);
    expect(full.coverage.transitions).toBeGreaterThan(1000);
  });

  test('agents that share a lock are followed in every order of taking it', async () => {
    const [reduced, full] = [await lazily(locking(4, true)), await lazily(locking(4, true), false)];
    expect(outcomes(reduced)).toEqual({ [NO_THROW]: 'proved', [DEADLOCK]: 'proved', [LIVELOCK]: 'proved', 'one inside': 'proved', 'all done': 'proved' });
    expect(outcomes(full)).toEqual(outcomes(reduced));
    expect(reduced.coverage.transitions).toBeLessThan(full.coverage.transitions);
  });
});
