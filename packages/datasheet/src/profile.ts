// One device's values: what its read-only registers say, where its tables are, how large its BARs are. Everything else
// about a device follows from these images.
import { ModelError } from '@siov/base';
import type { ImageOf } from '@siov/base';
import { ENGCAP, GENCAP, GRPCAP, OFFSETS, TABLE_OFFSET_UNIT, WQCAP } from './bar0-capabilities.ts';
import type { CMDCAP, OFFSETS_HI, OPCAP, VERSION } from './bar0-capabilities.ts';
import { COMMANDS_WITHOUT_CMDCAP } from './command.ts';
import { eventLogEntrySize } from './event-log.ts';
import { IMS_SIZE_UNIT } from './ims-table.ts';
import { wqcfgSize } from './wqcfg.ts';

export interface DsaProfile {
  readonly name: string;
  readonly vendor: number;
  readonly device: number;
  readonly revision: number;
  readonly VERSION: ImageOf<typeof VERSION>;
  readonly GENCAP: ImageOf<typeof GENCAP>;
  readonly WQCAP: ImageOf<typeof WQCAP>;
  readonly GRPCAP: ImageOf<typeof GRPCAP>;
  readonly ENGCAP: ImageOf<typeof ENGCAP>;
  /** The low 64 bits; operations from 0x40 on are not supported by any device yet. */
  readonly OPCAP: ImageOf<(typeof OPCAP)[0]>;
  readonly OFFSETS: ImageOf<typeof OFFSETS>;
  readonly OFFSETS_HI: ImageOf<typeof OFFSETS_HI>;
  readonly CMDCAP: ImageOf<typeof CMDCAP>;
  /** Entries of the MSI-X table, and where in BAR0 it and its pending bits are. The Linux driver needs work queues + 1. */
  readonly msix: { readonly count: number; readonly table: number; readonly pba: number };
  /** Bytes, powers of two. */
  readonly bar0Size: number;
  readonly bar2Size: number;
}

/** The numbers a profile's images stand for. Offsets and sizes in bytes. */
export interface DsaLayout {
  readonly wqs: number;
  readonly totalWqSize: number;
  readonly wqcfgSize: number;
  readonly groups: number;
  readonly engines: number;
  readonly readBuffers: number;
  readonly imsEntries: number;
  readonly msixEntries: number;
  readonly offsets: { readonly grpcfg: number; readonly wqcfg: number; readonly msixperm: number; readonly ims: number };
  /** Command codes it has, as bits of CMDCAP. */
  readonly commands: number;
  /** 0: it has no event log. */
  readonly eventLogEntrySize: number;
}

export function layoutOf(profile: DsaProfile): DsaLayout {
  const table = (field: 'grpcfg' | 'wqcfg' | 'msixperm' | 'ims') => OFFSETS[field].get(profile.OFFSETS) * TABLE_OFFSET_UNIT;
  return {
    wqs: WQCAP.numberOfWqs.get(profile.WQCAP),
    totalWqSize: WQCAP.totalWqSize.get(profile.WQCAP),
    wqcfgSize: wqcfgSize(WQCAP.wqcfgSize.get(profile.WQCAP)),
    groups: GRPCAP.numberOfGroups.get(profile.GRPCAP),
    engines: ENGCAP.numberOfEngines.get(profile.ENGCAP),
    readBuffers: GRPCAP.totalReadBuffers.get(profile.GRPCAP),
    imsEntries: GENCAP.imsSize.get(profile.GENCAP) * IMS_SIZE_UNIT,
    msixEntries: profile.msix.count,
    offsets: { grpcfg: table('grpcfg'), wqcfg: table('wqcfg'), msixperm: table('msixperm'), ims: table('ims') },
    commands: GENCAP.commandCapabilities.get(profile.GENCAP) === 1 ? profile.CMDCAP : COMMANDS_WITHOUT_CMDCAP,
    eventLogEntrySize: eventLogEntrySize(GENCAP.eventLog.get(profile.GENCAP)),
  };
}

const NUMBERS = [
  ['vendor', 0xffff], ['device', 0xffff], ['revision', 0xff],
] as const;

/** The profile with its numbers checked for their ranges. Throws {@link ModelError} on one that does not fit. */
export function defineProfile(profile: DsaProfile): DsaProfile {
  for (const [key, largest] of NUMBERS) {
    if (!(profile[key] >= 0 && profile[key] <= largest)) throw new ModelError(`profile ${profile.name}: ${key} ${profile[key]} is not in 0..${largest}`);
  }
  return Object.freeze(profile);
}

/**
 * The same device with an event log of 64-byte entries. `overflow`: what comes when the log is full is dropped, with
 * software error 0x54; without it the device waits until there is room.
 */
export function withEventLog(profile: DsaProfile, { overflow = false } = {}): DsaProfile {
  const withLog = GENCAP.eventLog.set(profile.GENCAP, 1);
  return Object.freeze({ ...profile, name: `${profile.name}-event-log`, GENCAP: GENCAP.eventLogOverflow.set(withLog, overflow ? 1 : 0) });
}
