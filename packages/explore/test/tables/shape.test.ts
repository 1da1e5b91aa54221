import { point } from '@siov/base';
import { describe, expect, it } from 'vitest';
import type { Model } from '../../src/model.ts';
import { Learner } from '../../src/tables/learn/learner.ts';
import { bitsFor, get, layOut, put } from '../../src/tables/shape/layout.ts';
import { minimise } from '../../src/tables/shape/minimise.ts';
import type { Minimised } from '../../src/tables/shape/minimise.ts';
import { independent, model } from './models.ts';

function shapeOf(shaped: Model, looked: readonly string[] = []): { learner: Learner; minimised: Minimised } {
  const learner = new Learner(shaped);
  learner.close();
  return { learner, minimised: minimise(learner, new Set(looked.map((name) => learner.book.cells.of(name)))) };
}

describe('minimising', () => {
  it('makes one of places that do the same from there on', () => {
    const forgets = model('forgets', ({ state }) => {
      const shared = state.record('shared', { in: 0, out: 0 });
      const reader = function* () {
        yield point('memory', 'read');
        void shared.in;
        yield point('memory', 'write');
        shared.out = 1;
      };
      const writer = function* () {
        yield point('memory', 'set');
        shared.in = 1;
      };
      return { agents: [{ name: 'reader', steps: reader() }, { name: 'writer', steps: writer() }] };
    });
    const { learner, minimised } = shapeOf(forgets, ['shared.out']);
    // It has read one of two values, which makes no difference: neither does the cell.
    expect(learner.families.map(({ places }) => places.length)).toEqual([3, 1]);
    expect(minimised.blocks.ofFamily.map((blocks) => blocks.length)).toEqual([2, 1]);
    expect([...minimised.cells].map((cell) => learner.book.cells.name(cell))).toEqual(['shared.out']);
  });

  it('keeps apart what takes another number of steps', () => {
    const { minimised } = shapeOf(independent(1, 5));
    expect(minimised.blocks.ofFamily[0]).toHaveLength(5);
  });
});

describe('a layout', () => {
  it('has room for every value, and starts with 0 in each cell', () => {
    const { learner, minimised } = shapeOf(independent(12, 6), Array.from({ length: 12 }, (_, index) => `own${index}.count`));
    const layout = layOut(learner, minimised);
    // Twelve counters from 0 to 6 and twelve agents at 6 points or ended: 3 bits each.
    expect(layout.words).toBe(Math.ceil((24 * 3) / 30));
    expect([...layout.cells.values()].map((field) => get(layout.initial, field))).toEqual(Array.from({ length: 12 }, () => 0));
    const taken = new Set([...layout.cells.values(), ...layout.slots.map(({ field }) => field)].map(({ word, shift }) => `${word}:${shift}`));
    expect(taken.size).toBe(24);
  });

  it('writes a field without touching others', () => {
    const words = Int32Array.of(-1, -1);
    put(words, { word: 1, shift: 29, mask: 7 }, 2);
    expect(get(words, { word: 1, shift: 29, mask: 7 })).toBe(2);
    expect([words[0], (words[1] as number) >>> 0]).toEqual([-1, 0x5fffffff]);
  });

  it('needs no bit for one value', () => {
    expect([0, 1, 2, 3, 4, 5, 256, 257].map(bitsFor)).toEqual([0, 0, 1, 2, 2, 3, 8, 9]);
  });
});
