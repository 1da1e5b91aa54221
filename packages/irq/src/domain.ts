// struct irq_domain: maps one interrupt controller's numbers, stacked into hierarchies. Allocation takes resources from
// the root up, activation goes the same way, and everything is given back in the opposite order (kernel/irq/irqdomain.c).
import { fail, ModelError, ok } from '@siov/base';
import type { Result, StatePort, Steps } from '@siov/base';
import type { IrqChip, IrqData, TriggerType } from './chip.ts';
import type { IrqDesc } from './desc.ts';
import { irqData } from './hierarchy.ts';
import type { MsiParentOps } from './msi-parent.ts';
import { Revmap } from './revmap.ts';

/** The codes an allocation can give: no resource of some level, no memory, or an argument a level refuses. */
export type AllocErrno = 'ENOSPC' | 'ENOMEM' | 'EINVAL' | 'EEXIST' | 'ENODEV' | 'ENOSYS';
export type ActivateErrno = 'EINVAL' | 'ENOSPC' | 'ENOSYS' | 'EBUSY';

/** How firmware names an interrupt (struct irq_fwspec): the controller's node, and words only its domain understands. */
export interface IrqFwSpec {
  readonly fwnode: string;
  readonly params: readonly number[];
}

/** What a level says of the interrupt it took a resource for (irq_domain_set_hwirq_and_chip()). */
export interface LevelData {
  readonly hwirq: number;
  readonly chip: IrqChip;
  readonly chipData: unknown;
}

/** What a level does for one interrupt. `A` is the allocation argument the whole hierarchy understands. */
export interface IrqDomainOps<A> {
  /** Takes this level's resource and names it. The levels below have theirs already. Absent: `ENOSYS`. */
  alloc?(domain: IrqDomain, virq: number, argument: A, desc: IrqDesc): Steps<Result<LevelData, AllocErrno>>;
  /** Gives it back. The levels above have given theirs back already. */
  free?(data: IrqData): Steps<void>;
  /** `reserve`: only what a request needs to be sure of, no final resource (reservation mode). */
  activate?(data: IrqData, reserve: boolean): Steps<Result<void, ActivateErrno>>;
  deactivate?(data: IrqData): Steps<void>;
  /** Instead of deactivating, where a level further out could not be activated and so nothing may have changed. */
  undoActivate?(data: IrqData): Steps<void>;
  /**
   * Whether this level takes no part in this interrupt: it and the levels below are left out of its hierarchy
   * (irq_domain_disconnect_hierarchy(), whose mark is -ENOTCONN).
   */
  disconnected?(argument: A): boolean;
  /** What a firmware specifier means here. */
  translate?(spec: IrqFwSpec): Result<{ readonly hwirq: number; readonly type: TriggerType }, 'EINVAL'>;
  /** Lines for the domain's or, with `data`, the interrupt's page in debugfs. */
  debugShow?(data: IrqData | null): readonly string[];
}

export interface IrqDomainOptions {
  /** Numbers below it are mapped in a linear table, others in a tree. */
  readonly size?: number;
  /** The largest hardware number; a level that names a larger one fails with `EINVAL`. */
  readonly hwirqMax?: number;
  /** Needs a level below: without one allocation fails with `ENOSYS`, as irq_domain_alloc_irqs_parent() does. */
  readonly needsParent?: boolean;
  /** Whose firmware specifiers it translates. */
  readonly fwnode?: string;
  /** Present: per-device MSI domains can be stacked on it (IRQ_DOMAIN_FLAG_MSI_PARENT). */
  readonly msiParent?: MsiParentOps;
}

export class IrqDomain<A = unknown> {
  readonly name: string;
  readonly parent: IrqDomain<A> | null;
  readonly ops: IrqDomainOps<A>;
  readonly options: IrqDomainOptions;
  readonly #revmap: Revmap;
  readonly #state: StatePort;
  readonly #children: Map<string, IrqDomain<never>>;

  constructor(state: StatePort, name: string, ops: IrqDomainOps<A>, parent: IrqDomain<A> | null = null, options: IrqDomainOptions = {}) {
    this.name = name;
    this.parent = parent;
    this.ops = ops;
    this.options = options;
    this.#state = state;
    this.#revmap = new Revmap(state, name, options.size ?? 0);
    this.#children = state.map(`domain/${name}/children`);
    this.publish();
  }

  /** irq_find_mapping(): the virq of `hwirq`, 0 when there is none. */
  findMapping(hwirq: number): number {
    return this.#revmap.find(hwirq);
  }

  get mappings(): number {
    return this.#revmap.size;
  }

  /** Size of the linear part of the reverse map. */
  get size(): number {
    return this.#revmap.linearSize;
  }

