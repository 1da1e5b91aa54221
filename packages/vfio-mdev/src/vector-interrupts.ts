// The interrupts behind the vectors of one virtual device: allocated from its MSI domain, requested and freed. It programs
// nothing (R9) and knows no ids (R22).
import { describeFailure, fail, must, ok } from '@siov/base';
import type { EventFd, Failure, Result, Steps } from '@siov/base';
import { freeIrq, irqSetVcpuAffinity, requestIrq } from '@siov/irq';
import type { DeviceMsi, IrqCore, IrqReturn, MsiDesc } from '@siov/irq';
import { bypassToken, VFIO_PCI_IRQ } from '@siov/vfio';
import type { BypassProducer, DeviceIrqIndex, IrqBackend, IrqBypass, SetIrqsErrno } from '@siov/vfio';

/** Where a vector's interrupts come from: the emulation raises it, or an interrupt of the device's MSI domain does. */
export type VectorBacking = 'emulated' | 'msi';

/** Where the interrupts behind the vectors come from. */
export interface InterruptSource<C> {
  /** What `device` allocates from, as it is now; undefined while it has no MSI domain. */
  msi(): DeviceMsi<C> | undefined;
  /**
   * What the domain wants to be shown for the interrupt of `vector`, asked whenever it is allocated or its trigger
   * changes. The domain's business and its owner's: it is handed through here unread (R9, R22). A failure fails the
   * request with that code, and the vector has no interrupt.
   */
  instance(vector: number): Result<C, SetIrqsErrno>;
  /** Whether two of them stand for the same. Absent: when they are one object. */
  equal?(a: C, b: C): boolean;
}

export interface VectorOptions {
  /**
   * `dynamic`, also when absent: an interrupt for each armed vector. `classic`: for all vectors that the first request
   * reaches to, armed or not, until all are given up, as vfio-pci before Linux 6.5.
   */
  readonly resize?: 'classic' | 'dynamic';
  /** Of the host; absent: interrupts always go through the host's handler. */
  readonly bypass?: IrqBypass;
}

/** What request_irq() made: the trigger is its dev_id. */
interface Requested {
  readonly virq: number;
  readonly trigger: EventFd;
  readonly producer: BypassProducer | null;
}

interface Vector {
  readonly vector: number;
  readonly backing: VectorBacking;
  /** Interrupt number within the device: emulated vectors take none. */
  readonly msiIndex: number;
  readonly state: { requested: Requested | null };
}

export class VectorInterrupts<C> implements IrqBackend {
  readonly counts: Readonly<Record<number, number>>;
  readonly #core: IrqCore;
  readonly #name: string;
  readonly #source: InterruptSource<C>;
  readonly #options: VectorOptions;
  readonly #onInterrupt: (vector: number) => IrqReturn;
  readonly #vectors: readonly Vector[];

