// The device: one PCI function with its two BARs, its agents, and what can be seen of it from outside.
import { ModelError, noTrace, waitUntil } from '@siov/base';
import type { AccessPort, Steps } from '@siov/base';
import { checkProfile, ImsEntry, MsixEntry, Wqcfg } from '@siov/datasheet';
import type { DsaProfile } from '@siov/datasheet';
import { bar0Space } from './bar0-space.ts';
import { configSpace } from './config-space.ts';
import { crossing } from './crossing.ts';
import type { PermissionCheck } from './interrupt-permission.ts';
import { assemble } from './parts.ts';
import type { DeviceAssembly } from './parts.ts';
import { portals } from './portals.ts';
import type { DeviceAgent, HwPorts, PortalPort } from './ports.ts';
import { resetAll, resetFunctionState } from './resets.ts';
import type { ResetParts } from './resets.ts';

/** An IMS entry as it is now. `address` 64 bits, `data` 32, `pasid` 20. */
export interface ImsEntryView {
  readonly address: bigint;
  readonly data: number;
  readonly mask: boolean;
  readonly pending: boolean;
  readonly ignore: boolean;
  readonly pasidEnable: boolean;
  readonly pasid: number;
}

/** How a work queue takes descriptors, of WQCFG[wq].MODE. `pasid` 20 bits: of every descriptor, where the queue is dedicated. */
export interface WqModeView {
  readonly dedicated: boolean;
  readonly pasidEnable: boolean;
  readonly pasid: number;
}

/** What a device is free to do one way or the other. */
export interface DsaOptions {
  /** `acceptance` unless said. */
  readonly permissionCheck?: PermissionCheck;
}

export class DsaFunction {
  readonly name: string;
  readonly profile: DsaProfile;
  /** 4 KiB of configuration space. */
  readonly config: AccessPort;
  /** Registers, MSI-X table and pending bits, permission table, configuration tables, interrupt message store. */
  readonly bar0: AccessPort;
  /** BAR2. */
  readonly portals: PortalPort;
  readonly #parts: DeviceAssembly;
  readonly #ports: HwPorts;

