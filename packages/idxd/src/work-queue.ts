// One dedicated work queue of the physical function, set aside for a virtual device (mdev type 1dwq).
import { fail, ok } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import { COMMAND, CMDSTATUS, ENGCAP, GENCAP, Grpcfg, GRPCAP, GRPCFG_SIZE, handleOperand, OFFSETS, TABLE_OFFSET_UNIT, WQCAP, Wqcfg, wqcfgSize, wqOperand } from '@siov/datasheet';
import type { CommandCode } from '@siov/datasheet';
import { readRegister, writeRegister } from '@siov/device';
import type { Capabilities, PhysicalFunction } from './physical-function.ts';

export interface WorkQueueConfig {
  readonly index: number;
  readonly group: number;
  readonly engine: number;
  /** Entries. */
  readonly size: number;
  /** 1 to 15 where the device has priorities. */
  readonly priority: number;
}

/** Linux drives dedicated queues with these limits unless told otherwise: 2^21 bytes, 2^5 descriptors. */
const DEFAULT_LIMITS = { maxTransferShift: 21, maxBatchShift: 5 } as const;

/** The same for a function that may not go so far. */
export function queueLimits({ gencap }: Capabilities): { readonly maxTransferShift: number; readonly maxBatchShift: number } {
  return {
    maxTransferShift: Math.min(DEFAULT_LIMITS.maxTransferShift, GENCAP.maxTransferShift.get(gencap)),
    maxBatchShift: Math.min(DEFAULT_LIMITS.maxBatchShift, GENCAP.maxBatchShift.get(gencap)),
  };
}

export class WorkQueue {
  readonly index: number;
  readonly size: number;
  readonly #function: PhysicalFunction;
  readonly #config: WorkQueueConfig;
  readonly #claim: { owner: string | null };
  /** Handles the function gave for entries of the message store, by entry. */
  readonly #handles: Map<number, number>;

  private constructor(physical: PhysicalFunction, config: WorkQueueConfig) {
    this.index = config.index;
    this.size = config.size;
    this.#function = physical;
    this.#config = config;
    this.#claim = physical.core.ports.state.record(`${physical.device.name}/wq${config.index}`, { owner: null as string | null });
    this.#handles = physical.core.ports.state.map(`${physical.device.name}/wq${config.index}/handles`);
  }

  /** Writes queue, group and engine while the device is disabled. `EINVAL`: one of them is not there. */
  static *configure(physical: PhysicalFunction, config: WorkQueueConfig): Steps<Result<WorkQueue, 'EINVAL'>> {
    const { wqcap, grpcap, engcap, offsets } = physical.capabilities;
    const wqs = WQCAP.numberOfWqs.get(wqcap);
    const groups = GRPCAP.numberOfGroups.get(grpcap);
    if (!(config.index >= 0 && config.index < wqs)) return fail('EINVAL', `work queue ${config.index} is not below ${wqs}`);
    if (!(config.group >= 0 && config.group < groups)) return fail('EINVAL', `group ${config.group} is not below ${groups}`);
    const engines = ENGCAP.numberOfEngines.get(engcap);
    if (!(config.engine >= 0 && config.engine < engines)) return fail('EINVAL', `engine ${config.engine} is not below ${engines}`);
    const total = WQCAP.totalWqSize.get(wqcap);
    if (!(config.size > 0 && config.size <= total)) return fail('EINVAL', `work queue size ${config.size} is not in 1..${total}`);
    const { registers } = physical;
    const queue = new WorkQueue(physical, config);
    yield* writeRegister(registers, Wqcfg.Size, Wqcfg.Size.of({ size: config.size }), queue.#wqcfg());
    const group = OFFSETS.grpcfg.get(offsets) * TABLE_OFFSET_UNIT + config.group * GRPCFG_SIZE;
    const flags = yield* readRegister(registers, Grpcfg.Flags, group);
    const members = Grpcfg.Wqs[0].members.get(yield* readRegister(registers, Grpcfg.Wqs[0], group)) | (1n << BigInt(config.index));
    yield* writeRegister(registers, Grpcfg.Wqs[0], Grpcfg.Wqs[0].of({ members }), group);
    const engineMembers = Grpcfg.Engines.members.get(yield* readRegister(registers, Grpcfg.Engines, group)) | (1n << BigInt(config.engine));
    yield* writeRegister(registers, Grpcfg.Engines, Grpcfg.Engines.of({ members: engineMembers }), group);
    yield* writeRegister(registers, Grpcfg.Flags, Grpcfg.Flags.trafficClassA.set(Grpcfg.Flags.trafficClassB.set(flags, 1), 1), group);
    return ok(queue);
  }

  get owner(): string | null {
    return this.#claim.owner;
  }

  /** Takes the queue for one virtual device. `EBUSY` when another has it. */
  claim(owner: string): Result<void, 'EBUSY'> {
    if (this.#claim.owner !== null) return fail('EBUSY', `work queue ${this.index} belongs to ${this.#claim.owner}`);
    this.#claim.owner = owner;
    return ok();
  }

  release(): void {
    this.#claim.owner = null;
  }

  /**
   * Enable WQ as dedicated queue of `pasid`, privileged so that its descriptors may ask for interrupts. The result is
   * the command's error code, 0 for success.
   */
  *enable(pasid: number): Steps<number> {
    const { registers, capabilities } = this.#function;
    const mode = Wqcfg.Mode.of({ dedicated: 1, pasidEnable: 1, pasid, priv: 1, priority: this.#config.priority });
    yield* writeRegister(registers, Wqcfg.Mode, mode, this.#wqcfg());
    yield* writeRegister(registers, Wqcfg.Limits, Wqcfg.Limits.of(queueLimits(capabilities)), this.#wqcfg());
    return CMDSTATUS.error.get(yield* this.#function.command(COMMAND.ENABLE_WQ, this.index));
  }

  /** Disable, Drain, Abort or Reset WQ. The result is the command's error code. */
  *run(code: CommandCode): Steps<number> {
    const operand = wqOperand([this.index]);
    return operand.ok ? CMDSTATUS.error.get(yield* this.#function.command(code, operand.value)) : 0;
  }

  /** What descriptors name to use entry `slot` of the message store: its number, or what the function gives for it. */
  *requestHandle(slot: number): Steps<Result<number, 'EIO'>> {
    if (!this.#function.capabilities.handles) return ok(slot);
    const status = yield* this.#function.command(COMMAND.REQUEST_INTERRUPT_HANDLE, handleOperand({ index: slot, ims: true }));
    const error = CMDSTATUS.error.get(status);
    if (error !== 0) return fail('EIO', `${this.#function.device.name}: no handle for entry ${slot}: error 0x${error.toString(16)}`);
    this.#handles.set(slot, CMDSTATUS.result.get(status));
    return ok(CMDSTATUS.result.get(status));
  }

  /** The handle in use for `slot`. */
  handleOf(slot: number): number {
    return this.#handles.get(slot) ?? slot;
  }

  *releaseHandle(slot: number): Steps<void> {
    if (!this.#handles.delete(slot)) return;
    yield* this.#function.command(COMMAND.RELEASE_INTERRUPT_HANDLE, handleOperand({ index: slot, ims: true }));
  }

  *releaseHandles(): Steps<void> {
    for (const slot of this.#handles.keys()) yield* this.releaseHandle(slot);
  }

  #wqcfg(): number {
    const { offsets, wqcap } = this.#function.capabilities;
    return OFFSETS.wqcfg.get(offsets) * TABLE_OFFSET_UNIT + this.index * wqcfgSize(WQCAP.wqcfgSize.get(wqcap));
  }
}
