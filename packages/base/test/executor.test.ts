import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { Executor, Lock, ModelError, plainState, point, runToCompletion, waitUntil } from '../src/index.ts';
import type { Agent, Steps } from '../src/index.ts';

const agent = (name: string): Agent => ({ name, layer: 'test' });
const step = point('device', 'step');
const look = point('poll', 'a look');

describe('Executor', () => {
  test('a run that waits lets the others run, and goes on with what they did', () => {
    const executor = new Executor();
    const box = { value: 0 };
    executor.spawn(agent('giver'), (function* () { yield step; box.value = 7; })());
    expect(executor.run(agent('taker'), (function* () { yield* waitUntil('a value', () => box.value > 0); return box.value; })())).toBe(7);
  });

  test('nobody else runs while it does not wait', () => {
    const executor = new Executor();
    const log: string[] = [];
    executor.spawn(agent('other'), (function* () { log.push('other'); yield step; })());
    executor.run(agent('main'), (function* () { log.push('a'); yield step; log.push('b'); })());
    expect(log).toEqual(['a', 'b']);
    executor.settle();
    expect(log).toEqual(['a', 'b', 'other']);
  });

  test('a wait nobody can end is a deadlock that names who waits for what', () => {
    const executor = new Executor();
    executor.spawn(agent('also waiting'), waitUntil('pigs to fly', () => false));
    expect(() => executor.run(agent('task'), waitUntil('the sea to boil', () => false))).toThrow('deadlock: task waits for the sea to boil and no agent can move');
  });

  test('a lock taken again by its holder is a deadlock, as in the kernel', () => {
    const executor = new Executor();
    const lock = new Lock(plainState, 'mine');
    const again = function* (): Steps<void> { yield* lock.with((function* () { yield step; })()); };
    expect(() => executor.run(agent('task'), lock.with(again()))).toThrow(/task waits for lock mine/);
  });

  test('agents run in the order they were spawned, each until it waits: the same every time', () => {
    const order = (): string[] => {
      const executor = new Executor();
      const log: string[] = [];
      const box = { open: false };
      const each = function* (name: string): Steps<void> {
        log.push(`${name}1`);
        yield step;
        log.push(`${name}2`);
        yield* waitUntil('the gate', () => box.open);
        log.push(`${name}3`);
      };
      for (const name of ['a', 'b', 'c']) executor.spawn(agent(name), each(name));
      executor.settle();
      box.open = true;
      executor.settle();
      return log;
    };
    expect(order()).toEqual(['a1', 'a2', 'b1', 'b2', 'c1', 'c2', 'a3', 'b3', 'c3']);
    expect(order()).toEqual(order());
  });

  test('an agent spawned by another while it runs is run too, and settle() leaves none that could move', () => {
    const executor = new Executor();
    const log: string[] = [];
    executor.spawn(agent('parent'), (function* () {
      yield step;
      executor.spawn(agent('child'), (function* () { yield step; log.push('child'); })());
      log.push('parent');
    })());
    executor.settle();
    expect(log).toEqual(['parent', 'child']);
  });

  test('settle() leaves no agent that could move, whoever wakes or starts whom and then waits', () => {
    const plan = fc.array(fc.record({ wakes: fc.nat(5), starts: fc.boolean(), ends: fc.boolean() }), { minLength: 1, maxLength: 8 });
    fc.assert(fc.property(fc.integer({ min: 1, max: 5 }), plan, (count, plans) => {
      const executor = new Executor();
      const due = Array.from({ length: 6 }, () => 0);
      let started = 0;
      let ran = 0;
      function* starter(own: number): Steps<void> {
        for (;;) {
          yield* waitUntil(`work for ${own}`, () => (due[own] ?? 0) > 0);
          due[own] = (due[own] ?? 0) - 1;
          const next = plans.shift();
          if (next === undefined) continue;
          if (next.ends && own > 0) return;
          due[next.wakes] = (due[next.wakes] ?? 0) + 1;
          if (!next.starts) continue;
          started += 1;
          executor.spawn(agent('new'), (function* () { yield step; ran += 1; })());
        }
      }
      for (let own = 0; own < count; own++) executor.spawn(agent(`${own}`), starter(own));
      due[0] = 1;
      executor.settle();
      expect(ran).toBe(started);
    }), { numRuns: 2000 });
  });

  test('current is the agent whose code runs, through nested runs and after throws', () => {
    const executor = new Executor();
    const seen: string[] = [];
    const note = () => seen.push(executor.current.name);
    executor.run(agent('outer'), (function* () {
      note();
      executor.run(agent('inner'), (function* () { note(); yield step; note(); })());
      note();
      expect(() => executor.run(agent('bad'), (function* (): Steps<void> { note(); yield step; throw new Error('no'); })())).toThrow('no');
      note();
      yield step;
      note();
    })());
    note();
    expect(seen).toEqual(['outer', 'inner', 'inner', 'outer', 'bad', 'outer', 'outer', 'main']);
  });

  test('polling lets the others run and then looks again', () => {
    const executor = new Executor();
    const box = { looks: 0, done: false };
    executor.spawn(agent('worker'), (function* () { yield step; yield look; box.done = true; })());
    executor.run(agent('poller'), (function* () { while (!box.done) { box.looks += 1; yield look; } })());
    expect(box).toEqual({ looks: 2, done: true });
  });

  test('polling with nobody else left is a deadlock', () => {
    const executor = new Executor();
    expect(() => executor.run(agent('poller'), (function* () { for (;;) yield look; })())).toThrow(/deadlock: poller waits for a look/);
  });

  test('agents that only poll each other do not hang the machine: the livelock is reported', () => {
    for (const drive of [(each: Executor) => each.settle(), (each: Executor) => each.run(agent('main'), waitUntil('the end', () => false)), (each: Executor) => each.run(agent('main'), forever())]) {
      const executor = new Executor(1000);
      executor.spawn(agent('poller'), forever());
      expect(() => drive(executor)).toThrow(/livelock/);
    }
  });
  const forever = function* (): Steps<void> { for (;;) yield look; };

  test('an agent that never waits is reported by its name', () => {
    const executor = new Executor(1000);
    executor.spawn(agent('busy'), (function* () { for (;;) yield step; })());
    expect(() => executor.settle()).toThrow(/livelock: busy took 1000 steps/);
  });
});

