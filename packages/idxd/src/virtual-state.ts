// The state of a virtual device as plain data: registers by name, PASIDs in them the guest's own, and the interrupt handles
// the guest has. What the host gave, PASIDs and slots, is no part of it: it is another on another function.
import { fail, ok } from '@siov/base';
import type { Placement, RegisterFile, Result } from '@siov/base';
import { BAR0_CAPABILITIES, Grpcfg, placementsOf, registerName, Wqcfg } from '@siov/datasheet';
import type { VirtualRegisters } from './virtual-registers.ts';

/** Values in hexadecimal: some are 64 bits. JSON takes it as it is. */
export interface VirtualDeviceState {
  readonly config: Readonly<Record<string, string>>;
  readonly bar0: Readonly<Record<string, string>>;
  readonly handles: readonly (readonly [vector: number, handle: number])[];
}

/** A device says these of itself, so that a guest cannot move where they differ. */
const FIXED: ReadonlySet<string> = new Set([
  ...BAR0_CAPABILITIES.map(({ name }) => name),
  ...['SIZE', 'THRESHOLD', 'LIMITS'].map((name) => `WQCFG[0].${name}`),
  ...[...Grpcfg.Wqs, Grpcfg.Engines, Grpcfg.Flags].map(({ name }) => `GRPCFG[0].${name}`),
]);

/** Of the queue's mode only the PASID is the guest's. */
const MODE = `WQCFG[0].${Wqcfg.Mode.name}`;
const GUESTS_MODE = Wqcfg.Mode.of({ pasid: 0xfffff, pasidEnable: 1 });

function differ(name: string, mine: string, theirs: string): boolean {
  return name === MODE ? ((Number(mine) ^ Number(theirs)) & ~GUESTS_MODE) !== 0 : FIXED.has(name) && mine !== theirs;
}

type Named = readonly (readonly [name: string, placement: Placement])[];

function bar0Names({ windows }: VirtualRegisters): Named {
  return placementsOf(windows).map((placement) => [registerName(windows, placement.at), placement]);
}

function configNames({ configRegisters }: VirtualRegisters): Named {
  return configRegisters.map((placement) => [placement.register.name, placement]);
}

export function saveRegisters(registers: VirtualRegisters): Pick<VirtualDeviceState, 'config' | 'bar0'> {
  return { config: picture(registers.config, configNames(registers)), bar0: picture(registers.bar0, bar0Names(registers)) };
}

/** `EINVAL`, with nothing changed: of another kind of device, with more or fewer registers or other capabilities, or no state at all. */
export function loadRegisters(registers: VirtualRegisters, state: Pick<VirtualDeviceState, 'config' | 'bar0'>): Result<void, 'EINVAL'> {
  const fits = check(saveRegisters(registers), state);
  if (!fits.ok) return fits;
  restore(registers.config, configNames(registers), state.config);
  restore(registers.bar0, bar0Names(registers), state.bar0);
  return ok();
}

type Declared = Parameters<RegisterFile['set']>[0];

function picture(file: RegisterFile, names: Named): Record<string, string> {
  return Object.fromEntries(names.map(([name, { at, register }]) => [name, `0x${file.get(register as Declared, at).toString(16)}`]));
}

function restore(file: RegisterFile, names: Named, values: Readonly<Record<string, string>>): void {
  for (const [name, { at, register }] of names) {
    const value = values[name] ?? '0';
    file.set(register as Declared, (register.width === 64 ? BigInt(value) : Number(value)) as Parameters<RegisterFile['set']>[1], at);
  }
}

function check(here: Pick<VirtualDeviceState, 'config' | 'bar0'>, there: Pick<VirtualDeviceState, 'config' | 'bar0'>): Result<void, 'EINVAL'> {
  for (const space of ['config', 'bar0'] as const) {
    const [own, other] = [here[space], there[space]];
    for (const name of new Set([...Object.keys(own), ...Object.keys(other)])) {
      const [mine, theirs] = [own[name], other[name]];
      if (mine === undefined || theirs === undefined) return fail('EINVAL', `the state and the device do not both have ${name} in ${space}`);
      if (!/^0x[0-9a-f]{1,16}$/.test(theirs)) return fail('EINVAL', `${theirs} is no value of ${name}`);
      if (differ(name, mine, theirs)) return fail('EINVAL', `${name} is ${theirs} in the state and ${mine} in the device`);
    }
  }
  return ok();
}
