// The x86 vector domain: the root of every hierarchy. Interrupts get a reservation when they are allocated and a vector
// of a CPU when they are activated (arch/x86/kernel/apic/vector.c); who holds the message that names it raises it.
import { fail, ModelError, ok } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import type { AffinityErrno, AffinityOutcome, IrqChip, IrqData, MsiMsg } from './chip.ts';
import type { IrqCore } from './core.ts';
import { cpusOf } from './cpu-mask.ts';
import type { IrqDesc } from './desc.ts';
import { IrqDomain } from './domain.ts';
import type { ActivateErrno, AllocErrno, LevelData } from './domain.ts';
import { LocalApic } from './local-apic.ts';
import { irqMoveIrq } from './migration.ts';
import { composeVectorMsg } from './msi-message.ts';
import type { VectorTarget } from './msi-message.ts';
import type { VectorAllocInfo } from './msi-types.ts';
import { VectorAssigner } from './vector-assign.ts';
import { VectorCleanup } from './vector-cleanup.ts';
import { VectorCpus } from './vector-cpus.ts';
import { FIRST_DEVICE_VECTOR, FIRST_SYSTEM_VECTOR, makeApicData } from './vector-data.ts';
import type { ApicData } from './vector-data.ts';
import { matrixLines, vectorLines } from './vector-dump.ts';
import { NR_VECTORS, VectorMatrix } from './vector-matrix.ts';
import { vectorMsiParent } from './vector-msi-parent.ts';

export interface VectorDomainOptions {
  /** First vector given to devices; 0x40 unless said. */
  readonly firstVector?: number;
  /** First system vector, behind the last one given to devices; 0xec unless said. */
  readonly systemVector?: number;
}

export class VectorDomain {
  readonly domain: IrqDomain<VectorAllocInfo | null>;
  readonly matrix: VectorMatrix;
  readonly #core: IrqCore;
  readonly #vectors: VectorAssigner;
  readonly #cleanup: VectorCleanup;
  readonly #cpus: VectorCpus;
  readonly #irqs: Map<number, ApicData>;
  readonly #chip: IrqChip;

