// What each reset does to every register there is (DSA spec 3.0 table 9-3; for config space the PCI Express base
// specification 5.0 §6.6). All bits of all registers are turned over, the reset comes, and what it left is compared.
import { describe, expect, test } from 'vitest';
import { plainState } from '@siov/base';
import type { StatePort } from '@siov/base';
import {
  bar0Windows, CMD, COMMAND, command, configWindows, defineProfile, DEVICE_STATE, DSA_SMALL, handleOperand, OPCODE, PCICMD, WQ_STATE, WQCAP, withEventLog,
} from '@siov/datasheet';
import type { DeclaredRegister, RegisterWindow } from '@siov/datasheet';
import { Board } from './board.ts';

/** Everything a profile can have registers for. */
const PROFILE = defineProfile({
  ...withEventLog(DSA_SMALL),
  WQCAP: WQCAP.of({ totalWqSize: 32, numberOfWqs: 2, sharedMode: 1, dedicatedMode: 1, wqcfgSize: 1, operationConfig: 1 }),
});

type Fate = 'power-on value' | 'kept' | 'mixed' | 'something else' | { readonly [field: string]: Fate };
type Kind = 'Reset Device' | 'function level reset' | 'conventional reset';

/** What the device says of itself is the same always: it is not turned over. */
const CONSTANT = new Set([
  'VERSION', 'GENCAP', 'WQCAP', 'GRPCAP', 'ENGCAP', 'OPCAP0', 'OPCAP1', 'OPCAP2', 'OPCAP3', 'OFFSETS', 'OFFSETS_HI', 'CMDCAP',
  'VENDOR', 'CLASS', 'SUBSYSTEM', 'ROM', 'CAPPTR', 'PCIE_HEADER', 'PCIECAP', 'DEVCAP', 'DEVCAP2', 'MSIX_HEADER', 'MSIX_TABLE', 'MSIX_PBA', 'PMCAP',
  'AER_HEADER', 'LTR_HEADER', 'TPH_HEADER', 'VC_HEADER', 'VC_CAP1', 'DVSEC_HEADER', 'DVSEC_VENDOR', 'DVSEC_ID', 'ATS_HEADER', 'ATSCAP', 'PASID_HEADER',
  'PASIDCAP', 'PRI_HEADER', 'PRSREQCAP',
]);

/** Table 9-3, a row each. The PCI rows name the registers in which no reset differs from the others of its kind. */
const ROWS: readonly { readonly registers: readonly string[]; readonly fates: readonly [Fate, Fate, Fate] }[] = [
  { registers: ['GENSTS'], fates: ['power-on value', 'power-on value', 'power-on value'] },
  { registers: ['GENCFG', 'GENCTRL', 'GRPCFG', 'WQCFG', 'MSIXPERM', 'IMS', 'EVLCFG0', 'EVLCFG1'], fates: ['power-on value', 'power-on value', 'power-on value'] },
  { registers: ['INTCAUSE'], fates: ['power-on value', 'power-on value', 'power-on value'] },
  { registers: ['CMD'], fates: ['kept', 'power-on value', 'power-on value'] },
  // It tells how the command ended: well.
  { registers: ['CMDSTATUS'], fates: ['power-on value', 'power-on value', 'power-on value'] },
  { registers: ['SWERROR0', 'SWERROR1', 'SWERROR2', 'EVLSTATUS'], fates: ['kept', 'power-on value', 'power-on value'] },
  { registers: ['MSIX', 'PBA'], fates: ['kept', 'power-on value', 'power-on value'] },
  {
    registers: [
      'PCICMD', 'PCISTS', 'CACHE_LINE_SIZE', 'BAR0', 'BAR0_HI', 'BAR2', 'BAR2_HI', 'INTERRUPT', 'DEVSTS', 'DEVCTL2', 'MSGCTL', 'PMCSR', 'LTR', 'ATSCTL', 'PASIDCTL',
      'PRICTL', 'PRISTS', 'PRSREQALLOC',
    ],
    fates: ['kept', 'power-on value', 'power-on value'],
  },
  { registers: ['VC0_CONTROL', 'VC1_CONTROL'], fates: ['kept', 'kept', 'power-on value'] },
];
const DEVCTL_OVER_FLR = {
  correctableErrorEnable: 'power-on value', nonFatalErrorEnable: 'power-on value', fatalErrorEnable: 'power-on value', unsupportedRequestEnable: 'power-on value',
  relaxedOrderingEnable: 'power-on value', maxPayload: 'kept', extendedTagEnable: 'power-on value', noSnoopEnable: 'power-on value', maxReadRequest: 'power-on value',
  initiateFunctionLevelReset: 'power-on value',
} as const;

