import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { fail, ok, point } from '@siov/base';
import { cpuDown, cpuMask, cpusOf, cpuUp, disableIrqNosync, enableIrq, freeIrq, irqMoveIrq, irqSetAffinity, requestIrq } from '../src/index.ts';
import type { AffinityErrno, CpuMask, IrqData } from '../src/index.ts';
import { counting, makeKernel } from './kernel.ts';
import type { Kernel, KernelOptions } from './kernel.ts';
import { makeMachine } from './machine.ts';

const access = point('register', 'redirection table');

function movable(options: KernelOptions = {}) {
  const answer: { next: 'ok' | AffinityErrno; only: CpuMask | null } = { next: 'ok', only: null };
  const kernel: Kernel = makeKernel({
    cpus: 4,
    ...options,
    inner: {
      irqAck: (data) => irqMoveIrq(data),
      *irqSetAffinity({ desc }: IrqData, mask: CpuMask) {
        yield access;
        if (answer.next !== 'ok' || (answer.only !== null && (mask & answer.only) === 0n)) return fail(answer.next === 'ok' ? 'ENOSPC' : answer.next, 'full');
        const usable = answer.only === null ? mask : mask & answer.only;
        kernel.log.push(`move ${mask}`);
        desc.state.effectiveAffinity = usable & -usable;
        return ok('ok');
      },
      irqForceCompleteMove() { kernel.log.push('complete'); },
      ...options.inner,
    },
  });
  kernel.desc.state.movePcntxt = true;
  return { ...kernel, answer, down: (cpu: number) => kernel.run(cpuDown(kernel.core, cpu)), up: (cpu: number) => kernel.run(cpuUp(kernel.core, cpu)) };
}

function requested(options: KernelOptions = {}) {
  const made = movable(options);
  made.run(requestIrq(made.core, made.virq, counting().request));
  made.logged();
  return made;
}

describe('cpu_down and cpu_up', () => {
  test('what cannot be: EINVAL, EBUSY for the last one, ENOSPC when the others have no room; nothing changes', () => {
    const { down, up, core, state, logged } = requested();
    const room = { left: false };
    const told: string[] = [];
    core.registerCpuHooks({
      canOffline: (cpu) => (room.left ? ok() : fail('ENOSPC', `no room for what is on CPU ${cpu}`)),
      cpuOnline: (cpu) => told.push(`online ${cpu}, mask ${core.online}`),
      cpuOffline: (cpu) => told.push(`offline ${cpu}, mask ${core.online}`),
      retriggerPending: (cpu) => told.push(`retrigger ${cpu} after ${logged().join(', ')}`),
    });
    const before = state.snapshot();
    for (const cpu of [-1, 4]) expect([down(cpu), up(cpu)]).toMatchObject([{ errno: 'EINVAL' }, { errno: 'EINVAL' }]);
    expect(down(0)).toMatchObject({ errno: 'ENOSPC' });
    expect(up(1)).toEqual(ok());
    expect([state.changes(before), told]).toEqual([[], []]);
    room.left = true;
    expect(down(0).ok).toBe(true);
    expect(told.splice(0)).toEqual(['offline 0, mask 14', 'retrigger 0 after complete, move 14']);
    expect(down(0)).toMatchObject({ errno: 'EINVAL' });
    expect(up(0).ok).toBe(true);
    expect(told).toEqual(['online 0, mask 14']);
    for (const cpu of [0, 1, 2]) expect(down(cpu).ok).toBe(true);
    expect(down(3)).toMatchObject({ errno: 'EBUSY' });
  });
});

