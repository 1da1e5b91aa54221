// A work queue: enabled, its interrupt set up, descriptors submitted and their records collected (idxd_drv_enable_wq(),
// idxd_drv_disable_wq() in drivers/dma/idxd/device.c).
import { fail, Lock, ModelError, ok } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import { CMDSTATUS, COMMAND, COMMAND_ERROR, DESCRIPTOR_FLAG, OPCODE, wqOperand } from '@siov/datasheet';
import type { CompletionRecord, Descriptor } from '@siov/datasheet';
import { runBatch } from './batch.ts';
import type { BatchErrno, BatchResult } from './batch.ts';
import type { InFlight, Outcome, WorkRequest } from './descriptors.ts';
import { KernelSide } from './kernel-side.ts';
import type { DriverParts } from './parts.ts';
import { QueuePortal } from './portal.ts';
import type { SubmitErrno } from './portal.ts';
import { ProcessQueues } from './process-queues.ts';
import type { OpenErrno, ProcessQueue } from './process-queues.ts';
import type { QueueSettings } from './queue-config.ts';
import type { QueueInterruptErrno } from './queue-interrupt.ts';
import { QueuePasid } from './queue-pasid.ts';
import type { ModeBefore } from './queue-pasid.ts';

/** Who submits: the kernel, which takes completion interrupts, or processes, each under its PASID. */
export type QueueType = 'kernel' | 'user';

export type QueueErrno = 'ENXIO' | 'EOPNOTSUPP' | QueueInterruptErrno;

const { COMPLETION_RECORD_ADDRESS_VALID, REQUEST_COMPLETION_RECORD, REQUEST_COMPLETION_INTERRUPT } = DESCRIPTOR_FLAG;
/** What the stock driver's dmaengine client sets. */
const FLAGS = COMPLETION_RECORD_ADDRESS_VALID | REQUEST_COMPLETION_RECORD | REQUEST_COMPLETION_INTERRUPT;

interface QueueState {
  enabled: boolean;
  type: QueueType;
}

/** What a queue needs of its driver. */
export interface QueueParts extends DriverParts {
  /** Writes what the driver configures of groups and queues; nothing where the host has fixed it. */
  configure(): Steps<void>;
  /** Whether the queue is one the driver may use. */
  usable(index: number): boolean;
}

export class GuestWorkQueue {
  readonly index: number;
  readonly settings: QueueSettings;
  readonly #parts: QueueParts;
  readonly #portal: QueuePortal;
  readonly #pasid: QueuePasid;
  readonly #kernel: KernelSide;
  readonly #processes: ProcessQueues;
  /** wq_lock */
  readonly #lock: Lock;
  readonly #state: QueueState;

  constructor(parts: QueueParts, settings: QueueSettings) {
    const { state } = parts.core.ports;
    const name = `guest/${parts.device.name}/wq${settings.index}`;
    this.index = settings.index;
    this.settings = settings;
    this.#parts = parts;
    this.#portal = new QueuePortal(state, parts.device, settings);
    this.#kernel = new KernelSide(parts, settings, this.#portal);
    this.#pasid = new QueuePasid(parts, settings.index);
    this.#lock = new Lock(state, name);
    this.#state = state.record<QueueState>(name, { enabled: false, type: 'kernel' });
    this.#processes = new ProcessQueues(parts, { settings, portal: this.#portal, lock: this.#lock, pasid: this.#pasid });
  }

  /** Completion interrupts taken since the driver was loaded. */
  get interrupts(): number {
    return this.#kernel.interrupts;
  }

  get enabled(): boolean {
    return this.#state.enabled;
  }

  /** What descriptors name to have their interrupt; -1 while there is none. */
  get handle(): number {
    return this.#kernel.handle;
  }

  /** PASID in WQCFG; null: PASID enable is off. */
  get pasid(): number | null {
    return this.#pasid.value;
  }

