// The common trigger helper: turns SET_IRQS into interrupts of a device's MSI domain, whatever hardware that domain
// has. It allocates, requests and frees; it programs nothing (R9) and knows no ids (R22).
import { describeFailure, fail, Lock, must, ok } from '@siov/base';
import type { EventFd, Failure, Result, StatePort, Steps } from '@siov/base';
import { freeIrq, requestIrq } from '@siov/irq';
import type { DeviceMsi, IrqCore, IrqReturn, MsiDesc } from '@siov/irq';
import { isDisable } from '@siov/vfio';
import type { IrqSet } from '@siov/vfio';

/** Where a vector's interrupts come from: the emulation raises it, or an interrupt of the device's MSI domain does. */
export type VectorBacking = 'emulated' | 'msi';

/** Where the interrupts behind the vectors come from. */
export interface InterruptSource<C> {
  /** What `device` allocates from, as it is now; undefined while it has no MSI domain. */
  msi(): DeviceMsi<C> | undefined;
  /**
   * What the domain wants to be shown for the interrupt of `vector`, asked at every allocation. The domain's business
   * and its owner's: it is handed through here unread (R9, R22).
   */
  instance(vector: number): Result<C, 'EINVAL'>;
}

export type TriggerErrno = 'EINVAL' | 'ENOTTY' | 'ENOSPC' | 'ENOMEM' | 'ENODEV' | 'EBUSY';

interface Vector {
  readonly backing: VectorBacking;
  /** Interrupt number within the device: emulated vectors take none. */
  readonly msiIndex: number;
  readonly state: { trigger: EventFd | null; signals: number };
}

export class TriggerHelper<C> {
  readonly #core: IrqCore;
  readonly #name: string;
  readonly #source: InterruptSource<C>;
  readonly #vectors: readonly Vector[];
  /** Vectors are changed by ioctls and by trapped accesses, each in a thread of its own (vfio-pci's igate). */
  readonly #lock: Lock;