  constructor(core: IrqCore, options: VectorDomainOptions = {}) {
    const { firstVector: first = FIRST_DEVICE_VECTOR, systemVector: end = FIRST_SYSTEM_VECTOR } = options;
    if (!(first >= 32 && first < end && end <= NR_VECTORS)) throw new ModelError(`vectors ${first}..${end - 1} are not between 32 and 255`);
    const { state } = core.ports;
    const { name, cpus } = core.options;
    this.#core = core;
    this.#irqs = state.map(`${name}/vectors`);
    const each = Array.from({ length: cpus }, (_, cpu) => ({
      apic: new LocalApic(state, `${name}/cpu${cpu}`),
      irqs: state.words(`${name}/cpu${cpu}/vector_irq`, NR_VECTORS),
    }));
    const system = Array.from({ length: NR_VECTORS - end }, (_, offset) => end + offset);
    this.matrix = new VectorMatrix(state, name, { cpus, first, end, system });
    this.#vectors = new VectorAssigner(core, this.matrix, each);
    this.#cleanup = new VectorCleanup(this.#vectors, (virq) => this.#irqs.get(virq));
    this.#cpus = new VectorCpus(this.#vectors, (virq) => this.#irqs.get(virq));
    this.#chip = this.#makeChip();
    const msiParent = vectorMsiParent({
      targetOf: (data) => this.targetOf(data),
      currentCpu: () => this.#cpus.processor.id,
      expectStray: (target) => this.#cpus.expectStray(target),
      requested: ({ cpu, vector }) => this.#vectors.at(cpu).apic.requested(vector),
      retrigger: (data) => this.#vectors.retrigger(this.#dataOf(data)),
    });
    this.domain = new IrqDomain<VectorAllocInfo | null>(
      state,
      `${name}/vector`,
      {
        alloc: (_domain, _virq, info, desc) => this.#alloc(desc, info),
        free: (data) => this.#free(data),
        activate: (data, reserve) => this.#activate(data, reserve),
        deactivate: (data) => this.#deactivate(data),
        undoActivate: (data) => this.#undoActivate(data),
        debugShow: (data) => (data === null ? matrixLines(this.matrix, cpusOf(core.online)) : vectorLines(data.chipData as ApicData)),
      },
      null,
      { fwnode: 'VECTOR', msiParent },
    );
    for (const cpu of cpusOf(core.online)) this.#cpus.cpuOnline(cpu);
    core.registerCpuHooks(this.#cpus);
  }

  /** Reservations not yet turned into vectors, vectors assigned on all CPUs, and vectors kept for managed interrupts. */
  get counters(): { reserved: number; assigned: number; managed: number } {
    const { globalReserved, totalAllocated } = this.matrix.counters;
    const managed = Array.from({ length: this.#core.options.cpus }, (_, cpu) => this.matrix.cpu(cpu).managed).reduce((sum, count) => sum + count, 0);
    return { reserved: globalReserved, assigned: totalAllocated, managed };
  }

  /**
   * irqd_cfg(): what messages of the interrupt are composed of; the shutdown vector while it has none of its own, zero
   * until a managed one is first activated.
   */
  targetOf(data: IrqData): VectorTarget {
    return this.#dataOf(data).target;
  }

  /** The local APIC of `cpu` takes an interrupt message. Taken by the CPU when it lets interrupts in; lost when it is offline. */
  raise(cpu: number, vector: number): void {
    this.#vectors.cpus[cpu]?.apic.request(vector);
  }

  /**
   * vector_schedule_cleanup(): for a level that redirects interrupts by itself (interrupt remapping), when it has: the
   * old vector of a move is freed without waiting for an interrupt on the new one.
   */
  scheduleCleanup(data: IrqData): void {
    const apic = this.#dataOf(data);
    if (apic.moveInProgress) this.#cleanup.schedule(apic);
  }

  /** The CPU's interrupt context: takes requested vectors one after the other, for ever. To be spawned as an agent. */
  interrupts(cpu: number): Steps<never> {
    return this.#cpus.interrupts(cpu);
  }

  /** alloc_intr_gate(): who handles a system vector. Throws {@link ModelError} for another vector, or one handled already. */
  installSystemVector(vector: number, handler: (cpu: number) => void): void {
    this.#cpus.installSystemVector(vector, this.matrix.end, handler);
  }

  /** Interrupts taken on vectors nobody owned ("No irq handler for vector"). */
  spurious(cpu: number): number {
    return this.#vectors.at(cpu).apic.spurious;
  }

  #dataOf(data: IrqData): ApicData {
    let level = data;
    while (level.parent !== null) level = level.parent;
    return level.chipData as ApicData;
  }

  #makeChip(): IrqChip {
    const { processor } = this.#cpus;
    return {
      name: 'APIC',
      // apic_ack_edge(): the first interrupt on the new CPU ends a move; then one that waits for an interrupt is made.
      irqAck: (data) => {
        const apic = data.chipData as ApicData;
        if (apic.moveInProgress && apic.cpu === processor.id) this.#cleanup.schedule(apic);
        return irqMoveIrq(data);
      },
      irqSetAffinity: (data, mask) => this.#setAffinity(data, mask),
      irqComposeMsiMsg: (data): MsiMsg => composeVectorMsg(this.targetOf(data)),
      irqRetrigger: (data) => this.#vectors.retrigger(data.chipData as ApicData),
      irqForceCompleteMove: (data) => this.#forceCompleteMove(data.chipData as ApicData),
    };
  }

  /** x86_vector_alloc_irqs(): kept on every CPU of a managed mask, assigned on an explicit one, or only reserved. */
  *#alloc(desc: IrqDesc, info: VectorAllocInfo | null): Steps<Result<LevelData, AllocErrno>> {
    const { ports, options } = this.#core;
    if (!ports.state.grant('apic_chip_data')) return fail('ENOMEM', `irq ${desc.virq}: no memory for its vector`);
    const data = makeApicData(ports.state, options.name, desc.virq);
    const { state } = desc;
    Object.assign(state, { singleTarget: true, enforceIrqContext: true, affinityOnActivate: true });
    const taken = this.#take(desc, data, info);
    if (!taken.ok) return taken;
    this.#irqs.set(desc.virq, data);
    return ok({ hwirq: desc.virq, chip: this.#chip, chipData: data });
  }

  /** assign_irq_vector_policy() */
  #take(desc: IrqDesc, data: ApicData, info: VectorAllocInfo | null): Result<void, 'EINVAL' | 'ENOSPC'> {
    if (desc.state.managed) {
      data.isManaged = true;
      return this.matrix.reserveManaged(desc.state.affinity);
    }
    if (info?.mask !== undefined) return this.#vectors.assignFirst(desc, data, info.mask);
    this.#vectors.reserve(desc, data);
    return ok();
  }

  /** x86_vector_free_irqs() */
  *#free({ chipData, desc }: IrqData): Steps<void> {
    const data = chipData as ApicData;
    this.#vectors.clear(data);
    if (data.hasReserved) this.matrix.removeReserved();
    if (data.isManaged) this.matrix.removeManaged(desc.state.affinity);
    this.#irqs.delete(data.virq);
  }

