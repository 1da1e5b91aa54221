// The CPUs under the vector domain: taking interrupts (common_interrupt()), going and coming (lapic_online(),
// lapic_offline(), fixup_irqs()).
import { fail, ModelError, ok } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import type { CpuHooks } from './cpu-hotplug.ts';
import type { VectorTarget } from './msi-message.ts';
import type { VectorAssigner, VectorCpu } from './vector-assign.ts';
import { SHUTDOWN_VECTOR, VECTOR_RETRIGGERED, VECTOR_UNUSED } from './vector-data.ts';
import type { ApicData } from './vector-data.ts';
import { CpuInterrupts } from './vector-interrupts.ts';
import type { Processor, VectorHandler } from './vector-interrupts.ts';

export class VectorCpus implements CpuHooks, VectorHandler {
  readonly processor: Processor = { id: -1 };
  readonly #vectors: VectorAssigner;
  readonly #dataOf: (virq: number) => ApicData | undefined;
  readonly #system = new Map<number, (cpu: number) => void>();

  constructor(vectors: VectorAssigner, dataOf: (virq: number) => ApicData | undefined) {
    this.#vectors = vectors;
    this.#dataOf = dataOf;
  }

  interrupts(cpu: number): Steps<never> {
    // A generator but for the helpers of iterators, which nobody calls on steps.
    return new CpuInterrupts(cpu, this.#vectors.at(cpu), this, this.processor, !this.#vectors.core.atOnce) as unknown as Steps<never>;
  }

  /** common_interrupt(): the interrupt of the highest requested vector. */
  handleNext(cpu: number, { apic, irqs }: VectorCpu): boolean | Steps<void> {
    const vector = apic.take();
    if (vector === -1) return false;
    // As an integer: a virq is above 0, VECTOR_UNUSED is 0, the other marks are below.
    const virq = (irqs[vector] as number) | 0;
    if (virq > 0) return this.#vectors.core.handleIrq(virq, cpu) ?? true;
    if (virq < 0) irqs[vector] = VECTOR_UNUSED;
    else if (vector !== SHUTDOWN_VECTOR) this.#unowned(cpu, vector, apic);
    return true;
  }

  #unowned(cpu: number, vector: number, apic: VectorCpu['apic']): void {
    const handler = this.#system.get(vector);
    if (handler !== undefined) return handler(cpu);
    apic.countSpurious();
    this.#vectors.core.log.warn(`common_interrupt: ${cpu}.${vector} No irq handler for vector`);
  }

  installSystemVector(vector: number, firstSystemVector: number, handler: (cpu: number) => void): void {
    if (!(vector >= firstSystemVector && vector < 256)) throw new ModelError(`vector ${vector} is no system vector`);
    if (this.#system.has(vector) || vector === SHUTDOWN_VECTOR) throw new ModelError(`system vector ${vector} has a handler`);
    this.#system.set(vector, handler);
  }

  /** A stray interrupt on a vector nobody owns is expected here. */
  expectStray({ cpu, vector }: VectorTarget): void {
    const { irqs } = this.#vectors.at(cpu);
    if (irqs[vector] === VECTOR_UNUSED) irqs[vector] = VECTOR_RETRIGGERED;
  }

  /** lapic_can_unplug_cpu(): whether the others have room for what is assigned on `cpu`; managed interrupts do not move. */
  canOffline(cpu: number): Result<void, 'ENOSPC'> {
    const { matrix, core } = this.#vectors;
    const { allocated, managedAllocated, available } = matrix.cpu(cpu);
    const toMove = allocated - managedAllocated;
    const left = matrix.counters.globalAvailable - available;
    const { globalReserved } = matrix.counters;
    if (left < toMove) return fail('ENOSPC', `CPU ${cpu} has ${toMove} vectors, ${left} available. Cannot disable CPU`);
    if (left < globalReserved) core.log.warn(`Reserved vectors ${globalReserved} > available ${left}. IRQ request may fail`);
    return ok();
  }

  /** lapic_online() */
  cpuOnline(cpu: number): void {
    const { apic, irqs } = this.#vectors.at(cpu);
    irqs.fill(VECTOR_UNUSED);
    this.#vectors.matrix.online(cpu);
    apic.enable();
  }

  /** No vector is given out here any more. Old vectors of moves are freed with the interrupts' fix-up (irq_force_complete_move()). */
  cpuOffline(cpu: number): void {
    this.#vectors.matrix.offline(cpu);
  }

  /** fixup_irqs(), its second half: what is requested here and was not taken is raised where the interrupt is now. */
  retriggerPending(cpu: number): void {
    const { apic, irqs } = this.#vectors.at(cpu);
    for (let vector = 0; vector < irqs.length; vector++) {
      const data = apic.requested(vector) ? this.#dataOf(irqs[vector] as number) : undefined;
      if (data !== undefined) this.#vectors.retrigger(data);
    }
    apic.disable();
  }
}
