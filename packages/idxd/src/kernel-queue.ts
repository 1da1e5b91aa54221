// The host kernel's own use of a queue, beside the virtual devices: its interrupt is an entry of the function's message
// store that the function's own PASID may use, bound before it is requested (idxd_wq_request_irq(), idxd_submit_desc()).
import { fail, must, ok, waitUntil } from '@siov/base';
import type { Failure, Result, Steps } from '@siov/base';
import { COMMAND, COMPLETION_RECORD_SIZE, DESCRIPTOR_FLAG, encodeDescriptor, PORTAL_SIZE, PORTAL_SLOT_SIZE, portalOffset } from '@siov/datasheet';
import type { Descriptor } from '@siov/datasheet';
import type { PasidWitness, SubmitPort } from '@siov/device';
import { imsOf } from '@siov/ims';
import type { PagingDomain } from '@siov/iommu';
import { freeIrq, requestThreadedIrq } from '@siov/irq';
import type { DeviceMsi, MsiDesc } from '@siov/irq';
import type { FunctionParts, HostDriverPorts } from './function-parts.ts';
import { InterruptHandles } from './interrupt-handles.ts';
import { PendingWork } from './pending-work.ts';
import type { Completed, RecordMemory } from './pending-work.ts';
import type { WorkQueue } from './work-queue.ts';

export interface KernelQueueOptions {
  /** Room for a record for each entry of the queue, mapped where the function's own PASID reaches it. */
  readonly records: RecordMemory;
  /** What the function is to reach with a PASID of its own; absent: it has one already. */
  readonly space?: PagingDomain;
  /** `dedicated` unless said. */
  readonly mode?: 'dedicated' | 'shared';
}

/** The operation, its addresses and flags; record, interrupt and PASID are the queue's. */
export type KernelWork = Pick<Descriptor, 'opcode'> & Partial<Pick<Descriptor, 'flags' | 'source' | 'destination' | 'size' | 'specific'>>;

export type KernelQueueErrno = 'ENODEV' | 'EBUSY' | 'EINVAL' | 'EIO' | 'ENOSPC' | 'ENOMEM' | 'EOPNOTSUPP';

/** As owner of a queue. */
const KERNEL = 'kernel';
/** ENQCMDS is repeated so often (IDXD_ENQCMDS_RETRIES; from memory). */
const RETRIES = 32;
const { COMPLETION_RECORD_ADDRESS_VALID, REQUEST_COMPLETION_RECORD, REQUEST_COMPLETION_INTERRUPT } = DESCRIPTOR_FLAG;
const FLAGS = COMPLETION_RECORD_ADDRESS_VALID | REQUEST_COMPLETION_RECORD | REQUEST_COMPLETION_INTERRUPT;

interface Held {
  readonly queue: WorkQueue;
  readonly portals: SubmitPort;
  readonly msi: DeviceMsi<PasidWitness>;
  readonly witness: PasidWitness;
  /** The function's PASID was attached for this queue. */
  readonly attached: boolean;
}

export class KernelQueue {
  readonly queue: WorkQueue;
  readonly #ports: HostDriverPorts;
  readonly #held: Held;
  readonly #pending: PendingWork;
  readonly #handles: InterruptHandles;
  /** `store`: where in the portal's page the next store goes; `active`: submitters at work (wq_active); `desc`: the interrupt, requested; `enabled`: the queue, for this user alone. */
  readonly #state: { open: boolean; enabled: boolean; active: number; handle: number; store: number; desc: MsiDesc | null };

  private constructor(ports: HostDriverPorts, parts: FunctionParts, held: Held, records: RecordMemory) {
    const { state } = ports.core.ports;
    const name = `${parts.physical.device.name}/kernel-wq${held.queue.index}`;
    this.queue = held.queue;
    this.#ports = ports;
    this.#held = held;
    this.#pending = new PendingWork(state, name, records, held.queue.size);
    this.#handles = new InterruptHandles(parts.physical, name);
    this.#state = state.record(name, { open: false, enabled: false, active: 0, handle: 0, store: 0, desc: null as MsiDesc | null });
  }

  /**
   * Takes a free queue of the function and enables it with the function's own PASID. `ENODEV`: no such queue is left, or the
   * function has no portals, or no PASID; `EBUSY`: it has a PASID and `space` was given; `EINVAL`: too few records, or the
   * interrupt is refused; `EIO`: a command failed; the others are those of PASID and interrupt.
   */
  static *open(ports: HostDriverPorts, parts: FunctionParts, options: KernelQueueOptions): Steps<Result<KernelQueue, KernelQueueErrno>> {
    const held = hold(ports, parts, options);
    if (!held.ok) return held;
    const kernel = new KernelQueue(ports, parts, held.value, options.records);
    const started = yield* kernel.#start();
    if (started.ok) return ok(kernel);
    yield* kernel.#giveBack();
    return started;
  }

  /** Work the device has not reported as done. */
  get pending(): number {
    return this.#pending.count;
  }

  /** The interrupt's entry in the message store; -1 while there is none. */
  get slot(): number {
    return this.#state.desc?.hwirq ?? -1;
  }

