// struct irq_domain: maps one interrupt controller's numbers, stacked into hierarchies. Allocation takes resources from
// the root up, activation goes the same way, and everything is given back in the opposite order (kernel/irq/irqdomain.c).
import { fail, ok } from '@siov/base';
import type { Result, StatePort, Steps } from '@siov/base';
import type { IrqChip, IrqData } from './chip.ts';
import type { IrqDesc } from './desc.ts';

/** The codes an allocation can give: no resource of some level, no memory, or an argument a level refuses. */
export type AllocErrno = 'ENOSPC' | 'ENOMEM' | 'EINVAL' | 'EEXIST' | 'ENODEV' | 'ENOSYS';
export type ActivateErrno = 'EINVAL' | 'ENOSPC' | 'ENOSYS' | 'EBUSY';

/** What a level does for one interrupt. `A` is the allocation argument the whole hierarchy understands. */
export interface IrqDomainOps<A> {
  /** Takes this level's resource and names it. The levels below have theirs already. */
  alloc(domain: IrqDomain, virq: number, argument: A): Steps<Result<{ hwirq: number; chip: IrqChip; chipData: unknown }, AllocErrno>>;
  /** Gives it back. The levels above have given theirs back already. */
  free(data: IrqData): Steps<void>;
  activate?(data: IrqData): Steps<Result<void, ActivateErrno>>;
  deactivate?(data: IrqData): Steps<void>;
}

export class IrqDomain<A = unknown> {
  readonly name: string;
  readonly parent: IrqDomain<A> | null;
  readonly #ops: IrqDomainOps<A>;
  readonly #mappings: Map<number, number>;

  constructor(state: StatePort, name: string, ops: IrqDomainOps<A>, parent: IrqDomain<A> | null = null) {
    this.name = name;
    this.parent = parent;
    this.#ops = ops;
    this.#mappings = state.map(`domain/${name}/revmap`);
  }

  /** irq_find_mapping(): the virq of `hwirq`, 0 when there is none. */
  findMapping(hwirq: number): number {
    return this.#mappings.get(hwirq) ?? 0;
  }

  get mappings(): number {
    return this.#mappings.size;
  }

  /**
   * irq_domain_alloc_irqs_hierarchy(): the root first, then this level. `EEXIST` when the hardware number is mapped
   * already. On failure the levels that had succeeded are freed again, the last one first.
   */
  *alloc(desc: IrqDesc, argument: A): Steps<Result<IrqData, AllocErrno>> {
    let parent: IrqData | null = null;
    if (this.parent !== null) {
      const below: Result<IrqData, AllocErrno> = yield* this.parent.alloc(desc, argument);
      if (!below.ok) return below;
      parent = below.value;
    }
    const own = yield* this.#ops.alloc(this, desc.virq, argument);
    if (!own.ok) {
      if (parent !== null) yield* parent.domain.free(parent);
      return own;
    }
    const data: IrqData = { virq: desc.virq, desc, domain: this, parent, ...own.value };
    const mapped = this.findMapping(data.hwirq);
    if (mapped === 0) {
      this.#mappings.set(data.hwirq, desc.virq);
      return ok(data);
    }
    // Not free(): the mapping belongs to the other interrupt.
    yield* this.#ops.free(data);
    if (parent !== null) yield* parent.domain.free(parent);
    return fail('EEXIST', `${this.name}: hwirq ${data.hwirq} is mapped to irq ${mapped}`);
  }

  /** irq_domain_free_irqs_hierarchy(): this level first, then the ones below. */
  *free(data: IrqData): Steps<void> {
    this.#mappings.delete(data.hwirq);
    yield* this.#ops.free(data);
    if (data.parent !== null) yield* data.parent.domain.free(data.parent);
  }

  /** irq_domain_activate_irq(), one chain: root first. A level that fails leaves those below it deactivated again. */
  *activate(data: IrqData): Steps<Result<void, ActivateErrno>> {
    if (data.parent !== null) {
      const below = yield* data.parent.domain.activate(data.parent);
      if (!below.ok) return below;
    }
    const own = this.#ops.activate === undefined ? ok() : yield* this.#ops.activate(data);
    if (!own.ok && data.parent !== null) yield* data.parent.domain.deactivate(data.parent);
    return own;
  }

  /** irq_domain_deactivate_irq(), one chain: this level first. */
  *deactivate(data: IrqData): Steps<void> {
    if (this.#ops.deactivate !== undefined) yield* this.#ops.deactivate(data);
    if (data.parent !== null) yield* data.parent.domain.deactivate(data.parent);
  }
}