const KINDS = ['Reset Device', 'function level reset', 'conventional reset'] as const;
const expected = (kind: Kind): Record<string, Fate> => {
  const index = KINDS.indexOf(kind);
  const rows = ROWS.flatMap(({ registers, fates }) => registers.map((name) => [name, fates[index] as Fate] as const));
  return { ...Object.fromEntries(rows), DEVCTL: (['kept', DEVCTL_OVER_FLR, 'power-on value'] as const)[index] as Fate };
};

/** The words of the device's two register files, as its state port gave them. */
function watched(): { state: StatePort; words: Map<string, Uint32Array> } {
  const words = new Map<string, Uint32Array>();
  const state: StatePort = {
    ...plainState,
    words(name, length, initial) {
      const made = plainState.words(name, length, initial);
      words.set(name, made);
      return made;
    },
  };
  return { state, words };
}

interface Place { readonly name: string; readonly register: DeclaredRegister; readonly at: number; readonly file: 'bar0' | 'config' }

function places(file: 'bar0' | 'config', windows: readonly RegisterWindow[]): Place[] {
  return windows.flatMap(({ name, offset, stride, count, registers }) =>
    Array.from({ length: count }, (_each, index) => registers.map(({ at, register }) => ({ name: name === '' ? register.name : name, register, at: offset + index * stride + at, file }))).flat(),
  );
}
const ALL = [...places('bar0', bar0Windows(PROFILE)), ...places('config', configWindows())];

class Scribbled {
  readonly board: Board;
  readonly #words: Map<string, Uint32Array>;

  constructor() {
    const { state, words } = watched();
    this.#words = words;
    this.board = new Board(PROFILE, 'agents', { state });
  }

  field({ file, at }: Place, bit: number): boolean {
    const words = this.#file(file);
    return (((words[(at * 8 + bit) >>> 5] ?? 0) >>> ((at * 8 + bit) & 31)) & 1) === 1;
  }

  turnOver(): void {
    for (const { file, at, register, name } of ALL) {
      if (CONSTANT.has(name)) continue;
      const words = this.#file(file);
      for (const { hi, lo } of register.fields) {
        for (let bit = at * 8 + lo; bit <= at * 8 + hi; bit++) words[bit >>> 5] = (words[bit >>> 5] ?? 0) ^ (1 << (bit & 31));
      }
    }
  }

  #file(file: 'bar0' | 'config'): Uint32Array {
    const words = this.#words.get(`registers/hw/dsa0/${file}`);
    if (words === undefined) throw new Error(`no words of ${file}`);
    return words;
  }
}

/** What one field is after the reset, given what it was at power-on: turned over, it had the other value. */
function fateOf(place: Place, hi: number, lo: number, before: Scribbled, after: Scribbled): Fate {
  const same = Array.from({ length: hi - lo + 1 }, (_each, index) => before.field(place, lo + index) === after.field(place, lo + index));
  return same.every(Boolean) ? 'power-on value' : same.some(Boolean) ? 'something else' : 'kept';
}

function observed(before: Scribbled, after: Scribbled): Record<string, Fate> {
  const fields = new Map<string, Map<string, Set<Fate>>>();
  for (const place of ALL.filter(({ name }) => !CONSTANT.has(name))) {
    const ofName = fields.get(place.name) ?? new Map<string, Set<Fate>>();
    fields.set(place.name, ofName);
    for (const { name, hi, lo } of place.register.fields) ofName.set(name, (ofName.get(name) ?? new Set()).add(fateOf(place, hi, lo, before, after)));
  }
  return Object.fromEntries([...fields].filter(([, each]) => each.size > 0).map(([name, each]) => [name, together(each)]));
}

