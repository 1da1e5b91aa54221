// /proc/irq/N: where an interrupt may go and goes, and how often nobody handled it (kernel/irq/proc.c).
import { fail } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import { irqCanSetAffinity, irqSetAffinity } from './affinity.ts';
import type { AffinityErrno } from './chip.ts';
import type { IrqCore } from './core.ts';
import { cpuList } from './cpu-mask.ts';
import type { CpuMask } from './cpu-mask.ts';

/** The files of the directory; masks as text in the kernel's forms. */
export interface ProcIrq {
  /** Hexadecimal, 32 CPUs to a group: `00000001,00000003`. Of a move that waits, where it will go. */
  readonly smpAffinity: string;
  readonly smpAffinityList: string;
  readonly effectiveAffinity: string;
  readonly effectiveAffinityList: string;
  readonly spurious: { readonly count: number; readonly unhandled: number; readonly lastUnhandledMs: number };
  /** A directory for each action. */
  readonly actions: readonly string[];
}

/** undefined for an interrupt that is not there. */
export function procIrq(core: IrqCore, virq: number): ProcIrq | undefined {
  const state = core.desc(virq)?.state;
  if (state === undefined) return undefined;
  const wanted = state.pendingAffinity ?? state.affinity;
  const { cpus } = core.options;
  return {
    smpAffinity: maskText(wanted, cpus),
    smpAffinityList: cpuList(wanted),
    effectiveAffinity: maskText(state.effectiveAffinity, cpus),
    effectiveAffinityList: cpuList(state.effectiveAffinity),
    spurious: { count: state.irqCount, unhandled: state.irqsUnhandled, lastUnhandledMs: state.lastUnhandled },
    actions: state.actions.map(({ name }) => name),
  };
}

/**
 * Writing smp_affinity, as a user may. `EPERM`: nobody can move it, or only the kernel may (a managed interrupt);
 * `EINVAL`: no such interrupt, or no CPU of the mask is online; else as {@link irqSetAffinity}. (Codes from memory of
 * the kernel source, not looked up.)
 */
export function* writeSmpAffinity(core: IrqCore, virq: number, mask: CpuMask): Steps<Result<void, AffinityErrno | 'EPERM'>> {
  const desc = core.desc(virq);
  if (desc === undefined) return fail('EINVAL', `/proc/irq/${virq} is not there`);
  if (!irqCanSetAffinity(desc)) return fail('EPERM', `irq ${virq} cannot be moved`);
  if (desc.state.managed) return fail('EPERM', `irq ${virq} is managed: the kernel alone says where it goes`);
  if ((mask & core.online) === 0n) return fail('EINVAL', `irq ${virq}: no CPU of the mask is online`);
  return yield* irqSetAffinity(core, virq, mask);
}

/** cpumask_pr_args(): `%*pb`. */
function maskText(mask: CpuMask, cpus: number): string {
  const digits = Math.ceil(cpus / 4);
  const text = mask.toString(16).padStart(digits, '0');
  const first = text.length % 8 || 8;
  const groups = [text.slice(0, first)];
  for (let at = first; at < text.length; at += 8) groups.push(text.slice(at, at + 8));
  return groups.join(',');
}