  /** x86_vector_activate(). `EINVAL`: a managed interrupt without online CPU; `ENOSPC`: no vector; `EBUSY`: still moving. */
  *#activate({ chipData, desc }: IrqData, reserve: boolean): Steps<Result<void, ActivateErrno>> {
    const data = chipData as ApicData;
    if (!data.canReserve && !data.isManaged) return this.#vectors.assignAny(desc, data);
    if (reserve || (data.isManaged && desc.state.managedShutdown)) {
      this.#vectors.toShutdownVector(desc, data);
      return ok();
    }
    if (data.isManaged) return this.#vectors.assignManaged(desc, data, desc.state.affinity);
    return data.hasReserved ? this.#vectors.activateReserved(desc, data) : ok();
  }

  /** x86_vector_deactivate(): a vector that was not reserved stays; another goes back and is reserved again. */
  *#deactivate({ chipData, desc }: IrqData): Steps<void> {
    const data = chipData as ApicData;
    data.wasReserved = false;
    if ((!data.isManaged && !data.canReserve) || data.hasReserved) return;
    this.#vectors.clear(data);
    if (data.canReserve) this.#vectors.reserve(desc, data);
    else this.#vectors.toShutdownVector(desc, data);
  }

  /** A vector that was a reservation before is one again; the kernel would let it keep one that it does not give back. */
  *#undoActivate(data: IrqData): Steps<void> {
    const apic = data.chipData as ApicData;
    if (apic.canReserve || !apic.wasReserved) return yield* this.#deactivate(data);
    apic.wasReserved = false;
    const { canReserve } = data.desc.state;
    this.#vectors.clear(apic);
    this.#vectors.reserve(data.desc, apic);
    data.desc.state.canReserve = canReserve;
  }

  /** apic_set_affinity(): what is not active gets a vector that fits when it is activated. */
  *#setAffinity({ chipData, desc }: IrqData, mask: bigint): Steps<Result<AffinityOutcome, AffinityErrno>> {
    const data = chipData as ApicData;
    if (!desc.state.activated && (data.isManaged || data.canReserve)) return ok('ok');
    const moved = data.isManaged ? this.#vectors.assignManaged(desc, data, mask) : this.#vectors.assign(desc, data, mask);
    return moved.ok ? ok('ok') : moved;
  }

  /** irq_force_complete_move() */
  #forceCompleteMove(data: ApicData): void {
    if (data.prevVector === 0) return;
    if (data.moveInProgress) this.#core.log.warn(`IRQ fixup: irq ${data.virq} move in progress, old vector ${data.prevVector}`);
    this.#vectors.freeMoved(data);
  }
}
