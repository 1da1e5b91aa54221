// What the host driver makes of a probed function: one IMS domain, work queues, and the device enabled.
import { fail, must, ok } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import { COMMAND, GENCAP, GENCFG, IMS_SIZE_UNIT, OFFSETS, TABLE_OFFSET_UNIT } from '@siov/datasheet';
import { readRegister, writeRegister } from '@siov/device';
import type { PasidWitness } from '@siov/device';
import { attachIms, createImsDomain, detachIms, ImsArray } from '@siov/ims';
import type { ImsDomain } from '@siov/ims';
import type { Iommu } from '@siov/iommu';
import type { IrqCore, IrqDomain, MsiAllocInfo } from '@siov/irq';
import type { IrqBypass } from '@siov/vfio';
import { GuestSpaces } from './guest-spaces.ts';
import type { PhysicalFunction, ProbeErrno } from './physical-function.ts';
import { WorkQueue } from './work-queue.ts';
import type { WorkQueueConfig } from './work-queue.ts';

export interface HostDriverPorts {
  readonly core: IrqCore;
  readonly iommu: Iommu;
  /** What the function's message domains sit on: interrupt remapping. */
  readonly interruptParent: IrqDomain<MsiAllocInfo>;
  /** Where interrupts of virtual devices can be posted from; absent: they always go through the host's handlers. */
  readonly bypass?: IrqBypass;
  /** When the chip writes an id into its entry (R11): at start-up unless said. */
  readonly programIds?: 'allocation' | 'startup';
}

export interface FunctionParts {
  readonly physical: PhysicalFunction;
  /** One validating domain for the function (R26): guests submit to it, so every entry checks the PASID (R3). */
  readonly ims: ImsDomain<PasidWitness>;
  readonly queues: readonly WorkQueue[];
  /** Behind the PASIDs of guests. */
  readonly guestSpaces: GuestSpaces;
}

/** Everything, or a failure after which {@link giveUp} is due. Shared queues are enabled here, once, for all. */
export function* setUpFunction(ports: HostDriverPorts, physical: PhysicalFunction, configs: readonly WorkQueueConfig[]): Steps<Result<FunctionParts, ProbeErrno>> {
  const ims = createIms(ports, physical);
  if (!ims.ok) return ims;
  const queues: WorkQueue[] = [];
  for (const config of configs) {
    const queue = yield* WorkQueue.configure(physical, config);
    if (!queue.ok) return queue;
    queues.push(queue.value);
  }
  const shared = queues.filter((queue) => queue.shared);
  if (shared.length > 0) yield* allowUserInterrupts(physical);
  const enabled = yield* physical.mustSucceed(COMMAND.ENABLE_DEVICE);
  if (!enabled.ok) return enabled;
  for (const queue of shared) {
    const error = yield* queue.enableShared();
    if (error !== 0) return fail('EIO', `${physical.device.name}: enabling the shared work queue ${queue.index}: error 0x${error.toString(16)}`);
  }
  return ok({ physical, ims: ims.value, queues, guestSpaces: new GuestSpaces(ports.core.ports.state, physical.device.name) });
}

/** The function as it was before the driver came: another probe finds nothing in its way. */
export function* giveUp(physical: PhysicalFunction): Steps<void> {
  detachIms(physical.device);
  yield* physical.remove();
}

/** Descriptors of a shared queue have the rights of whoever submitted them, and those of user space may ask for interrupts only with this (DSA spec 3.0 table 5-4). */
function* allowUserInterrupts({ registers }: PhysicalFunction): Steps<void> {
  yield* writeRegister(registers, GENCFG, GENCFG.userInterruptsEnable.set(yield* readRegister(registers, GENCFG), 1));
}

/** The function has it beside its MSI-X: it is found from there, and the host may use it itself. */
function createIms({ core, interruptParent, programIds = 'startup' }: HostDriverPorts, { device, registers, capabilities }: PhysicalFunction) {
  const size = GENCAP.imsSize.get(capabilities.gencap) * IMS_SIZE_UNIT;
  if (size === 0) return fail('ENODEV', `${device.name} has no interrupt message store`);
  const array = new ImsArray({ port: registers, offset: OFFSETS.ims.get(capabilities.offsets) * TABLE_OFFSET_UNIT, size });
  const domain = createImsDomain(core, device, interruptParent, array, { validatePasid: true, program: programIds });
  if (!domain.ok) return domain;
  const attached = attachIms(core, device, domain.value);
  if (attached.ok) return domain;
  must(domain.value.destroy(), 'nobody has an interrupt of a domain just made');
  return attached;
}
