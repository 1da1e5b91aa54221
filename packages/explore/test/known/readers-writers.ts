// Readers together, writers alone: with preference for readers writers starve, with an unprotected count both are in at
// once, and in order of arrival nobody waits for ever. P. J. Courtois, F. Heymans, D. L. Parnas, "Concurrent control with
// readers and writers", 1971; the last by J. M. Mellor-Crummey, M. L. Scott, 1991.
import type { Steps } from '@siov/base';
import { DEADLOCK } from '../../src/model.ts';
import type { Model, World } from '../../src/model.ts';
import { at, remembering } from '../witness/local.ts';
import { Cell } from './cell.ts';
import { known, proved, refuted } from './known-answer.ts';
import { responds } from './responds.ts';
import { Semaphore } from './semaphore.ts';

interface Access {
  enter(): Steps<void>;
  leave(): Steps<void>;
}
type Discipline = (world: World) => { readonly read: Access; readonly write: Access };

const EXCLUSION = 'a writer is alone';
const WRITER = 'the writer gets in';
const READER = 'the first reader gets in';

function readersWriters(name: string, discipline: Discipline, rounds = Infinity): Model {
  return {
    name,
    make(world) {
      const places = world.state.record<Record<string, string>>('places', { r0: 'outside', r1: 'outside', w: 'outside' });
      const { read, write } = discipline(world);
      const once = function* (me: string, enter: Access['enter'], leave: Access['leave']): Steps<void> {
        yield at('memory', 'outside', null);
        places[me] = 'waits';
        yield* enter();
        places[me] = 'inside';
        yield { kind: 'memory', what: 'inside' };
        places[me] = 'outside';
        yield* leave();
      };
      const process = function* (me: string, { enter, leave }: Access): Steps<void> {
        for (let round = 0; round < rounds; round++) {
          const steps = once(me, enter, leave);
          yield* rounds === Infinity ? steps : remembering(round, steps);
        }
      };
      const inside = (who: string): boolean => places[who] === 'inside';
      return {
        agents: ['r0', 'r1', 'w'].map((me) => ({ name: me, steps: process(me, me === 'w' ? write : read) })),
        properties: [
          { kind: 'always', name: EXCLUSION, holds: () => !inside('w') || !(inside('r0') || inside('r1')) },
          responds(WRITER, () => places['w'] === 'waits', () => inside('w')),
          responds(READER, () => places['r0'] === 'waits', () => inside('r0')),
        ],
      };
    },
  };
}

const courtois = (guarded: boolean): Discipline => (world) => {
  const mutex = new Semaphore(world, 'mutex', 1);
  const alone = new Semaphore(world, 'alone', 1);
  const readers = new Cell(world, 'readers', 0);
  const counting = function* (by: number, edge: number, then: () => Steps<void>): Steps<void> {
    if (guarded) yield* mutex.p(by);
    const count = (yield* readers.read(by)) + by;
    yield* readers.write(count);
    if (count === edge) yield* then();
    if (guarded) yield* mutex.v();
  };
  return {
    read: { enter: () => counting(1, 1, () => alone.p('read')), leave: () => counting(-1, 0, () => alone.v()) },
    write: { enter: () => alone.p('write'), leave: () => alone.v() },
  };
};

/** Tickets go round: three processes never hold more than three. */
const inOrder: Discipline = (world) => {
  const next = new Cell(world, 'next', 0);
  const readable = new Cell(world, 'readable', 0);
  const writable = new Cell(world, 'writable', 0);
  const after = (number: number): number => (number + 1) % 3;
  return {
    read: {
      *enter() {
        const mine = yield* next.modify('fetch and add', after);
        yield* readable.until((number) => number === mine, mine);
        yield* readable.modify('add 1 to', after);
      },
      *leave() { yield* writable.modify('add 1 to', after); },
    },
    write: {
      *enter() {
        const mine = yield* next.modify('fetch and add', after);
        yield* writable.until((number) => number === mine, mine);
      },
      *leave() {
        yield* readable.modify('add 1 to', after);
        yield* writable.modify('add 1 to', after);
      },
    },
  };
};

export const readersWritersAnswers = [
  ...known('P. J. Courtois, F. Heymans, D. L. Parnas, 1971', [
    {
      model: readersWriters('readers and writers', courtois(true)),
      expected: { [EXCLUSION]: proved, [WRITER]: refuted(), [READER]: refuted() },
    },
    {
      model: readersWriters('readers and writers, count not protected', courtois(false), 1),
      expected: { [EXCLUSION]: refuted(8), [WRITER]: refuted(), [READER]: proved, [DEADLOCK]: refuted(14) },
    },
  ]),
  ...known('J. M. Mellor-Crummey, M. L. Scott, 1991', [
    {
      model: readersWriters('readers and writers in order', inOrder),
      expected: { [EXCLUSION]: proved, [WRITER]: proved, [READER]: proved },
    },
  ]),
];
