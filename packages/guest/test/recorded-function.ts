// A function that writes down every access to its registers, ends every command at once, and has an interrupt controller.
import { Executor, fail, ModelClock, noTrace, ok, plainState, point, RegisterFile } from '@siov/base';
import type { AccessPort, AccessSize, StatePort, Steps } from '@siov/base';
import {
  bar0Windows, CMD, CMDSTATUS, COMMAND, configWindows, DSA_SMALL, ENGCAP, GENCAP, GENSTS, INTCAUSE, layoutOf, MSGCTL, MsixEntry, OFFSETS, PCICMD,
  placementsOf, resetBar0To, resetConfigTo, SWERROR0, WQCAP, Wqcfg,
} from '@siov/datasheet';
import type { DsaProfile } from '@siov/datasheet';
import { PciDevice } from '@siov/device';
import { IrqCore, parseVectorMsg, VectorDomain } from '@siov/irq';
import type { IrqDomain, MsiAllocInfo } from '@siov/irq';
import { GuestDriver } from '../src/index.ts';
import type { DevicePasids, GuestDriverOptions, PasidBinding } from '../src/index.ts';

/** As a virtual device says: one dedicated queue, fixed by its host, and handles on request. */
export const FIXED: DsaProfile = {
  ...DSA_SMALL,
  GENCAP: GENCAP.of({ commandCapabilities: 1, maxTransferShift: 21, maxBatchShift: 5 }),
  WQCAP: WQCAP.of({ totalWqSize: 16, numberOfWqs: 1, dedicatedMode: 1 }),
  ENGCAP: ENGCAP.of({ numberOfEngines: 1 }),
  OFFSETS: OFFSETS.of({ grpcfg: 3, wqcfg: 4, msixperm: 2 }),
  msix: { count: 2, table: 0x2000, pba: 0x3000 },
};

/** Handles are not the vector's number: a driver that mixes them up is seen. */
export const HANDLE_OFFSET = 0x40;

export interface FunctionOptions {
  readonly profile?: DsaProfile;
  readonly mode?: Parameters<typeof Wqcfg.Mode.of>[0];
  readonly state?: number;
  readonly nrIrqs?: number;
  readonly machineState?: StatePort;
  /** As the host of a fixed function has it. */
  readonly queue?: { readonly size: number; readonly threshold?: number };
}

/** What a test can have happen at an access. */
export interface Hooks {
  /** What becomes of a descriptor that reached the function. */
  execute: (descriptor: Uint8Array) => void;
  handleOffset: number;
  /** Commands never end. */
  silent: boolean;
}