  constructor(core: IrqCore, name: string, backing: readonly VectorBacking[], source: InterruptSource<C>, options: VectorOptions, onInterrupt: (vector: number) => IrqReturn) {
    this.counts = { [VFIO_PCI_IRQ.MSIX]: backing.length, [VFIO_PCI_IRQ.REQ]: 1 };
    this.#core = core;
    this.#name = name;
    this.#source = source;
    this.#options = options;
    this.#onInterrupt = onInterrupt;
    let msiIndex = 0;
    this.#vectors = backing.map((each, vector) => ({
      vector,
      backing: each,
      msiIndex: each === 'msi' ? msiIndex++ : -1,
      state: core.ports.state.record<Vector['state']>(`${name}/vector${vector}`, { requested: null }),
    }));
  }

  /** The interrupt allocated for `vector`, requested or not. */
  desc(vector: number): MsiDesc<C> | undefined {
    const found = this.#vectors[vector];
    return found?.backing === 'msi' ? this.#source.msi()?.desc(found.msiIndex) : undefined;
  }

  /** Whether `vector` has an action. */
  requested(vector: number): boolean {
    return (this.#vectors[vector]?.state.requested ?? null) !== null;
  }

  /** Classic: every interrupt is allocated here, all or none. */
  *enable(_index: DeviceIrqIndex, count: number): Steps<Result<number, SetIrqsErrno>> {
    if (this.#options.resize !== 'classic') return ok(count);
    for (const found of this.#vectors.slice(0, count)) {
      const allocated = found.backing === 'msi' ? yield* this.#allocate(found) : ok();
      if (allocated.ok) continue;
      yield* this.#freeAll();
      return allocated.errno === 'ENOSPC' && found.vector > 0 ? ok(found.vector) : allocated;
    }
    return ok(count);
  }

  disable(): Steps<void> {
    return this.#freeAll();
  }

  *#freeAll(): Steps<void> {
    for (const each of this.#vectors) yield* this.#free(each);
  }

  /** One interrupt with one action for a vector that has an interrupt behind it (R12). */
  *arm(_index: DeviceIrqIndex, vector: number, trigger: EventFd): Steps<Result<void, SetIrqsErrno>> {
    const found = this.#vectors[vector];
    if (found?.backing !== 'msi') return ok();
    const desc = yield* this.#allocate(found);
    if (!desc.ok) return desc;
    const { virq } = desc.value;
    const requested = yield* requestIrq(this.#core, virq, {
      name: `vfio-msix[${vector}](${this.#name})`,
      devId: trigger,
      handler: () => this.#onInterrupt(vector),
    });
    if (!requested.ok) return triggerFailure(requested);
    found.state.requested = { virq, trigger, producer: yield* this.#offer(vector, virq, trigger) };
    return ok();
  }

  /**
   * The interrupt of `found`, allocated with what there is to show now. One that was allocated with the same stays: its slot
   * is what a guest has as handle. It has no action now, so that its entry is masked and wiped.
   */
  *#allocate(found: Vector): Steps<Result<MsiDesc<C>, SetIrqsErrno>> {
    const msi = this.#source.msi();
    if (msi === undefined) return fail('ENODEV', `${this.#name} has no MSI domain`);
    const instance = this.#source.instance(found.vector);
    const desc = this.desc(found.vector);
    if (desc !== undefined && instance.ok && this.#isSame(desc.cookie, instance.value)) return ok(desc);
    yield* this.#free(found);
    if (!instance.ok) return instance;
    const allocated = yield* msi.allocIrqAt(found.msiIndex, instance.value);
    return allocated.ok ? allocated : triggerFailure(allocated);
  }

  #isSame(shown: C, instance: C): boolean {
    return this.#source.equal?.(shown, instance) ?? shown === instance;
  }

  /** Whoever waits on the eventfd may have the interrupt posted; that nobody may is no failure, it signals all the same. */
  *#offer(vector: number, virq: number, trigger: EventFd): Steps<BypassProducer | null> {
    const { bypass } = this.#options;
    if (bypass === undefined) return null;
    const producer: BypassProducer = { token: bypassToken(trigger), irq: virq, post: (target) => irqSetVcpuAffinity(this.#core, virq, target) };
    const registered = yield* bypass.registerProducer(producer);
    if (registered.ok) return producer;
    this.#core.log.warn(`${this.#name}: irq bypass producer of vector ${vector} (${trigger.name}) registration fails: ${describeFailure(registered)}`);
    return null;
  }

  /** Nothing happens to a vector without action. */
  *disarm(_index: DeviceIrqIndex, vector: number): Steps<void> {
    const state = this.#vectors[vector]?.state;
    if (state === undefined || state.requested === null) return;
    const { virq, trigger, producer } = state.requested;
    // While the interrupt still exists: the consumer takes it back from where it posted it to.
    if (producer !== null) yield* this.#options.bypass?.unregisterProducer(producer) ?? [];
    yield* freeIrq(this.#core, virq, trigger);
    state.requested = null;
  }

  *free(_index: DeviceIrqIndex, vector: number): Steps<void> {
    const found = this.#vectors[vector];
    if (found !== undefined) yield* this.#free(found);
  }

  *#free({ vector, msiIndex }: Vector): Steps<void> {
    const msi = this.#source.msi();
    if (msi === undefined || this.desc(vector) === undefined) return;
    must(yield* msi.freeIrqsRange(msiIndex, msiIndex), `${this.#name}: giving back vector ${vector}`);
  }
}

/** Codes SET_IRQS does not give become those it does. */
function triggerFailure(failure: Failure): Failure<SetIrqsErrno> {
  const { errno } = failure;
  switch (errno) {
    case 'ENOSPC':
    case 'ENOMEM':
    case 'EBUSY':
    case 'ENODEV':
    case 'EINVAL':
      return fail(errno, failure.message);
    case 'ERANGE':
      return fail('EINVAL', failure.message);
    default:
      return fail('ENODEV', describeFailure(failure));
  }
}
