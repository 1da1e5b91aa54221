import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { isSteps, point } from '@siov/base';
import type { Steps } from '@siov/base';
import { disableIrq, disableIrqNosync, enableIrq, freeIrq, handleEdgeIrq, handleFasteoiIrq, requestThreadedIrq, synchronizeIrq } from '../src/index.ts';
import type { FlowHandler } from '../src/index.ts';
import { makeKernel } from './kernel.ts';
import { bursts, Scheduler } from './scheduler.ts';

const pause = point('device', 'pause');
type Op = 'request' | 'free' | 'disable' | 'disable-nosync' | 'enable' | 'synchronize';

interface Seen {
  /** Actions whose free_irq() has returned. */
  over: Set<string>;
  hard: number;
  threads: number;
  threadRuns: number;
  raised: number;
  /** A disable_irq() has returned, and nothing that undoes it began after it did. */
  quiet: boolean;
  /** How often something began or ended that undoes one: enable_irq(), and being requested by nobody. */
  undone: number;
  /** Somebody has called enable_irq(). */
  enabled: boolean;
  /** Calls of enable_irq() that have not returned. */
  enabling: number;
}

/** A line that two CPUs take, latched while it is masked; tasks that request, free, disable and enable it. */
function makeWorld(flow: FlowHandler, oneshot: boolean, raises: number) {
  const scheduler = new Scheduler();
  const requests = [false, false];
  const line = { latched: false };
  const deliver = (): void => {
    // One request bit for each CPU; the controller turns to the other while one has its own.
    requests[requests[0] ? 1 : 0] = true;
  };
  const kernel = makeKernel({
    interleaved: true,
    flow,
    inner: { irqRetrigger: () => { deliver(); return true; } },
    chip: {
      ...(oneshot ? {} : { flags: { oneshotSafe: true } }),
      *irqUnmask() {
        yield pause;
        kernel.hardware.masked = false;
        if (line.latched) deliver();
        line.latched = false;
      },
    },
    spawn: (agent, steps) => scheduler.spawn(agent, steps, true),
  });
  const { core, virq, desc, hardware } = kernel;
  const seen: Seen = { over: new Set(), hard: 0, threads: 0, threadRuns: 0, raised: 0, quiet: false, undone: 0, enabled: false, enabling: 0 };
  const undo = () => Object.assign(seen, { quiet: false, undone: seen.undone + 1 });
  const rule = (what: string, holds: boolean) => { if (!holds) throw new Error(`broken: ${what}`); };

  function* cpu(id: number): Steps<void> {
    for (;;) {
      yield { kind: 'wait', what: `interrupt on CPU ${id}`, ready: () => requests[id] === true };
      requests[id] = false;
      const handled = core.handleIrq(virq, id);
      if (isSteps(handled)) yield* handled;
    }
  }
  scheduler.spawn({ name: 'cpu0' }, cpu(0), true);
  scheduler.spawn({ name: 'cpu1' }, cpu(1), true);

  let lives = 0;
  function* request(who: string): Steps<void> {
    const life = `${who}${lives++}`;
    const here = (what: string) => rule(`${what} of ${life} after free_irq()`, !seen.over.has(life));
    const made = yield* requestThreadedIrq(core, virq, {
      name: life, devId: who, shared: true, oneshot,
      *handler() {
        here('handler');
        rule('two hard handlers at once', ++seen.hard === 1);
        yield pause;
        here('handler');
        seen.hard -= 1;
        return 'wake-thread';
      },
      *thread() {
        here('thread');
        seen.threads += 1;
        seen.threadRuns += 1;
        // enable_irq() opens the line whatever threads are due, as the kernel's irq_enable() does.
        if (oneshot && flow === handleFasteoiIrq && !seen.enabled) rule('a ONESHOT thread runs with the line open', hardware.masked);
        yield pause;
        here('thread');
        seen.threads -= 1;
        return 'handled';
      },
    });
    if (made.ok) owned.set(who, [...(owned.get(who) ?? []), life]);
  }
  const owned = new Map<string, string[]>();
  function* task(who: string, ops: readonly Op[]): Steps<void> {
    for (const op of ops) {
      if (op === 'request') yield* request(who);
      else if (op === 'free') {
        // The first of this task's actions is the one it frees, as the core finds it.
        if ((yield* freeIrq(core, virq, who)) !== null) seen.over.add(owned.get(who)?.shift() ?? '');
      } else if (op === 'disable') {
        // Of nobody's interrupt it holds only until somebody requests it.
        const undone = desc.state.actions.length === 0 ? -1 : seen.undone;
        yield* disableIrq(core, virq);
        if (undone === seen.undone && seen.enabling === 0) seen.quiet = true;
      } else if (op === 'disable-nosync') yield* disableIrqNosync(core, virq);
      else if (op === 'synchronize') yield* synchronizeIrq(core, virq);
      else {
        undo();
        seen.enabled = true;
        seen.enabling += 1;
        yield* enableIrq(core, virq);
        seen.enabling -= 1;
        undo();
      }
    }
  }
  function* device(): Steps<void> {
    for (let each = 0; each < raises; each++) {
      yield pause;
      seen.raised += 1;
      if (hardware.masked) line.latched = true;
      else deliver();
    }
  }
  return { scheduler, kernel, desc, seen, line, hardware, requests, task, device, rule, undo };
}

