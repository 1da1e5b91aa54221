// BAR0 and configuration space as lists of windows: where a profile puts which registers, how often, how far apart. Models
// build their register files from them, dumps and traces take names from them.
import type { Access, Placement, StoredRegister } from '@siov/base';
import { BAR0_CAPABILITIES } from './bar0-capabilities.ts';
import { BAR0_EVENT_LOG, BAR0_SOFTWARE_ERROR } from './bar0-errors.ts';
import { BAR0_GENERAL } from './bar0-general.ts';
import { Grpcfg, GRPCFG_SIZE } from './grpcfg.ts';
import { IMS_ENTRY_SIZE, ImsEntry } from './ims-table.ts';
import { MSIX_ENTRY_SIZE, MsixEntry, MsixPending, Msixperm, MSIXPERM_SIZE } from './msix-table.ts';
import { PCI_CAPABILITIES } from './pci-capabilities.ts';
import { PCI_EXTENDED_CAPABILITIES } from './pci-extended-capabilities.ts';
import { CONFIG_SPACE_SIZE, PCI_HEADER } from './pci-header.ts';
import { layoutOf } from './profile.ts';
import type { DsaProfile } from './profile.ts';
import { Wqcfg, WqcfgOperations } from './wqcfg.ts';

/** A declared register of any kind, as a register file stores it, with its fields as data. */
export interface DeclaredRegister extends StoredRegister {
  readonly fields: readonly { readonly name: string; readonly hi: number; readonly lo: number; readonly access: Access }[];
}

/** `count` times the same registers, every `stride` bytes, from byte `offset` on. */
export interface RegisterWindow {
  readonly name: string;
  readonly offset: number;
  readonly stride: number;
  readonly count: number;
  readonly registers: readonly { readonly at: number; readonly register: DeclaredRegister }[];
}

/** Bytes from `at` for a register that is declared at offset 0 of a repeated part. */
const placed = (register: DeclaredRegister, at = register.offset) => ({ at, register });
const placedAll = (registers: readonly DeclaredRegister[]) => registers.map((register) => placed(register));

/** Where the registers at fixed offsets end. */
const GENERAL_SIZE = 0x100;

/** Per profile, as are the placements below: models make register files of them, and files of one list share their layout. */
const bar0 = new WeakMap<DsaProfile, readonly RegisterWindow[]>();

export function bar0Windows(profile: DsaProfile): readonly RegisterWindow[] {
  const windows = bar0.get(profile) ?? makeBar0Windows(profile);
  bar0.set(profile, windows);
  return windows;
}

function makeBar0Windows(profile: DsaProfile): readonly RegisterWindow[] {
  const layout = layoutOf(profile);
  const { offsets } = layout;
  const operations = layout.wqcfgSize >= 64 ? Array.from({ length: 8 }, (_each, word) => placed(WqcfgOperations, WqcfgOperations.offset + 4 * word)) : [];
  const log = layout.eventLogEntrySize > 0 ? BAR0_EVENT_LOG : [];
  return [
    { name: '', offset: 0, stride: GENERAL_SIZE, count: 1, registers: placedAll([...BAR0_CAPABILITIES, ...BAR0_GENERAL, ...BAR0_SOFTWARE_ERROR, ...log]) },
    { name: 'MSIXPERM', offset: offsets.msixperm, stride: MSIXPERM_SIZE, count: layout.msixEntries, registers: [placed(Msixperm)] },
    { name: 'GRPCFG', offset: offsets.grpcfg, stride: GRPCFG_SIZE, count: layout.groups, registers: placedAll([...Grpcfg.Wqs, Grpcfg.Engines, Grpcfg.Flags]) },
    { name: 'WQCFG', offset: offsets.wqcfg, stride: layout.wqcfgSize, count: layout.wqs, registers: [...placedAll(Object.values(Wqcfg)), ...operations] },
    { name: 'MSIX', offset: profile.msix.table, stride: MSIX_ENTRY_SIZE, count: layout.msixEntries, registers: placedAll(Object.values(MsixEntry)) },
    { name: 'PBA', offset: profile.msix.pba, stride: 4, count: 2 * Math.ceil(layout.msixEntries / 64), registers: [placed(MsixPending)] },
    { name: 'IMS', offset: offsets.ims, stride: IMS_ENTRY_SIZE, count: layout.imsEntries, registers: placedAll(Object.values(ImsEntry)) },
  ];
}

const CONFIG: readonly RegisterWindow[] = [
  { name: '', offset: 0, stride: CONFIG_SPACE_SIZE, count: 1, registers: placedAll([...PCI_HEADER, ...PCI_CAPABILITIES, ...PCI_EXTENDED_CAPABILITIES]) },
];

export function configWindows(): readonly RegisterWindow[] {
  return CONFIG;
}

const placements = new WeakMap<readonly RegisterWindow[], readonly Placement[]>();

/** Every register of every entry at its offset: what a RegisterFile of the whole BAR, or of config space, is made of. */
export function placementsOf(windows: readonly RegisterWindow[]): readonly Placement[] {
  const list =
    placements.get(windows) ??
    windows.flatMap(({ offset, stride, count, registers }) =>
      Array.from({ length: count }, (_each, index) => registers.map(({ at, register }) => ({ at: offset + index * stride + at, register }))).flat(),
    );
  placements.set(windows, list);
  return list;
}

/** `CMD`, `IMS[5].CONTROL`, `GENCAP+4` for its upper half; the offset in hexadecimal where nothing is declared. */
export function registerName(windows: readonly RegisterWindow[], offset: number): string {
  for (const window of windows) {
    const inside = offset - window.offset;
    if (inside < 0 || inside >= window.stride * window.count) continue;
    const at = inside % window.stride;
    const found = window.registers.find((each) => at >= each.at && at < each.at + each.register.width / 8);
    if (found === undefined) continue;
    return windowPrefix(window, Math.floor(inside / window.stride), found.register.name) + (at > found.at ? `+${at - found.at}` : '');
  }
  return `0x${offset.toString(16)}`;
}

function windowPrefix(window: RegisterWindow, index: number, register: string): string {
  if (window.name === '') return register;
  return window.registers.length === 1 ? `${window.name}[${index}]` : `${window.name}[${index}].${register}`;
}
