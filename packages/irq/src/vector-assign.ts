// Giving interrupts their vectors, moving them and taking them back (arch/x86/kernel/apic/vector.c). Nothing here waits.
import { fail, ModelError, ok } from '@siov/base';
import type { Result } from '@siov/base';
import type { IrqCore } from './core.ts';
import { cpuMask, hasCpu, lowestCpu } from './cpu-mask.ts';
import type { CpuMask } from './cpu-mask.ts';
import type { IrqDesc } from './desc.ts';
import type { LocalApic } from './local-apic.ts';
import type { VectorTarget } from './msi-message.ts';
import { SHUTDOWN_VECTOR, VECTOR_RETRIGGERED, VECTOR_SHUTDOWN, VECTOR_UNUSED } from './vector-data.ts';
import type { ApicData } from './vector-data.ts';
import type { VectorMatrix } from './vector-matrix.ts';

export type AssignErrno = 'EINVAL' | 'EBUSY' | 'ENOSPC';

/** A CPU as the vector domain sees it. */
export interface VectorCpu {
  readonly apic: LocalApic;
  /** vector_irq[]: the virq of a vector, or one of the marks. */
  readonly irqs: Uint32Array;
}

/** Fields are declared, not defined: every interrupt reads them, and so each has one kind of value from the start. */
export class VectorAssigner {
  declare readonly core: IrqCore;
  declare readonly matrix: VectorMatrix;
  declare readonly cpus: readonly VectorCpu[];

  constructor(core: IrqCore, matrix: VectorMatrix, cpus: readonly VectorCpu[]) {
    this.core = core;
    this.matrix = matrix;
    this.cpus = cpus;
  }

  at(cpu: number): VectorCpu {
    const found = this.cpus[cpu];
    if (found === undefined) throw new ModelError(`CPU ${cpu} is not one of ${this.cpus.length}`);
    return found;
  }

  /**
   * assign_vector_locked(): a vector on a CPU of `mask`; the one it has, if that is on such a CPU and it is online.
   * `EBUSY`: the last move is not over; `ENOSPC`, `EINVAL`: no vector is left there, no CPU in `mask` is online.
   */
  assign(desc: IrqDesc, data: ApicData, mask: CpuMask): Result<void, AssignErrno> {
    const wanted = mask & this.core.online;
    if (data.vector !== 0 && hasCpu(wanted, data.cpu)) return ok();
    if (data.moveInProgress || data.cleanupPending) return fail('EBUSY', `irq ${data.virq} is still on its way from CPU ${data.prevCpu}`);
    return this.assignFirst(desc, data, wanted);
  }

  /** Without looking at what it has. */
  assignFirst(desc: IrqDesc, data: ApicData, mask: CpuMask): Result<void, 'EINVAL' | 'ENOSPC'> {
    const found = this.matrix.alloc(mask & this.core.online, data.hasReserved);
    if (!found.ok) return found;
    this.#update(desc, data, found.value);
    return ok();
  }

  /** assign_irq_vector_any_locked(): on its affinity mask, else on any CPU. Without NUMA nodes, which would come between. */
  assignAny(desc: IrqDesc, data: ApicData): Result<void, AssignErrno> {
    const chosen = this.assign(desc, data, desc.state.affinity);
    return chosen.ok ? chosen : this.assign(desc, data, this.core.online);
  }

  /** assign_managed_vector(): one of those kept for it. */
  assignManaged(desc: IrqDesc, data: ApicData, mask: CpuMask): Result<void, AssignErrno> {
    const wanted = mask & desc.state.affinity & this.core.online;
    if (data.vector !== 0 && hasCpu(wanted, data.cpu)) return ok();
    if (data.moveInProgress || data.cleanupPending) return fail('EBUSY', `irq ${data.virq} is still on its way from CPU ${data.prevCpu}`);
    const found = this.matrix.allocManaged(wanted);
    if (!found.ok) return found;
    this.#update(desc, data, found.value);
    return ok();
  }

