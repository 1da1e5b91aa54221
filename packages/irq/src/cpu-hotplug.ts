// CPUs that go and come (kernel/irq/cpuhotplug.c, from memory of the source, not looked up): interrupts move away, managed
// ones wait for their CPUs.
import { fail, ok } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import { irqDoSetAffinity, irqSetAffinityLocked } from './affinity.ts';
import type { IrqCore } from './core.ts';
import { cpuMask, hasCpu } from './cpu-mask.ts';
import type { CpuMask } from './cpu-mask.ts';
import type { DescState, IrqDesc } from './desc.ts';
import { hierarchy, levelWith } from './hierarchy.ts';
import { fixupMovePending, withChipMasked } from './migration.ts';
import { irqShutdownAndDeactivate, irqStartupManaged } from './startup.ts';

/** What the vector domain does when CPUs go and come. */
export interface CpuHooks {
  /** lapic_can_unplug_cpu(): whether the vectors of `cpu` find room elsewhere. Asked before anything changes. */
  canOffline?(cpu: number): Result<void, 'ENOSPC'>;
  /** The CPU takes interrupts from here on. */
  cpuOnline(cpu: number): void;
  /** No new vector is given out on it. Interrupts still target it; they are moved next. */
  cpuOffline(cpu: number): void;
  /** fixup_irqs(): vectors raised on the dying CPU and not taken are raised at the interrupts' new targets. */
  retriggerPending(cpu: number): void;
}

/**
 * Takes a CPU down as cpu_down() and fixup_irqs() of x86 do: no longer online, then its interrupts moved to others or,
 * if managed, shut down. `EINVAL`: no such CPU, or not online; `EBUSY`: it is the last one; `ENOSPC`: the others have no
 * room for its vectors. (Codes from memory of the kernel source, not looked up.)
 */
export function cpuDown(core: IrqCore, cpu: number): Steps<Result<void, 'EINVAL' | 'EBUSY' | 'ENOSPC'>> {
  return core.cpuHotplugLock.with(down(core, cpu));
}

function* down(core: IrqCore, cpu: number): Steps<Result<void, 'EINVAL' | 'EBUSY' | 'ENOSPC'>> {
  if (!hasCpu(core.online, cpu)) return fail('EINVAL', `CPU ${cpu} is not online`);
  if (core.online === cpuMask(cpu)) return fail('EBUSY', `CPU ${cpu} is the last one online`);
  for (const hooks of core.cpuHooks) {
    const can = hooks.canOffline?.(cpu) ?? ok();
    if (!can.ok) return can;
  }
  core.setOnline(core.online & ~cpuMask(cpu));
  for (const hooks of core.cpuHooks) hooks.cpuOffline(cpu);
  for (const desc of core.descs()) yield* desc.lock.with(migrateOneIrq(desc, cpu));
  for (const hooks of core.cpuHooks) hooks.retriggerPending(cpu);
  return ok();
}

/** Brings a CPU back; managed interrupts that waited for it are started. `EINVAL`: there is no such CPU. Nothing if it is online. */
export function cpuUp(core: IrqCore, cpu: number): Steps<Result<void, 'EINVAL'>> {
  return core.cpuHotplugLock.with(up(core, cpu));
}

function* up(core: IrqCore, cpu: number): Steps<Result<void, 'EINVAL'>> {
  if (!hasCpu(core.possible, cpu)) return fail('EINVAL', `CPU ${cpu} is none of the ${core.options.cpus} possible ones`);
  if (hasCpu(core.online, cpu)) return ok();
  for (const hooks of core.cpuHooks) hooks.cpuOnline(cpu);
  core.setOnline(core.online | cpuMask(cpu));
  for (const desc of core.descs()) yield* desc.lock.with(restoreAffinity(desc, cpu));
  return ok();
}

/** migrate_one_irq(), with the CPU no longer online. */
function* migrateOneIrq(desc: IrqDesc, cpu: number): Steps<void> {
  const { state, core } = desc;
  if (levelWith(state.data, 'irqSetAffinity') === null) return;
  for (const level of hierarchy(state.data)) level.chip.irqForceCompleteMove?.(level);
  if (state.perCpu || !state.started || !hasCpu(targets(state), cpu)) {
    fixupMovePending(desc, false);
    return;
  }
  const wanted = fixupMovePending(desc, true) ?? state.affinity;
  if ((wanted & core.online) === 0n && state.managed) {
    state.managedShutdown = true;
    yield* irqShutdownAndDeactivate(desc);
    return;
  }
  // What cannot move in process context is masked around the change.
  const move = moveAway(desc, wanted);
  yield* !state.movePcntxt && !state.masked ? withChipMasked(desc, move) : move;
}

/** To an online CPU of `wanted`; where none is online or has a vector left, to any that is. */
function* moveAway(desc: IrqDesc, wanted: CpuMask): Steps<void> {
  const { core, virq, state } = desc;
  const first = (wanted & core.online) === 0n ? core.online : wanted;
  let moved = yield* irqDoSetAffinity(desc, first, false);
  if (!moved.ok && moved.errno === 'ENOSPC' && !state.managed && first !== core.online) moved = yield* irqDoSetAffinity(desc, core.online, false);
  if (!moved.ok) core.log.warn(`IRQ${virq}: set affinity failed: ${moved.message}`);
}

/** Where it can arrive now; for a chip that does not say, where it may. */
function targets({ effectiveAffinity, affinity }: DescState): CpuMask {
  return effectiveAffinity === 0n ? affinity : effectiveAffinity;
}

/** irq_restore_affinity_of_irq() */
function* restoreAffinity(desc: IrqDesc, cpu: number): Steps<void> {
  const { state } = desc;
  if (!state.managed || state.actions.length === 0 || !hasCpu(state.affinity, cpu)) return;
  if (state.managedShutdown) yield* irqStartupManaged(desc);
  // What goes to one CPU only is on one of its set already.
  if (!state.singleTarget) yield* irqSetAffinityLocked(desc, state.affinity, false);
}
