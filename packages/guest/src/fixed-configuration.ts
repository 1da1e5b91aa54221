// The configuration of a function whose host has fixed it (GENCAP.configurationSupport is 0): read, as
// idxd_device_load_config() does.
import { fail, ok, register } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import { GENCFG, Grpcfg, GRPCFG_SIZE, Wqcfg } from '@siov/datasheet';
import type { Capabilities } from './capabilities.ts';
import type { GuestFunction } from './function.ts';
import type { QueueSettings } from './queue-config.ts';

/** The last word of a queue's configuration, which the stock driver reads with the rest. */
const WqcfgReserved = register('RESERVED', { offset: 0x1c, access: 'ro', source: 'DSA spec 3.0 §9.2.22' }, {});

/**
 * One entry a queue. `EOPNOTSUPP`: a queue is shared or has a PASID, and the driver uses none; the stock driver refuses
 * such a queue also where it does.
 */
export function* readConfiguration(function_: GuestFunction, found: Capabilities, options: { readonly pasids: boolean }): Steps<Result<readonly QueueSettings[], 'EOPNOTSUPP'>> {
  yield* function_.read(GENCFG);
  for (let group = 0; group < found.groups; group++) {
    const base = found.grpcfg + group * GRPCFG_SIZE;
    // As many words as there are blocks of 64 queues, and one more: so the stock driver counts.
    const words = Math.floor(found.wqs / 64) + 2;
    for (const wqs of Grpcfg.Wqs.slice(0, words)) yield* function_.read<string, 64>(wqs, base);
    yield* function_.read(Grpcfg.Engines, base);
    yield* function_.read(Grpcfg.Flags, base);
  }
  const queues: QueueSettings[] = [];
  for (let wq = 0; wq < found.wqs; wq++) {
    const base = found.wqcfg + wq * found.wqcfgSize;
    const size = Wqcfg.Size.size.get(yield* function_.read(Wqcfg.Size, base));
    const threshold = Wqcfg.Threshold.threshold.get(yield* function_.read(Wqcfg.Threshold, base));
    const mode = yield* function_.read(Wqcfg.Mode, base);
    const maxBatchShift = Wqcfg.Limits.maxBatchShift.get(yield* function_.read(Wqcfg.Limits, base));
    for (const rest of [Wqcfg.OccupancyInterrupt, Wqcfg.OccupancyLimit, Wqcfg.Status]) yield* function_.read<string, 32>(rest, base);
    yield* function_.read(WqcfgReserved, base);
    const dedicated = Wqcfg.Mode.dedicated.get(mode) === 1;
    if (!options.pasids && (!dedicated || Wqcfg.Mode.pasidEnable.get(mode) === 1)) {
      return fail('EOPNOTSUPP', `${function_.name}: work queue ${wq} is shared or has a PASID, and its configuration cannot be changed`);
    }
    queues.push({ index: wq, dedicated, size, threshold, maxBatchShift });
  }
  return ok(queues);
}
