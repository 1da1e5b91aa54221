// The common trigger helper (vfio_set_ims_trigger() of the review): SET_IRQS for the vectors of a virtual device, some of
// them raised by its emulation, the others by interrupts of its MSI domain, whatever hardware that domain has.
import { fail, ok } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import type { IrqCore, IrqReturn } from '@siov/irq';
import { isDisable, PciIrqs, VFIO_PCI_IRQ } from '@siov/vfio';
import type { IrqSet, SetIrqsErrno } from '@siov/vfio';
import { VectorInterrupts } from './vector-interrupts.ts';
import type { InterruptSource, VectorBacking, VectorOptions } from './vector-interrupts.ts';

/** What {@link TriggerHelper.setTrigger} gives. */
export type TriggerErrno = SetIrqsErrno;

export class TriggerHelper<C> {
  /** For `pciVfioDevice`: GET_IRQ_INFO, and the REQ interrupt beside MSI-X. */
  readonly irqs: PciIrqs;
  readonly #core: IrqCore;
  readonly #name: string;
  readonly #interrupts: VectorInterrupts<C>;

  /** For the device `name`; `backing[n]` says what is behind vector n of the guest. */
  constructor(core: IrqCore, name: string, backing: readonly VectorBacking[], source: InterruptSource<C>, options: VectorOptions = {}) {
    this.#core = core;
    this.#name = name;
    this.#interrupts = new VectorInterrupts(core, name, backing, source, options, (vector) => this.#handler(vector));
    this.irqs = new PciIrqs(core.ports, name, this.#interrupts, { resize: options.resize ?? 'dynamic' });
  }

  /** Vectors with a trigger, those that {@link idle} left without an interrupt included. */
  get armed(): number {
    return this.irqs.armed;
  }

  /** The slot in the hardware's message storage behind `vector`. `EINVAL` when it has none now. */
  hwirq(vector: number): Result<number, 'EINVAL'> {
    const desc = this.#interrupts.desc(vector);
    return desc === undefined ? fail('EINVAL', `${this.#name}: vector ${vector} is backed by no interrupt`) : ok(desc.hwirq);
  }

  /**
   * SET_IRQS, as {@link PciIrqs.setIrqs} says; giving up all vectors is fine also when there are none (I8). Beyond its
   * errors: `EINVAL`: an interrupt was refused; `ENOSPC`, `ENODEV`, `EBUSY`: there is none; what the source gives.
   */
  setTrigger(set: IrqSet): Steps<Result<number, TriggerErrno>> {
    const values = { start: set.start, count: set.count, data: set.data.kind };
    return this.#core.ports.trace.cross('vfio-mdev', 'set_trigger', values, this.#setTrigger(set));
  }

  *#setTrigger(set: IrqSet): Steps<Result<number, TriggerErrno>> {
    if (set.index !== VFIO_PCI_IRQ.MSIX || !isDisable(set)) return yield* this.irqs.setIrqs(set);
    yield* this.irqs.disable();
    return ok(0);
  }

  /** Gives every vector up. Never fails; again is harmless. */
  disable(): Steps<void> {
    return this.irqs.disable();
  }

  /** The emulation raises `vector`. Nothing happens when it is not armed. */
  signal(vector: number): void {
    this.irqs.signal(vector);
  }

  /** Asks the user to give the device back, through the REQ interrupt. False when it has not set that up. */
  request(): Steps<boolean> {
    return this.irqs.request();
  }

  /**
   * Gives the interrupt behind `vector` back and keeps its trigger: nothing can fire through the slot any more, and
   * {@link resume} takes another. Nothing happens to a vector that has none.
   */
  idle(vector: number): Steps<void> {
    return this.irqs.gate.with(this.#idle(vector));
  }

  *#idle(vector: number): Steps<void> {
    yield* this.#interrupts.disarm(VFIO_PCI_IRQ.MSIX, vector);
    yield* this.#interrupts.free(VFIO_PCI_IRQ.MSIX, vector);
  }

  /** Takes an interrupt for a vector that {@link idle} left without. `EINVAL`: not armed; else as {@link setTrigger}. */
  resume(vector: number): Steps<Result<void, TriggerErrno>> {
    return this.irqs.gate.with(this.#resume(vector));
  }

  *#resume(vector: number): Steps<Result<void, TriggerErrno>> {
    const trigger = this.irqs.trigger(vector);
    if (trigger === undefined) return fail('EINVAL', `${this.#name}: vector ${vector} is not armed`);
    if (this.#interrupts.requested(vector)) return ok();
    const armed = yield* this.#interrupts.arm(VFIO_PCI_IRQ.MSIX, vector, trigger);
    if (!armed.ok) yield* this.#interrupts.free(VFIO_PCI_IRQ.MSIX, vector);
    return armed;
  }

  /** Hard interrupt: nobody can come between, it only signals. */
  #handler(vector: number): IrqReturn {
    const { trace } = this.#core.ports;
    if (trace.enabled) trace.call('vfio-mdev', 'irq_handler', { vector }, () => this.signal(vector));
    else this.signal(vector);
    return 'handled';
  }
}