  /** For the device `name`; `backing[n]` says what is behind vector n of the guest. */
  constructor(core: IrqCore, name: string, backing: readonly VectorBacking[], source: InterruptSource<C>) {
    const { state } = core.ports as { state: StatePort };
    this.#core = core;
    this.#name = name;
    this.#source = source;
    this.#lock = new Lock(state, `${name}/vectors`);
    let msiIndex = 0;
    this.#vectors = backing.map((each, vector) => ({
      backing: each,
      msiIndex: each === 'msi' ? msiIndex++ : -1,
      state: state.record(`${name}/vector${vector}`, { trigger: null as EventFd | null, signals: 0 }),
    }));
  }

  /** Vectors with a trigger, those that {@link idle} left without an interrupt included. */
  get armed(): number {
    return this.#vectors.filter((vector) => vector.state.trigger !== null).length;
  }

  /** Interrupts each vector has signalled since the device was made. */
  get signals(): readonly number[] {
    return this.#vectors.map((vector) => vector.state.signals);
  }

  /** The slot in the hardware's message storage behind `vector`. `EINVAL` when it has none now. */
  hwirq(vector: number): Result<number, 'EINVAL'> {
    const found = this.#vectors[vector];
    const desc = found === undefined ? undefined : this.#descOf(found);
    return desc === undefined ? fail('EINVAL', `${this.#name}: vector ${vector} is backed by no interrupt`) : ok(desc.hwirq);
  }

  /**
   * SET_IRQS for the vectors, as vfio_pci_set_msi_trigger() with vectors added and removed one by one.
   * `EINVAL`: beyond the vectors, or an interrupt was refused; `ENOTTY`: masking, which MSI does not have; `ENOSPC`,
   * `ENODEV`, `EBUSY`: no interrupt. On failure every vector of the block up to the failing one is given up.
   */
  setTrigger(set: IrqSet): Steps<Result<number, TriggerErrno>> {
    const { start, count, action, data } = set;
    const values = { start, count, data: data.kind };
    return this.#core.ports.trace.cross('vfio-mdev', 'set_trigger', values, this.#lock.with(this.#setTrigger(set, action)));
  }

  *#setTrigger(set: IrqSet, action: IrqSet['action']): Steps<Result<number, TriggerErrno>> {
    if (action !== 'trigger') return yield* this.#refuse(set, fail('ENOTTY', `${this.#name}: MSI-X has no ${action}`));
    if (isDisable(set)) {
      yield* this.#disarmAll();
      return ok(0);
    }
    const { start, count, data } = set;
    if (start + count > this.#vectors.length) {
      return yield* this.#refuse(set, fail('EINVAL', `${this.#name}: start ${start} + count ${count} is above its ${this.#vectors.length} vectors`));
    }
    if (data.kind === 'eventfd') return yield* this.#setSignals(start, data.fds);
    for (let each = 0; each < count; each++) {
      if (data.kind === 'none' || data.values[each] === true) this.signal(start + each);
    }
    return ok(0);
  }

  /** Gives every vector up. Never fails; again is harmless. */
  disable(): Steps<void> {
    return this.#lock.with(this.#disarmAll());
  }

  *#disarmAll(): Steps<void> {
    for (let vector = 0; vector < this.#vectors.length; vector++) yield* this.#disarm(vector);
  }

  /** The emulation raises `vector`, or user space asks for a loop-back. Nothing happens when it is not armed. */
  signal(vector: number): void {
    const state = this.#vectors[vector]?.state;
    if (state === undefined || state.trigger === null) return;
    const { trigger } = state;
    const { trace } = this.#core.ports;
    state.signals += 1;
    if (trace.enabled) trace.call('vfio', 'eventfd_signal', { vector }, () => trigger.signal());
    else trigger.signal();
  }

  /**
   * Gives the interrupt behind `vector` back and keeps its trigger: nothing can fire through the slot any more, and
   * {@link resume} takes another. Nothing happens to a vector that has none.
   */
  *idle(vector: number): Steps<void> {
    const found = this.#vectors[vector];
    if (found !== undefined) yield* this.#lock.with(this.#freeInterrupt(found));
  }

  /** Takes an interrupt for a vector that {@link idle} left without. `EINVAL`: not armed; else as {@link setTrigger}. */
  resume(vector: number): Steps<Result<void, TriggerErrno>> {
    return this.#lock.with(this.#resume(vector));
  }

  *#resume(vector: number): Steps<Result<void, TriggerErrno>> {
    const found = this.#vectors[vector];
    if (found === undefined || found.state.trigger === null) return fail('EINVAL', `${this.#name}: vector ${vector} is not armed`);
    if (found.backing !== 'msi' || this.hwirq(vector).ok) return ok();
    return yield* this.#requestInterrupt(found, vector);
  }

  *#refuse(set: IrqSet, failure: Result<never, TriggerErrno>): Steps<Result<never, TriggerErrno>> {
    if (set.data.kind === 'eventfd') for (const fd of set.data.fds) fd?.close();
    return failure;
  }

  *#setSignals(start: number, fds: readonly (EventFd | null)[]): Steps<Result<number, TriggerErrno>> {
    for (const [each, fd] of fds.entries()) {
      const armed = yield* this.#setSignal(start + each, fd);
      if (armed.ok) continue;
      for (const rest of fds.slice(each + 1)) rest?.close();
      for (let undo = start; undo < start + each; undo++) yield* this.#disarm(undo);
      return armed;
    }
    return ok(0);
  }

  /** One vector: whatever was there goes first, so that a new interrupt is allocated with what the device is now. */
  *#setSignal(vector: number, fd: EventFd | null): Steps<Result<void, TriggerErrno>> {
    yield* this.#disarm(vector);
    const found = this.#vectors[vector];
    if (fd === null || found === undefined) return ok();
    // Before request_irq(): from there on the interrupt may fire, and its handler must find the trigger.
    found.state.trigger = fd;
    const requested = found.backing === 'msi' ? yield* this.#requestInterrupt(found, vector) : ok();
    if (!requested.ok) {
      found.state.trigger = null;
      fd.close();
    }
    return requested;
  }

  /** One interrupt with one action for a vector that has an interrupt behind it (R12). */
  *#requestInterrupt(found: Vector, vector: number): Steps<Result<void, TriggerErrno>> {
    const msi = this.#source.msi();
    if (msi === undefined) return fail('ENODEV', `${this.#name} has no MSI domain`);
    const instance = this.#source.instance(vector);
    if (!instance.ok) return instance;
    const desc = yield* msi.allocIrqAt(found.msiIndex, instance.value);
    if (!desc.ok) return triggerFailure(desc);
    const requested = yield* requestIrq(this.#core, desc.value.virq, {
      name: `vfio-msix[${vector}](${this.#name})`,
      devId: found,
      handler: () => this.#handler(vector),
    });
    if (requested.ok) return ok();
    must(yield* msi.freeIrqsRange(found.msiIndex, found.msiIndex), `${this.#name}: giving back vector ${vector}`);
    return triggerFailure(requested);
  }

  /** Hard interrupt: nobody can come between, it only signals. */
  #handler(vector: number): IrqReturn {
    const { trace } = this.#core.ports;
    if (trace.enabled) trace.call('vfio-mdev', 'irq_handler', { vector }, () => this.signal(vector));
    else this.signal(vector);
    return 'handled';
  }

  *#disarm(vector: number): Steps<void> {
    const found = this.#vectors[vector];
    if (found === undefined || found.state.trigger === null) return;
    const { trigger } = found.state;
    yield* this.#freeInterrupt(found);
    found.state.trigger = null;
    trigger.close();
  }

  *#freeInterrupt(found: Vector): Steps<void> {
    const desc = this.#descOf(found);
    const msi = this.#source.msi();
    if (desc === undefined || msi === undefined) return;
    yield* freeIrq(this.#core, desc.virq, found);
    must(yield* msi.freeIrqsRange(found.msiIndex, found.msiIndex), `${this.#name}: giving back interrupt ${found.msiIndex}`);
  }

  #descOf(found: Vector): MsiDesc<C> | undefined {
    return found.backing === 'msi' ? this.#source.msi()?.desc(found.msiIndex) : undefined;
  }
}

/** Codes SET_IRQS does not give become those it does. */
function triggerFailure(failure: Failure): Failure<TriggerErrno> {
  const { errno } = failure;
  switch (errno) {
    case 'ENOTTY':
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
