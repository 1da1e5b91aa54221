// Processes in a ring elect the one with the largest number: each passes on only what is larger than its own.
// E. Chang, R. Roberts, "An improved algorithm for decentralized extrema-finding in circular configurations", 1979.
import type { Steps } from '@siov/base';
import type { Model } from '../../src/model.ts';
import { at } from '../witness/local.ts';
import { known, proved, refuted } from './known-answer.ts';

const ONE = 'there is at most one leader';
const ELECTED = 'the largest is elected';

/** `wrong`: smaller numbers go on as well, and come home. */
function election(name: string, numbers: readonly number[], wrong: boolean): Model {
  return {
    name,
    make(world) {
      const links = numbers.map((_, index) => world.state.record<{ messages: readonly number[] }>(`link${index}`, { messages: [] }));
      const leaders = world.state.map<number, boolean>('leaders');
      const link = (index: number): { messages: readonly number[] } => links[index % links.length] ?? { messages: [] };
      const process = function* (me: number, mine: number): Steps<void> {
        const send = function* (number: number): Steps<void> {
          yield { kind: 'device', what: `send ${number}` };
          const to = link(me + 1);
          to.messages = [...to.messages, number];
        };
        yield* send(mine);
        for (;;) {
          yield at('wait', 'receive', null, () => link(me).messages.length > 0);
          const [number = 0, ...rest] = link(me).messages;
          link(me).messages = rest;
          if (number === mine) leaders.set(mine, true);
          else if (number > mine || wrong) yield* send(number);
        }
      };
      return {
        agents: numbers.map((mine, me) => ({ name: `process ${mine}`, steps: process(me, mine), daemon: true })),
        properties: [
          { kind: 'always', name: ONE, holds: () => leaders.size <= 1 || `leaders: ${[...leaders.keys()].join(', ')}` },
          { kind: 'eventually', name: ELECTED, holds: () => leaders.has(Math.max(...numbers)) },
        ],
      };
    },
  };
}

export const leaderElectionAnswers = known('E. Chang, R. Roberts, 1979', [
  { model: election('leader election', [2, 1, 4, 3], false), expected: { [ONE]: proved, [ELECTED]: proved } },
  { model: election('leader election, everything is passed on', [2, 1, 3], true), expected: { [ONE]: refuted(17), [ELECTED]: proved } },
]);
