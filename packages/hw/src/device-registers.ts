// Config space and BAR0 as two register files, with the profile's values in them, and the tables reached by index.
import { RegisterFile } from '@siov/base';
import type { Image, StatePort, StoredRegister, Width } from '@siov/base';
import {
  bar0Windows, CONFIG_SPACE_SIZE, configWindows, GENCFG, Grpcfg, GRPCFG_SIZE, IMS_ENTRY_SIZE, layoutOf, MSIX_ENTRY_SIZE, MSIXPERM_SIZE, placementsOf,
  resetBar0To, resetConfigTo, Wqcfg, WqcfgOperations,
} from '@siov/datasheet';
import type { DsaLayout, DsaProfile, RegisterWindow } from '@siov/datasheet';

/** A declared register whose images keep their type on the way through. */
export type Stored<N extends string, W extends Width> = StoredRegister & { readonly name: N; readonly width: W; readonly reset: Image<N, W> };

/** Fields are declared, not defined: every interrupt reads them, and so each has one kind of value from the start. */
export class DeviceRegisters {
  declare readonly profile: DsaProfile;
  declare readonly layout: DsaLayout;
  declare readonly config: RegisterFile;
  declare readonly bar0: RegisterFile;
  declare readonly bar0Windows: readonly RegisterWindow[];
  readonly configWindows: readonly RegisterWindow[] = configWindows();

  constructor(state: StatePort, name: string, profile: DsaProfile) {
    this.profile = profile;
    this.layout = layoutOf(profile);
    this.bar0Windows = bar0Windows(profile);
    this.config = new RegisterFile(state, `${name}/config`, CONFIG_SPACE_SIZE, placementsOf(this.configWindows));
    this.bar0 = new RegisterFile(state, `${name}/bar0`, profile.bar0Size, placementsOf(this.bar0Windows));
    this.setPowerOnValues();
  }

  /** A register of BAR0 at its fixed offset. */
  get<N extends string, W extends Width>(register: Stored<N, W>): Image<N, W> {
    return this.bar0.get(register);
  }

  set<N extends string, W extends Width>(register: Stored<N, W>, image: Image<N, W>): void {
    this.bar0.set(register, image);
  }

  wq<N extends string, W extends Width>(wq: number, register: Stored<N, W>): Image<N, W> {
    return this.bar0.get(register, this.wqOffset(wq) + register.offset);
  }

  setWq<N extends string, W extends Width>(wq: number, register: Stored<N, W>, image: Image<N, W>): void {
    this.bar0.set(register, image, this.wqOffset(wq) + register.offset);
  }

  group<N extends string, W extends Width>(group: number, register: Stored<N, W>): Image<N, W> {
    return this.bar0.get(register, this.layout.offsets.grpcfg + group * GRPCFG_SIZE + register.offset);
  }

  ims<N extends string, W extends Width>(entry: number, register: Stored<N, W>): Image<N, W> {
    return this.bar0.get(register, this.imsOffset(entry) + register.offset);
  }

  setIms<N extends string, W extends Width>(entry: number, register: Stored<N, W>, image: Image<N, W>): void {
    this.bar0.set(register, image, this.imsOffset(entry) + register.offset);
  }

  msix<N extends string, W extends Width>(vector: number, register: Stored<N, W>): Image<N, W> {
    return this.bar0.get(register, this.profile.msix.table + vector * MSIX_ENTRY_SIZE + register.offset);
  }

  msixperm<N extends string, W extends Width>(vector: number, register: Stored<N, W>): Image<N, W> {
    return this.bar0.get(register, this.layout.offsets.msixperm + vector * MSIXPERM_SIZE + register.offset);
  }

  wqOffset(wq: number): number {
    return this.layout.offsets.wqcfg + wq * this.layout.wqcfgSize;
  }

  imsOffset(entry: number): number {
    return this.layout.offsets.ims + entry * IMS_ENTRY_SIZE;
  }

  /** Everything as after power-on: what a function level reset leaves too (DSA spec 3.0 table 9-3). */
  setPowerOnValues(): void {
    resetConfigTo(this.config, this.profile);
    resetBar0To(this.bar0, this.profile);
    this.setConfigurationValues();
  }

  /** The reset values that are the profile's: all read buffers, all operations. */
  setConfigurationValues(): void {
    const { layout, bar0 } = this;
    bar0.set(GENCFG, GENCFG.of({ globalReadBufferLimit: layout.readBuffers }));
    const flags = Grpcfg.Flags.of({ readBuffersAllowed: layout.readBuffers });
    for (let group = 0; group < layout.groups; group++) bar0.set(Grpcfg.Flags, flags, layout.offsets.grpcfg + group * GRPCFG_SIZE + Grpcfg.Flags.offset);
    for (let wq = 0; wq < layout.wqs; wq++) this.setWqOperations(wq);
  }

  /** OPCFG resets to OPCAP, where the device has it. */
  setWqOperations(wq: number): void {
    if (this.layout.wqcfgSize < 64) return;
    const words = [Number(BigInt.asUintN(32, this.profile.OPCAP)), Number(this.profile.OPCAP >> 32n), 0, 0, 0, 0, 0, 0];
    for (const [index, word] of words.entries()) {
      this.bar0.set(WqcfgOperations, WqcfgOperations.image(word), this.wqOffset(wq) + WqcfgOperations.offset + 4 * index);
    }
  }

  /** Reset WQ: the size stays, the rest goes (DSA spec 3.0 §5.8). */
  resetWq(wq: number): void {
    const { Threshold, Mode, Limits, OccupancyInterrupt, OccupancyLimit, Status } = Wqcfg;
    for (const each of [Threshold, Mode, Limits, OccupancyInterrupt, OccupancyLimit, Status]) {
      const cleared: StoredRegister = each;
      this.bar0.set(cleared as typeof Wqcfg.Mode, cleared.reset as typeof Wqcfg.Mode.reset, this.wqOffset(wq) + cleared.offset);
    }
    this.setWqOperations(wq);
  }

  /** Back to their reset values, all entries of all tables of these names. */
  resetTables(names: readonly string[]): void {
    for (const { at, register } of placementsOf(this.bar0Windows.filter(({ name }) => names.includes(name)))) {
      this.bar0.set(register as Stored<string, Width>, register.reset as Image<string, Width>, at);
    }
    this.setConfigurationValues();
  }
}