/** One word where all fields of all entries went the same way, otherwise a word for each field. */
function together(fields: Map<string, Set<Fate>>): Fate {
  const one = new Set([...fields.values()].flatMap((each) => [...each]));
  if (one.size === 1) return [...one][0] as Fate;
  return Object.fromEntries([...fields].map(([name, fates]) => [name, fates.size === 1 ? ([...fates][0] as Fate) : 'mixed']));
}

const RESETS: Record<Kind, (scribbled: Scribbled) => void> = {
  // It was written before everything was turned over, or nobody would hear it; the command unit takes it up after.
  'Reset Device': ({ board }) => board.settle(),
  'function level reset': ({ board }) => board.run(board.device.functionLevelReset()),
  'conventional reset': ({ board }) => board.run(board.device.conventionalReset()),
};

describe('every declared register', () => {
  test('is in one row of the table, and the table has no others', () => {
    const rows = ROWS.flatMap(({ registers }) => registers);
    expect(new Set(rows).size).toBe(rows.length);
    const declared = new Set(ALL.filter(({ register }) => register.fields.length > 0).map(({ name }) => name));
    expect([...rows, 'DEVCTL', ...CONSTANT].sort()).toEqual([...declared].sort());
  });

  test.each(KINDS)('%s', (kind) => {
    const untouched = new Scribbled();
    const scribbled = new Scribbled();
    scribbled.board.setConfig(PCICMD, PCICMD.of({ memorySpaceEnable: 1 }));
    if (kind === 'Reset Device') scribbled.board.write(CMD, command(COMMAND.RESET_DEVICE, 0, false));
    scribbled.board.setConfig(PCICMD, PCICMD.reset);
    scribbled.turnOver();
    RESETS[kind](scribbled);
    expect(observed(untouched, scribbled)).toEqual(expected(kind));
    for (const place of ALL.filter(({ name }) => CONSTANT.has(name))) {
      for (const { hi, lo } of place.register.fields) expect([place.name, fateOf(place, hi, lo, untouched, scribbled)]).toEqual([place.name, 'power-on value']);
    }
  });
});

describe('what is in no register', () => {
  const reset: Record<Kind, (board: Board) => void> = {
    'Reset Device': (board) => void board.command(COMMAND.RESET_DEVICE),
    'function level reset': (board) => board.run(board.device.functionLevelReset()),
    'conventional reset': (board) => board.run(board.device.conventionalReset()),
  };

  test.each(KINDS)('%s: the device and its queues are Disabled and empty', (kind) => {
    const board = new Board(PROFILE).powerOn().enable();
    for (let count = 0; count < 3; count++) board.submit({ opcode: OPCODE.NOOP });
    expect([board.device.deviceState, board.device.wqState(0), board.device.occupancy(0)]).toEqual([DEVICE_STATE.ENABLED, WQ_STATE.ENABLED, 3]);
    reset[kind](board);
    board.settle();
    expect([board.device.deviceState, board.device.wqState(0), board.device.occupancy(0), board.device.idle]).toEqual([DEVICE_STATE.DISABLED, WQ_STATE.DISABLED, 0, true]);
  });

  test.each(KINDS)('%s: handles that were given out', (kind) => {
    const board = new Board(PROFILE).powerOn();
    board.command(COMMAND.REQUEST_INTERRUPT_HANDLE, handleOperand({ index: 1, ims: false }));
    reset[kind](board);
    board.powerOn().enable();
    const { status } = board.perform({ opcode: OPCODE.NOOP, flags: 0x10, interruptHandle: 1 });
    // Table 9-3 does not name them; no entry of a table that Reset Device clears holds them (inferred).
    expect(status).toBe(kind === 'Reset Device' ? 1 : 0x19);
  });
});