describe('migrate_one_irq', () => {
  test('an interrupt that arrives there goes to an online CPU of its mask; one that does not stays', () => {
    const { down, desc, logged } = requested();
    expect(desc.state.effectiveAffinity).toBe(cpuMask(0));
    down(1);
    expect([logged(), desc.state.effectiveAffinity]).toEqual([['complete'], cpuMask(0)]);
    down(0);
    expect([logged(), desc.state.effectiveAffinity]).toEqual([['complete', 'move 12'], cpuMask(2)]);
  });

  test('not started, for each CPU, or at a controller that cannot move it: left alone', () => {
    const idle = movable();
    idle.down(0);
    expect(idle.logged()).toEqual(['complete']);
    const perCpu = movable();
    perCpu.run(requestIrq(perCpu.core, perCpu.virq, counting('a', { percpu: true }).request));
    perCpu.logged();
    perCpu.down(0);
    expect(perCpu.logged()).toEqual(['complete']);
    const fixed = makeKernel();
    fixed.run(requestIrq(fixed.core, fixed.virq, counting().request));
    fixed.logged();
    fixed.run(cpuDown(fixed.core, 0));
    expect(fixed.logged()).toEqual([]);
  });

  test('masked around it where it cannot move in process context, unless it is masked', () => {
    const { down, desc, logged, hardware } = requested();
    desc.state.movePcntxt = false;
    down(0);
    expect([logged(), hardware.masked, desc.state.masked]).toEqual([['complete', 'mask', 'move 14', 'unmask'], false, false]);
    Object.assign(desc.state, { masked: true });
    down(1);
    expect(logged()).toEqual(['complete', 'move 12']);
  });

  test('no CPU of its mask online: to any that is; none of them has a vector left: to any that has', () => {
    const broken = requested();
    broken.run(irqSetAffinity(broken.core, broken.virq, cpuMask(1)));
    broken.down(1);
    expect([broken.desc.state.effectiveAffinity, broken.desc.state.affinity]).toEqual([cpuMask(0), cpuMask(0, 2, 3)]);
    const full = requested();
    full.run(irqSetAffinity(full.core, full.virq, cpuMask(0, 1)));
    full.answer.only = cpuMask(2, 3);
    full.down(0);
    expect(full.desc.state.effectiveAffinity).toBe(cpuMask(2));
    const nowhere = requested();
    nowhere.answer.next = 'EBUSY';
    nowhere.down(0);
    expect(nowhere.core.log.lines).toEqual([`IRQ${nowhere.virq}: set affinity failed: full`]);
  });

  test('managed, it does not go where it may not: with no vector left on its CPUs that is only reported', () => {
    const { down, desc, run, core, virq, answer } = movable({ affinity: { mask: cpuMask(0, 1), managed: true } });
    run(requestIrq(core, virq, counting().request));
    answer.only = cpuMask(0, 2, 3);
    down(0);
    expect([desc.state.affinity, desc.state.effectiveAffinity, core.log.lines]).toEqual([cpuMask(0, 1), cpuMask(0), [`IRQ${virq}: set affinity failed: full`]]);
  });

  test('a move that succeeds is not worth a line; one of a chip that does not say where it goes is made', () => {
    const { down, desc, core, logged } = requested();
    desc.state.effectiveAffinity = 0n;
    down(3);
    expect([logged(), core.log.lines]).toEqual([['complete', 'move 7'], []]);
  });

  test('a move that waits to a CPU that stays goes on waiting when another one goes', () => {
    const { down, desc, run, core, virq } = requested();
    desc.state.movePcntxt = false;
    run(irqSetAffinity(core, virq, cpuMask(3)));
    down(2);
    expect(desc.state.pendingAffinity).toBe(cpuMask(3));
  });

  test('a move that waits is made now, with its mask; if that is offline it is off', () => {
    const { down, desc, run, core, virq } = requested();
    desc.state.movePcntxt = false;
    run(irqSetAffinity(core, virq, cpuMask(0, 3)));
    down(0);
    expect(desc.state).toMatchObject({ pendingAffinity: null, affinity: cpuMask(0, 3), effectiveAffinity: cpuMask(3) });
    run(irqSetAffinity(core, virq, cpuMask(1)));
    down(1);
    expect(desc.state).toMatchObject({ pendingAffinity: null, effectiveAffinity: cpuMask(3) });
  });
});

