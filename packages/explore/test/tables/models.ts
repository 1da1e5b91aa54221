// Small models with state counts that can be counted by hand.
import { Lock, point } from '@siov/base';
import type { Steps } from '@siov/base';
import type { Model, ModelAgent, Property, World } from '../../src/model.ts';

export function model(name: string, make: (world: World) => { agents: readonly ModelAgent[]; properties?: readonly Property[] }): Model {
  return { name, make: (world) => ({ properties: [], ...make(world) }) };
}

/** `agents` that take `steps` steps each on cells of their own: (steps + 1) ** agents states. */
export function independent(agents: number, steps: number): Model {
  return model(`${agents} agents with ${steps} steps`, ({ state }) => ({
    agents: Array.from({ length: agents }, (_, index) => {
      const own = state.record(`own${index}`, { count: 0 });
      return { name: `agent${index}`, steps: count(own, steps) };
    }),
  }));
}

function* count(own: { count: number }, steps: number): Steps<void> {
  for (let step = 0; step < steps; step++) {
    yield point('memory', `step ${step}`);
    own.count = step + 1;
  }
}

/** Each takes its left fork, then its right one; the last may take them the other way round. */
export function philosophers(number: number, lastTurned: boolean): Model {
  return model(`${number} philosophers${lastTurned ? ', one turned' : ''}`, ({ state }) => {
    const forks = Array.from({ length: number }, (_, index) => new Lock(state, `fork${index}`));
    const agents = forks.map((fork, index): ModelAgent => {
      const right = forks[(index + 1) % number] as Lock;
      const [first, second] = lastTurned && index === number - 1 ? [right, fork] : [fork, right];
      return { name: `philosopher${index}`, steps: first.with(second.with(eat())) };
    });
    return { agents };
  });
}

function* eat(): Steps<void> {
  yield point('memory', 'eat');
}

/** Peterson's mutual exclusion, for ever; `flagFirst` false: wrong. */
export function peterson(flagFirst: boolean): Model {
  return model(`Peterson${flagFirst ? '' : ', turn first'}`, ({ state }) => {
    const shared = state.record('peterson', { flag0: false, flag1: false, turn: 0, inside: 0, in0: false });
    const process = (me: 0 | 1) => function* (): Steps<never> {
      const [mine, theirs] = me === 0 ? (['flag0', 'flag1'] as const) : (['flag1', 'flag0'] as const);
      for (;;) {
        yield { kind: 'memory', what: 'outside', anew: true };
        if (flagFirst) shared[mine] = true;
        else shared.turn = 1 - me;
        yield point('memory', 'announce');
        if (flagFirst) shared.turn = 1 - me;
        else shared[mine] = true;
        yield { kind: 'wait', what: 'my turn', ready: () => !shared[theirs] || shared.turn === me };
        shared.inside += 1;
        if (me === 0) shared.in0 = true;
        yield point('memory', 'inside');
        shared.inside -= 1;
        if (me === 0) shared.in0 = false;
        yield point('memory', 'leave');
        shared[mine] = false;
      }
    };
    return {
      agents: [{ name: 'zero', steps: process(0)() }, { name: 'one', steps: process(1)() }],
      properties: [
        { kind: 'always', name: 'one is inside', holds: () => shared.inside <= 1 || `${shared.inside} are inside` },
        // oxlint-disable-next-line unicorn/no-thenable -- the field's name is the interface's; nobody awaits a property
        { kind: 'responds', name: 'zero gets in', when: () => shared.flag0, then: () => shared.in0 },
      ],
    };
  });
}