const op = fc.constantFrom<Op>('request', 'request', 'free', 'disable', 'disable-nosync', 'enable', 'enable', 'synchronize');
const program = fc.array(op, { maxLength: 7 });

describe.each<[string, FlowHandler, boolean]>([
  ['ONESHOT with the end of interrupt last', handleFasteoiIrq, true],
  ['threads of messages', handleEdgeIrq, false],
  ['ONESHOT of messages', handleEdgeIrq, true],
])('%s', (_what, flow, oneshot) => {
  test('in any interleaving: nothing runs after free_irq() or in quiet, no thread and no mask is left over', () => {
    let threadRuns = 0;
    fc.assert(fc.property(program, program, fc.nat(5), bursts, (first, second, raises, order) => {
      const world = makeWorld(flow, oneshot, raises);
      const { scheduler, desc, seen, kernel, rule } = world;
      scheduler.spawn({ name: 'first' }, world.task('first', ['request', ...first]));
      scheduler.spawn({ name: 'second' }, world.task('second', second));
      scheduler.spawn({ name: 'device' }, world.device());
      scheduler.run(order, () => {
        const { state } = desc;
        if (state.actions.length === 0) world.undo();
        rule('handlers and threads while disable_irq() holds', !seen.quiet || seen.hard + seen.threads === 0);
        rule('threadsActive is not the threads due or running', state.threadsActive >= seen.threads);
        rule('a line open for nobody', world.hardware.masked || desc.lock.held || state.actions.length > 0);
      });
      expect(scheduler.stuck).toEqual([]);
      const { state } = desc;
      expect([seen.hard, seen.threads, state.threadsActive, state.threadsOneshot, state.inProgress]).toEqual([0, 0, 0, 0, false]);
      // Nobody waits any more: an interrupt that is enabled is open, and nothing waits behind it.
      if (state.started && !state.disabled) expect([world.hardware.masked, state.masked, world.line.latched, state.pending]).toEqual([false, false, false, false]);
      threadRuns += seen.threadRuns;
      for (const who of ['first', 'second']) scheduler.spawn({ name: 'end' }, world.task(who, Array.from({ length: 8 }, () => 'free' as const)));
      scheduler.run([]);
      expect(scheduler.stuck).toEqual([]);
      expect(state).toMatchObject({ actions: [], started: false, activated: false, threadsActive: 0, threadsOneshot: 0 });
      expect(kernel.hardware.masked).toBe(true);
      scheduler.spawn({ name: 'device' }, world.device());
      scheduler.run([]);
      expect(seen.hard + seen.threads).toBe(0);
    }), { numRuns: 700 });
    expect(threadRuns).toBeGreaterThan(300);
  });
});

describe('threads', () => {
  test('one that is stopped before it ever ran ends; nested ones have none', () => {
    const kernel = makeKernel({ chip: { flags: { oneshotSafe: true } } });
    const { core, run, virq, desc } = kernel;
    run(requestThreadedIrq(core, virq, { name: 't', devId: 1, *thread() { return 'handled'; } }));
    expect(run(freeIrq(core, virq, 1))).toBe('t');
    desc.state.nestedThread = true;
    run(requestThreadedIrq(core, virq, { name: 'n', devId: 1, *thread() { return 'handled'; } }));
    expect(run(freeIrq(core, virq, 1))).toBe('n');
  });

  test('what a thread handled is counted, and only that', () => {
    const kernel = makeKernel({ chip: { flags: { oneshotSafe: true } } });
    const answers = ['handled', 'none', 'handled'] as const;
    let runs = 0;
    kernel.run(requestThreadedIrq(kernel.core, kernel.virq, { name: 't', devId: 1, *thread() { return answers[runs++] ?? 'none'; } }));
    for (let each = 0; each < 4; each++) kernel.arrive();
    expect([runs, kernel.desc.state.threadsHandled]).toEqual([4, 2]);
  });

  test('a thread that is done while the hard handlers still run opens the line only after them', () => {
    const kernel = makeKernel({ flow: handleFasteoiIrq });
    const { core, run, virq, executor, desc } = kernel;
    const go = { on: false };
    run(requestThreadedIrq(core, virq, {
      name: 'slow', devId: 1, shared: true, oneshot: true,
      handler: () => 'wake-thread',
      *thread() { kernel.log.push('thread'); return 'handled'; },
    }));
    run(requestThreadedIrq(core, virq, {
      name: 'hard', devId: 2, shared: true, oneshot: true,
      *handler() { yield { kind: 'wait', what: 'go', ready: () => go.on }; kernel.log.push('hard'); return 'handled'; },
      *thread() { return 'none'; },
    }));
    kernel.logged();
    executor.spawn({ name: 'cpu0', layer: 'irq' }, core.handleIrq(virq, 0) as Steps<void>);
    executor.settle();
    expect([kernel.logged(), desc.state.masked]).toEqual([['mask', 'thread'], true]);
    go.on = true;
    executor.settle();
    expect([kernel.logged(), desc.state.masked, desc.state.threadsOneshot]).toEqual([['hard', 'eoi', 'unmask'], false, 0]);
  });
});
