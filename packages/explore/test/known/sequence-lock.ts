// Readers that never stop a writer: they read again if a sequence number was odd or has changed.
// C. Lameter, "Effective synchronization on Linux/NUMA systems", 2005 (seqlock).
import type { Steps } from '@siov/base';
import { NO_THROW } from '../../src/model.ts';
import type { Model } from '../../src/model.ts';
import { at } from '../witness/local.ts';
import { Cell } from './cell.ts';
import { known, proved, refuted } from './known-answer.ts';

const ENDS = 'the reader gets a pair';

type Fault = 'counts once, at the end' | 'does not look again' | 'reads at odd numbers';

function sequenceLock(name: string, fault?: Fault): Model {
  return {
    name,
    make(world) {
      const sequence = new Cell(world, 'sequence', 0);
      const left = new Cell(world, 'left', 0);
      const right = new Cell(world, 'right', 0);
      const got = world.state.record('got', { pair: false });
      const writer = function* (): Steps<void> {
        for (let value = 1; value <= 2; value++) {
          if (fault !== 'counts once, at the end') yield* sequence.modify('add 1 to', (number) => number + 1);
          yield* left.write(value);
          yield* right.write(value);
          yield* sequence.modify('add 1 to', (number) => number + (fault === 'counts once, at the end' ? 2 : 1));
        }
      };
      const reader = function* (): Steps<void> {
        for (;;) {
          yield at('memory', 'read sequence', null);
          const before = sequence.now;
          if (before % 2 === 1 && fault !== 'reads at odd numbers') continue;
          const [one, other] = [yield* left.read(), yield* right.read()];
          if (fault !== 'does not look again' && (yield* sequence.read()) !== before) continue;
          if (one !== other) throw new Error(`half of ${one} and half of ${other}`);
          got.pair = true;
          return;
        }
      };
      return {
        agents: [{ name: 'writer', steps: writer() }, { name: 'reader', steps: reader() }],
        properties: [{ kind: 'eventually', name: ENDS, holds: () => got.pair }],
      };
    },
  };
}

export const sequenceLockAnswers = known('C. Lameter, 2005', [
  { model: sequenceLock('sequence lock'), expected: { [ENDS]: proved } },
  {
    model: sequenceLock('sequence lock, counted at the end', 'counts once, at the end'),
    expected: { [ENDS]: proved, [NO_THROW]: refuted(5) },
  },
  { model: sequenceLock('sequence lock, no second look', 'does not look again'), expected: { [ENDS]: proved, [NO_THROW]: refuted(5) } },
  {
    model: sequenceLock('sequence lock, odd numbers are read at', 'reads at odd numbers'),
    expected: { [ENDS]: proved, [NO_THROW]: refuted(6) },
  },
]);
