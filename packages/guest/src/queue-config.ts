// What a queue is: read from a function whose host has fixed it, or asked for where the driver configures it. The rules are
// those of the attributes in sysfs (drivers/dma/idxd/sysfs.c).
import { fail, ok } from '@siov/base';
import type { Result } from '@siov/base';
import { GENCAP, WQCAP } from '@siov/datasheet';
import type { Capabilities } from './capabilities.ts';

export interface QueueSettings {
  readonly index: number;
  readonly dedicated: boolean;
  /** Entries. */
  readonly size: number;
  /** Entries a limited portal of a shared queue may fill. */
  readonly threshold: number;
  /** Batches have at most 2^n descriptors. */
  readonly maxBatchShift: number;
}

/** One queue to configure. */
export interface QueueConfig {
  readonly index: number;
  /** The group it belongs to; the group's engines work on it. */
  readonly group: number;
  readonly mode: 'dedicated' | 'shared';
  /** Entries, 1 up to what the device's queues have together. */
  readonly size: number;
  /** Of a shared queue, and of no other: 1 to `size`. */
  readonly threshold?: number;
  /** 0 to 15; 0 unless said, which a device with priorities refuses. */
  readonly priority?: number;
  /** 2^n bytes; 2 MiB unless said, or what the device can. */
  readonly maxTransferShift?: number;
  /** 2^n descriptors; 32 unless said, or what the device can. */
  readonly maxBatchShift?: number;
  readonly blockOnFault?: boolean;
  readonly atsDisable?: boolean;
  readonly prsDisable?: boolean;
}

export interface EngineConfig {
  readonly index: number;
  readonly group: number;
}

/** A configuration that was checked, with what was not said filled in. */
export interface DeviceConfig {
  readonly queues: readonly Required<QueueConfig>[];
  readonly engines: readonly EngineConfig[];
}

/** WQ_MAX_XFER and the driver's batch limit: 2^21 bytes, 2^5 descriptors. */
const DEFAULT_LIMITS = { maxTransferShift: 21, maxBatchShift: 5 } as const;

/**
 * Checks `queues` and `engines`; without `engines` each group that has queues gets the engine of its number. `EINVAL` names
 * the rule that is broken; `EOPNOTSUPP`: the device cannot do what is asked.
 */
export function checkConfig(
  capabilities: Capabilities,
  queues: readonly QueueConfig[],
  engines: readonly EngineConfig[] = [...new Set(queues.map(({ group }) => group))].map((group) => ({ index: group, group })),
): Result<DeviceConfig, 'EINVAL' | 'EOPNOTSUPP'> {
  const { gencap, wqcap } = capabilities;
  const filled = queues.map((queue) => complete(capabilities, queue));
  for (const queue of filled) {
    const wrong = mistakeIn(capabilities, queue);
    if (wrong !== null) return fail('EINVAL', `work queue ${queue.index}: ${wrong}`);
    const lacking = lackFor(capabilities, queue);
    if (lacking !== null) return fail('EOPNOTSUPP', `work queue ${queue.index}: the device has no ${lacking}`);
  }
  for (const { index, group } of engines) {
    if (!isBelow(index, capabilities.engines)) return fail('EINVAL', `engine ${index} is not below ${capabilities.engines}`);
    if (!isBelow(group, capabilities.groups)) return fail('EINVAL', `engine ${index}: group ${group} is not below ${capabilities.groups}`);
  }
  if (repeats(filled) || repeats(engines)) return fail('EINVAL', 'a work queue or an engine is configured twice');
  const idle = filled.find(({ group }) => !engines.some((engine) => engine.group === group));
  if (idle !== undefined) return fail('EINVAL', `work queue ${idle.index}: group ${idle.group} has no engine`);
  const workless = engines.find(({ group }) => !filled.some((queue) => queue.group === group));
  if (workless !== undefined) return fail('EINVAL', `engine ${workless.index}: group ${workless.group} has no work queue`);
  if (filled.length === 0) return fail('EINVAL', 'no work queue is configured');
  const [total, most] = [filled.reduce((sum, { size }) => sum + size, 0), WQCAP.totalWqSize.get(wqcap)];
  if (total > most) return fail('EINVAL', `work queues of ${total} entries together are more than the ${most} there are`);
  if (filled.some(({ blockOnFault }) => blockOnFault) && GENCAP.blockOnFault.get(gencap) === 0) return fail('EOPNOTSUPP', 'the device cannot block on faults');
  return ok({ queues: [...filled].sort((a, b) => a.index - b.index), engines });
}

function complete({ gencap }: Capabilities, queue: QueueConfig): Required<QueueConfig> {
  return {
    threshold: 0, priority: 0, blockOnFault: false, atsDisable: false, prsDisable: false,
    maxTransferShift: Math.min(DEFAULT_LIMITS.maxTransferShift, GENCAP.maxTransferShift.get(gencap)),
    maxBatchShift: Math.min(DEFAULT_LIMITS.maxBatchShift, GENCAP.maxBatchShift.get(gencap)),
    ...queue,
  };
}

function mistakeIn({ gencap, wqs, groups }: Capabilities, queue: Required<QueueConfig>): string | null {
  const { index, group, mode, size, threshold, priority, maxTransferShift, maxBatchShift } = queue;
  if (!isBelow(index, wqs)) return `there are ${wqs}`;
  if (!isBelow(group, groups)) return `group ${group} is not below ${groups}`;
  if (!isBelow(size - 1, 0xffff)) return `size ${size} is not in 1..65535`;
  if (mode === 'dedicated' && threshold !== 0) return 'a dedicated queue has no threshold';
  if (mode === 'shared' && !isBelow(threshold - 1, size)) return `threshold ${threshold} is not in 1..${size}`;
  if (!isBelow(priority, 16)) return `priority ${priority} is not in 0..15`;
  const [transfer, batch] = [GENCAP.maxTransferShift.get(gencap), GENCAP.maxBatchShift.get(gencap)];
  if (!isBelow(maxTransferShift, transfer + 1)) return `transfers of 2^${maxTransferShift} bytes are more than 2^${transfer}`;
  if (!isBelow(maxBatchShift, batch + 1)) return `batches of 2^${maxBatchShift} descriptors are more than 2^${batch}`;
  return null;
}

function lackFor({ wqcap }: Capabilities, { mode, atsDisable, prsDisable }: Required<QueueConfig>): string | null {
  if (mode === 'shared' && WQCAP.sharedMode.get(wqcap) === 0) return 'shared queues';
  if (mode === 'dedicated' && WQCAP.dedicatedMode.get(wqcap) === 0) return 'dedicated queues';
  if (atsDisable && WQCAP.atsDisable.get(wqcap) === 0) return 'queues without ATS';
  return prsDisable && WQCAP.prsDisable.get(wqcap) === 0 ? 'queues without page requests' : null;
}

function isBelow(value: number, end: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < end;
}

function repeats(all: readonly { readonly index: number }[]): boolean {
  return new Set(all.map(({ index }) => index)).size !== all.length;
}

/** What a queue is that `config` names. A queue it does not name is not used, and its size is 0. */
export function settingsOf(config: DeviceConfig | null, index: number): QueueSettings {
  const queue = config?.queues.find((each) => each.index === index);
  if (queue === undefined) return { index, dedicated: true, size: 0, threshold: 0, maxBatchShift: 0 };
  return { index, dedicated: queue.mode === 'dedicated', size: queue.size, threshold: queue.threshold, maxBatchShift: queue.maxBatchShift };
}
