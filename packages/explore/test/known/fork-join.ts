// A process that starts others and waits for them before it uses what they made; or forgets to.
// M. E. Conway, "A multiprocessor system design", 1963 (fork and join).
import type { Steps } from '@siov/base';
import { NO_THROW } from '../../src/model.ts';
import { DEADLOCK } from '../../src/model.ts';
import type { Model } from '../../src/model.ts';
import { Cell } from './cell.ts';
import { known, proved, refuted } from './known-answer.ts';

const SUM = 'the parts make the sum';

type Fault = 'joins one too few' | 'joins in two accesses';

/** Each part starts one more, so that there are agents that agents started. */
function forkJoin(name: string, parts: number, fault?: Fault): Model {
  return {
    name,
    make(world) {
      const results = world.state.map<number, number>('results');
      const joined = new Cell(world, 'joined', 0);
      const answer = world.state.record('answer', { sum: -1 });
      const part = function* (index: number): Steps<void> {
        yield { kind: 'memory', what: 'start' };
        if (index + 1 < parts) world.spawn({ name: `part ${index + 1}`, steps: part(index + 1) });
        yield { kind: 'memory', what: 'store result' };
        results.set(index, index + 1);
        if (fault === 'joins in two accesses') yield* joined.write((yield* joined.read()) + 1);
        else yield* joined.modify('add 1 to', (count) => count + 1);
      };
      const main = function* (): Steps<void> {
        yield { kind: 'memory', what: 'fork' };
        world.spawn({ name: 'part 0', steps: part(0) });
        const needed = parts - (fault === 'joins one too few' ? 1 : 0);
        yield { kind: 'wait', what: 'join', ready: () => joined.now >= needed };
        let sum = 0;
        for (let index = 0; index < parts; index++) {
          yield { kind: 'memory', what: 'read result' };
          const result = results.get(index);
          if (result === undefined) throw new Error(`part ${index} has no result yet`);
          sum += result;
        }
        answer.sum = sum;
      };
      return {
        agents: [{ name: 'main', steps: main() }],
        properties: [{ kind: 'rest', name: SUM, holds: () => answer.sum === (parts * (parts + 1)) / 2 || `the sum is ${answer.sum}` }],
      };
    },
  };
}

export const forkJoinAnswers = known('M. E. Conway, 1963', [
  { model: forkJoin('fork and join', 3), expected: { [SUM]: proved } },
  { model: forkJoin('fork and join, one too few', 3, 'joins one too few'), expected: { [SUM]: proved, [NO_THROW]: refuted(10) } },
  {
    model: forkJoin('fork and join in two accesses', 3, 'joins in two accesses'),
    expected: { [SUM]: refuted(13), [DEADLOCK]: refuted(13) },
  },
]);
