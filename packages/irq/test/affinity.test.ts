import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { fail, ok, point } from '@siov/base';
import { allCpus, cpuMask, disableIrqNosync, enableIrq, irqCanSetAffinity, irqMoveIrq, irqSetAffinity, requestIrq } from '../src/index.ts';
import type { AffinityErrno, AffinityOutcome, CpuMask, IrqData } from '../src/index.ts';
import { counting, makeKernel } from './kernel.ts';
import type { Kernel, KernelOptions } from './kernel.ts';

const access = point('register', 'redirection table');

/** A controller that sends to the lowest CPU it is offered, or answers what it is told to. */
function movable(options: KernelOptions & { pcntxt?: boolean } = {}) {
  const moves: { mask: CpuMask; force: boolean }[] = [];
  const answer: { next: AffinityOutcome | AffinityErrno } = { next: 'ok' };
  const kernel: Kernel = makeKernel({
    cpus: 4,
    ...options,
    inner: {
      irqAck: (data) => irqMoveIrq(data),
      *irqSetAffinity({ desc }: IrqData, mask: CpuMask, force: boolean) {
        yield access;
        const { next } = answer;
        if (next !== 'ok' && next !== 'nocopy' && next !== 'done') return fail(next, 'told so');
        moves.push({ mask, force });
        kernel.log.push(`move ${mask}`);
        desc.state.effectiveAffinity = mask & -mask;
        return ok(next);
      },
      ...options.inner,
    },
  });
  kernel.desc.state.movePcntxt = options.pcntxt ?? true;
  const set = (mask: CpuMask, how = {}) => kernel.run(irqSetAffinity(kernel.core, kernel.virq, mask, how));
  return { ...kernel, moves, answer, set };
}

function requested(options: KernelOptions & { pcntxt?: boolean } = {}) {
  const made = movable(options);
  made.run(requestIrq(made.core, made.virq, counting().request));
  made.moves.length = 0;
  made.logged();
  return made;
}

describe('irq_set_affinity', () => {
  test('EINVAL, and nothing changes: no such interrupt, nobody who can move it, no CPU of the mask online', () => {
    const fixed = makeKernel();
    const before = fixed.state.snapshot();
    expect(fixed.run(irqSetAffinity(fixed.core, 40, 1n))).toMatchObject({ errno: 'EINVAL' });
    expect(fixed.run(irqSetAffinity(fixed.core, fixed.virq, 1n))).toMatchObject({ errno: 'EINVAL', message: expect.stringContaining('no level') });
    expect(fixed.state.changes(before)).toEqual([]);
    expect(irqCanSetAffinity(fixed.desc)).toBe(false);
    const { set, state, desc } = requested();
    const running = state.snapshot();
    for (const mask of [0n, cpuMask(4, 5)]) expect(set(mask)).toMatchObject({ errno: 'EINVAL' });
    expect(set(0n, { force: true })).toMatchObject({ errno: 'EINVAL' });
    expect(state.changes(running)).toEqual([]);
    expect(irqCanSetAffinity(desc)).toBe(true);
  });

  test('the chip is offered the online CPUs of the mask, with force all of it; the mask asked for is stored', () => {
    const { set, moves, core, desc } = requested();
    core.setOnline(cpuMask(0, 2));
    expect(set(cpuMask(1, 2)).ok).toBe(true);
    expect(set(cpuMask(3), { force: true }).ok).toBe(true);
    expect(moves).toEqual([{ mask: cpuMask(2), force: false }, { mask: cpuMask(3), force: true }]);
    expect(desc.state).toMatchObject({ affinity: cpuMask(3), effectiveAffinity: cpuMask(3), affinitySet: true });
  });

  test.each<[AffinityOutcome, boolean]>([['ok', true], ['done', true], ['nocopy', false]])('the chip says %s: the core stores the mask %s', (next, copies) => {
    const { set, answer, desc } = requested();
    answer.next = next;
    expect(set(cpuMask(1)).ok).toBe(true);
    expect(desc.state.affinity).toBe(copies ? cpuMask(1) : allCpus(4));
  });

  test('ENOSPC leaves all as it was; EBUSY becomes a move that waits, unless it is forced', () => {
    const { set, answer, state, desc } = requested();
    const before = state.snapshot();
    answer.next = 'ENOSPC';
    expect(set(cpuMask(1))).toMatchObject({ errno: 'ENOSPC' });
    answer.next = 'EBUSY';
    expect(set(cpuMask(1), { force: true })).toMatchObject({ errno: 'EBUSY' });
    expect(state.changes(before)).toEqual([]);
    expect(set(cpuMask(1)).ok).toBe(true);
    expect(desc.state).toMatchObject({ pendingAffinity: cpuMask(1), affinity: allCpus(4) });
    answer.next = 'ok';
    // What waits is replaced, not overtaken.
    expect(set(cpuMask(2)).ok).toBe(true);
    expect(desc.state).toMatchObject({ pendingAffinity: cpuMask(2), affinity: allCpus(4) });
  });

  test('before it is activated the mask is only kept, for a hierarchy that looks at it then', () => {
    const { set, moves, desc, run, core, virq } = movable();
    desc.state.affinityOnActivate = true;
    expect(set(cpuMask(3)).ok).toBe(true);
    expect([moves, desc.state.affinity, desc.state.effectiveAffinity]).toEqual([[], cpuMask(3), cpuMask(3)]);
    run(requestIrq(core, virq, counting().request));
    expect(moves).toEqual([{ mask: cpuMask(3), force: false }]);
  });

  test('the chip’s bus is locked around it', () => {
    const log: string[] = [];
    const { set, log: hardware } = requested({ chip: { *irqBusLock() { log.push('lock'); }, *irqBusSyncUnlock() { log.push('sync'); } }, inner: { irqAck() {} } });
    hardware.push = (line) => log.push(line);
    log.length = 0;
    set(cpuMask(1));
    expect(log).toEqual(['lock', 'move 2', 'sync']);
  });
});