describe('runToCompletion', () => {
  test('gives the result, and throws where somebody else would be needed', () => {
    expect(runToCompletion((function* () { yield step; yield* waitUntil('now', () => true); return 5; })())).toBe(5);
    expect(() => runToCompletion(waitUntil('never', () => false))).toThrow(ModelError);
    expect(() => runToCompletion((function* () { yield look; })())).toThrow(/waits for: a look/);
  });
});

describe('Lock', () => {
  test('in any interleaving one agent at a time is inside, and all get in', () => {
    fc.assert(fc.property(fc.array(fc.nat(5), { maxLength: 80 }), (choices) => {
      const lock = new Lock(plainState, 'l');
      const inside = { now: 0, times: 0 };
      const work = function* (): Steps<void> {
        for (let each = 0; each < 3; each++) {
          yield* lock.with((function* () {
            inside.now += 1;
            expect([inside.now, lock.held]).toEqual([1, true]);
            yield step;
            inside.now -= 1;
            inside.times += 1;
          })());
        }
      };
      const agents = [work(), work(), work()].map((steps) => ({ steps, at: steps.next() }));
      for (let turn = 0; ; turn++) {
        const ready = agents.filter(({ at }) => at.done !== true && at.value.ready?.() !== false);
        const next = ready[(choices[turn] ?? 0) % ready.length];
        if (next === undefined) break;
        next.at = next.steps.next();
      }
      expect([agents.every(({ at }) => at.done), inside.times, lock.held]).toEqual([true, 9, false]);
    }));
  });

  test('it is given back when the body throws, with its result when it does not', () => {
    const lock = new Lock(plainState, 'l');
    expect(() => runToCompletion(lock.with((function* (): Steps<void> { yield step; throw new Error('inside'); })()))).toThrow('inside');
    expect(lock.held).toBe(false);
    expect(runToCompletion(lock.with((function* () { yield step; return 3; })()))).toBe(3);
  });

  test('a driver that ignores the wait is caught', () => {
    const lock = new Lock(plainState, 'l');
    const [first, second] = [lock.with((function* () { yield step; })()), lock.with((function* () { yield step; })())];
    first.next();
    first.next();
    second.next();
    expect(() => second.next()).toThrow(/taken although it was held/);
  });
});
