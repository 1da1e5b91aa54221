// Initialisation that is checked without the lock and again with it; it fails if the object is published before it is whole.
// D. C. Schmidt, T. Harrison, "Double-checked locking", 1996; D. Bacon and others, "The double-checked locking is broken
// declaration", 2000.
import { Lock } from '@siov/base';
import type { Steps } from '@siov/base';
import { NO_THROW } from '../../src/model.ts';
import type { Model, World } from '../../src/model.ts';
import { Cell } from './cell.ts';
import { known, proved, refuted } from './known-answer.ts';

const ONCE = 'it is made once';

type Fault = 'published before it is whole' | 'checked once' | 'no lock';

function singleton(name: string, fault?: Fault): Model {
  return {
    name,
    make(world: World) {
      const published = new Cell(world, 'published', false);
      const field = new Cell(world, 'field', 0);
      const made = world.state.record('made', { times: 0 });
      const lock = new Lock(world.state, 'making');
      const make = function* (): Steps<void> {
        if (fault === 'published before it is whole') yield* published.write(true);
        yield* field.write(42);
        made.times += 1;
        if (fault !== 'published before it is whole') yield* published.write(true);
      };
      const check = function* (): Steps<void> {
        if (fault === 'checked once' || !(yield* published.read())) yield* make();
      };
      const user = function* (): Steps<void> {
        if (!(yield* published.read())) yield* fault === 'no lock' ? make() : lock.with(check());
        if ((yield* field.read()) === 0) throw new Error('used before it was whole');
      };
      return {
        agents: [0, 1, 2].map((index) => ({ name: `user${index}`, steps: user() })),
        properties: [{ kind: 'always', name: ONCE, holds: () => made.times <= 1 || `made ${made.times} times` }],
      };
    },
  };
}

export const doubleCheckedAnswers = known('D. C. Schmidt, T. Harrison, 1996', [
  { model: singleton('double-checked initialisation'), expected: { [ONCE]: proved } },
  {
    model: singleton('double-checked initialisation, published before it is whole', 'published before it is whole'),
    expected: { [ONCE]: proved, [NO_THROW]: refuted(6) },
  },
  { model: singleton('initialisation checked before the lock only', 'checked once'), expected: { [ONCE]: refuted(7) } },
  { model: singleton('initialisation checked without a lock', 'no lock'), expected: { [ONCE]: refuted(4) } },
]);
