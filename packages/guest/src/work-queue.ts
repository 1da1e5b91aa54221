// A kernel work queue of the guest: enabled, its interrupt requested, its handle fetched, descriptors submitted and their
// records collected (idxd_drv_enable_wq(), idxd_wq_request_irq(), submit.c).
import { describeFailure, fail, ok } from '@siov/base';
import type { Result, StatePort, Steps } from '@siov/base';
import {
  CMDSTATUS, COMMAND, COMMAND_ERROR, DESCRIPTOR_FLAG, encodeDescriptor, Msixperm, MSIXPERM_SIZE, OPCODE, PORTAL_SIZE, PORTAL_SLOT_SIZE, portalOffset, wqOperand,
} from '@siov/datasheet';
import type { Descriptor } from '@siov/datasheet';
import type { PciDevice } from '@siov/device';
import { freeIrq, requestThreadedIrq } from '@siov/irq';
import type { IrqCore, IrqReturn } from '@siov/irq';
import type { GuestFunction } from './function.ts';

export interface GuestQueueOptions {
  readonly index: number;
  /** MSI-X vector of the queue and the interrupt behind it. */
  readonly vector: { readonly number: number; readonly virq: number };
  /** Whether interrupt handles are requested from the device; without, the handle is the vector's number. */
  readonly handles: boolean;
  /** Bytes from BAR0's start to the interrupt permission table. */
  readonly msixperm: number;
}

const { COMPLETION_RECORD_ADDRESS_VALID, REQUEST_COMPLETION_RECORD, REQUEST_COMPLETION_INTERRUPT } = DESCRIPTOR_FLAG;
/** What the stock driver's dmaengine client sets. */
const FLAGS = COMPLETION_RECORD_ADDRESS_VALID | REQUEST_COMPLETION_RECORD | REQUEST_COMPLETION_INTERRUPT;

interface QueueState {
  enabled: boolean;
  handle: number;
  /** Byte offset in the portal page of the next submission. */
  slot: number;
  /** Completion interrupts taken. */
  interrupts: number;
}

export class GuestWorkQueue {
  readonly index: number;
  readonly #core: IrqCore;
  readonly #device: PciDevice;
  readonly #function: GuestFunction;
  readonly #options: GuestQueueOptions;
  readonly #state: QueueState;

  constructor(core: IrqCore, device: PciDevice, function_: GuestFunction, options: GuestQueueOptions) {
    this.index = options.index;
    this.#core = core;
    this.#device = device;
    this.#function = function_;
    this.#options = options;
    const { state } = core.ports as { state: StatePort };
    this.#state = state.record<QueueState>(`guest/${device.name}/wq${options.index}`, { enabled: false, handle: -1, slot: 0, interrupts: 0 });
  }

  /** Completion interrupts taken since the driver was loaded. */
  get interrupts(): number {
    return this.#state.interrupts;
  }

  get enabled(): boolean {
    return this.#state.enabled;
  }

  /** Enable WQ, then the interrupt, then its handle. `EIO`: a command failed; `EBUSY`: the interrupt was refused. */
  *enable(): Steps<Result<void, 'EIO' | 'EBUSY'>> {
    const error = CMDSTATUS.error.get(yield* this.#function.command(COMMAND.ENABLE_WQ, this.index));
    if (error !== COMMAND_ERROR.SUCCESS && error !== COMMAND_ERROR.WQ_NOT_DISABLED) return this.#failed('Enable WQ', error);
    const { virq, number } = this.#options.vector;
    const requested = yield* requestThreadedIrq(this.#core, virq, { name: 'idxd-portal', devId: this, thread: () => this.#interrupt() });
    if (!requested.ok) {
      yield* this.#reset();
      return fail('EBUSY', describeFailure(requested));
    }
    const handle = this.#options.handles ? yield* this.#requestHandle(number) : ok(number);
    if (!handle.ok) {
      yield* freeIrq(this.#core, virq, this);
      yield* this.#reset();
      return handle;
    }
    this.#state.handle = handle.value;
    this.#state.enabled = true;
    return ok();
  }

  /** Drain, then interrupt, handle and permission given back, then Reset WQ: nothing of the queue is left in the device. */
  *disable(): Steps<void> {
    if (!this.#state.enabled) return;
    this.#state.enabled = false;
    yield* this.drain();
    yield* freeIrq(this.#core, this.#options.vector.virq, this);
    if (this.#options.handles) yield* this.#function.polledCommand(COMMAND.RELEASE_INTERRUPT_HANDLE, this.#state.handle);
    yield* this.#function.write(Msixperm, Msixperm.reset, this.#options.msixperm + this.#options.vector.number * MSIXPERM_SIZE);
    yield* this.#reset();
  }

  /** idxd_dma_submit_memcpy(): one Memory move with completion record and interrupt. Addresses are the guest's. */
  *copy(source: bigint, destination: bigint, size: number, completionRecord: bigint): Steps<void> {
    yield* this.submit({ opcode: OPCODE.MEMMOVE, flags: FLAGS, source, destination, size, completionRecord, interruptHandle: this.#state.handle });
  }

  /** What the stock driver does when a client gives its DMA channel back: Drain WQ. */
  *drain(): Steps<void> {
    yield* this.#function.command(COMMAND.DRAIN_WQ, this.#operand());
  }

  /** MOVDIR64B to the limited MSI-X portal, each submission to the next slot of the page. */
  *submit(descriptor: Partial<Descriptor>): Steps<void> {
    const page = portalOffset({ wq: this.index, limited: true, ims: false });
    const { slot } = this.#state;
    this.#state.slot = (slot + PORTAL_SLOT_SIZE) % PORTAL_SIZE;
    const { portals } = this.#device.resources;
    if (portals !== undefined) yield* portals.submit(page + slot, encodeDescriptor(descriptor));
  }

  *#interrupt(): Steps<IrqReturn> {
    yield* this.#core.ports.trace.cross('guest', 'wq_thread', { wq: this.index }, this.#count());
    return 'handled';
  }

  *#count(): Steps<void> {
    this.#state.interrupts += 1;
  }

  *#requestHandle(vector: number): Steps<Result<number, 'EIO'>> {
    const status = yield* this.#function.command(COMMAND.REQUEST_INTERRUPT_HANDLE, vector);
    const error = CMDSTATUS.error.get(status);
    return error === COMMAND_ERROR.SUCCESS ? ok(CMDSTATUS.result.get(status)) : this.#failed('Request Interrupt Handle', error);
  }

  *#reset(): Steps<void> {
    yield* this.#function.command(COMMAND.RESET_WQ, this.#operand());
  }

  #operand(): number {
    const operand = wqOperand([this.index]);
    return operand.ok ? operand.value : 0;
  }

  #failed(what: string, error: number): Result<never, 'EIO'> {
    return fail('EIO', `${this.#device.name}, work queue ${this.index}: ${what}: error 0x${error.toString(16)}`);
  }
}
