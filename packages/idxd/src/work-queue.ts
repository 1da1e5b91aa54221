// One work queue of the physical function: dedicated, for one user, or shared, for several at once.
import { fail, ok } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import { COMMAND, CMDSTATUS, ENGCAP, GENCAP, Grpcfg, GRPCAP, GRPCFG_SIZE, OFFSETS, TABLE_OFFSET_UNIT, WQCAP, Wqcfg, wqcfgSize, wqOperand } from '@siov/datasheet';
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
  /** `dedicated` unless said. A shared queue is enabled once, for all its users: each descriptor brings its PASID. */
  readonly mode?: 'dedicated' | 'shared';
  /**
   * Entries of a shared queue that limited portals, which are all guests get, may fill; the rest is the host kernel's. All
   * unless said. So many virtual devices can have the queue at most.
   */
  readonly threshold?: number;
}

export type PasidCommand = typeof COMMAND.DRAIN_PASID | typeof COMMAND.ABORT_PASID;

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
  readonly shared: boolean;
  readonly threshold: number;
  readonly #function: PhysicalFunction;
  readonly #config: WorkQueueConfig;
  readonly #claim: { owners: readonly string[] };

  private constructor(physical: PhysicalFunction, config: WorkQueueConfig) {
    this.index = config.index;
    this.size = config.size;
    this.shared = config.mode === 'shared';
    this.threshold = config.threshold ?? config.size;
    this.#function = physical;
    this.#config = config;
    this.#claim = physical.core.ports.state.record(`${physical.device.name}/wq${config.index}`, { owners: [] as readonly string[] });
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
    const { threshold = config.size } = config;
    if (!(threshold > 0 && threshold <= config.size)) return fail('EINVAL', `threshold ${threshold} of work queue ${config.index} is not in 1..${config.size}`);
    const mode = config.mode === 'shared' ? WQCAP.sharedMode : WQCAP.dedicatedMode;
    if (mode.get(wqcap) === 0) return fail('EINVAL', `${physical.device.name} has no ${config.mode ?? 'dedicated'} work queues`);
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

  /** Who has it; the first of them where it is shared. */
  get owner(): string | null {
    return this.#claim.owners[0] ?? null;
  }

  get owners(): readonly string[] {
    return this.#claim.owners;
  }

  /** How many more can have it. */
  get free(): number {
    return (this.shared ? this.threshold : 1) - this.#claim.owners.length;
  }

  /** Takes the queue for one user. `EBUSY`: another has it; where it is shared, as many as have an entry each. */
  claim(owner: string): Result<void, 'EBUSY'> {
    if (this.free <= 0) return fail('EBUSY', `work queue ${this.index} belongs to ${this.#claim.owners.join(', ')}`);
    this.#claim.owners = [...this.#claim.owners, owner];
    return ok();
  }

  release(owner: string): void {
    this.#claim.owners = this.#claim.owners.filter((each) => each !== owner);
  }

  /**
   * Enable WQ as dedicated queue of `pasid`, privileged so that its descriptors may ask for interrupts. The result is
   * the command's error code, 0 for success.
   */
  *enable(pasid: number): Steps<number> {
    return yield* this.#enable(Wqcfg.Mode.of({ dedicated: 1, pasidEnable: 1, pasid, priv: 1, priority: this.#config.priority }));
  }

  /** Enable WQ as shared queue. Limited portals stop at its threshold. The result is the command's error code. */
  *enableShared(): Steps<number> {
    yield* writeRegister(this.#function.registers, Wqcfg.Threshold, Wqcfg.Threshold.of({ threshold: this.threshold }), this.#wqcfg());
    return yield* this.#enable(Wqcfg.Mode.of({ pasidEnable: 1, priority: this.#config.priority }));
  }

  *#enable(mode: typeof Wqcfg.Mode.reset): Steps<number> {
    const { registers, capabilities } = this.#function;
    yield* writeRegister(registers, Wqcfg.Mode, mode, this.#wqcfg());
    yield* writeRegister(registers, Wqcfg.Limits, Wqcfg.Limits.of(queueLimits(capabilities)), this.#wqcfg());
    return CMDSTATUS.error.get(yield* this.#function.command(COMMAND.ENABLE_WQ, this.index));
  }

  /** Disable, Drain, Abort or Reset WQ. The result is the command's error code. */
  *run(code: CommandCode): Steps<number> {
    const operand = wqOperand([this.index]);
    return operand.ok ? CMDSTATUS.error.get(yield* this.#function.command(code, operand.value)) : 0;
  }

  /** Drain or Abort PASID: of the whole function, so of other queues too. The result is the command's error code. */
  *runPasid(code: PasidCommand, pasid: number): Steps<number> {
    return CMDSTATUS.error.get(yield* this.#function.command(code, pasid));
  }

  #wqcfg(): number {
    const { offsets, wqcap } = this.#function.capabilities;
    return OFFSETS.wqcfg.get(offsets) * TABLE_OFFSET_UNIT + this.index * wqcfgSize(WQCAP.wqcfgSize.get(wqcap));
  }
}