export function makeGuest({ profile = FIXED, mode = { dedicated: 1 }, state = 0, nrIrqs = 64, queue, machineState = plainState }: FunctionOptions = {}) {
  const executor = new Executor();
  const core = new IrqCore({ state: machineState, trace: noTrace, clock: new ModelClock(machineState), spawn: (agent, steps) => executor.spawn(agent, steps) }, { name: 'guest', cpus: 1, nrIrqs, threadAgent: String });
  const vectors = new VectorDomain(core);
  executor.spawn({ name: 'VC0 irq', layer: 'irq' }, vectors.interrupts(0));
  const config = new RegisterFile(plainState, 'config', 4096, placementsOf(configWindows()));
  resetConfigTo(config, profile);
  const bar0 = new RegisterFile(plainState, 'bar0', profile.bar0Size, placementsOf(bar0Windows(profile)));
  resetBar0To(bar0, profile);
  bar0.set(GENSTS, GENSTS.of({ state }));
  const { wqcfg } = layoutOf(profile).offsets;
  if (GENCAP.configurationSupport.get(profile.GENCAP) === 0) bar0.set(Wqcfg.Mode, Wqcfg.Mode.of(mode), wqcfg + Wqcfg.Mode.offset);
  if (queue !== undefined) {
    bar0.set(Wqcfg.Size, Wqcfg.Size.of({ size: queue.size }), wqcfg);
    bar0.set(Wqcfg.Threshold, Wqcfg.Threshold.of({ threshold: queue.threshold ?? 0 }), wqcfg + Wqcfg.Threshold.offset);
    bar0.set(Wqcfg.Limits, Wqcfg.Limits.of({ maxTransferShift: 21, maxBatchShift: 2 }), wqcfg + Wqcfg.Limits.offset);
  }

  const log: string[] = [];
  const errors = new Map<number, number>();
  /** What a shared queue answers to each ENQCMD; true when it has none left. */
  const answers: boolean[] = [];
  const hooks: Hooks = { execute: () => {}, handleOffset: HANDLE_OFFSET, silent: false };
  const submissions: { offset: number; bytes: Uint8Array }[] = [];
  const hex = (value: number | bigint) => value.toString(16);
  const { table } = profile.msix;

  function fire(vector: number): void {
    const at = table + vector * 16;
    const masked = MsixEntry.Control.mask.get(bar0.get(MsixEntry.Control, at + MsixEntry.Control.offset)) === 1;
    const control = MSGCTL.decode(config.get(MSGCTL));
    if (masked || control.enable === 0 || control.functionMask === 1) return;
    const target = parseVectorMsg(0, bar0.get(MsixEntry.AddressLo, at), bar0.get(MsixEntry.Data, at + MsixEntry.Data.offset));
    if (target !== -1) vectors.raise(target >>> 8, target & 0xff);
  }
  function* cause(values: Parameters<typeof INTCAUSE.of>[0]): Steps<void> {
    bar0.set(INTCAUSE, INTCAUSE.image(bar0.get(INTCAUSE) | INTCAUSE.of(values)));
    fire(0);
  }
  function* command(value: number): Steps<void> {
    if (hooks.silent) return;
    const { operand, code, requestInterrupt } = CMD.decode(CMD.image(value));
    const result = code === COMMAND.REQUEST_INTERRUPT_HANDLE ? (operand & 0xffff) + hooks.handleOffset : 0;
    bar0.set(CMDSTATUS, CMDSTATUS.of({ error: errors.get(code) ?? 0, result }));
    if (requestInterrupt === 1) yield* cause({ commandCompletion: 1 });
  }
  /** MSI-X by name, everything else as the data sheet has it: width and offset. */
  const where = (offset: number, size: number) => {
    const inTable = offset - table;
    if (inTable < 0 || inTable >= profile.msix.count * 16) return `${size * 8} ${hex(offset)}`;
    return `MSIX[${inTable >> 4}].${['ADDRESS_LO', 'ADDRESS_HI', 'DATA', 'CONTROL'][(inTable & 15) >> 2]}`;
  };
  const registers: AccessPort = {
    *read(offset, size) {
      log.push(`R${where(offset, size)}`);
      return bar0.read(offset, size);
    },
    *read64(offset) {
      log.push(`R${where(offset, 8)}`);
      return BigInt(bar0.read(offset, 4)) | (BigInt(bar0.read(offset + 4, 4)) << 32n);
    },
    *write(offset, size, value) {
      // Vectors differ from machine to machine; that the message is written matters.
      const isMessage = offset >= table && offset < table + profile.msix.count * 16 && (offset & 12) !== 12;
      log.push(`W${where(offset, size)}${isMessage ? '' : ` = ${hex(value)}`}`);
      bar0.write(offset, size, value);
      if (offset === CMD.offset) yield* command(value);
    },
    *write64(offset, value) {
      log.push(`W${where(offset, 8)} = ${hex(value)}`);
      bar0.write(offset, 4, Number(value & 0xffffffffn));
      bar0.write(offset + 4, 4, Number(value >> 32n));
    },
  };
  const space: AccessPort = {
    *read(offset, size) {
      return config.read(offset, size);
    },
    *write(offset, size: AccessSize, value) {
      const name = offset === PCICMD.offset ? 'PCICMD' : offset === MSGCTL.offset ? 'MSGCTL' : hex(offset);
      log.push(`W${name} = ${hex(value)}`);
      config.write(offset, size, value);
    },
    *read64() {
      return 0n;
    },
    *write64() {},
  };
  const portals = {
    *submit(offset: number, bytes: Uint8Array): Steps<void> {
      log.push(`portal ${hex(offset)}:${bytes.length}`);
      submissions.push({ offset, bytes });
      hooks.execute(bytes);
    },
    *enqueue(offset: number, bytes: Uint8Array): Steps<boolean> {
      yield point('device', 'ENQCMD');
      const taken = answers.shift() ?? true;
      log.push(`enqueue ${hex(offset)} ${taken ? 'taken' : 'retry'}`);
      if (!taken) return false;
      submissions.push({ offset, bytes });
      hooks.execute(bytes);
      return true;
    },
  };
  const device = new PciDevice('vdsa0', { state: machineState, requesterId: 0x100, resources: { config: space, bars: { 0: registers }, portals } });
  const run = <T>(steps: Steps<T>): T => executor.run({ name: 'VC0', layer: 'guest' }, steps);
  return {
    executor, core, vectors, log, errors, answers, hooks, submissions, bar0, device, run, fire, cause: (values: Parameters<typeof INTCAUSE.of>[0]) => run(cause(values)),
    take: () => log.splice(0),
    softwareError: () => bar0.set(SWERROR0, SWERROR0.of({ valid: 1, error: 0x19 })),
    probe: (options?: GuestDriverOptions) => run(GuestDriver.probe(core, device, vectors.domain as IrqDomain<MsiAllocInfo>, options)),
    counters: () => ({ virqs: core.used, ...vectors.counters }),
  };
}

/** PASIDs as IOMMU management gives them, each call written into the list of accesses; `refuse` makes the next ones fail. */
export function recordedPasids(guest: Pick<ReturnType<typeof makeGuest>, 'log'>, options: { readonly system?: number; readonly grant?: (resource: string) => boolean } = {}) {
  const { grant = () => true } = options;
  const bound = new Set<PasidBinding>();
  const refuse = { system: false, process: false, unbind: false };
  let next = 0x100;
  const bind = (what: string, pasid: number) => {
    const binding = { pasid };
    bound.add(binding);
    guest.log.push(`bind ${what} ${pasid.toString(16)}`);
    return ok(binding);
  };
  const pasids: DevicePasids = {
    *system() {
      return refuse.system || !grant('pasid') ? fail('ENOSPC', 'no PASID is left') : bind('system', options.system ?? 5);
    },
    *bindProcess() {
      return refuse.process || !grant('iommu_sva') ? fail('ENOMEM', 'no memory for a bond') : bind('process', next++);
    },
    *unbind(binding) {
      if (refuse.unbind) return fail('EBUSY', 'an entry holds it');
      guest.log.push(`unbind ${binding.pasid.toString(16)}`);
      return bound.delete(binding) ? ok() : fail('EINVAL', 'not bound');
    },
  };
  return { pasids, bound, refuse };
}

/** A guest whose driver is bound. */
export function bound(options: FunctionOptions = {}, driverOptions: (guest: ReturnType<typeof makeGuest>) => GuestDriverOptions = () => ({})) {
  const guest = makeGuest(options);
  const probed = guest.probe(driverOptions(guest));
  if (!probed.ok) throw new Error(probed.message);
  const [queue] = probed.value.queues;
  if (queue === undefined) throw new Error('no queue');
  guest.take();
  return { ...guest, driver: probed.value, queue };
}