describe('managed interrupts', () => {
  const managed = (mask: CpuMask) => movable({ affinity: { mask, managed: true } });

  test('the last of its CPUs gone it is shut down and deactivated, the mask kept; the first back it is started again', () => {
    const { down, up, desc, run, core, virq, logged, hardware } = managed(cpuMask(1, 2));
    run(requestIrq(core, virq, counting().request));
    expect([logged(), desc.state.effectiveAffinity]).toEqual([['activate', 'move 6', 'unmask'], cpuMask(1)]);
    down(1);
    expect(logged()).toEqual(['complete', 'move 4']);
    down(2);
    expect(logged()).toEqual(['complete', 'mask', 'deactivate']);
    expect(desc.state).toMatchObject({ managedShutdown: true, started: false, activated: false, depth: 1, affinity: cpuMask(1, 2) });
    down(3);
    up(3);
    expect(logged()).toEqual(['complete']);
    expect(run(enableIrq(core, virq))).toMatchObject({ errno: 'EINVAL', message: expect.stringContaining('unbalanced') });
    up(2);
    expect(logged()).toEqual(['activate', 'move 4', 'unmask', 'move 4']);
    expect(desc.state).toMatchObject({ managedShutdown: false, started: true, depth: 0, effectiveAffinity: cpuMask(2), masked: false });
    expect(hardware.masked).toBe(false);
  });

  test('requested while none of its CPUs is online it waits for one; freed while it waits nothing is left', () => {
    const { down, up, desc, run, core, virq, logged } = managed(cpuMask(1));
    down(1);
    logged();
    expect(run(requestIrq(core, virq, counting().request)).ok).toBe(true);
    expect([logged(), desc.state.managedShutdown, desc.state.depth, desc.state.started]).toEqual([[], true, 1, false]);
    expect(run(freeIrq(core, virq, 'a'))).toBe('a');
    up(1);
    expect([logged(), desc.state.started]).toEqual([[], false]);
    down(1);
    run(requestIrq(core, virq, counting().request));
    up(1);
    expect(desc.state).toMatchObject({ managedShutdown: false, started: true, depth: 0 });
  });

  test('requested without being enabled (IRQF_NO_AUTOEN) no CPU that comes starts it', () => {
    const { down, up, desc, run, core, virq } = managed(cpuMask(1));
    run(requestIrq(core, virq, counting('a', { noAutoen: true }).request));
    down(1);
    up(1);
    expect(desc.state).toMatchObject({ started: false, depth: 1 });
    down(1);
    expect(run(enableIrq(core, virq)).ok).toBe(true);
    expect(desc.state).toMatchObject({ managedShutdown: true, started: false });
    // Enabled for its owner: an edge that came meanwhile is not lost to the CPU that is not there.
    desc.state.pending = true;
    up(1);
    expect(desc.state).toMatchObject({ pending: false, replay: true });
    expect(desc.state).toMatchObject({ managedShutdown: false, started: true, depth: 0 });
  });

  test('any sequence of disabling, enabling and CPUs: it runs exactly while enabled and one of its CPUs is online', () => {
    const op = fc.oneof(fc.constantFrom('disable' as const, 'enable' as const), fc.record({ cpu: fc.nat(3), up: fc.boolean() }));
    fc.assert(fc.property(fc.array(op, { maxLength: 40 }), fc.integer({ min: 1, max: 15 }), (ops, set) => {
      const mask = BigInt(set);
      const { down, up, desc, run, core, virq, hardware } = managed(mask);
      run(requestIrq(core, virq, counting().request));
      let disables = 0;
      for (const each of ops) {
        if (each === 'disable') {
          run(disableIrqNosync(core, virq));
          disables += 1;
        } else if (each === 'enable') {
          expect(run(enableIrq(core, virq)).ok).toBe(disables > 0);
          disables = Math.max(0, disables - 1);
        } else (each.up ? up : down)(each.cpu);
        const online = (mask & core.online) !== 0n;
        const { state } = desc;
        expect(state.disabled).toBe(disables > 0 || !online);
        if (disables === 0) expect([state.started, state.activated, hardware.masked]).toEqual([online, online, !online]);
        if (state.started) expect(cpusOf(state.effectiveAffinity & core.online)).toHaveLength(1);
        else expect(hardware.masked).toBe(true);
        expect(state.affinity).toBe(mask);
        expect(state.depth).toBe(disables + (state.managedShutdown ? 1 : 0));
      }
    }), { numRuns: 300 });
  });

  test('one that goes to several CPUs at once is told of each that comes back', () => {
    const { down, up, run, core, virq, desc, logged } = managed(cpuMask(0, 1));
    run(requestIrq(core, virq, counting().request));
    desc.state.singleTarget = true;
    down(1);
    logged();
    up(1);
    expect(logged()).toEqual([]);
    desc.state.singleTarget = false;
    down(1);
    logged();
    up(1);
    expect(logged()).toEqual(['move 3']);
  });
});

describe('with vectors', () => {
  test('I9: no edge is lost over any CPUs that go and come while interrupts are raised', () => {
    const op = fc.oneof(fc.record({ fire: fc.nat(2) }), fc.record({ cpu: fc.nat(2), up: fc.boolean() }), fc.record({ irq: fc.nat(2), mask: fc.integer({ min: 1, max: 7 }) }), fc.constant('settle' as const));
    fc.assert(fc.property(fc.array(op, { maxLength: 50 }), (ops) => {
      const { core, run, alloc, table, executor, clock, vectors } = makeMachine({ cpus: 3, template: { flags: { activateEarly: true, mustReactivate: true } } });
      const due = [0, 0, 0];
      const handled = [0, 0, 0];
      const virqs = due.map((_, index) => alloc(index));
      for (const [index, virq] of virqs.entries()) {
        run(requestIrq(core, virq, { name: `i${index}`, devId: index, handler: () => { handled[index] = (handled[index] ?? 0) + 1; due[index] = 0; return 'handled'; } }));
      }
      const settle = () => { clock.advance(1); executor.settle(); };
      for (const each of ops) {
        if (each === 'settle') settle();
        else if ('fire' in each) {
          table.fire(each.fire);
          due[each.fire] = 1;
        } else if ('cpu' in each) run((each.up ? cpuUp : cpuDown)(core, each.cpu));
        else run(irqSetAffinity(core, virqs[each.irq] ?? 0, BigInt(each.mask)));
        if (each === 'settle') expect(due).toEqual([0, 0, 0]);
      }
      settle();
      expect(due).toEqual([0, 0, 0]);
      expect([0, 1, 2].map((cpu) => vectors.spurious(cpu))).toEqual([0, 0, 0]);
      for (const virq of virqs) expect(core.desc(virq)?.state.effectiveAffinity ?? 0n).toBe((core.desc(virq)?.state.effectiveAffinity ?? 0n) & core.online);
    }), { numRuns: 300 });
  });
});
