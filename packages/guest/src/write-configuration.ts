// Groups, engines and queues written into a function that is the driver's to configure (idxd_device_config()). All of it is
// written each time, in the driver's order; what must not change at that moment the device ignores.
import { register } from '@siov/base';
import type { Steps } from '@siov/base';
import { Grpcfg, GRPCFG_SIZE, GRPCAP, VERSION, WQCAP, Wqcfg, wqcfgSize, WqcfgOperations } from '@siov/datasheet';
import type { Capabilities } from './capabilities.ts';
import type { GuestFunction } from './function.ts';
import type { DeviceConfig, QueueConfig } from './queue-config.ts';

/** A queue's configuration as words, whatever they hold: the driver reads and writes all of them. */
const word = (index: number) => register(`WQCFG${index}`, { offset: 4 * index, source: 'DSA spec 3.0 §9.2' }, {});
const WORDS = Array.from({ length: wqcfgSize(1) / 4 }, (_, index) => word(index));
const [SIZE, THRESHOLD, MODE, LIMITS] = [Wqcfg.Size, Wqcfg.Threshold, Wqcfg.Mode, Wqcfg.Limits].map(({ offset }) => offset / 4);
const OPERATIONS = WqcfgOperations.offset / 4;
/** 32-bit words of the 256 bits. */
const OPERATION_WORDS = 8;

/** The driver's traffic classes: both B up to this version, A and B from then on. */
const LAST_SAME_CLASS = { major: 2, minor: 0 } as const;

/** `pasidOf`: the PASID of each queue's WQCFG; null: PASID enable off. */
export function* writeConfiguration(function_: GuestFunction, capabilities: Capabilities, config: DeviceConfig, pasidOf: (wq: number) => number | null): Steps<void> {
  for (const queue of config.queues) yield* writeQueue(function_, capabilities, queue, pasidOf(queue.index));
  for (let group = 0; group < capabilities.groups; group++) yield* writeGroup(function_, capabilities, config, group);
}

function* writeQueue(function_: GuestFunction, capabilities: Capabilities, queue: Required<QueueConfig>, pasid: number | null): Steps<void> {
  const base = capabilities.wqcfg + queue.index * capabilities.wqcfgSize;
  const words = WORDS.slice(0, capabilities.wqcfgSize / 4);
  const read: number[] = [];
  for (const each of words) read.push(yield* function_.read<string, 32>(each, base));
  for (const [index, each] of words.entries()) {
    yield* function_.write<string, 32>(each, each.image(wordOf(capabilities, queue, pasid, index, read[index] ?? 0)), base);
  }
}

/** What the driver wants of word `index`; bits it has no opinion on go back as they were read. */
function wordOf({ opcap, wqcap }: Capabilities, queue: Required<QueueConfig>, pasid: number | null, index: number, read: number): number {
  switch (index) {
    case SIZE:
      return Wqcfg.Size.size.set(Wqcfg.Size.image(read), queue.size);
    case THRESHOLD:
      return Wqcfg.Threshold.threshold.set(Wqcfg.Threshold.image(read), queue.threshold);
    case MODE:
      return modeOf(Wqcfg.Mode.image(read), queue, pasid);
    case LIMITS:
      return Wqcfg.Limits.maxBatchShift.set(Wqcfg.Limits.maxTransferShift.set(Wqcfg.Limits.image(read), queue.maxTransferShift), queue.maxBatchShift);
    default: {
      const operation = index - OPERATIONS;
      if (operation < 0 || operation >= OPERATION_WORDS || WQCAP.operationConfig.get(wqcap) === 0) return read;
      return Number(BigInt.asUintN(32, (opcap[operation >> 1] ?? 0n) >> BigInt(32 * (operation & 1))));
    }
  }
}

function modeOf(read: typeof Wqcfg.Mode.reset, queue: Required<QueueConfig>, pasid: number | null): number {
  const own = Wqcfg.Mode.of({
    dedicated: queue.mode === 'dedicated' ? 1 : 0,
    blockOnFaultEnable: queue.blockOnFault ? 1 : 0,
    atsDisable: queue.atsDisable ? 1 : 0,
    prsDisable: queue.prsDisable ? 1 : 0,
    priority: queue.priority,
    pasidEnable: pasid === null ? 0 : 1,
    pasid: pasid ?? 0,
  });
  return Wqcfg.Mode.priv.set(own, Wqcfg.Mode.priv.get(read));
}

function* writeGroup(function_: GuestFunction, { grpcfg, version, grpcap }: Capabilities, config: DeviceConfig, group: number): Steps<void> {
  const base = grpcfg + group * GRPCFG_SIZE;
  const wqs = membersOf(config.queues, group);
  for (const [block, each] of Grpcfg.Wqs.entries()) {
    yield* function_.write<string, 64>(each, each.of({ members: BigInt.asUintN(64, wqs >> BigInt(64 * block)) }), base);
  }
  yield* function_.write(Grpcfg.Engines, Grpcfg.Engines.of({ members: BigInt.asUintN(64, membersOf(config.engines, group)) }), base);
  const sameClass = VERSION.image(version) <= VERSION.of(LAST_SAME_CLASS);
  const flags = { trafficClassA: sameClass ? 1 : 0, trafficClassB: 1, readBuffersAllowed: GRPCAP.totalReadBuffers.get(grpcap) };
  yield* function_.write(Grpcfg.Flags, Grpcfg.Flags.of(flags), base);
}

function membersOf(all: readonly { readonly index: number; readonly group: number }[], group: number): bigint {
  return all.filter((each) => each.group === group).reduce((members, { index }) => members | (1n << BigInt(index)), 0n);
}
