// Rules of disabling, waiting and replaying at their edges.
import { describe, expect, test } from 'vitest';
import { ModelError, ok } from '@siov/base';
import type { Agent } from '@siov/base';
import { disableIrq, disableIrqNosync, enableIrq, irqInjectInterrupt, requestIrq, requestThreadedIrq, synchronizeIrq } from '../src/index.ts';
import type { TriggerType } from '../src/index.ts';
import { startSpuriousPoll } from '../src/spurious.ts';
import { irqDomainActivateIrq, irqStartup } from '../src/startup.ts';
import { counting, makeKernel } from './kernel.ts';
import type { KernelOptions } from './kernel.ts';

function requested(options: KernelOptions = {}) {
  const kernel = makeKernel(options);
  const { seen, request } = counting();
  expect(kernel.run(requestIrq(kernel.core, kernel.virq, request)).ok).toBe(true);
  kernel.logged();
  return { ...kernel, seen };
}

describe('disable_irq', () => {
  test('only the outermost touches the hardware', () => {
    const { run, core, virq, desc, logged } = requested();
    run(disableIrqNosync(core, virq));
    desc.state.disableUnlazy = true;
    run(disableIrqNosync(core, virq));
    expect([logged(), desc.state.depth, desc.state.masked]).toEqual([[], 2, false]);
  });

  test('refused, it waits for nobody', () => {
    const { run, core, virq, desc } = requested();
    Object.assign(desc.state, { perCpuDevid: true, inProgress: true });
    expect(run(disableIrq(core, virq))).toMatchObject({ errno: 'EINVAL' });
  });
});

describe('synchronize_irq', () => {
  test('while the hardware has one on its way it lets the others run, who alone can take it', () => {
    const hardware = { active: true, asked: 0 };
    const kernel = requested({
      inner: {
        *irqGetIrqchipState() {
          if (++hardware.asked > 10) throw new Error('asked again and again, and nobody else ran');
          return ok(hardware.active);
        },
      },
    });
    kernel.executor.spawn({ name: 'cpu0', layer: 'irq' }, (function* () { hardware.active = false; })());
    kernel.run(synchronizeIrq(kernel.core, kernel.virq));
    expect(hardware).toEqual({ active: false, asked: 2 });
  });

  test('a handler that begins before the lock is taken is waited for', () => {
    const { core, virq, desc } = requested();
    const steps = synchronizeIrq(core, virq);
    let waits = 0;
    for (let next = steps.next(); !next.done; next = steps.next()) {
      const { kind, ready } = next.value;
      if (kind === 'lock' && waits === 1) desc.state.inProgress = true;
      if (kind !== 'wait') continue;
      waits += 1;
      if (waits === 2) {
        expect(ready?.()).toBe(false);
        desc.state.inProgress = false;
      }
    }
    // Before the lock, before it again, and for the threads.
    expect(waits).toBe(3);
  });
});

describe('replay', () => {
  test.each<[TriggerType, boolean]>([['level-high', false], ['level-low', false], ['edge-rising', true], ['edge-falling', true], ['edge-both', true], ['none', true]])('%s: replayed %s', (trigger, replayed) => {
    const { run, core, virq, desc, executor, seen } = requested();
    desc.state.trigger = trigger;
    expect(run(irqInjectInterrupt(core, virq)).ok).toBe(replayed);
    executor.settle();
    expect(seen.handled).toBe(replayed ? 1 : 0);
  });

  test('EINVAL for what runs in its parent’s thread; nothing is replayed', () => {
    const { run, core, virq, desc, state } = requested();
    desc.state.nestedThread = true;
    const before = state.snapshot();
    expect(run(irqInjectInterrupt(core, virq))).toMatchObject({ errno: 'EINVAL' });
    expect(state.changes(before)).toEqual([]);
  });

  test('one tasklet for all that wait, and another when something waits again', () => {
    const kernel = requested();
    const { run, core, virq, executor, threads, seen } = kernel;
    const other = kernel.allocate();
    const second = counting('second');
    run(requestIrq(core, other.virq, second.request));
    for (let round = 1; round <= 2; round++) {
      run(irqInjectInterrupt(core, virq));
      run(irqInjectInterrupt(core, other.virq));
      expect(threads).toEqual(Array.from({ length: round }, () => 'k resend tasklet'));
      executor.settle();
      expect([seen.handled, second.seen.handled]).toEqual([round, round]);
    }
  });

  test('enabled while none of its CPUs is online, a managed interrupt keeps the edge that came (IRQ_STARTUP_ABORT)', () => {
    const kernel = makeKernel({ affinity: { mask: 2n, managed: true } });
    const { run, core, virq, desc } = kernel;
    run(requestIrq(core, virq, counting('a', { noAutoen: true }).request));
    core.setOnline(1n);
    desc.state.pending = true;
    expect(run(enableIrq(core, virq)).ok).toBe(true);
    expect(desc.state).toMatchObject({ managedShutdown: true, depth: 1, pending: true, replay: false });
  });
});

describe('activation and start', () => {
  test('a hierarchy is activated once, and one without levels has nothing to activate', () => {
    const { run, desc, core, logged } = makeKernel();
    for (let each = 0; each < 2; each++) expect(run(irqDomainActivateIrq(desc))).toEqual(ok());
    expect([logged(), desc.state.activated]).toEqual([['activate'], true]);
    const made = core.allocDesc();
    if (!made.ok) throw new Error(made.message);
    expect(run(irqDomainActivateIrq(made.value))).toEqual(ok());
    expect([logged(), made.value.state.activated]).toEqual([[], false]);
  });

  test('what is not activated is not started', () => {
    const { run, desc, virq, logged } = makeKernel();
    expect(() => run(irqStartup(desc))).toThrow(ModelError);
    expect(() => run(irqStartup(desc))).toThrow(`irq ${virq} is started`);
    expect([logged(), desc.state.started]).toEqual([[], false]);
  });
});

test('the agents a kernel starts run in its interrupt layer', () => {
  const agents: Agent[] = [];
  const { run, core, virq } = makeKernel({ chip: { flags: { oneshotSafe: true } }, spawn: (agent) => agents.push(agent) });
  run(requestThreadedIrq(core, virq, { name: 't', devId: 1, *thread() { return 'handled'; } }));
  run(irqInjectInterrupt(core, virq));
  startSpuriousPoll(core);
  expect(agents).toEqual([
    { name: `irq/${virq}-t`, layer: 'irq' },
    { name: 'k resend tasklet', layer: 'irq' },
    { name: 'k spurious poll', layer: 'irq' },
  ]);
});
