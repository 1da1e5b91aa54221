// The virtual device's config space and BAR0 as register files, and what a reset puts in them.
import { RegisterFile } from '@siov/base';
import type { AccessSize, Placement, StatePort } from '@siov/base';
import {
  bar0Windows, BAR0 as PCI_BAR0, BAR2 as PCI_BAR2, DEVICE_STATE, GENCAP, GENCFG, GENSTS, Grpcfg, layoutOf, Msixperm, MSIXPERM_SIZE, PCICMD,
  placementsOf, resetBar0To, resetConfigTo, SWERROR0, SWERROR1, SWERROR2, WQ_STATE, Wqcfg,
} from '@siov/datasheet';
import type { DsaProfile, RegisterWindow } from '@siov/datasheet';
import { CONFIG_REGISTERS, CONFIG_REGISTERS_WITH_PASID, pasidSwitchedOn, resetPasidCapability, sizeOfConfig } from './virtual-config-space.ts';

/** What the profile does not say. */
export interface VirtualShape {
  /** The guest has PASIDs: a capability says so, and a dedicated queue takes one. */
  readonly pasid: boolean;
  /** Entries the guest's portals may fill of a shared queue; undefined: the queue is dedicated. */
  readonly threshold?: number;
}

export class VirtualRegisters {
  readonly config: RegisterFile;
  /** What config space has where. */
  readonly configRegisters: readonly Placement[];
  readonly bar0: RegisterFile;
  readonly windows: readonly RegisterWindow[];
  readonly shape: VirtualShape;
  readonly #profile: DsaProfile;

  constructor(state: StatePort, name: string, profile: DsaProfile, shape: VirtualShape = { pasid: false }) {
    this.#profile = profile;
    this.shape = shape;
    this.configRegisters = shape.pasid ? CONFIG_REGISTERS_WITH_PASID : CONFIG_REGISTERS;
    this.config = new RegisterFile(state, `${name}/config`, sizeOfConfig(shape.pasid), this.configRegisters);
    this.windows = bar0Windows(profile);
    this.bar0 = new RegisterFile(state, `${name}/bar0`, profile.bar0Size, placementsOf(this.windows));
    this.resetConfig();
    this.resetBar0();
  }

  get busMaster(): boolean {
    return PCICMD.busMasterEnable.get(this.config.get(PCICMD)) === 1;
  }

  /** The guest's IOMMU driver has switched requests with PASID on. */
  get pasidOn(): boolean {
    return this.shape.pasid && pasidSwitchedOn(this.config);
  }

  get deviceEnabled(): boolean {
    return GENSTS.state.get(this.bar0.get(GENSTS)) === DEVICE_STATE.ENABLED;
  }

  set deviceEnabled(enabled: boolean) {
    this.bar0.set(GENSTS, GENSTS.of({ state: enabled ? DEVICE_STATE.ENABLED : DEVICE_STATE.DISABLED }));
  }

  get deviceDisabled(): boolean {
    return GENSTS.state.get(this.bar0.get(GENSTS)) === DEVICE_STATE.DISABLED;
  }

  get halted(): boolean {
    return GENSTS.state.get(this.bar0.get(GENSTS)) === DEVICE_STATE.HALT;
  }

