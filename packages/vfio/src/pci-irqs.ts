// SET_IRQS of a PCI device as a state machine (drivers/vfio/pci/vfio_pci_intrs.c): which index is in use, which vectors
// have a trigger, and what each request makes of that. The interrupts themselves are a backend's.
import { fail, Lock, ModelError, ok } from '@siov/base';
import type { EventFd, Result, StatePort, Steps, Trace } from '@siov/base';
import type { IrqInfo, SetIrqsErrno } from './device.ts';
import type { IrqBackend } from './irq-backend.ts';
import { closeFds } from './irq-set.ts';
import type { IrqSet } from './irq-set.ts';
import { disableIntx, setIntx } from './pci-irqs-intx.ts';
import { setSingle } from './pci-irqs-single.ts';
import { NO_INDEX } from './pci-irqs-state.ts';
import type { IrqParts } from './pci-irqs-state.ts';
import { disableVectors, setVectors } from './pci-irqs-vectors.ts';
import { VFIO_IRQ_INFO, VFIO_PCI_IRQ, VFIO_PCI_NUM_IRQS } from './uapi.ts';

export interface PciIrqsPorts {
  readonly state: StatePort;
  readonly trace: Trace;
}

export interface PciIrqsOptions {
  /**
   * `classic`: MSI-X vectors are taken all at once, as many as the first request names, until all are given up
   * (VFIO_IRQ_INFO_NORESIZE). `dynamic`: one by one, any at any time (Linux 6.5). MSI is always classic.
   */
  readonly resize: 'classic' | 'dynamic';
}

const { EVENTFD, MASKABLE, AUTOMASKED, NORESIZE } = VFIO_IRQ_INFO;

export class PciIrqs {
  /** igate: requests, and whoever changes the interrupts behind them, one after the other. */
  readonly gate: Lock;
  readonly #parts: IrqParts;

