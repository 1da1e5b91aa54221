import { point } from '@siov/base';
import { describe, expect, it } from 'vitest';
import { NO_THROW } from '../../src/model.ts';
import type { Model } from '../../src/model.ts';
import type { Report } from '../../src/report.ts';
import { checkTables } from '../../src/tables/check-tables.ts';
import { Clock } from '../../src/tables/search/clock.ts';
import { prepare } from '../../src/tables/prepare.ts';
import { partsSeen } from '../../src/tables/reduce/visible.ts';
import { independent, model, philosophers } from './models.ts';

async function both(checked: Model): Promise<{ reduced: Report; full: Report }> {
  const [reduced, full] = [await checkTables(checked), await checkTables(checked, { reduction: false })];
  if ('notClosed' in reduced || 'notClosed' in full) throw new Error('not closed');
  return { reduced, full };
}

describe('stubborn sets', () => {
  it('follow one order of what is independent', async () => {
    const { reduced, full } = await both(independent(4, 5));
    expect(full.coverage).toMatchObject({ states: 6 ** 4, reduction: 'none' });
    expect(reduced.coverage).toMatchObject({ states: 21, transitions: 20, reduction: 'stubborn sets', complete: true });
    expect(reduced.verdicts).toEqual(full.verdicts);
  });

  it('keep deadlocks, and give the shortest schedule to them', async () => {
    for (const turned of [false, true]) {
      const { reduced, full } = await both(philosophers(4, turned));
      expect(reduced.coverage.states).toBeLessThan(full.coverage.states);
      expect(reduced.verdicts).toEqual(full.verdicts);
    }
  });

  it('keep what properties see, in every order that makes a difference to them', async () => {
    const order = model('order', ({ state }) => {
      const shared = state.record('shared', { a: 0, b: 0, c: 0 });
      const set = (cell: 'a' | 'b' | 'c') => (function* () {
        for (const value of [1, 2]) {
          yield point('memory', `${cell} := ${value}`);
          shared[cell] = value;
        }
      })();
      return {
        agents: (['a', 'b', 'c'] as const).map((cell) => ({ name: cell, steps: set(cell) })),
        properties: [{ kind: 'always', name: 'not b alone', holds: () => !(shared.b === 2 && shared.a === 1) || 'b alone' }],
      };
    });
    const { reduced, full } = await both(order);
    expect(reduced.coverage.reduction).toBe('stubborn sets');
    expect(reduced.coverage.states).toBeLessThan(full.coverage.states);
    expect(reduced.verdicts).toEqual(full.verdicts);
    expect(reduced.verdicts.find(({ property }) => property === 'not b alone')?.counterexample?.shortest).toBe(true);
  });

  it('put nobody off for ever', async () => {
    const spins = model('one goes round, one throws', ({ state }) => {
      const own = state.record('own', { turn: 0 });
      const round = function* () {
        for (;;) {
          yield { kind: 'memory', what: 'turn', anew: true } as const;
          own.turn = 1 - own.turn;
        }
      };
      const throws = function* () {
        yield point('memory', 'first');
        yield point('memory', 'throw');
        throw new Error('here');
      };
      return { agents: [{ name: 'round', daemon: true, steps: round() }, { name: 'throws', steps: throws() }] };
    });
    const { reduced, full } = await both(spins);
    expect(reduced.verdicts).toEqual(full.verdicts);
    expect(reduced.verdicts.find(({ property }) => property === NO_THROW)?.outcome).toBe('refuted');
  });
});

describe('what a property sees', () => {
  it('is taken apart where several things hold at once', () => {
    const pairs = model('pairs', ({ state }) => {
      const cells = Array.from({ length: 6 }, (_, index) => state.record(`bit${index}`, { set: false }));
      const set = (cell: { set: boolean }) => (function* () { yield point('memory', 'set'); cell.set = true; })();
      return {
        agents: cells.map((cell, index) => ({ name: `setter${index}`, steps: set(cell) })),
        properties: [{ kind: 'always', name: 'no pair', holds: () => [0, 2, 4].every((index) => !(cells[index]?.set === true && cells[index + 1]?.set === true)) }],
      };
    });
    const { learned, judge } = prepare(pairs, new Clock('pairs', {}));
    const { cells, domains } = learned.book;
    const parts = judge.questions.flatMap((question) => partsSeen(question, judge, domains).map((part) => [...part].map((cell) => cells.name(cell)).sort()));
    expect(parts.sort()).toEqual([['bit0.set', 'bit1.set'], ['bit2.set', 'bit3.set'], ['bit4.set', 'bit5.set']]);
  });
});
