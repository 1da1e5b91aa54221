import { expect, test } from 'vitest';
import { plainState } from '@siov/base';
import type { StatePort } from '@siov/base';
import { Device } from '@siov/device';
import { MsiDomain, setMsiDomain } from '../src/index.ts';
import { makeMachine } from './machine.ts';

/** Nanoseconds of one interrupt allocated and freed beside `present` others: the best of several rounds. */
function cost(slots: 'any' | 'by-index', present: number): number {
  const { msi, run } = makeMachine({ hwsize: 65536, nrIrqs: 65600, slots, cpus: 2 });
  for (let index = 0; index < present; index++) if (!run(msi.allocIrqAt(index, null)).ok) throw new Error(`${index}`);
  let best = Infinity;
  for (let round = 0; round < 8; round++) {
    const start = performance.now();
    for (let each = 0; each < 200; each++) {
      const made = run(msi.allocIrqAt('any', null));
      if (!made.ok) throw new Error(made.message);
      run(msi.freeIrqsRange(made.value.index, made.value.index));
    }
    best = Math.min(best, ((performance.now() - start) / 200) * 1e6);
  }
  return best;
}

test.each(['any', 'by-index'] as const)('slots %s: an interrupt costs about the same among 16 and among 65,000: nothing is searched through', (slots) => {
  const [few, many] = [cost(slots, 16), cost(slots, 65_000)];
  // A search would make it thousands of times as much.
  expect(many / few).toBeLessThan(12);
}, 60_000);

test('a domain of 65,536 slots is made with its bitmap and no more', () => {
  const { core, vectors, owner, table } = makeMachine();
  const made = { words: 0, records: 0 };
  const state: StatePort = {
    ...plainState,
    words: (name, length, initial) => { made.words += length; return plainState.words(name, length, initial); },
    record: (name, initial) => { made.records += 1; return plainState.record(name, initial); },
  };
  Object.assign(core.ports, { state });
  const device = new Device('big', { state: plainState, parent: owner });
  const set = setMsiDomain(core, device, new MsiDomain<null>(core, owner, vectors.domain, { name: 'BIG', chip: table, hwsize: 65536, slots: 'any' }));
  expect(set.ok).toBe(true);
  expect(made.words).toBeLessThan((65536 / 32) * 1.1);
  expect(made.records).toBeLessThan(10);
});