  /**
   * Binding the queue to the kernel's clients or to processes: its PASID into WQCFG, Enable WQ; for the kernel then the
   * permission of its interrupt, the interrupt, its handle. `EBUSY`: enabled already, or the interrupt was refused;
   * `ENXIO`: in no group, or shared without PASIDs; `EOPNOTSUPP`: for processes without PASIDs; `EIO`: a command failed;
   * else what the permission backend gives.
   */
  enable(type: QueueType = 'kernel'): Steps<Result<void, QueueErrno>> {
    return this.#lock.with(this.#enable(type));
  }

  /** Drain, then interrupt, handle and permission given back, then Reset WQ: nothing of the queue is left in the device. */
  disable(): Steps<void> {
    return this.#lock.with(this.#disable());
  }

  /** idxd_dma_submit_memcpy(): one Memory move with completion record and interrupt. Addresses are the guest's. */
  copy(source: bigint, destination: bigint, size: number, completionRecord: bigint): Steps<Result<void, SubmitErrno>> {
    return this.#kernel.submit((interruptHandle) => ({ opcode: OPCODE.MEMMOVE, flags: FLAGS, source, destination, size, completionRecord, interruptHandle }));
  }

  /** What the stock driver does when a client gives its DMA channel back: Drain WQ. */
  *drain(): Steps<void> {
    yield* this.#parts.function.command(COMMAND.DRAIN_WQ, this.#operand());
  }

  /** Submits `descriptor` as it is; one without a PASID gets the kernel's. Nobody waits for it. */
  submit(descriptor: Partial<Descriptor>): Steps<Result<void, SubmitErrno>> {
    return this.#kernel.submit(() => descriptor);
  }

  /**
   * idxd_submit_desc() of a descriptor whose end is waited for: with {@link wait}, or by `onComplete` in the interrupt's thread.
   * Waits for a free one first. Throws ModelError where the driver was given no memory for completion records.
   */
  start(request: WorkRequest, onComplete: ((outcome: Outcome) => void) | null = null): Steps<Result<InFlight, SubmitErrno>> {
    return this.#kernel.descriptors.start(request, onComplete);
  }

  /** The completion record of what was started. `EIO` names the error it has; `ENXIO`: the descriptor was aborted. */
  wait(inFlight: InFlight): Steps<Result<CompletionRecord, 'EIO' | 'ENXIO'>> {
    return this.#kernel.descriptors.wait(inFlight);
  }

  /** {@link start} and {@link wait}. */
  *transfer(request: WorkRequest): Steps<Result<CompletionRecord, 'EIO' | SubmitErrno>> {
    const started = yield* this.#kernel.descriptors.start(request);
    return started.ok ? yield* this.#kernel.descriptors.wait(started.value) : started;
  }

