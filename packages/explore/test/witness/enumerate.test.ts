// The witness against itself: what is known of the literature's problems, what it takes for one state, and what is fair.
import { describe, expect, test } from 'vitest';
import { point, waitUntil } from '@siov/base';
import type { Steps } from '@siov/base';
import { DEADLOCK, NO_THROW } from '../../src/model.ts';
import type { Model, ModelAgent, Property, World } from '../../src/model.ts';
import { knownAnswers } from '../known/index.ts';
import { answersOf, enumerate } from './enumerate.ts';
import { graphOf, scheduleTo } from './graph.ts';
import { at } from './local.ts';
import { Run } from './run.ts';

interface Small {
  readonly agents: Record<string, Steps<unknown>>;
  readonly properties?: Property[];
  readonly daemons?: string[];
}

const modelOf = (make: (world: World) => Small): Model => ({
  name: 'a small model',
  make(world) {
    const { agents, properties = [], daemons = [] } = make(world);
    const listed = Object.entries(agents).map(([name, steps]): ModelAgent => ({ name, steps, daemon: daemons.includes(name) }));
    return { agents: listed, properties };
  },
});

const proved = { outcome: 'proved' };
const refuted = (shortest: number): object => ({ outcome: 'refuted', shortest });

describe.each(knownAnswers)('$name ($source)', ({ model, expected }) => {
  const graph = graphOf(model);

  test('is as it is known', () => {
    expect(Object.fromEntries(answersOf(graph).answers)).toEqual(expected);
  });

  test('two ways to one state have the same future', () => {
    // Each tenth of a few hundred, and one schedule from there that depends on nothing but its number.
    const every = Math.max(1, Math.floor(graph.detours.length / 40));
    for (let index = 0; index < graph.detours.length; index += every) {
      const detour = graph.detours[index];
      if (detour === undefined) break;
      const known = new Run(model, scheduleTo(graph.nodes, detour.to));
      const other = new Run(model, [...scheduleTo(graph.nodes, detour.from), detour.agent]);
      for (let step = 0, draw = index; step < 25; step++, draw = (draw * 1103515245 + 12345) % 2 ** 31) {
        expect(other.text()).toBe(known.text());
        const names = known.enabled();
        const name = names[Math.floor(draw / 65536) % Math.max(1, names.length)];
        if (name === undefined) break;
        for (const run of [known, other]) run.step(name);
      }
    }
  });
});

describe('one state', () => {
  const small = ['lost wake-up', 'wakeup-waiting switch', 'sleep in a monitor', 'barrier used again, sleeping', 'counter, atomic'];

  const answers = knownAnswers.filter(({ name }) => small.includes(name));

  test.each(answers)('$name: the same answers where no two schedules count as one', ({ model }) => {
    const merged = enumerate(model);
    const apart = enumerate(model, { merge: false });
    expect(apart.answers).toEqual(merged.answers);
    expect(apart.terminal).toEqual(merged.terminal);
    expect(apart.states).toBeGreaterThan(merged.states);
  });

  test('what an agent has read and still holds makes a difference, before it shows', () => {
    const model = modelOf(({ state }) => {
      const cell = state.record('cell', { value: 0 });
      const log = state.record('log', { value: -1 });
      return {
        agents: {
          writer: (function* () {
            yield at('memory', 'write', null);
            cell.value = 1;
            yield at('memory', 'write again', null);
            cell.value = 0;
          })(),
          reader: (function* () {
            yield at('memory', 'read', null);
            const { value } = cell;
            yield point('memory', 'log');
            log.value = value;
          })(),
        },
        properties: [{ kind: 'always', name: 'no 1 is logged', holds: () => log.value !== 1 }],
      };
    });
    expect(enumerate(model).answers.get('no 1 is logged')).toEqual(refuted(3));
  });
});

describe('fairness', () => {
  /** One goes round for ever; the other can set `done` at every moment, or at every second one. */
  const round = (toggles: boolean): Model => modelOf(({ state }) => {
    const record = state.record('record', { open: true, done: false });
    return {
      agents: {
        round: (function* () {
          for (;;) {
            yield at('memory', 'close', null);
            if (toggles) record.open = false;
            yield at('memory', 'open', null);
            record.open = true;
          }
        })(),
        done: (function* () { yield at('memory', 'set', null, () => record.open); record.done = true; })(),
      },
      properties: [{ kind: 'eventually', name: 'done', holds: () => record.done }],
    };
  });

  test('who can always go on goes on', () => {
    expect(enumerate(round(false)).answers.get('done')).toEqual({ outcome: 'proved' });
  });

  test('who can go on again and again, but not always, may never', () => {
    expect(enumerate(round(true)).answers.get('done')).toEqual({ outcome: 'refuted' });
  });
});

describe('the end', () => {
  test('only daemons that wait are no deadlock; what they leave is at rest', () => {
    const waiting = (daemons: string[]): Model => modelOf(({ state }) => {
      const cell = state.record('cell', { value: 0 });
      return {
        agents: {
          waits: waitUntil('a 2', () => cell.value === 2),
          sets: (function* () { yield point('memory', 'set'); cell.value = 1; })(),
        },
        properties: [{ kind: 'rest', name: 'is 0', holds: () => cell.value === 0 }],
        daemons,
      };
    });
    expect(Object.fromEntries(enumerate(waiting([])).answers)).toEqual({ 'is 0': refuted(1), [DEADLOCK]: refuted(1), [NO_THROW]: proved });
    expect(enumerate(waiting(['waits'])).answers.get(DEADLOCK)).toEqual(proved);
    expect(enumerate(waiting(['waits'])).terminal.size).toBe(1);
  });

  test('where somebody throws, nothing follows', () => {
    const model = modelOf(({ state }) => {
      const cell = state.record('cell', { value: 0 });
      return {
        agents: {
          throws: (function* () { yield at('memory', 'look', null); if (cell.value === 1) throw new Error('it is 1'); })(),
          sets: (function* () { yield at('memory', 'set', null); cell.value = 1; yield at('memory', 'set', null); cell.value = 2; })(),
        },
        properties: [
          { kind: 'rest', name: 'is 2', holds: () => cell.value === 2 },
          { kind: 'always', name: 'is not 2', holds: () => cell.value !== 2 },
          { kind: 'eventually', name: 'is 2 in the end', holds: () => cell.value === 2 },
        ],
      };
    });
    expect(Object.fromEntries(enumerate(model).answers)).toEqual({
      'is 2': proved, 'is not 2': refuted(2), 'is 2 in the end': proved, [DEADLOCK]: proved, [NO_THROW]: refuted(2),
    });
  });
});