  /** Throws {@link ModelError} on a profile that {@link checkProfile} refuses. `name` is unique in the machine. */
  constructor(name: string, profile: DsaProfile, ports: HwPorts, { permissionCheck = 'acceptance' }: DsaOptions = {}) {
    const checked = checkProfile(profile);
    if (!checked.ok) throw new ModelError(checked.message);
    this.name = name;
    this.profile = profile;
    this.#ports = ports;
    this.#parts = assemble(name, profile, ports, permissionCheck);
    const trace = ports.trace ?? noTrace;
    const config = { ...this.#parts, transactionsPending: () => this.#reachesMemory, functionLevelReset: () => this.#reset(resetFunctionState) };
    this.config = configSpace(config, trace);
    this.bar0 = bar0Space(this.#parts, trace);
    this.portals = portals(this.#parts, trace);
  }

  /** The command unit and the engines, each to be run beside everything else. Spawn each once. */
  engines(): DeviceAgent[] {
    const engines = this.#parts.engines.map((engine, index) => ({ name: `${this.name} engine ${index}`, steps: engine.run() }));
    return [{ name: `${this.name} command unit`, steps: this.#parts.commands.run() }, ...engines];
  }

  /**
   * Resets the function (as DEVCTL.initiateFunctionLevelReset does) and waits until none of its accesses to memory is
   * still under way.
   */
  functionLevelReset(): Steps<void> {
    return this.#resetBy('function_level_reset', resetFunctionState);
  }

  /**
   * A warm reset, or power switched off and on: as a function level reset, and what the function shares with its link goes
   * back to its power-on value too.
   */
  conventionalReset(): Steps<void> {
    return this.#resetBy('conventional_reset', resetAll);
  }

  /**
   * Takes back all interrupt handles, as a virtual device does when its message store moved: INTCAUSE.handlesRevoked is
   * set and vector 0 sent; handles requested from now on have other values (DSA spec 3.0 §7.5.4).
   */
  *revokeInterruptHandles(): Steps<void> {
    this.#parts.handles.revoke();
    yield* this.#parts.interrupts.cause('handlesRevoked');
  }

  /**
   * A device event on this entry of the message store, as an engine has one at the end of a descriptor that was permitted
   * to use it: sent, kept pending or dropped at once, by the entry as it is. Throws {@link ModelError} when there is no
   * entry `index`.
   */
  raiseIms(index: number): void {
    const { registers, interrupts } = this.#parts;
    if (!(index >= 0 && index < registers.layout.imsEntries)) throw new ModelError(`${this.name}: there is no IMS entry ${index}`);
    interrupts.imsCompletion(index);
  }

  /** GENSTS.state, of DEVICE_STATE. */
  get deviceState(): number {
    return this.#parts.state.state;
  }

  /** WQCFG[wq].Status.state, of WQ_STATE. */
  wqState(wq: number): number {
    return this.#parts.queues.state(wq);
  }

  /** Throws {@link ModelError} when there is no queue `wq`. */
  wqMode(wq: number): WqModeView {
    const { registers } = this.#parts;
    if (!(wq >= 0 && wq < registers.layout.wqs)) throw new ModelError(`${this.name}: there is no work queue ${wq}`);
    const { dedicated, pasidEnable, pasid } = Wqcfg.Mode.decode(registers.wq(wq, Wqcfg.Mode));
    return { dedicated: dedicated === 1, pasidEnable: pasidEnable === 1, pasid };
  }

  /** Descriptors waiting in a queue. */
  occupancy(wq: number): number {
    return this.#parts.queues.occupancy(wq);
  }

  /** Descriptors that engines have in hand. */
  get inFlight(): number {
    return this.#parts.inFlight.busy;
  }

  /** Nothing queued, nothing in hand, no command: nothing will happen until somebody asks for it. */
  get idle(): boolean {
    const queued = Array.from({ length: this.#parts.registers.layout.wqs }, (_each, wq) => this.occupancy(wq));
    return this.inFlight === 0 && !this.#parts.commands.busy && queued.every((count) => count === 0);
  }

  /** Throws {@link ModelError} when there is no entry `index`. */
  imsEntry(index: number): ImsEntryView {
    const { registers } = this.#parts;
    if (!(index >= 0 && index < registers.layout.imsEntries)) throw new ModelError(`${this.name}: there is no IMS entry ${index}`);
    const { mask, pending, ignore, pasidEnable, pasid } = ImsEntry.Control.decode(registers.ims(index, ImsEntry.Control));
    const address = (BigInt(registers.ims(index, ImsEntry.AddressHi)) << 32n) | BigInt(registers.ims(index, ImsEntry.AddressLo));
    const data = Number(registers.ims(index, ImsEntry.Data));
    return { address, data, mask: mask === 1, pending: pending === 1, ignore: ignore === 1, pasidEnable: pasidEnable === 1, pasid };
  }

  /** An MSI-X entry's mask, and its bit of the pending bit array. */
  msixEntry(vector: number): { readonly mask: boolean; readonly pending: boolean } {
    const { registers, interrupts } = this.#parts;
    if (!(vector >= 0 && vector < registers.layout.msixEntries)) throw new ModelError(`${this.name}: there is no MSI-X entry ${vector}`);
    const mask = MsixEntry.Control.mask.get(registers.msix(vector, MsixEntry.Control)) === 1;
    return { mask, pending: interrupts.msixPending(vector) };
  }

  #resetBy(operation: string, reset: (parts: ResetParts) => void): Steps<void> {
    return crossing(this.#ports.trace ?? noTrace, operation, () => ({ device: this.name }), this.#resetAndWait(reset));
  }

  *#resetAndWait(reset: (parts: ResetParts) => void): Steps<void> {
    this.#reset(reset);
    yield* waitUntil(`${this.name}: accesses to memory to end`, () => !this.#reachesMemory);
  }

  get #reachesMemory(): boolean {
    return this.inFlight > 0 || this.#parts.log.writing;
  }

  #reset(reset: (parts: ResetParts) => void): void {
    this.#parts.commands.reset();
    reset(this.#parts);
  }
}