  get wqEnabled(): boolean {
    return Wqcfg.Status.state.get(this.bar0.get(Wqcfg.Status, this.#wqcfg(Wqcfg.Status.offset))) === WQ_STATE.ENABLED;
  }

  set wqEnabled(enabled: boolean) {
    const status = Wqcfg.Status.of({ modeSupport: 1, state: enabled ? WQ_STATE.ENABLED : WQ_STATE.DISABLED });
    this.bar0.set(Wqcfg.Status, status, this.#wqcfg(Wqcfg.Status.offset));
  }

  /** The guest's PASID for all of a dedicated queue; null: it chose none. */
  get queuePasid(): number | null {
    const { dedicated, pasidEnable, pasid } = Wqcfg.Mode.decode(this.bar0.get(Wqcfg.Mode, this.#wqcfg(Wqcfg.Mode.offset)));
    return dedicated === 1 && pasidEnable === 1 ? pasid : null;
  }

  /** Entry of the virtual permission table. */
  permission(vector: number): ReturnType<typeof Msixperm.decode> {
    return Msixperm.decode(this.bar0.get(Msixperm, layoutOf(this.#profile).offsets.msixperm + vector * MSIXPERM_SIZE));
  }

  /**
   * A write to BAR0 where the guest configures a group or a queue. GENCAP says that it cannot (configurationSupport is 0),
   * but which PASID the descriptors of its dedicated queue have is the guest's own: these fields it may write while
   * the queue is disabled.
   */
  writeConfiguration(offset: number, size: AccessSize, value: number): void {
    const at = this.#wqcfg(Wqcfg.Mode.offset);
    if (!this.shape.pasid || this.shape.threshold !== undefined || this.wqEnabled || offset < at || offset >= at + 4) return;
    const held = this.bar0.get(Wqcfg.Mode, at);
    this.bar0.write(offset, size, value);
    const { pasid, pasidEnable } = Wqcfg.Mode.decode(this.bar0.get(Wqcfg.Mode, at));
    this.bar0.set(Wqcfg.Mode, Wqcfg.Mode.pasid.set(Wqcfg.Mode.pasidEnable.set(held, pasidEnable), pasid), at);
  }

  /** Whether BAR0 has a group's or queue's configuration at `offset`. */
  isConfiguration(offset: number): boolean {
    return this.windows.some(({ name, offset: start, stride, count }) => (name === 'GRPCFG' || name === 'WQCFG') && offset >= start && offset < start + stride * count);
  }

  resetConfig(): void {
    resetConfigTo(this.config, this.#profile);
    if (this.shape.pasid) resetPasidCapability(this.config);
  }

  /** Address bits below a BAR's size read 0 whatever was written: that is how software finds the size. */
  maskBars(): void {
    const { config } = this;
    const mask = (size: number) => (~(size - 1) >>> 4) & 0x0fffffff;
    const { bar0Size, bar2Size } = this.#profile;
    const bar0 = config.get(PCI_BAR0);
    config.set(PCI_BAR0, PCI_BAR0.address.set(bar0, PCI_BAR0.address.get(bar0) & mask(bar0Size)));
    const bar2 = config.get(PCI_BAR2);
    config.set(PCI_BAR2, PCI_BAR2.address.set(bar2, PCI_BAR2.address.get(bar2) & mask(bar2Size)));
  }

  /** Capabilities, the fixed configuration, everything disabled, the permission table cleared (R17: before, not after). */
  resetBar0(): void {
    const { bar0 } = this;
    const profile = this.#profile;
    resetBar0To(bar0, profile);
    const layout = layoutOf(profile);
    bar0.set(GENCFG, GENCFG.of({ globalReadBufferLimit: layout.readBuffers }));
    const group = layout.offsets.grpcfg;
    bar0.set(Grpcfg.Wqs[0], Grpcfg.Wqs[0].of({ members: 1n }), group + Grpcfg.Wqs[0].offset);
    bar0.set(Grpcfg.Engines, Grpcfg.Engines.of({ members: 1n }), group + Grpcfg.Engines.offset);
    bar0.set(Grpcfg.Flags, Grpcfg.Flags.of({ trafficClassA: 1, trafficClassB: 1, readBuffersAllowed: layout.readBuffers }), group + Grpcfg.Flags.offset);
    bar0.set(Wqcfg.Size, Wqcfg.Size.of({ size: layout.totalWqSize }), this.#wqcfg(Wqcfg.Size.offset));
    const limits = { maxTransferShift: GENCAP.maxTransferShift.get(profile.GENCAP), maxBatchShift: GENCAP.maxBatchShift.get(profile.GENCAP) };
    const { threshold } = this.shape;
    if (threshold !== undefined) bar0.set(Wqcfg.Threshold, Wqcfg.Threshold.of({ threshold }), this.#wqcfg(Wqcfg.Threshold.offset));
    this.resetQueuePasid();
    bar0.set(Wqcfg.Limits, Wqcfg.Limits.of(limits), this.#wqcfg(Wqcfg.Limits.offset));
    this.wqEnabled = false;
  }

  /** The PASID the host gave the queue is none of the guest's business: it sees a queue without one, or a shared one. */
  resetQueuePasid(): void {
    const mode = Wqcfg.Mode.of(this.shape.threshold === undefined ? { dedicated: 1 } : { pasidEnable: 1 });
    this.bar0.set(Wqcfg.Mode, mode, this.#wqcfg(Wqcfg.Mode.offset));
  }

  /** Reset Device: as {@link resetBar0}, but what SWERROR says is software's to read and clear (DSA spec 3.0 table 9-3). */
  resetByCommand(): void {
    const { bar0 } = this;
    const errors = [bar0.get(SWERROR0), bar0.get(SWERROR1), bar0.get(SWERROR2)] as const;
    this.resetBar0();
    bar0.set(SWERROR0, errors[0]);
    bar0.set(SWERROR1, errors[1]);
    bar0.set(SWERROR2, errors[2]);
  }

  #wqcfg(offset: number): number {
    return layoutOf(this.#profile).offsets.wqcfg + offset;
  }
}
