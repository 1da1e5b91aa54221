import { point } from '@siov/base';
import { describe, expect, it } from 'vitest';
import type { Model, ModelAgent, Property } from '../../src/model.ts';
import type { Counterexample } from '../../src/report.ts';
import { checkTables } from '../../src/tables/check-tables.ts';
import { model, peterson } from './models.ts';

async function broken(checked: Model, property: string): Promise<Counterexample | null> {
  const report = await checkTables(checked);
  if ('notClosed' in report) throw new Error(report.notClosed);
  const verdict = report.verdicts.find((each) => each.property === property);
  expect(verdict?.outcome).toBe(verdict?.counterexample === null ? 'proved' : 'refuted');
  return verdict?.counterexample ?? null;
}

/** One sets `done`, if it gets to; another goes round, and lets nobody through with `door`. */
interface Shared {
  done: boolean;
  door: boolean;
}

function runner(setter: (shared: Shared) => ModelAgent['steps'], property: (shared: Shared) => Property): Model {
  return model('runner', ({ state }) => {
    const shared = state.record('shared', { done: false, door: false });
    const round = function* () {
      for (;;) {
        yield { kind: 'memory', what: 'open', anew: true } as const;
        shared.door = true;
        yield point('memory', 'close');
        shared.door = false;
      }
    };
    return { agents: [{ name: 'runner', daemon: true, steps: round() }, { name: 'setter', steps: setter(shared) }], properties: [property(shared)] };
  });
}

const done = (shared: { done: boolean }): Property => ({ kind: 'eventually', name: 'done', holds: () => shared.done });

describe('eventually', () => {
  it('holds as an agent that can always go on does', async () => {
    const steps = (shared: { done: boolean }) => (function* () { yield point('memory', 'set'); shared.done = true; })();
    expect(await broken(runner(steps, done), 'done')).toBeNull();
  });

  it('does not hold when an agent can go on now and then only', async () => {
    const steps = function* (shared: Shared) {
      yield { kind: 'wait', what: 'the door', ready: () => shared.door } as const;
      shared.done = true;
    };
    const counterexample = await broken(runner(steps, done), 'done');
    expect(counterexample).toMatchObject({ loop: 0, shortest: false });
    expect(counterexample?.steps.map(({ agent }) => agent)).toEqual(['runner', 'runner']);
  });

  it('does not hold when the run ends before', async () => {
    const stops = model('stops', ({ state }) => {
      const shared = state.record('shared', { done: false, seen: false });
      return { agents: [{ name: 'stopper', steps: (function* () { yield point('memory', 'stop'); shared.seen = true; })() }], properties: [done(shared)] };
    });
    expect(await broken(stops, 'done')).toMatchObject({ loop: null, violation: 'the run ends before it is so', steps: [{ what: 'stop' }] });
  });

  it('holds where it holds from the start', async () => {
    const steps = () => (function* () { yield point('memory', 'nothing'); })();
    expect(await broken(runner(steps, () => ({ kind: 'eventually', name: 'done', holds: () => true })), 'done')).toBeNull();
  });
});

describe('responds', () => {
  it("holds of Peterson's: who wants to get in does", async () => {
    expect(await broken(peterson(true), 'zero gets in')).toBeNull();
  });

  it('is refuted by a loop in which everybody steps that can', async () => {
    const unfair = model('unfair lock', ({ state }) => {
      const lock = state.record('lock', { held: false, wants0: false, in0: false });
      const process = function* (me: number) {
        for (;;) {
          yield { kind: 'memory', what: 'outside', anew: true } as const;
          if (me === 0) lock.wants0 = true;
          yield { kind: 'lock', what: 'take', ready: () => !lock.held } as const;
          lock.held = true;
          if (me === 0) lock.in0 = true;
          yield point('unlock', 'give back');
          lock.held = false;
          if (me === 0) Object.assign(lock, { in0: false, wants0: false });
        }
      };
      return {
        agents: [{ name: 'zero', steps: process(0) }, { name: 'one', steps: process(1) }],
        // oxlint-disable-next-line unicorn/no-thenable -- the field's name is the interface's; nobody awaits a property
        properties: [{ kind: 'responds', name: 'gets in', when: () => lock.wants0, then: () => lock.in0 }],
      };
    });
    const counterexample = await broken(unfair, 'gets in');
    const { steps = [], loop } = counterexample ?? {};
    expect(loop).toBeGreaterThan(0);
    expect(new Set(steps.slice(loop ?? 0).map(({ agent }) => agent))).toEqual(new Set(['one']));
  });

  it('within a number of steps is a matter of all runs', async () => {
    const answers = (within: number) => model('answers', ({ state }) => {
      const shared = state.record('shared', { asked: false, answered: false, other: 0 });
      const ask = function* () { yield point('memory', 'ask'); shared.asked = true; };
      const answer = function* () { yield { kind: 'wait', what: 'the question', ready: () => shared.asked } as const; shared.answered = true; };
      const other = function* () { for (const value of [1, 2]) { yield point('memory', `other ${value}`); shared.other = value; } };
      return {
        agents: [{ name: 'asks', steps: ask() }, { name: 'answers', steps: answer() }, { name: 'other', steps: other() }],
        // oxlint-disable-next-line unicorn/no-thenable -- the field's name is the interface's; nobody awaits a property
        properties: [{ kind: 'responds', name: 'answered', when: () => shared.asked, then: () => shared.answered, within }],
      };
    });
    expect(await broken(answers(3), 'answered')).toBeNull();
    const counterexample = await broken(answers(2), 'answered');
    expect(counterexample).toMatchObject({ violation: 'not answered within 2 steps', loop: null });
    expect(counterexample?.steps).toHaveLength(3);
  });
});