  constructor({ state, trace }: PciIrqsPorts, name: string, backend: IrqBackend, { resize }: PciIrqsOptions) {
    if ((backend.counts[VFIO_PCI_IRQ.INTX] ?? 0) > 0 && backend.intx === undefined) throw new ModelError(`${name}: an INTx that nothing masks`);
    this.gate = new Lock(state, `${name}/igate`);
    this.#parts = {
      name, backend, resize,
      port: state,
      signal: signalWith(trace),
      state: state.record(`${name}/irqs`, { index: NO_INDEX, vectors: 0, unmask: null, err: null, req: null }),
      triggers: state.map(`${name}/triggers`),
    };
  }

  /** The index in use; null: none. */
  get index(): number | null {
    const { index } = this.#parts.state;
    return index === NO_INDEX ? null : index;
  }

  /** Vectors of that index that have a trigger. */
  get armed(): number {
    return this.#parts.triggers.size;
  }

  /** The eventfd that `vector` of the index in use signals. */
  trigger(vector: number): EventFd | undefined {
    return this.#parts.triggers.get(vector);
  }

  /** VFIO_DEVICE_GET_IRQ_INFO. `EINVAL`: no such index. */
  info(index: number): Result<IrqInfo, 'EINVAL'> {
    const { name, backend } = this.#parts;
    if (!(index >= 0 && index < VFIO_PCI_NUM_IRQS)) return fail('EINVAL', `${name}: irq index ${index} is not below ${VFIO_PCI_NUM_IRQS}`);
    const count = backend.counts[index] ?? 0;
    return ok({ index, count, flags: count === 0 ? 0 : this.#flags(index) });
  }

  #flags(index: number): number {
    if (index === VFIO_PCI_IRQ.INTX) return EVENTFD | MASKABLE | AUTOMASKED;
    const fixed = index === VFIO_PCI_IRQ.MSI || (index === VFIO_PCI_IRQ.MSIX && this.#parts.resize === 'classic');
    return fixed ? EVENTFD | NORESIZE : EVENTFD;
  }

  /**
   * vfio_pci_set_irqs_ioctl(). 0, or how many vectors could be had where that is fewer than asked for: none is taken then.
   * `EINVAL`: beyond the index's interrupts or the vectors it was enabled with, another index is in use, or nothing is set
   * up that could be signalled, masked or given up; `ENOTTY`: an action that the index does not have; `EBADF`: an eventfd
   * that is closed; `EBUSY`: INTx has an eventfd that unmasks it; `ENOMEM`; `ERANGE`: enabling no vector at all; else what
   * the backend gives.
   * Where a vector fails, those of the request up to it are given up; where that was the request that enabled the index,
   * all of them. Every eventfd in the request is closed exactly once: when refused, replaced or given up.
   */
  setIrqs(set: IrqSet): Steps<Result<number, SetIrqsErrno>> {
    return this.gate.with(this.#setIrqs(set));
  }

  *#setIrqs(set: IrqSet): Steps<Result<number, SetIrqsErrno>> {
    const { name, backend } = this.#parts;
    const count = backend.counts[set.index] ?? 0;
    if (set.start >= count || set.start + set.count > count) {
      closeFds(set.data);
      return fail('EINVAL', `${name}: start ${set.start} + count ${set.count} is above the ${count} interrupts of index ${set.index}`);
    }
    if (set.index === VFIO_PCI_IRQ.INTX) return yield* setIntx(this.#parts, set);
    if (set.index === VFIO_PCI_IRQ.ERR) return setSingle(this.#parts, 'err', set);
    if (set.index === VFIO_PCI_IRQ.REQ) return setSingle(this.#parts, 'req', set);
    return yield* setVectors(this.#parts, set.index === VFIO_PCI_IRQ.MSI ? VFIO_PCI_IRQ.MSI : VFIO_PCI_IRQ.MSIX, set);
  }

  /** What the release path does with the index in use, if any. Never fails; again is harmless. */
  disable(): Steps<void> {
    return this.gate.with(this.#disable());
  }

  *#disable(): Steps<void> {
    const { index } = this.#parts.state;
    if (index === VFIO_PCI_IRQ.INTX) yield* disableIntx(this.#parts);
    else if (index !== NO_INDEX) yield* disableVectors(this.#parts, index);
  }

  /** The user is gone: every index is given up, ERR and REQ included (vfio_pci_core_close_device()). */
  release(): Steps<void> {
    return this.gate.with(this.#release());
  }

  *#release(): Steps<void> {
    yield* this.#disable();
    const { state } = this.#parts;
    for (const which of ['err', 'req'] as const) {
      state[which]?.close();
      state[which] = null;
    }
  }

  /** The interrupt of `vector` in the index in use, or what stands for it, was raised: its trigger, if any, is signalled. */
  signal(vector: number): void {
    const { state, triggers } = this.#parts;
    this.#parts.signal(triggers.get(vector), { index: state.index, vector });
  }

  /** vfio_pci_request(): asks the user to give the device back. False when it has no eventfd for that. */
  request(): Steps<boolean> {
    return this.gate.with(this.#signalSingle('req', VFIO_PCI_IRQ.REQ));
  }

  /** vfio_pci_aer_err_detected(): tells the user of an error of the device. False when it has no eventfd for that. */
  error(): Steps<boolean> {
    return this.gate.with(this.#signalSingle('err', VFIO_PCI_IRQ.ERR));
  }

  *#signalSingle(which: 'err' | 'req', index: number): Steps<boolean> {
    const fd = this.#parts.state[which];
    this.#parts.signal(fd, { index, vector: 0 });
    return fd !== null;
  }
}

function signalWith(trace: Trace): IrqParts['signal'] {
  return (fd, values) => {
    if (fd === null || fd === undefined) return;
    if (trace.enabled) trace.call('vfio', 'eventfd_signal', values, () => fd.signal());
    else fd.signal();
  };
}