  /** Domains stacked directly on this one, in the order they were made. */
  get children(): readonly IrqDomain<never>[] {
    return [...this.#children.values()];
  }

  /** Seen from its parent: again, after it was removed. */
  publish(): void {
    if (this.parent !== null) this.parent.#children.set(this.name, this);
  }

  /** irq_domain_remove(). Throws {@link ModelError} while interrupts are mapped: their levels would point nowhere. */
  remove(): void {
    if (this.mappings > 0) throw new ModelError(`domain ${this.name} is removed with ${this.mappings} interrupts mapped`);
    if (this.parent === null) return;
    // Another of the same name may have come since.
    if (this.parent.#children.get(this.name) === (this as unknown)) this.parent.#children.delete(this.name);
  }

  /**
   * irq_domain_alloc_irqs_hierarchy(): the root first, then this level. On failure the levels that had succeeded are
   * freed again, the last one first (R6). `ENOMEM`: no memory for a level; `ENOSYS`: a level that cannot allocate, or has no
   * parent and needs one; `EEXIST`: the hardware number is mapped already; `EINVAL`: it is beyond the domain's, or the
   * outermost level is disconnected; and what the levels give.
   */
  *alloc(desc: IrqDesc, argument: A): Steps<Result<IrqData, AllocErrno>> {
    if (this.ops.disconnected?.(argument)) return fail('EINVAL', `${this.name}: the outermost level of irq ${desc.virq} cannot be left out`);
    // The outermost level lives in the descriptor, each other one takes memory.
    for (let level = this.#parentFor(argument); level !== null; level = level.#parentFor(argument)) {
      if (!this.#state.grant('irq_data')) return fail('ENOMEM', `${this.name}: no memory for the levels of irq ${desc.virq}`);
    }
    return yield* this.#allocLevel(desc, argument);
  }

  *#allocLevel(desc: IrqDesc, argument: A): Steps<Result<IrqData, AllocErrno>> {
    const { ops } = this;
    if (ops.alloc === undefined) return fail('ENOSYS', `${this.name} allocates no interrupts`);
    if (this.options.needsParent && this.parent === null) return fail('ENOSYS', `${this.name} needs a parent domain and has none`);
    const below = this.#parentFor(argument);
    let parent: IrqData | null = null;
    if (below !== null) {
      const allocated: Result<IrqData, AllocErrno> = yield* below.#allocLevel(desc, argument);
      if (!allocated.ok) return allocated;
      parent = allocated.value;
    }
    const own = yield* ops.alloc(this, desc.virq, argument, desc);
    if (!own.ok) {
      if (parent !== null) yield* parent.domain.free(parent);
      return own;
    }
    const { hwirq, chip, chipData } = own.value;
    const data = irqData({ virq: desc.virq, desc, domain: this, hwirq, chip, chipData, parent });
    const refused = this.#refusal(hwirq);
    if (refused === null) {
      this.#revmap.insert(hwirq, desc.virq);
      return ok(data);
    }
    // Not free(): the mapping, if there is one, belongs to another interrupt.
    if (ops.free !== undefined) yield* ops.free(data);
    if (parent !== null) yield* parent.domain.free(parent);
    return refused;
  }

  #refusal(hwirq: number) {
    const { hwirqMax = Infinity } = this.options;
    if (hwirq > hwirqMax) return fail('EINVAL', `${this.name}: hwirq ${hwirq} is beyond ${hwirqMax}`);
    const mapped = this.findMapping(hwirq);
    return mapped === 0 ? null : fail('EEXIST', `${this.name}: hwirq ${hwirq} is mapped to irq ${mapped}`);
  }

  /** The next level of an interrupt allocated with `argument`. */
  #parentFor(argument: A): IrqDomain<A> | null {
    const { parent } = this;
    return parent === null || parent.ops.disconnected?.(argument) ? null : parent;
  }

  /** irq_domain_free_irqs_hierarchy(): this level first, then the ones below. */
  *free(data: IrqData): Steps<void> {
    this.#revmap.delete(data.hwirq);
    if (this.ops.free !== undefined) yield* this.ops.free(data);
    if (data.parent !== null) yield* data.parent.domain.free(data.parent);
  }

  /** irq_domain_activate_irq(), one chain: root first. A level that fails leaves those below it deactivated again. */
  *activate(data: IrqData, reserve = false): Steps<Result<void, ActivateErrno>> {
    if (data.parent !== null) {
      const below = yield* data.parent.domain.activate(data.parent, reserve);
      if (!below.ok) return below;
    }
    const own = this.ops.activate === undefined ? ok() : yield* this.ops.activate(data, reserve);
    if (!own.ok && data.parent !== null) yield* data.parent.domain.#undoActivate(data.parent);
    return own;
  }

  *#undoActivate(data: IrqData): Steps<void> {
    if (this.ops.undoActivate !== undefined) yield* this.ops.undoActivate(data);
    else if (this.ops.deactivate !== undefined) yield* this.ops.deactivate(data);
    if (data.parent !== null) yield* data.parent.domain.#undoActivate(data.parent);
  }

  /** irq_domain_deactivate_irq(), one chain: this level first. */
  *deactivate(data: IrqData): Steps<void> {
    if (this.ops.deactivate !== undefined) yield* this.ops.deactivate(data);
    if (data.parent !== null) yield* data.parent.domain.deactivate(data.parent);
  }
}
