// Two locks that are taken in two orders: circular wait. E. G. Coffman, M. J. Elphick, A. Shoshani, "System deadlocks", 1971;
// the remedy, one order for all, is J. W. Havender's, 1968.
import { Lock } from '@siov/base';
import type { Steps } from '@siov/base';
import { DEADLOCK } from '../../src/model.ts';
import type { Model } from '../../src/model.ts';
import { known, proved, refuted } from './known-answer.ts';

const SUM = 'nothing is lost between the accounts';

function transfers(name: string, ordered: boolean): Model {
  return {
    name,
    make(world) {
      const accounts = world.state.map<string, number>('accounts');
      for (const account of ['a', 'b', 'c']) accounts.set(account, 2);
      const locks = new Map([...accounts.keys()].map((account) => [account, new Lock(world.state, account)]));
      const holding = <T>(account: string, body: Steps<T>): Steps<T> => (locks.get(account) ?? new Lock(world.state, account)).with(body);
      const move = function* (from: string, to: string): Steps<void> {
        yield { kind: 'memory', what: `take from ${from}` };
        accounts.set(from, (accounts.get(from) ?? 0) - 1);
        yield { kind: 'memory', what: `give to ${to}` };
        accounts.set(to, (accounts.get(to) ?? 0) + 1);
      };
      const transfer = (from: string, to: string): Steps<void> => {
        const [first = from, second = to] = ordered ? [from, to].sort() : [from, to];
        return holding(first, holding(second, move(from, to)));
      };
      return {
        agents: (['ab', 'bc', 'ca'] as const).map(([from = '', to = '']) => ({ name: `${from} to ${to}`, steps: transfer(from, to) })),
        properties: [{ kind: 'rest', name: SUM, holds: () => [...accounts.values()].reduce((sum, each) => sum + each, 0) === 6 }],
      };
    },
  };
}

export const lockOrderAnswers = known('E. G. Coffman, M. J. Elphick, A. Shoshani, 1971', [
  { model: transfers('locks in a circle', false), expected: { [SUM]: proved, [DEADLOCK]: refuted(3) } },
  { model: transfers('locks in order', true), expected: { [SUM]: proved } },
]);
