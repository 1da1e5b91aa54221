// The interrupts of a mediated device as the refuted series had them (mdev_irqs.c of v6): the helper knows the PASID, puts it
// beside the interrupt before it requests it, and takes it out again in a call of its own after it has freed it.
import { fail, must, ok } from '@siov/base';
import type { EventFd, Result, Steps } from '@siov/base';
import type { Device } from '@siov/device';
import { freeIrq, requestIrq } from '@siov/irq';
import type { DeviceMsi, IrqCore } from '@siov/irq';
import { isDisable, PciIrqs, VFIO_PCI_IRQ } from '@siov/vfio';
import type { DeviceIrqIndex, IrqBackend, IrqSet, SetIrqsErrno } from '@siov/vfio';
import { irqSetAuxdata, pasidAux } from './ims-msi-chip.ts';
import type { ImsMsiChip } from './ims-msi-chip.ts';

export interface MdevIrqParts {
  readonly core: IrqCore;
  readonly device: Device;
  readonly msi: DeviceMsi<null>;
  readonly chip: ImsMsiChip;
  /** Guest vectors; vector 0 is emulated. */
  readonly vectors: number;
}

/** In place of the trigger helper, with its calls. */
export class MdevIrqs implements IrqBackend {
  readonly counts: Readonly<Record<number, number>>;
  readonly irqs: PciIrqs;
  readonly #parts: MdevIrqParts;
  /** What is requested, by vector. */
  readonly #requested: Map<number, EventFd>;

  constructor(parts: MdevIrqParts) {
    const { core, device, vectors } = parts;
    this.#parts = parts;
    this.counts = { [VFIO_PCI_IRQ.MSIX]: vectors, [VFIO_PCI_IRQ.REQ]: 1 };
    this.#requested = core.ports.state.map(`${device.name}/v6-requested`);
    this.irqs = new PciIrqs(core.ports, device.name, this, { resize: 'dynamic' });
  }

  get armed(): number {
    return this.irqs.armed;
  }

  hwirq(vector: number): Result<number, 'EINVAL'> {
    const desc = vector === 0 ? undefined : this.#parts.msi.desc(vector - 1);
    return desc === undefined ? fail('EINVAL', `vector ${vector} has no interrupt`) : ok(desc.hwirq);
  }

  setTrigger(set: IrqSet): Steps<Result<number, SetIrqsErrno>> {
    const { trace } = this.#parts.core.ports;
    return trace.cross('vfio-mdev', 'set_trigger', { start: set.start, count: set.count, data: set.data.kind }, this.#setTrigger(set));
  }

  *#setTrigger(set: IrqSet): Steps<Result<number, SetIrqsErrno>> {
    if (set.index !== VFIO_PCI_IRQ.MSIX || !isDisable(set)) return yield* this.irqs.setIrqs(set);
    yield* this.irqs.disable();
    return ok(0);
  }

  signal(vector: number): void {
    this.irqs.signal(vector);
  }

  request(): Steps<boolean> {
    return this.irqs.request();
  }

  disableAll(): Steps<void> {
    return this.irqs.disable();
  }

  /** The series did not tell the helper of interrupt handles. */
  *idle(): Steps<void> {}

  *resume(): Steps<Result<void, SetIrqsErrno>> {
    return ok();
  }

  /** Steps 6 and 7 of the proposal, at the trapped write of MSIXPERM: the id of an interrupt that is there already changes. */
  changeId(vector: number, pasid: number): Steps<Result<void, 'EINVAL' | 'ENODEV'>> {
    return this.#aux(this.#parts.msi.virq(vector - 1), pasid);
  }

  *enable(_index: DeviceIrqIndex, count: number): Steps<Result<number, SetIrqsErrno>> {
    return ok(count);
  }

  *disable(): Steps<void> {
    must(yield* this.#parts.msi.freeIrqsAll(), 'nothing is requested any more');
  }

  /** Step 5: allocate, the device's default PASID as auxiliary data, request. */
  *arm(_index: DeviceIrqIndex, vector: number, trigger: EventFd): Steps<Result<void, SetIrqsErrno>> {
    if (vector === 0) return ok();
    const { core, device, msi } = this.#parts;
    if (!device.iommu.valid) return fail('EINVAL', `${device.name} has no PASID`);
    const virq = yield* this.#virq(vector);
    if (!virq.ok) return virq;
    const set = yield* this.#aux(virq.value, device.iommu.pasid);
    if (!set.ok) return fail('EINVAL', set.message);
    const requested = yield* requestIrq(core, virq.value, { name: `vfio-msix[${vector}](${device.name})`, devId: trigger, handler: () => this.#handle(vector) });
    if (requested.ok) {
      this.#requested.set(vector, trigger);
      return ok();
    }
    yield* this.#aux(msi.virq(vector - 1), null);
    return fail('EINVAL', requested.message);
  }

  /** Masked by free_irq(); the PASID goes in a call of its own, or not at all (O5). */
  *disarm(_index: DeviceIrqIndex, vector: number): Steps<void> {
    const trigger = this.#requested.get(vector);
    if (trigger === undefined) return;
    this.#requested.delete(vector);
    const virq = this.#parts.msi.virq(vector - 1);
    yield* freeIrq(this.#parts.core, virq, trigger);
    yield* this.#aux(virq, null);
  }

  *free(_index: DeviceIrqIndex, vector: number): Steps<void> {
    if (vector > 0) must(yield* this.#parts.msi.freeIrqsRange(vector - 1, vector - 1), `vector ${vector} is not requested`);
  }

  *#virq(vector: number): Steps<Result<number, SetIrqsErrno>> {
    const { msi } = this.#parts;
    const there = msi.desc(vector - 1);
    if (there !== undefined) return ok(there.virq);
    const made = yield* msi.allocIrqAt(vector - 1, null);
    if (made.ok) return ok(made.value.virq);
    return made.errno === 'ERANGE' ? fail('EINVAL', made.message) : fail(made.errno, made.message);
  }

  *#aux(virq: number, pasid: number | null): Steps<Result<void, 'EINVAL' | 'ENODEV'>> {
    return yield* irqSetAuxdata(this.#parts.core, this.#parts.chip, virq, pasidAux(pasid));
  }

  #handle(vector: number) {
    this.#parts.core.ports.trace.call('vfio-mdev', 'irq_handler', { vector }, () => this.signal(vector));
    return 'handled' as const;
  }
}
