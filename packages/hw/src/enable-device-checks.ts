// What Enable Device checks before it does it (DSA spec 3.0 §5.1). Each check is one sentence of that section; the order
// between them is the device's choice.
import { COMMAND_ERROR, EVENT_LOG_MIN_SIZE, EVLCFG0, EVLCFG1, GENCFG, GRPCAP, Grpcfg, Wqcfg } from '@siov/datasheet';
import type { DeviceRegisters } from './device-registers.ts';
import type { PciFunction } from './pci-function.ts';

interface Group {
  readonly wqs: readonly number[];
  readonly engines: readonly number[];
  /** A bit beyond the queues or engines there are. */
  readonly strayWq: boolean;
  readonly strayEngine: boolean;
  readonly flags: typeof Grpcfg.Flags.reset;
}

/** The first error code, or SUCCESS. `disabled`: the state of the device. */
export function enableDeviceError(registers: DeviceRegisters, pci: PciFunction, disabled: boolean): number {
  if (!disabled) return COMMAND_ERROR.DEVICE_NOT_DISABLED;
  if (!pci.busMaster) return COMMAND_ERROR.BUS_MASTER_OFF;
  const { layout } = registers;
  const sizes = Array.from({ length: layout.wqs }, (_each, wq) => Wqcfg.Size.size.get(registers.wq(wq, Wqcfg.Size)));
  if (sizes.reduce((sum, size) => sum + size, 0) > layout.totalWqSize) return COMMAND_ERROR.WQ_SIZES;
  const groups = Array.from({ length: layout.groups }, (_each, group) => readGroup(registers, group));
  if (groups.some(({ wqs, engines }) => wqs.length > 0 !== engines.length > 0)) return COMMAND_ERROR.GROUP_CONFIG;
  if (!queuesGrouped(sizes, groups)) return COMMAND_ERROR.GROUP_WQS;
  if (!enginesGrouped(layout.engines, groups)) return COMMAND_ERROR.GROUP_ENGINES;
  if (!readBuffersFit(registers, groups) || !unlimitedBandwidth(registers, groups)) return COMMAND_ERROR.READ_BUFFERS;
  if (pci.priEnabled && !pci.priAllocationValid) return COMMAND_ERROR.PRS_ALLOCATION;
  return GENCFG.eventLogEnable.get(registers.get(GENCFG)) === 1 ? eventLogError(registers, pci) : COMMAND_ERROR.SUCCESS;
}

function readGroup(registers: DeviceRegisters, group: number): Group {
  const { layout } = registers;
  const words = Grpcfg.Wqs.map((word) => BigInt(registers.group(group, word as (typeof Grpcfg.Wqs)[0])));
  const wqs = words.reduce((sum, word, index) => sum | (word << BigInt(64 * index)), 0n);
  const engines = BigInt(registers.group(group, Grpcfg.Engines));
  return {
    wqs: members(wqs, layout.wqs),
    engines: members(engines, layout.engines),
    strayWq: wqs >> BigInt(layout.wqs) !== 0n,
    strayEngine: engines >> BigInt(layout.engines) !== 0n,
    flags: registers.group(group, Grpcfg.Flags),
  };
}

function members(bitmap: bigint, count: number): number[] {
  return Array.from({ length: count }, (_each, index) => index).filter((index) => ((bitmap >> BigInt(index)) & 1n) === 1n);
}

/** Every queue with a size is in exactly one group, every other in none. */
function queuesGrouped(sizes: readonly number[], groups: readonly Group[]): boolean {
  if (groups.some(({ strayWq }) => strayWq)) return false;
  return sizes.every((size, wq) => groups.filter(({ wqs }) => wqs.includes(wq)).length === (size > 0 ? 1 : 0));
}

function enginesGrouped(count: number, groups: readonly Group[]): boolean {
  if (groups.some(({ strayEngine }) => strayEngine)) return false;
  return Array.from({ length: count }, (_each, engine) => groups.filter(({ engines }) => engines.includes(engine)).length).every((times) => times <= 1);
}

/** Each engine of a group needs four read buffers it can count on. */
const BUFFERS_PER_ENGINE = 4;

function readBuffersFit(registers: DeviceRegisters, groups: readonly Group[]): boolean {
  const { Flags } = Grpcfg;
  const grpcap = registers.get(GRPCAP);
  const total = registers.layout.readBuffers;
  const limited = groups.filter(({ flags }) => Flags.useGlobalReadBufferLimit.get(flags) === 1);
  if (GRPCAP.globalReadBufferLimit.get(grpcap) === 0) {
    if (limited.length > 0) return false;
  } else {
    const limit = GENCFG.globalReadBufferLimit.get(registers.get(GENCFG));
    const needed = BUFFERS_PER_ENGINE * limited.reduce((sum, { engines }) => sum + engines.length, 0);
    if (limit > total || (limited.length > 0 && limit < needed)) return false;
  }
  if (GRPCAP.readBufferControls.get(grpcap) === 0) return true;
  const active = groups.filter(({ engines }) => engines.length > 0);
  const reservedSum = active.reduce((sum, { flags }) => sum + Flags.readBuffersReserved.get(flags), 0);
  if (reservedSum > total) return false;
  return active.every(({ flags, engines }) => {
    const allowed = Flags.readBuffersAllowed.get(flags);
    const reserved = Flags.readBuffersReserved.get(flags);
    return allowed >= BUFFERS_PER_ENGINE * engines.length && allowed >= reserved && allowed <= reserved + (total - reservedSum);
  });
}

function unlimitedBandwidth(registers: DeviceRegisters, groups: readonly Group[]): boolean {
  if (GRPCAP.bandwidthLimit.get(registers.get(GRPCAP)) === 1) return true;
  return groups.every(({ flags }) => Grpcfg.Flags.readBandwidth.get(flags) === 0 && Grpcfg.Flags.writeBandwidth.get(flags) === 0);
}

/** The log lies whole below the end of the address space, and is written in a name the function may use (spec §5.9). */
function eventLogError(registers: DeviceRegisters, pci: PciFunction): number {
  const { base, pasidEnable, priv } = EVLCFG0.decode(registers.get(EVLCFG0));
  const entries = EVLCFG1.size.get(registers.get(EVLCFG1));
  const { eventLogEntrySize } = registers.layout;
  const end = base * 4096n + BigInt(entries * eventLogEntrySize);
  if (eventLogEntrySize === 0 || entries < EVENT_LOG_MIN_SIZE || end > 1n << 64n) return COMMAND_ERROR.EVENT_LOG_CONFIG;
  const allowed = pasidEnable === 0 || (pci.pasidEnabled && (priv === 0 || pci.privilegedEnabled));
  return allowed ? COMMAND_ERROR.SUCCESS : COMMAND_ERROR.EVENT_LOG_PASID;
}