  /**
   * idxd_submit_desc(): through the unlimited IMS portal, as is the kernel's right. `completed` is called in the interrupt's
   * thread. `EAGAIN`: as much is under way as the queue has entries, or a shared queue stays full; `ENXIO`: it is closed.
   */
  *submit(work: KernelWork, completed: Completed): Steps<Result<void, 'EAGAIN' | 'ENXIO'>> {
    if (!this.#state.open) return fail('ENXIO', `work queue ${this.queue.index} is closed`);
    this.#state.active += 1;
    const id = this.#pending.begin(completed);
    const taken = id.ok && (yield* this.#store(work, id.value));
    if (id.ok && !taken) this.#pending.cancel(id.value);
    this.#state.active -= 1;
    return taken ? ok() : fail('EAGAIN', `work queue ${this.queue.index} is full`);
  }

  *#store({ flags = 0, ...work }: KernelWork, id: number): Steps<boolean> {
    const { queue, portals, witness } = this.#held;
    const own = queue.shared ? { pasid: witness.pasid, priv: true } : {};
    const descriptor = encodeDescriptor({ ...work, ...own, flags: flags | FLAGS, completionRecord: this.#pending.recordOf(id), interruptHandle: this.#state.handle });
    for (let left = RETRIES; left > 0; left--) {
      const at = portalOffset({ wq: queue.index, limited: false, ims: true }) + this.#state.store;
      this.#state.store = (this.#state.store + PORTAL_SLOT_SIZE) % PORTAL_SIZE;
      if (queue.shared) {
        if (yield* portals.enqueue(at, descriptor)) return true;
      } else {
        yield* portals.submit(at, descriptor);
        return true;
      }
    }
    return false;
  }

  /** Interrupt first, with its PASID; then what could fire it. */
  *#start(): Steps<Result<void, KernelQueueErrno>> {
    const { msi, witness, queue } = this.#held;
    const { core } = this.#ports;
    const desc = yield* msi.allocIrqAt('any', witness);
    if (!desc.ok) return desc.errno === 'ERANGE' ? fail('EINVAL', desc.message) : (desc as Failure<KernelQueueErrno>);
    const thread = () => this.#interrupt();
    const requested = yield* requestThreadedIrq(core, desc.value.virq, { name: 'idxd-portal', devId: this, thread });
    if (!requested.ok) {
      must(yield* msi.freeIrqsRange(desc.value.index, desc.value.index), 'an interrupt that was not requested');
      return fail('EINVAL', requested.message);
    }
    this.#state.desc = desc.value;
    const error = queue.shared ? 0 : yield* queue.enable(witness.pasid);
    this.#state.enabled = error === 0 && !queue.shared;
    if (error !== 0) return fail('EIO', `enabling work queue ${queue.index}: error 0x${error.toString(16)}`);
    const handle = yield* this.#handles.request(desc.value.hwirq);
    if (!handle.ok) return handle;
    Object.assign(this.#state, { handle: handle.value, open: true });
    return ok();
  }

  *#interrupt(): Steps<'handled' | 'none'> {
    return (yield* this.#pending.walk()) ? 'handled' : 'none';
  }

  /** No submission is accepted any more, what was is waited for, and everything given back. Again is harmless. */
  *close(): Steps<void> {
    if (!this.#state.open) return;
    this.#state.open = false;
    yield* waitUntil(`submitters of work queue ${this.queue.index}`, () => this.#state.active === 0);
    const { queue, witness } = this.#held;
    if (queue.shared) yield* queue.runPasid(COMMAND.DRAIN_PASID, witness.pasid);
    else yield* queue.run(COMMAND.DRAIN_WQ);
    yield* this.#giveBack();
  }

  /** The queue is quiet. free_irq() waits for the interrupt's thread; then nothing holds the PASID but the queue. */
  *#giveBack(): Steps<void> {
    const { queue, msi, attached } = this.#held;
    const { desc } = this.#state;
    if (desc !== null) {
      const { virq, index } = desc;
      yield* freeIrq(this.#ports.core, virq, this);
      yield* this.#pending.flush();
      yield* this.#handles.releaseAll();
      must(yield* msi.freeIrqsRange(index, index), `the interrupt of work queue ${queue.index}`);
      this.#state.desc = null;
    }
    if (this.#state.enabled) yield* queue.run(COMMAND.RESET_WQ);
    this.#state.enabled = false;
    if (attached) must(this.#ports.iommu.detachDevicePasid(msi.device), `${msi.device.name}: the queue that brought its PASID is closed last`);
    queue.release(KERNEL);
  }
}

/** What needs no waiting: the queue, the PASID, room for records. */
function hold({ iommu }: HostDriverPorts, { physical, queues }: FunctionParts, { records, space, mode }: KernelQueueOptions): Result<Held, KernelQueueErrno> {
  const { device } = physical;
  const { portals } = device.resources;
  const msi = imsOf(device);
  const queue = queues.find((each) => each.shared === (mode === 'shared') && each.free > 0 && !each.owners.includes(KERNEL));
  if (queue === undefined) return fail('ENODEV', `${device.name} has no ${mode ?? 'dedicated'} work queue left for the kernel`);
  if (portals === undefined || msi === undefined) return fail('ENODEV', `${device.name} has no portals, or its interrupts are given up`);
  const room = queue.size * COMPLETION_RECORD_SIZE;
  if (records.memory.size < room || records.iova % BigInt(COMPLETION_RECORD_SIZE) !== 0n) return fail('EINVAL', `completion records need ${room} bytes at a multiple of ${COMPLETION_RECORD_SIZE}`);
  const attached = space === undefined ? ok() : iommu.attachDevicePasid(space, device);
  if (!attached.ok) return attached;
  const { witness } = device.iommu;
  if (witness === null) return fail('ENODEV', `${device.name} has no PASID of its own, and nothing was given that it could reach`);
  must(queue.claim(KERNEL), 'the queue is free');
  return ok({ queue, portals, msi, witness, attached: space !== undefined });
}
