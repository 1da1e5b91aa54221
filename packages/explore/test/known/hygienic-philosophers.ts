// Forks that are given away dirty and received clean: who has eaten lets a hungry neighbour eat first, so nobody starves.
// K. M. Chandy, J. Misra, "The drinking philosophers problem", 1984, section 4.
import type { Steps } from '@siov/base';
import type { Model } from '../../src/model.ts';
import { at } from '../witness/local.ts';
import { known, proved, refuted } from './known-answer.ts';
import { responds } from './responds.ts';

const NEIGHBOURS = 'no two neighbours eat';
const eats = (who: number): string => `philosopher ${who} eats when hungry`;

interface Fork {
  owner: number;
  dirty: boolean;
}

/** `polite`: whether one that holds a dirty fork waits while the other who needs it is hungry. */
function hygienic(name: string, count: number, polite: boolean): Model {
  return {
    name,
    make(world) {
      const all = Array.from({ length: count }, (_, index) => index);
      // Fork i lies between i and its right neighbour; at first the lower of both has it, so that not all wait in a ring.
      const users = all.map((index): readonly number[] => [index, (index + 1) % count]);
      const forks = users.map((both, index) => world.state.record<Fork>(`fork${index}`, { owner: Math.min(...both), dirty: true }));
      const states = all.map((index) => world.state.record<{ is: 'thinks' | 'hungry' | 'eats' }>(`philosopher${index}`, { is: 'thinks' }));
      const is = (who: number | undefined, what: string): boolean => who !== undefined && states[who]?.is === what;
      const mine = (me: number): Fork[] => forks.filter((_, index) => users[index]?.includes(me));
      const other = (fork: Fork, owner: number): number | undefined => users[forks.indexOf(fork)]?.find((user) => user !== owner);
      const owed = (fork: Fork, me: number): boolean => polite && fork.dirty && is(other(fork, me), 'hungry');
      const may = (me: number): boolean => mine(me).every((fork) => fork.owner === me && !owed(fork, me));
      const philosopher = function* (me: number): Steps<void> {
        const state = states[me];
        if (state === undefined) return;
        for (;;) {
          yield at('wait', 'think', null);
          state.is = 'hungry';
          yield at('wait', 'have both forks', null, () => may(me));
          state.is = 'eats';
          for (const fork of mine(me)) fork.dirty = true;
          yield at('wait', 'eat', null);
          state.is = 'thinks';
        }
      };
      const hand = function* (fork: Fork): Steps<void> {
        for (;;) {
          yield at('wait', 'be asked for', null, () => fork.dirty && !is(fork.owner, 'eats') && is(other(fork, fork.owner), 'hungry'));
          fork.owner = other(fork, fork.owner) ?? fork.owner;
          fork.dirty = false;
        }
      };
      return {
        agents: [
          ...all.map((me) => ({ name: `philosopher ${me}`, steps: philosopher(me) })),
          ...forks.map((fork, index) => ({ name: `fork ${index}`, steps: hand(fork), daemon: true })),
        ],
        properties: [
          { kind: 'always', name: NEIGHBOURS, holds: () => !all.some((me) => is(me, 'eats') && is((me + 1) % count, 'eats')) },
          ...all.map((me) => responds(eats(me), () => is(me, 'hungry'), () => is(me, 'eats'))),
        ],
      };
    },
  };
}

export const hygienicPhilosopherAnswers = known('K. M. Chandy, J. Misra, 1984', [
  {
    model: hygienic('hygienic philosophers', 3, true),
    expected: { [NEIGHBOURS]: proved, [eats(0)]: proved, [eats(1)]: proved, [eats(2)]: proved },
  },
  {
    model: hygienic('hygienic philosophers, one is impolite', 3, false),
    expected: { [NEIGHBOURS]: proved, [eats(0)]: refuted(), [eats(1)]: refuted(), [eats(2)]: refuted() },
  },
]);
