// The common trigger helper: turns SET_IRQS into interrupts of a device's MSI domain, whatever hardware that domain
// has. It allocates, requests and frees; it programs nothing (R9) and knows no ids (R22).
import { describeFailure, fail, Lock, must, ok } from '@siov/base';
import type { EventFd, Result, StatePort, Steps } from '@siov/base';
import type { Device } from '@siov/device';
import { freeIrq, msiAllocIrq, msiDesc, msiFreeIrq, requestIrq } from '@siov/irq';
import type { IrqCore } from '@siov/irq';
import { isDisable } from '@siov/vfio';
import type { IrqSet } from '@siov/vfio';

/** Where a vector's interrupts come from: the emulation raises it, or an interrupt of the device's MSI domain does. */
export type VectorBacking = 'emulated' | 'msi';

export type TriggerErrno = 'EINVAL' | 'ENOTTY' | 'ENOSPC' | 'ENODEV' | 'EBUSY';

interface Vector {
  readonly backing: VectorBacking;
  /** Interrupt number within the device: emulated vectors take none. */
  readonly msiIndex: number;
  readonly state: { trigger: EventFd | null; signals: number };
}

export class TriggerHelper {
  readonly #core: IrqCore;
  readonly #device: Device;
  readonly #name: string;
  readonly #vectors: readonly Vector[];
  /** Vectors are changed by ioctls and by trapped accesses, each in a thread of its own (vfio-pci's igate). */
  readonly #lock: Lock;

  /** `backing[n]` says what is behind vector n of the guest. */
  constructor(core: IrqCore, device: Device, backing: readonly VectorBacking[]) {
    const { state } = core.ports as { state: StatePort };
    this.#core = core;
    this.#device = device;
    this.#name = device.name;
    this.#lock = new Lock(state, `${device.name}/vectors`);
    let msiIndex = 0;
    this.#vectors = backing.map((each, vector) => ({
      backing: each,
      msiIndex: each === 'msi' ? msiIndex++ : -1,
      state: state.record(`${device.name}/vector${vector}`, { trigger: null as EventFd | null, signals: 0 }),
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
    const desc = found?.backing === 'msi' ? msiDesc(this.#device, found.msiIndex) : undefined;
    return desc === undefined ? fail('EINVAL', `${this.#name}: vector ${vector} is backed by no interrupt`) : ok(desc.hwirq);
  }

  /**
   * SET_IRQS for the vectors, as vfio_pci_set_msi_trigger() with vectors added and removed one by one.
   * `EINVAL`: beyond the vectors, or an interrupt was refused; `ENOTTY`: masking, which MSI does not have; `ENOSPC`,
   * `ENODEV`, `EBUSY`: no interrupt. On failure every vector of the block up to the failing one is given up.
   */
  setTrigger(set: IrqSet): Steps<Result<void, TriggerErrno>> {
    const { start, count, action, data } = set;
    const values = { start, count, data: data.kind };
    return this.#core.ports.trace.cross('vfio-mdev', 'set_trigger', values, this.#lock.with(this.#setTrigger(set, action)));
  }

  *#setTrigger(set: IrqSet, action: IrqSet['action']): Steps<Result<void, TriggerErrno>> {
    if (action !== 'trigger') return yield* this.#refuse(set, fail('ENOTTY', `${this.#name}: MSI-X has no ${action}`));
    if (isDisable(set)) {
      yield* this.#disarmAll();
      return ok();
    }
    const { start, count, data } = set;
    if (start + count > this.#vectors.length) {
      return yield* this.#refuse(set, fail('EINVAL', `${this.#name}: start ${start} + count ${count} is above its ${this.#vectors.length} vectors`));
    }
    if (data.kind === 'eventfd') return yield* this.#setSignals(start, data.fds);
    for (let each = 0; each < count; each++) {
      if (data.kind === 'none' || data.values[each] === true) this.signal(start + each);
    }
    return ok();
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
    state.signals += 1;
    this.#core.ports.trace.call('vfio', 'eventfd_signal', { vector }, () => trigger.signal());
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

  *#refuse(set: IrqSet, failure: Result<never, TriggerErrno>): Steps<Result<void, TriggerErrno>> {
    if (set.data.kind === 'eventfd') for (const fd of set.data.fds) fd?.close();
    return failure;
  }

  *#setSignals(start: number, fds: readonly (EventFd | null)[]): Steps<Result<void, TriggerErrno>> {
    for (const [each, fd] of fds.entries()) {
      const armed = yield* this.#setSignal(start + each, fd);
      if (armed.ok) continue;
      for (const rest of fds.slice(each + 1)) rest?.close();
      for (let undo = start; undo < start + each; undo++) yield* this.#disarm(undo);
      return armed;
    }
    return ok();
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

  *#requestInterrupt(found: Vector, vector: number): Steps<Result<void, TriggerErrno>> {
    const desc = yield* msiAllocIrq(this.#core, this.#device, found.msiIndex);
    if (!desc.ok) return desc.errno === 'ERANGE' ? fail('EINVAL', desc.message) : (desc as Result<never, TriggerErrno>);
    const requested = yield* requestIrq(this.#core, desc.value.virq, {
      name: `vfio-msix[${vector}](${this.#name})`,
      devId: found,
      handler: () => this.#handler(vector),
    });
    if (requested.ok) return ok();
    must(yield* msiFreeIrq(this.#core, this.#device, found.msiIndex), `${this.#name}: giving back vector ${vector}`);
    const { errno } = requested;
    return fail(errno === 'ENOTCONN' || errno === 'ENOSYS' ? 'ENODEV' : errno, describeFailure(requested));
  }

  *#handler(vector: number): Steps<'handled'> {
    return yield* this.#core.ports.trace.cross('vfio-mdev', 'irq_handler', { vector }, this.#signalSteps(vector));
  }

  *#signalSteps(vector: number): Steps<'handled'> {
    this.signal(vector);
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
    const desc = found.backing === 'msi' ? msiDesc(this.#device, found.msiIndex) : undefined;
    if (desc === undefined) return;
    yield* freeIrq(this.#core, desc.virq, found);
    must(yield* msiFreeIrq(this.#core, this.#device, found.msiIndex), `${this.#name}: giving back interrupt ${found.msiIndex}`);
  }
}
