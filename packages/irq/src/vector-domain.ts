// The x86 vector domain: the root of every hierarchy. A vector on a CPU is reserved at allocation, assigned at
// activation (arch/x86/kernel/apic/vector.c), and raised by whoever holds the message that names it.
import { fail, IdAllocator, ok, waitUntil } from '@siov/base';
import type { Steps } from '@siov/base';
import type { IrqChip, IrqData, MsiMsg } from './chip.ts';
import type { IrqCore } from './core.ts';
import { IrqDomain } from './domain.ts';
import { composeVectorMsg } from './msi-message.ts';

/** First vector given to devices and the first of the system vectors above them (arch/x86 irq_vectors.h). */
export const FIRST_DEVICE_VECTOR = 0x40;
export const FIRST_SYSTEM_VECTOR = 0xec;

/** A vector on a CPU: where an interrupt goes. */
export interface VectorTarget {
  /** APIC id; CPU n has id n here. */
  readonly cpu: number;
  readonly vector: number;
}

interface Cpu {
  readonly vectors: IdAllocator;
  /** Vector -> virq (the per-CPU vector_irq[] table). */
  readonly irqs: Map<number, number>;
  /** Interrupt request register of the local APIC: vectors raised and not yet taken, in order of arrival. */
  readonly apic: { requests: readonly number[]; spurious: number };
}

export class VectorDomain {
  readonly domain: IrqDomain;
  readonly #core: IrqCore;
  readonly #cpus: readonly Cpu[];
  readonly #state: { reserved: number };
  readonly #chip: IrqChip;

  constructor(core: IrqCore) {
    const { state } = core.ports;
    const { name, cpus } = core.options;
    this.#core = core;
    this.#state = state.record(`${name}/vectors`, { reserved: 0 });
    this.#cpus = Array.from({ length: cpus }, (_, cpu) => ({
      vectors: new IdAllocator(state, `${name}/cpu${cpu}/vectors`, { first: FIRST_DEVICE_VECTOR, end: FIRST_SYSTEM_VECTOR }),
      irqs: state.map<number, number>(`${name}/cpu${cpu}/vector_irq`),
      apic: state.record(`${name}/cpu${cpu}/apic`, { requests: [] as readonly number[], spurious: 0 }),
    }));
    this.#chip = {
      name: 'APIC',
      *irqAck() {},
      irqComposeMsiMsg: (data): MsiMsg => composeVectorMsg(this.targetOf(data)),
      irqRetrigger: (data) => {
        const { cpu, vector } = this.targetOf(data);
        this.#request(cpu, vector);
        return true;
      },
    };
    this.domain = new IrqDomain(state, `${name}/vector`, {
      alloc: (_domain, virq) => this.#reserve(virq),
      free: () => this.#unreserve(),
      activate: (data) => this.#assign(data),
      deactivate: (data) => this.#release(data),
    });
  }

  /** Interrupts that hold a reservation, and vectors assigned on all CPUs. */
  get counters(): { reserved: number; assigned: number } {
    return { reserved: this.#state.reserved, assigned: this.#cpus.reduce((sum, cpu) => sum + cpu.vectors.used, 0) };
  }

  /** irqd_cfg(): where an activated interrupt goes. */
  targetOf(data: IrqData): VectorTarget {
    let level = data;
    while (level.parent !== null) level = level.parent;
    return level.chipData as VectorTarget;
  }

  /** The local APIC of `cpu` takes an interrupt message. Taken by the CPU when it lets interrupts in. */
  *raise(cpu: number, vector: number): Steps<void> {
    this.#request(cpu, vector);
  }

  /** The CPU's interrupt context: takes raised vectors one after the other, for ever. To be spawned as an agent. */
  *interrupts(cpu: number): Steps<never> {
    const { apic, irqs } = this.#at(cpu);
    for (;;) {
      yield* waitUntil(`interrupt on CPU ${cpu}`, () => apic.requests.length > 0);
      const [vector = 0, ...rest] = apic.requests;
      apic.requests = rest;
      const virq = irqs.get(vector);
      if (virq === undefined) apic.spurious += 1;
      else yield* this.#core.handleIrq(virq, cpu);
    }
  }

  /** Interrupts on vectors nobody owned ("no irq handler for vector"). */
  spurious(cpu: number): number {
    return this.#at(cpu).apic.spurious;
  }

  #at(cpu: number): Cpu {
    const found = this.#cpus[cpu];
    if (found === undefined) throw new RangeError(`CPU ${cpu} is not one of ${this.#cpus.length}`);
    return found;
  }

  #request(cpu: number, vector: number): void {
    const target = this.#cpus[cpu];
    // The request register has one bit a vector: a second edge before the first is taken is the same edge.
    if (target === undefined || target.apic.requests.includes(vector)) return;
    target.apic.requests = [...target.apic.requests, vector];
  }

  /** Global reservation: there is a vector for it somewhere when it is activated. */
  *#reserve(virq: number) {
    const capacity = this.#cpus.length * (FIRST_SYSTEM_VECTOR - FIRST_DEVICE_VECTOR);
    if (this.#state.reserved >= capacity) return fail('ENOSPC', `all ${capacity} vectors are reserved`);
    this.#state.reserved += 1;
    return ok({ hwirq: virq, chip: this.#chip, chipData: null });
  }

  *#unreserve(): Steps<void> {
    this.#state.reserved -= 1;
  }

  /** The CPU with the most free vectors, and its lowest free one. */
  *#assign(data: IrqData) {
    const free = this.#cpus.map((cpu) => cpu.vectors.end - cpu.vectors.first - cpu.vectors.used);
    const cpu = free.indexOf(Math.max(...free));
    const vector = this.#at(cpu).vectors.alloc();
    if (!vector.ok) return vector;
    this.#at(cpu).irqs.set(vector.value, data.virq);
    data.chipData = { cpu, vector: vector.value } satisfies VectorTarget;
    return ok();
  }

  *#release(data: IrqData): Steps<void> {
    const { cpu, vector } = data.chipData as VectorTarget;
    this.#at(cpu).irqs.delete(vector);
    this.#at(cpu).vectors.free(vector);
    data.chipData = null;
  }
}
