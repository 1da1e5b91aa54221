// What the function says of itself (idxd_read_caps(), idxd_read_table_offsets()).
import type { Steps } from '@siov/base';
import { CMDCAP, COMMAND, ENGCAP, GENCAP, GRPCAP, OFFSETS, OFFSETS_HI, OPCAP, TABLE_OFFSET_UNIT, WQCAP, wqcfgSize } from '@siov/datasheet';
import type { VERSION } from '@siov/datasheet';
import type { GuestFunction } from './function.ts';

/** Images of the registers of these names, and where the tables are, in bytes from BAR0's start. */
export interface Capabilities {
  readonly version: typeof VERSION.reset;
  readonly gencap: typeof GENCAP.reset;
  readonly wqcap: typeof WQCAP.reset;
  readonly grpcap: typeof GRPCAP.reset;
  /** Operations supported: 256 bits, lowest first. */
  readonly opcap: readonly bigint[];
  readonly wqs: number;
  readonly groups: number;
  readonly engines: number;
  readonly grpcfg: number;
  readonly wqcfg: number;
  readonly wqcfgSize: number;
  readonly msixperm: number;
  /** Request Interrupt Handle exists. */
  readonly handles: boolean;
  /** Groups and queues are the driver's to configure (GENCAP.configurationSupport). */
  readonly configurable: boolean;
}

export function* readCapabilities(function_: GuestFunction, version: typeof VERSION.reset): Steps<Capabilities> {
  const gencap = yield* function_.read(GENCAP);
  const handles = GENCAP.commandCapabilities.get(gencap) === 1 && (CMDCAP.commands.get(yield* function_.read(CMDCAP)) & (1 << COMMAND.REQUEST_INTERRUPT_HANDLE)) !== 0;
  const grpcap = yield* function_.read(GRPCAP);
  const engcap = yield* function_.read(ENGCAP);
  const wqcap = yield* function_.read(WQCAP);
  const opcap: bigint[] = [];
  for (const each of OPCAP) opcap.push(yield* function_.read<string, 64>(each));
  const offsets = yield* function_.read(OFFSETS);
  yield* function_.read(OFFSETS_HI);
  return {
    version, gencap, wqcap, grpcap, opcap, handles,
    wqs: WQCAP.numberOfWqs.get(wqcap),
    groups: GRPCAP.numberOfGroups.get(grpcap),
    engines: ENGCAP.numberOfEngines.get(engcap),
    grpcfg: OFFSETS.grpcfg.get(offsets) * TABLE_OFFSET_UNIT,
    wqcfg: OFFSETS.wqcfg.get(offsets) * TABLE_OFFSET_UNIT,
    wqcfgSize: wqcfgSize(WQCAP.wqcfgSize.get(wqcap)),
    msixperm: OFFSETS.msixperm.get(offsets) * TABLE_OFFSET_UNIT,
    configurable: GENCAP.configurationSupport.get(gencap) === 1,
  };
}
