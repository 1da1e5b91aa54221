// Queues for processes: each opens the queue, has its address space bound, and submits under its own PASID with a user's
// rights (drivers/dma/idxd/cdev.c).
import { fail, ok, point } from '@siov/base';
import type { Lock, Memory, Result, Steps } from '@siov/base';
import { COMMAND, COMPLETION_RECORD_SIZE, decodeCompletionRecord } from '@siov/datasheet';
import type { CompletionRecord, Descriptor } from '@siov/datasheet';
import type { DriverParts } from './parts.ts';
import type { PasidBinding, PasidErrno } from './pasids.ts';
import type { QueuePortal, SubmitErrno } from './portal.ts';
import type { QueueSettings } from './queue-config.ts';
import type { QueuePasid } from './queue-pasid.ts';

export type OpenErrno = 'EBUSY' | 'EIO' | PasidErrno;

const firstLook = point('memory', 'completion record of a process');
const lookAgain = point('poll', 'completion record of a process');

/** A process' open queue: /dev/dsa/wqN.M, its portal mapped. */
export class ProcessQueue {
  readonly #queues: ProcessQueues;
  readonly binding: PasidBinding;

  /** Made by {@link ProcessQueues.open}. */
  constructor(queues: ProcessQueues, binding: PasidBinding) {
    this.#queues = queues;
    this.binding = binding;
  }

  get pasid(): number {
    return this.binding.pasid;
  }

  /**
   * ENQCMD, as often as the kernel's own submissions try, or MOVDIR64B. PASID and privilege of `descriptor` are what the CPU
   * says of the process, whatever it says. `EAGAIN`: no room; `ENXIO`: closed, or the queue is disabled.
   */
  submit(descriptor: Partial<Omit<Descriptor, 'pasid' | 'priv'>>): Steps<Result<void, SubmitErrno>> {
    return this.#queues.submit(this, descriptor);
  }

  /** The last reference is gone: what the process has in the queue is drained, then its address space unbound. `EBUSY`: that is held. */
  close(): Steps<Result<void, 'EBUSY' | 'EINVAL'>> {
    return this.#queues.close(this);
  }
}

/** A process has no interrupt: it looks at the status byte, at `offset` bytes of `memory`, until there is one. */
export function* pollCompletion(memory: Memory, offset: number): Steps<CompletionRecord> {
  const bytes = new Uint8Array(COMPLETION_RECORD_SIZE);
  yield firstLook;
  for (;;) {
    memory.read(offset, bytes);
    if (bytes[0] !== 0) return decodeCompletionRecord(bytes);
    yield lookAgain;
  }
}

/** What they share with the queue they open. */
export interface OpenedQueue {
  readonly settings: QueueSettings;
  readonly portal: QueuePortal;
  /** wq_lock: {@link ProcessQueues.open} and {@link ProcessQueues.closeAll} are called with it held. */
  readonly lock: Lock;
  readonly pasid: QueuePasid;
}

export class ProcessQueues {
  readonly #queue: OpenedQueue;
  readonly #parts: DriverParts;
  readonly #name: string;
  readonly #open: Map<ProcessQueue, { readonly live: boolean }>;

  constructor(parts: DriverParts, queue: OpenedQueue) {
    const { index } = queue.settings;
    this.#parts = parts;
    this.#queue = queue;
    this.#name = `${parts.device.name}, work queue ${index}`;
    this.#open = parts.core.ports.state.map(`guest/${parts.device.name}/wq${index}/processes`);
  }

  /** idxd_cdev_open(). `EBUSY`: a dedicated queue is one process'; `EIO`: it could not be given the PASID; else the binding's. */
  *open(mm: object): Steps<Result<ProcessQueue, OpenErrno>> {
    const { pasids } = this.#parts;
    if (pasids === null) return fail('ENODEV', `${this.#name}: the driver uses no PASIDs`);
    const { dedicated } = this.#queue.settings;
    if (dedicated && [...this.#open.values()].some(({ live }) => live)) return fail('EBUSY', `${this.#name} is dedicated, and is open`);
    if (!this.#parts.core.ports.state.grant('idxd_user_context')) return fail('ENOMEM', `${this.#name}: no memory for a process`);
    const bound = yield* pasids.bindProcess(mm);
    if (!bound.ok) return bound;
    const given = dedicated ? yield* this.#queue.pasid.change(bound.value.pasid) : ok();
    if (!given.ok) {
      yield* pasids.unbind(bound.value);
      return given;
    }
    const process = new ProcessQueue(this, bound.value);
    this.#open.set(process, { live: true });
    return ok(process);
  }

  *submit(process: ProcessQueue, descriptor: Partial<Descriptor>): Steps<Result<void, SubmitErrno>> {
    if (this.#open.get(process)?.live !== true) return fail('ENXIO', `${this.#name} is not open to PASID ${process.pasid}`);
    return yield* this.#queue.portal.submit(false, () => ({ ...descriptor, pasid: process.pasid, priv: false }));
  }

  close(process: ProcessQueue): Steps<Result<void, 'EBUSY' | 'EINVAL'>> {
    return this.#queue.lock.with(this.#close(process));
  }

  *#close(process: ProcessQueue): Steps<Result<void, 'EBUSY' | 'EINVAL'>> {
    const open = this.#open.get(process);
    if (open === undefined) return fail('EINVAL', `${this.#name} is closed to PASID ${process.pasid} already`);
    this.#open.set(process, { live: false });
    if (open.live) yield* this.#queue.settings.dedicated ? this.#queue.pasid.change(null) : this.#parts.function.command(COMMAND.DRAIN_PASID, process.pasid);
    const { pasids } = this.#parts;
    const unbound = pasids === null ? ok() : yield* pasids.unbind(process.binding);
    if (unbound.ok) this.#open.delete(process);
    return unbound;
  }

  /** The queue is disabled under them: they submit nothing any more, and close when they like. */
  revoke(): void {
    for (const process of this.#open.keys()) this.#open.set(process, { live: false });
  }

  /** The device goes: also the address spaces of processes that have not closed. The first refusal, if any. */
  *closeAll(): Steps<Result<void, 'EBUSY' | 'EINVAL'>> {
    let result: Result<void, 'EBUSY' | 'EINVAL'> = ok();
    for (const process of this.#open.keys()) {
      const closed = yield* this.#close(process);
      if (result.ok) result = closed;
    }
    return result;
  }
}
