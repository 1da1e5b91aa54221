// The function of the machine, and the queue of it that the host shares.
import { must } from '@siov/base';
import type { Steps } from '@siov/base';
import { COMMAND, DSA_SPR, GENCAP, layoutOf, Wqcfg } from '@siov/datasheet';
import type { DsaProfile } from '@siov/datasheet';
import { writeRegister } from '@siov/device';
import { DEFAULT_QUEUE, WorkQueue } from '@siov/idxd';
import type { HostDriver } from '@siov/idxd';
import { QUEUES } from './operation.ts';

/** As a Sapphire Rapids device, with as little of everything as a device can have. */
export const PROFILE: DsaProfile = Object.freeze({
  ...DSA_SPR,
  name: 'dsa-tables',
  GENCAP: GENCAP.imsSize.set(DSA_SPR.GENCAP, 1),
  msix: { count: 2, table: 0x2000, pba: 0x3000 },
});

/** The queue the host shares: descriptors bring their PASIDs. */
export const SHARED_QUEUE = QUEUES;

/** A shared queue is configured while the device is disabled, as user space would have it before it enables the device. */
export function* shareQueue({ physical }: HostDriver): Steps<void> {
  const { registers } = physical;
  must(yield* physical.mustSucceed(COMMAND.DISABLE_DEVICE), 'Disable Device');
  must(yield* WorkQueue.configure(physical, { ...DEFAULT_QUEUE, index: SHARED_QUEUE }), 'the shared queue');
  const { offsets, wqcfgSize } = layoutOf(PROFILE);
  const at = offsets.wqcfg + SHARED_QUEUE * wqcfgSize;
  yield* writeRegister(registers, Wqcfg.Threshold, Wqcfg.Threshold.of({ threshold: DEFAULT_QUEUE.size }), at);
  yield* writeRegister(registers, Wqcfg.Mode, Wqcfg.Mode.of({ pasidEnable: 1, priv: 1, priority: DEFAULT_QUEUE.priority }), at);
  yield* writeRegister(registers, Wqcfg.Limits, Wqcfg.Limits.of({ maxTransferShift: 12, maxBatchShift: 4 }), at);
  must(yield* physical.mustSucceed(COMMAND.ENABLE_DEVICE), 'Enable Device');
  must(yield* physical.mustSucceed(COMMAND.ENABLE_WQ, SHARED_QUEUE), 'Enable WQ');
}

