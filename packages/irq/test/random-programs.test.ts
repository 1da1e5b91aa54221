import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { interleavedState, point } from '@siov/base';
import type { Steps } from '@siov/base';
import { disableIrqNosync, enableIrq, freeIrq, requestIrq } from '../src/index.ts';
import { makeMachine } from './machine.ts';
import { bursts, Scheduler } from './scheduler.ts';

/** As PCI MSI-X has it: a vector only while the interrupt is requested. */
const reserving = { activateEarly: true, mustReactivate: true };

type Op = 'request' | 'free' | 'disable' | 'enable' | 'raise';
const op = fc.constantFrom<Op>('request', 'free', 'disable', 'enable', 'raise', 'raise');

describe('the life of an interrupt', () => {
  test('one operation after the other, it agrees with a model of two latches: the table’s and the core’s (I9)', () => {
    fc.assert(fc.property(fc.array(op, { maxLength: 40 }), (ops) => {
      const { core, run, alloc, free, table, executor, counters } = makeMachine({ template: { flags: reserving } });
      const virq = alloc(0);
      const hwirq = 0;
      const allocated = counters();
      let handled = 0;
      const model = { requested: false, depth: 1, core: false, table: false, masked: true, handled: 0 };
      // What an unmasked entry does with what it holds.
      const unmask = () => { model.masked = false; if (model.table) deliver(); model.table = false; };
      const deliver = () => {
        if (model.depth === 0) { model.handled += 1; return; }
        model.core = true;
        model.masked = true;
      };
      for (const each of ops) {
        if (each === 'request') {
          const result = run(requestIrq(core, virq, { name: 'r', devId: 1, *handler() { handled += 1; return 'handled'; } }));
          expect(result.ok).toBe(!model.requested);
          if (!model.requested) { Object.assign(model, { requested: true, depth: 0, core: false }); unmask(); }
        } else if (each === 'free') {
          expect(run(freeIrq(core, virq, 1))).toBe(model.requested ? 'r' : null);
          if (model.requested) Object.assign(model, { requested: false, depth: 1, core: false, masked: true });
        } else if (each === 'disable') {
          expect(run(disableIrqNosync(core, virq)).ok).toBe(true);
          model.depth += 1;
        } else if (each === 'enable') {
          const allowed = model.requested && model.depth > 0;
          expect(run(enableIrq(core, virq)).ok).toBe(allowed);
          if (allowed && --model.depth === 0) {
            // The vector is raised by the table's latch, or the core's, or both: once in any case.
            const due = model.core || model.table;
            Object.assign(model, { core: false, table: false, masked: false });
            if (due) model.handled += 1;
          }
        } else {
          table.fire(hwirq);
          if (model.masked) model.table = true;
          else deliver();
        }
        executor.settle();
        expect([each, handled, table.entry(hwirq).masked]).toEqual([each, model.handled, model.masked]);
        expect(core.desc(virq)?.state.actions).toHaveLength(model.requested ? 1 : 0);
      }
      run(freeIrq(core, virq, 1));
      expect(counters()).toEqual(allocated);
      free(0);
    }), { numRuns: 300 });
  });

  test('in any interleaving: no handler after free_irq, never two at once, no edge lost while enabled, nothing left over', () => {
    const program = fc.array(fc.constantFrom<Op>('request', 'free', 'disable', 'enable'), { maxLength: 6 });
    let interesting = 0;
    fc.assert(fc.property(program, program, fc.nat(4), bursts, (first, second, raises, order) => {
      const world = makeWorld(raises);
      const { scheduler, desc, entry, seen, counters, allocated } = world;
      scheduler.spawn({ name: 'first' }, world.task('first', first));
      scheduler.spawn({ name: 'second' }, world.task('second', second));
      scheduler.spawn({ name: 'device' }, world.device());
      scheduler.run(order, () => {
        // I1: an entry is unmasked only for exactly one action, or while its owner is at it under the lock.
        if (!entry.masked && !desc.lock.held) expect(desc.state).toMatchObject({ started: true, activated: true, actions: [expect.anything()] });
      });
      expect(scheduler.stuck).toEqual([]);
      expect(seen.handled).toBeLessThanOrEqual(seen.raised);
      expect(seen.handledUpTo).toBeGreaterThanOrEqual(seen.mustHandle);
      if (desc.state.started && !desc.state.disabled) {
        expect([entry.pending, desc.state.pending]).toEqual([false, false]);
        if (seen.handled > 0) interesting += 1;
      }
      for (const who of ['first', 'second']) scheduler.spawn({ name: 'end' }, world.task(who, ['free']));
      scheduler.run([]);
      expect(counters()).toEqual(allocated);
      // Handlers check by themselves that they do not run now.
      scheduler.spawn({ name: 'device' }, world.device());
      scheduler.run([]);
    }), { numRuns: 1500 });
    expect(interesting).toBeGreaterThan(20);
  });
});

const pause = point('device', 'pause');

/** One interrupt, tasks that run programs on it, and a device that raises it; `seen` is what the rules are about. */
function makeWorld(raises: number) {
  const scheduler = new Scheduler();
  const { core, table, counters, alloc } = makeMachine({ state: interleavedState, template: { flags: reserving }, spawn: (agent, steps) => scheduler.spawn(agent, steps, true) });
  const virq = alloc(0);
  const hwirq = 0;
  const desc = core.desc(virq);
  if (desc === undefined) throw new Error('no descriptor');
  // mustHandle: the last edge that came while the interrupt was up; forgiven when somebody then disables or frees it.
  const seen = { raised: 0, handled: 0, running: 0, handledUpTo: 0, mustHandle: 0 };

  function* request(who: string, life: { over: boolean }): Steps<boolean> {
    const result = yield* requestIrq(core, virq, {
      name: who,
      devId: who,
      *handler() {
        expect([life.over, seen.running]).toEqual([false, 0]);
        seen.running += 1;
        seen.handledUpTo = seen.raised;
        yield pause;
        expect(life.over).toBe(false);
        seen.handled += 1;
        seen.running -= 1;
        return 'handled';
      },
    });
    return result.ok;
  }
  function* task(who: string, ops: readonly Op[]): Steps<void> {
    for (const each of ops) {
      if (each === 'disable' || each === 'free') seen.mustHandle = 0;
      if (each === 'disable') yield* disableIrqNosync(core, virq);
      else if (each === 'enable') yield* enableIrq(core, virq);
      else if (each === 'request') {
        const life = { over: false };
        if (yield* request(who, life)) lives.set(who, life);
      } else if ((yield* freeIrq(core, virq, who)) !== null) {
        const life = lives.get(who);
        if (life !== undefined) life.over = true;
      }
      if (each === 'disable' || each === 'free') seen.mustHandle = 0;
    }
  }
  const lives = new Map<string, { over: boolean }>();
  function* device(): Steps<void> {
    for (let each = 0; each < raises; each++) {
      yield pause;
      seen.raised += 1;
      if (desc?.state.started && !desc.state.disabled && !desc.lock.held) seen.mustHandle = seen.raised;
      table.fire(hwirq);
    }
  }
  return { scheduler, desc, entry: table.entry(hwirq), seen, counters, allocated: counters(), task, device };
}
