// A stack whose top is changed by compare and swap: the top is the same again, and the node below it is long gone.
// R. K. Treiber, "Systems programming: coping with parallelism", 1986; the tag is of IBM's System/370 principles of operation.
import { point } from '@siov/base';
import type { Steps } from '@siov/base';
import type { Model } from '../../src/model.ts';
import { known, proved, refuted } from './known-answer.ts';

const NONE = 0;
const UNOWNED = 'no node on the stack is in use';

/** Nodes 1, 2, ..., the first on top. One process pops; the other pops twice and gives the first back. */
function stack(name: string, tagged: boolean): Model {
  return {
    name,
    make(world) {
      const nodes = 2;
      const top = world.state.record('top', { node: 1, tag: 0 });
      const next = world.state.words('next', nodes + 1);
      const inUse = world.state.words('in use', nodes + 1);
      for (let node = 1; node < nodes; node++) next[node] = node + 1;
      const swap = (seen: typeof top, node: number): boolean => {
        if (top.node !== seen.node || (tagged && top.tag !== seen.tag)) return false;
        top.node = node;
        if (tagged) top.tag = seen.tag + 1;
        return true;
      };
      const pop = function* (): Steps<number> {
        for (;;) {
          yield point('memory', 'read top');
          const seen = { node: top.node, tag: tagged ? top.tag : 0 };
          if (seen.node === NONE) return NONE;
          yield point('memory', 'read next');
          const below = next[seen.node] ?? NONE;
          yield point('memory', 'compare and swap top');
          if (!swap(seen, below)) continue;
          inUse[seen.node] = 1;
          return seen.node;
        }
      };
      const push = function* (node: number): Steps<void> {
        for (;;) {
          yield point('memory', 'read top');
          const seen = { node: top.node, tag: tagged ? top.tag : 0 };
          yield point('memory', 'write next');
          next[node] = seen.node;
          yield point('memory', 'compare and swap top');
          if (top.node === seen.node) inUse[node] = 0;
          if (swap(seen, node)) return;
        }
      };
      const twoAndOneBack = function* (): Steps<void> {
        const first = yield* pop();
        yield* pop();
        if (first !== NONE) yield* push(first);
      };
      const free = (): boolean => {
        let { node } = top;
        for (let seen = 0; node !== NONE && seen < nodes; seen++) {
          if (inUse[node] === 1) return false;
          node = next[node] ?? NONE;
        }
        return true;
      };
      return {
        agents: [{ name: 'pops', steps: pop() }, { name: 'pops two', steps: twoAndOneBack() }],
        properties: [{ kind: 'always', name: UNOWNED, holds: free }],
      };
    },
  };
}

export const abaStackAnswers = known('R. K. Treiber, 1986', [
  { model: stack('ABA', false), expected: { [UNOWNED]: refuted(12) } },
  { model: stack('ABA, tagged', true), expected: { [UNOWNED]: proved } },
]);
