// What x86 lets MSI domains do (x86_init_dev_msi_info(), arch/x86/kernel/apic/msi.c), and how a message that cannot be
// masked is moved without interrupt remapping (msi_set_affinity()). Both from memory of the kernel source, not looked up.
import { ok } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import type { AffinityErrno, AffinityOutcome, IrqData } from './chip.ts';
import { hasCpu } from './cpu-mask.ts';
import type { CpuMask } from './cpu-mask.ts';
import { setParentAffinity, updateMsiMsg, writeMsiMsg } from './msi-affinity.ts';
import { composeVectorMsg } from './msi-message.ts';
import type { VectorTarget } from './msi-message.ts';
import type { MsiParentOps } from './msi-parent.ts';
import type { MsiDesc } from './msi-types.ts';
import { SHUTDOWN_VECTOR } from './vector-data.ts';

/**
 * The MSI parent that interrupt remapping is: messages never change, so IMS is supported and nothing needs two steps.
 * `prefix` as the kernel's domains have it: `IR-`.
 */
export function remappingMsiParent(prefix: string): MsiParentOps {
  return {
    prefix,
    supportedFlags: { activateEarly: true, pciMsix: true, pciMsixAllocDyn: true, pciIms: true },
    requiredFlags: { mustReactivate: true },
    chipFlags: { skipSetWake: true, affinityPreStartup: true },
  };
}

/** What the two-step move needs of the vector domain. */
export interface VectorMover {
  targetOf(data: IrqData): VectorTarget;
  /** The CPU whose interrupt context runs, -1 in a task. */
  currentCpu(): number;
  /** A stray interrupt on this vector of this CPU, if nobody owns it, is to be dropped. */
  expectStray(target: VectorTarget): void;
  requested(target: VectorTarget): boolean;
  retrigger(data: IrqData): boolean;
}

/** The MSI parent that the vector domain itself is: no IMS, as in the kernel. */
export function vectorMsiParent(mover: VectorMover): MsiParentOps {
  return {
    supportedFlags: { activateEarly: true, pciMsix: true, pciMsixAllocDyn: true },
    requiredFlags: { mustReactivate: true, nomaskQuirk: true },
    chipFlags: { skipSetWake: true, affinityPreStartup: true },
    setAffinity: (data, mask, force) => msiSetAffinity(mover, data, mask, force),
  };
}

/**
 * msi_set_affinity(). A device may latch an address and a data word of different messages when both change while it can
 * send. So first the vector changes, on the old CPU, then the CPU; what came in between is raised again.
 */
function* msiSetAffinity(mover: VectorMover, data: IrqData, mask: CpuMask, force: boolean): Steps<Result<AffinityOutcome, AffinityErrno>> {
  const old = mover.targetOf(data);
  const moved = yield* setParentAffinity(data, mask, force);
  if (!moved.ok || moved.value === 'done') return moved;
  const next = mover.targetOf(data);
  if (!needsTwoSteps(mover, data, old, next)) {
    const updated = yield* updateMsiMsg(data);
    return updated.ok ? moved : updated;
  }
  const between: VectorTarget = { cpu: old.cpu, vector: next.vector };
  mover.expectStray(between);
  yield* writeMsiMsg(data, composeVectorMsg(between));
  yield* writeMsiMsg(data, composeVectorMsg(next));
  if (mover.requested(between)) mover.retrigger(data);
  return ok(moved.value);
}

function needsTwoSteps(mover: VectorMover, data: IrqData, old: VectorTarget, next: VectorTarget): boolean {
  const { state, core } = data.desc;
  const direct =
    !(data.chipData as MsiDesc).nomaskQuirk ||
    next.vector === old.vector ||
    old.vector === SHUTDOWN_VECTOR ||
    !state.started ||
    next.cpu === old.cpu;
  // Only the old CPU can see what comes between: in its interrupt context, or when it is going down.
  return !direct && (mover.currentCpu() === old.cpu || !hasCpu(core.online, old.cpu));
}