  /** activate_reserved(): the reservation becomes a vector. */
  activateReserved(desc: IrqDesc, data: ApicData): Result<void, AssignErrno> {
    const assigned = this.assignAny(desc, data);
    if (!assigned.ok) return assigned;
    data.hasReserved = false;
    data.wasReserved = true;
    // The MSI level took reservation mode from it after the vector was reserved: from here on the vector stays.
    data.canReserve = desc.state.canReserve;
    const { effectiveAffinity, affinity } = desc.state;
    if ((effectiveAffinity & ~affinity) !== 0n) this.core.log.warn(`irq ${data.virq}: Affinity broken due to vector space exhaustion.`);
    return assigned;
  }

  /** vector_assign_managed_shutdown(): messages composed now go where nobody listens. */
  toShutdownVector(desc: IrqDesc, data: ApicData): void {
    this.#setTarget(desc, data, { cpu: lowestCpu(this.core.online), vector: SHUTDOWN_VECTOR });
  }

  /** reserve_irq_vector_locked() */
  reserve(desc: IrqDesc, data: ApicData): void {
    if (!this.matrix.reserve()) this.core.log.warn('Interrupt reservation exceeds available resources');
    data.canReserve = true;
    data.hasReserved = true;
    desc.state.canReserve = true;
    this.toShutdownVector(desc, data);
  }

  /** clear_irq_vector(): it has no vector any more, nor an old one. */
  clear(data: ApicData): void {
    if (data.vector === 0) return;
    this.#release(data, { cpu: data.cpu, vector: data.vector });
    data.vector = 0;
    if (data.prevVector === 0) return;
    this.#release(data, { cpu: data.prevCpu, vector: data.prevVector });
    Object.assign(data, { prevVector: 0, moveInProgress: false, cleanupPending: false });
  }

  #release(data: ApicData, target: VectorTarget): void {
    this.#mark(target, VECTOR_SHUTDOWN);
    this.matrix.free(target, data.isManaged);
  }

  /**
   * free_moved_vector(): the move is over. What is requested on the old vector is raised at the new one and dropped where
   * it is; the kernel gets here only when every CPU has taken what it had.
   */
  freeMoved(data: ApicData): void {
    const old: VectorTarget = { cpu: data.prevCpu, vector: data.prevVector };
    const requested = this.at(old.cpu).apic.requested(old.vector);
    this.#mark(old, requested ? VECTOR_RETRIGGERED : VECTOR_UNUSED);
    this.matrix.free(old, data.isManaged);
    Object.assign(data, { prevVector: 0, moveInProgress: false, cleanupPending: false });
    if (requested) this.retrigger(data);
  }

  /** apic_retrigger_irq(): the vector it has is requested again. False: it has none. */
  retrigger(data: ApicData): boolean {
    if (data.vector === 0) return false;
    this.at(data.cpu).apic.request(data.vector);
    return true;
  }

  /** apic_update_vector(): from here on it belongs on the new vector; the old one is freed when the first comes there. */
  #update(desc: IrqDesc, data: ApicData, next: VectorTarget): void {
    data.prevVector = 0;
    if (data.vector !== 0) {
      if (hasCpu(this.core.online, data.cpu)) {
        data.moveInProgress = true;
        data.prevVector = data.vector;
        data.prevCpu = data.cpu;
      } else {
        // No interrupt will be taken there. What is requested the dying CPU's fix-up still finds (vector_irq[] stays).
        this.matrix.free({ cpu: data.cpu, vector: data.vector }, data.isManaged);
      }
    }
    data.vector = next.vector;
    data.cpu = next.cpu;
    // What is still requested there is of the vector's last owner. A CPU takes that and drops it; one that had no time to,
    // as the kernel does not rule out, would take it for the new owner's.
    this.at(next.cpu).apic.drop(next.vector);
    this.#mark(next, data.virq);
    this.#setTarget(desc, data, next);
  }

  #setTarget(desc: IrqDesc, data: ApicData, target: VectorTarget): void {
    data.target = target;
    desc.state.effectiveAffinity = cpuMask(target.cpu);
  }

  #mark({ cpu, vector }: VectorTarget, mark: number): void {
    this.at(cpu).irqs[vector] = mark;
  }
}