  /** Descriptors as one batch, waited for. See {@link runBatch} for errors. */
  batch(members: readonly WorkRequest[]): Steps<Result<BatchResult, BatchErrno>> {
    const { dma, capabilities } = this.#parts;
    if (dma === null) throw new ModelError(`${this.#name}: the driver was given no memory for batches`);
    return runBatch({ descriptors: this.#kernel.descriptors, dma, gencap: capabilities.gencap, maxBatchShift: this.settings.maxBatchShift }, members);
  }

  /** Opens the queue for the process with the address space `mm`. `ENXIO`: it is not enabled for processes; else see {@link ProcessQueues.open}. */
  openProcess(mm: object): Steps<Result<ProcessQueue, OpenErrno>> {
    return this.#lock.with(this.#openProcess(mm));
  }

  /** Address spaces of processes that have not closed are unbound: the device goes. The queue is disabled. */
  closeProcesses(): Steps<Result<void, 'EBUSY' | 'EINVAL'>> {
    return this.#lock.with(this.#processes.closeAll());
  }

  /**
   * idxd_int_handle_revoke() for one queue: a new handle, swapped while nobody submits, and a Drain behind what was submitted
   * with the old one: its interrupt has the thread submit that once more. Without a new handle the queue is dead.
   */
  renewHandle(): Steps<void> {
    return this.#kernel.renewHandle(this.#lock);
  }

  /** idxd_wq_quiesce(): nothing is submitted any more, until the queue is disabled and enabled again. */
  quiesce(): Steps<void> {
    return this.#portal.kill();
  }

  /** The device is halted: it completes nothing any more. */
  abandon(): Steps<void> {
    return this.#kernel.abandon();
  }

  *#openProcess(mm: object): Steps<Result<ProcessQueue, OpenErrno>> {
    if (!this.#state.enabled || this.#state.type !== 'user') return fail('ENXIO', `${this.#name} is not enabled for processes`);
    return yield* this.#processes.open(mm);
  }

  *#enable(type: QueueType): Steps<Result<void, QueueErrno>> {
    const refused = this.#refusal(type);
    if (refused !== null) return refused;
    const before = yield* this.#setPasid(type);
    yield* this.#parts.configure();
    const error = CMDSTATUS.error.get(yield* this.#parts.function.command(COMMAND.ENABLE_WQ, this.index));
    if (error !== COMMAND_ERROR.SUCCESS && error !== COMMAND_ERROR.WQ_NOT_DISABLED) {
      yield* this.#pasid.restore(before);
      return fail('EIO', `${this.#name}: Enable WQ: error 0x${error.toString(16)}`);
    }
    const ready: Result<void, QueueErrno> = type === 'kernel' ? yield* this.#kernel.setUp() : ok();
    if (!ready.ok) {
      yield* this.#reset();
      yield* this.#pasid.restore(before);
      return ready;
    }
    this.#state.type = type;
    this.#state.enabled = true;
    this.#portal.open();
    return ok();
  }

  *#disable(): Steps<void> {
    if (!this.#state.enabled) return;
    this.#state.enabled = false;
    yield* this.#portal.kill();
    this.#processes.revoke();
    yield* this.drain();
    yield* this.#kernel.tearDown();
    yield* this.#reset();
    this.#pasid.forget();
  }

  /** The rules of idxd_drv_enable_wq() and idxd_user_drv_probe(). */
  #refusal(type: QueueType): Result<never, QueueErrno> | null {
    const { pasids, systemPasid, usable } = this.#parts;
    if (this.#state.enabled) return fail('EBUSY', `${this.#name} is enabled already`);
    if (!usable(this.index)) return fail('ENXIO', `${this.#name} is in no group`);
    if (type === 'user' && pasids === null) return fail('EOPNOTSUPP', `${this.#name}: a process needs a PASID, and the driver uses none`);
    if (this.settings.dedicated) return null;
    if (pasids === null || (type === 'kernel' && systemPasid === null)) return fail('ENXIO', `${this.#name} is shared, and there is no PASID to submit under`);
    return this.settings.threshold === 0 ? fail('ENXIO', `${this.#name} is shared, and has no threshold`) : null;
  }

  /**
   * What WQCFG says before the queue is enabled: of a dedicated queue the kernel's PASID, of a shared one none, as its
   * descriptors bring theirs; of a dedicated queue for a process nothing before the process opens it.
   */
  *#setPasid(type: QueueType): Steps<ModeBefore | null> {
    const { systemPasid } = this.#parts;
    if (!this.settings.dedicated) return yield* this.#pasid.set(0);
    return type === 'user' || systemPasid === null ? null : yield* this.#pasid.set(systemPasid.pasid);
  }

  *#reset(): Steps<void> {
    yield* this.#parts.function.command(COMMAND.RESET_WQ, this.#operand());
  }

  get #name(): string {
    return `${this.#parts.device.name}, work queue ${this.index}`;
  }

  #operand(): number {
    const operand = wqOperand([this.index]);
    return operand.ok ? operand.value : 0;
  }
}