describe('at start-up', () => {
  test.each([[true, ['activate', 'move 15', 'unmask']], [false, ['activate', 'unmask', 'move 15']]])('set before the first unmask if the chip needs it so (%s)', (affinityPreStartup, log) => {
    const { run, core, virq, logged } = movable({ chip: { flags: { affinityPreStartup } } });
    run(requestIrq(core, virq, counting().request));
    expect(logged()).toEqual(log);
  });

  test('what was chosen stays while a CPU of it is online, else it may go anywhere', () => {
    for (const [online, expected, affinitySet] of [[cpuMask(0, 2), cpuMask(2), true], [cpuMask(0, 1), cpuMask(0, 1), false]] as const) {
      const { run, core, virq, desc, moves } = movable();
      Object.assign(desc.state, { affinity: cpuMask(2, 3), affinitySet: true });
      core.setOnline(online);
      run(requestIrq(core, virq, counting().request));
      expect([moves.at(-1)?.mask, desc.state.affinitySet]).toEqual([expected, affinitySet]);
    }
  });

  test('one that every CPU has is not moved, and a chip that refuses does not keep it from starting', () => {
    const perCpu = movable();
    perCpu.run(requestIrq(perCpu.core, perCpu.virq, counting('a', { percpu: true }).request));
    expect([perCpu.moves, irqCanSetAffinity(perCpu.desc)]).toEqual([[], false]);
    const full = movable();
    full.answer.next = 'ENOSPC';
    expect(full.run(requestIrq(full.core, full.virq, counting().request)).ok).toBe(true);
    expect(full.desc.state.started).toBe(true);
  });
});

describe('moves that wait for the interrupt', () => {
  test('made while it is acknowledged, masked around it, once', () => {
    const { set, arrive, logged, desc, hardware } = requested({ pcntxt: false });
    expect(set(cpuMask(1)).ok).toBe(true);
    expect([logged(), desc.state.pendingAffinity]).toEqual([[], cpuMask(1)]);
    arrive();
    expect(logged()).toEqual(['mask', 'move 2', 'unmask']);
    expect([desc.state.pendingAffinity, desc.state.affinity, desc.state.masked, hardware.masked]).toEqual([null, cpuMask(1), false, false]);
    arrive();
    expect(logged()).toEqual([]);
  });

  test('not while it is disabled; then with the first interrupt after', () => {
    const { set, arrive, logged, run, core, virq, desc } = requested({ pcntxt: false });
    set(cpuMask(1));
    run(disableIrqNosync(core, virq));
    arrive();
    expect(logged()).toEqual(['mask']);
    run(enableIrq(core, virq));
    arrive();
    expect(desc.state).toMatchObject({ pendingAffinity: null, affinity: cpuMask(1) });
  });

  test('vectors that are busy: again with the next one; no CPU online any more: forgotten', () => {
    const { set, arrive, answer, core, desc } = requested({ pcntxt: false });
    set(cpuMask(1));
    answer.next = 'EBUSY';
    arrive();
    expect(desc.state.pendingAffinity).toBe(cpuMask(1));
    answer.next = 'ENOSPC';
    arrive();
    expect(desc.state).toMatchObject({ pendingAffinity: null, affinity: allCpus(4) });
    set(cpuMask(3));
    core.setOnline(cpuMask(0, 1));
    answer.next = 'ok';
    arrive();
    expect(desc.state).toMatchObject({ pendingAffinity: null, affinity: allCpus(4) });
  });

  test('any sequence: the interrupt is where the last mask that could be set says, or will be with the next one', () => {
    const op = fc.oneof(
      fc.record({ set: fc.integer({ min: 0, max: 15 }), answer: fc.constantFrom<'ok' | AffinityErrno>('ok', 'ok', 'EBUSY', 'ENOSPC') }),
      fc.record({ arrive: fc.constantFrom<'ok' | AffinityErrno>('ok', 'ok', 'EBUSY', 'ENOSPC') }),
      fc.record({ online: fc.integer({ min: 1, max: 15 }) }),
    );
    fc.assert(fc.property(fc.boolean(), fc.array(op, { maxLength: 30 }), (pcntxt, ops) => {
      const { set, arrive, answer, desc, core } = requested({ pcntxt });
      const model = { affinity: 15n, pending: null as bigint | null, online: 15n };
      for (const each of ops) {
        if ('online' in each) {
          model.online = BigInt(each.online);
          core.setOnline(model.online);
        } else if ('set' in each) {
          const mask = BigInt(each.set);
          answer.next = each.answer;
          const now = pcntxt && model.pending === null;
          const offline = (mask & model.online) === 0n;
          const errno = !now ? null : offline ? 'EINVAL' : each.answer === 'ENOSPC' ? 'ENOSPC' : null;
          const result = set(mask);
          expect(result.ok ? null : result.errno).toBe(errno);
          if (errno !== null) continue;
          if (now && each.answer === 'ok') model.affinity = mask;
          else model.pending = mask;
        } else {
          answer.next = each.arrive;
          arrive();
          if (model.pending === null) continue;
          const usable = (model.pending & model.online) !== 0n;
          if (usable && each.arrive === 'ok') model.affinity = model.pending;
          if (!usable || each.arrive !== 'EBUSY') model.pending = null;
        }
        expect(desc.state).toMatchObject({ affinity: model.affinity, pendingAffinity: model.pending });
      }
    }), { numRuns: 300 });
  });
});
