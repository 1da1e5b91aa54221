// Machines in a ring that reach the one privilege they should have from any state, if they have states enough.
// E. W. Dijkstra, "Self-stabilizing systems in spite of distributed control", 1974, solution with K-state machines.
import type { Steps } from '@siov/base';
import type { Model } from '../../src/model.ts';
import { at } from '../witness/local.ts';
import { known, proved, refuted } from './known-answer.ts';
import { responds } from './responds.ts';

const STABLE = 'exactly one machine is privileged';
const STABILISES = 'at some time exactly one machine is privileged';
const TURNS = 'every machine has its turn';

function ring(name: string, initial: readonly number[], values: number): Model {
  return {
    name,
    make(world) {
      const count = initial.length;
      const states = world.state.words('state', count);
      for (const [index, value] of initial.entries()) states[index] = value;
      const privileged = (me: number): boolean => (me === 0 ? states[0] === states[count - 1] : states[me] !== states[me - 1]);
      const machine = function* (me: number): Steps<void> {
        for (;;) {
          yield at('wait', 'be privileged', null, () => privileged(me));
          states[me] = me === 0 ? ((states[0] ?? 0) + 1) % values : (states[me - 1] ?? 0);
        }
      };
      const all = initial.map((_, index) => index);
      const one = (): boolean => all.filter(privileged).length === 1;
      return {
        agents: all.map((me) => ({ name: `machine ${me}`, steps: machine(me) })),
        properties: [
          { kind: 'always', name: STABLE, holds: one },
          { kind: 'eventually', name: STABILISES, holds: one },
          responds(TURNS, () => true, () => privileged(count - 1)),
        ],
      };
    },
  };
}

export const selfStabilisingAnswers = known('E. W. Dijkstra, 1974', [
  { model: ring('ring of machines, stable', [0, 0, 0, 0], 4), expected: { [STABLE]: proved, [STABILISES]: proved, [TURNS]: proved } },
  {
    model: ring('ring of machines, from anywhere', [0, 2, 1, 3], 4),
    expected: { [STABLE]: refuted(0), [STABILISES]: proved, [TURNS]: proved },
  },
  {
    model: ring('ring of machines, too few states', [0, 1, 0, 1], 2),
    expected: { [STABLE]: refuted(0), [STABILISES]: refuted(), [TURNS]: proved },
  },
]);
