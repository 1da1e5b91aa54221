import { describe, expect, test } from 'vitest';
import { must, plainState, point } from '@siov/base';
import type { AccessPort, Steps } from '@siov/base';
import { PciDevice } from '@siov/device';
import { parseVectorMsg, pciEnableMsix } from '../src/index.ts';
import type { IrqChip, MsiMsg } from '../src/index.ts';
import { irqChipContract } from '../src/testing.ts';
import type { ChipRig } from '../src/testing.ts';
import { makeMachine } from './machine.ts';
import type { MachineOptions, MessageTable } from './machine.ts';

const RUBBISH: MsiMsg = { addressLo: 0xfee01000, addressHi: 0, data: 0x99 };

/** The test's own table, in which each write is effective at once. */
function tableRig(options: MachineOptions = {}): ChipRig & { table: MessageTable } {
  const machine = makeMachine(options);
  const { core, table, run, executor, clock } = machine;
  return {
    core, run, table,
    latches: true,
    allocate: () => ({ virq: machine.alloc(0), hwirq: 0 }),
    free: () => machine.free(0),
    raise: (hwirq) => table.fire(hwirq),
    stored: (hwirq) => table.entry(hwirq),
    settle() {
      clock.advance(1);
      executor.settle();
    },
  };
}

describe('a table in the device', () => {
  describe('message written when requested', () => irqChipContract(test, () => tableRig()));
  describe('message written when allocated', () => irqChipContract(test, () => tableRig({ template: { flags: { activateEarly: true, mustReactivate: true } } })));
});

describe('a device that keeps nothing while it is masked', () => irqChipContract(test, () => {
  const rig = tableRig();
  const { table } = rig;
  return { ...rig, latches: false, raise: (hwirq) => { if (!table.entry(hwirq).masked) table.fire(hwirq); } };
}));

/** A chip that gives its entry an id when it starts it and takes it when it shuts it down. */
function identified(ids: Map<number, string>, table: MessageTable): Partial<IrqChip> {
  const [mask, unmask] = [table.irqMask.bind(table), table.irqUnmask.bind(table)];
  return {
    *irqStartup(data) {
      ids.set(data.hwirq, 'owner');
      yield* unmask(data);
    },
    *irqShutdown(data) {
      yield* mask(data);
      ids.delete(data.hwirq);
    },
  };
}

function identifiedRig(chip: (ids: Map<number, string>, table: MessageTable) => Partial<IrqChip> = identified): ChipRig {
  const ids = new Map<number, string>();
  const rig = tableRig({ chip: (table) => chip(ids, table) });
  return { ...rig, stored: (hwirq) => ({ ...rig.stored(hwirq), id: ids.get(hwirq) }) };
}

describe('a chip with ids', () => irqChipContract(test, identifiedRig));

/** Callbacks that reach the table only when the bus lock is given back: until then they collect. */
function queued(table: MessageTable): Partial<IrqChip> {
  const bus = { held: false };
  let collected: (() => Steps<void>)[] = [];
  const direct = { mask: table.irqMask.bind(table), unmask: table.irqUnmask.bind(table), write: table.irqWriteMsiMsg.bind(table) };
  const later = function* (write: () => Steps<void>): Steps<void> { collected.push(write); };
  return {
    *irqBusLock() {
      yield { kind: 'lock', what: 'bus', ready: () => !bus.held };
      bus.held = true;
    },
    *irqBusSyncUnlock() {
      const writes = collected;
      collected = [];
      for (const write of writes) yield* write();
      bus.held = false;
      yield { kind: 'unlock', what: 'bus' };
    },
    irqMask: (data) => later(() => direct.mask(data)),
    irqUnmask: (data) => later(() => direct.unmask(data)),
    irqWriteMsiMsg: (data, message) => later(() => direct.write(data, message)),
  };
}

function queueRig(): ChipRig {
  const rig = tableRig({ chip: queued });
  return {
    ...rig,
    allocate() {
      const made = rig.allocate();
      // Moves at the next interrupt would be made without the bus: such a chip needs a parent that moves at once.
      Object.assign(rig.core.desc(made.virq)?.state ?? {}, { movePcntxt: true });
      return made;
    },
  };
}

describe('a chip behind a slow bus', () => irqChipContract(test, queueRig));

const [CAPABILITY, TABLE] = [0x40, 0x100];

/** A function that does what MSI-X says: mask and pending bits, one message for what was pending when unmasked. */
function msixRig(): ChipRig {
  const machine = makeMachine();
  const { core, run, executor, clock, vectors } = machine;
  const [config, bar] = [new DataView(new ArrayBuffer(256)), new DataView(new ArrayBuffer(4096))];
  config.setUint8(0x34, CAPABILITY);
  config.setUint8(CAPABILITY, 0x11);
  config.setUint16(CAPABILITY + 2, 3, true);
  config.setUint32(CAPABILITY + 4, TABLE, true);
  const pending = new Set<number>();
  const field = (hwirq: number, at: number) => bar.getUint32(TABLE + hwirq * 16 + at, true);
  function send(hwirq: number): void {
    if ((field(hwirq, 12) & 1) === 1) {
      pending.add(hwirq);
      return;
    }
    pending.delete(hwirq);
    const target = parseVectorMsg(field(hwirq, 4), field(hwirq, 0), field(hwirq, 8));
    if (target === -1) throw new Error('no message');
    vectors.raise(target >>> 8, target & 0xff);
  }
  const access = point('register', 'function access');
  const port = (view: DataView, written: () => void): AccessPort => ({
    *read(offset, size) { yield access; return size === 4 ? view.getUint32(offset, true) : size === 2 ? view.getUint16(offset, true) : view.getUint8(offset); },
    *write(offset, size, value) {
      yield access;
      if (size === 4) view.setUint32(offset, value, true);
      else view.setUint16(offset, value, true);
      written();
    },
    *read64() { return 0n; },
    *write64() {},
  });
  const device = new PciDevice('fn', {
    state: plainState,
    requesterId: 0x10,
    resources: { config: port(config, () => {}), bars: { 0: port(bar, () => { for (const hwirq of pending) send(hwirq); }) } },
  });
  const { msi } = must(run(pciEnableMsix(core, device, vectors.domain)), 'MSI-X');
  return {
    core, run,
    latches: true,
    allocate: () => ({ virq: must(run(msi.allocIrqAt(1, null)), 'a vector').virq, hwirq: 1 }),
    free: () => must(run(msi.freeIrqsRange(1, 1)), 'giving it back'),
    raise: send,
    stored: (hwirq) => ({ masked: (field(hwirq, 12) & 1) === 1, message: { addressLo: field(hwirq, 0), addressHi: field(hwirq, 4), data: field(hwirq, 8) } }),
    soil(hwirq) {
      [RUBBISH.addressLo, RUBBISH.addressHi, RUBBISH.data, 0].forEach((word, at) => bar.setUint32(TABLE + hwirq * 16 + at * 4, word, true));
    },
    settle() {
      clock.advance(1);
      executor.settle();
    },
  };
}

describe('PCI MSI-X', () => irqChipContract(test, msixRig));

describe('the contract itself finds', () => {
  /** The rules that `broken` breaks. */
  function findings(chip: (table: MessageTable) => Partial<IrqChip>, change: (rig: ReturnType<typeof tableRig>) => Partial<ChipRig> = () => ({})): string[] {
    return broken(() => {
      const rig = tableRig({ chip });
      return Object.assign(rig, change(rig));
    });
  }

  function broken(makeRig: () => ChipRig): string[] {
    const found: string[] = [];
    irqChipContract((name, run) => {
      try {
        run();
      } catch {
        found.push(name);
      }
    }, makeRig);
    return found;
  }

  test('nothing wrong with a chip that is right', () => expect(findings(() => ({}))).toEqual([]));

  test.each<[string, (table: MessageTable) => Partial<IrqChip>, RegExp]>([
    ['that does not mask', () => ({ *irqMask() {} }), /masked, nothing is received/],
    ['that forgets to send what it kept', (table) => ({ *irqUnmask({ hwirq }) { Object.assign(table.entry(hwirq), { masked: false, pending: false }); } }), /what it kept is received once/],
    ['that unmasks before the message is there', (table) => ({ *irqWriteMsiMsg({ hwirq }, message) { const entry = table.entry(hwirq); entry.masked = false; yield { kind: 'register', what: 'write' }; entry.message = message; } }), /its message and id are in the hardware already/],
    ['that leaves the message behind', (table) => ({ *irqWriteMsiMsg({ hwirq }, message) { if (message.data !== 0) table.entry(hwirq).message = message; } }), /when free_irq\(\) returns/],
    ['that does not mask at shut-down', () => ({ *irqShutdown() {} }), /when free_irq\(\) returns/],
    ['that toggles the mask', (table) => ({ *irqMask({ hwirq }) { const entry = table.entry(hwirq); entry.masked = !entry.masked; } }), /changes nothing/],
    ['that writes no message when it moves', (table) => {
      const write = table.irqWriteMsiMsg.bind(table);
      return { *irqWriteMsiMsg(data, message) { if (message.data === 0 || table.entry(data.hwirq).message.data === 0) yield* write(data, message); } };
    }, /moved to any CPU/],
    ['that wipes the message while it is masked', (table) => ({ *irqMask({ hwirq }) { Object.assign(table.entry(hwirq), { masked: true, message: { addressLo: 0, addressHi: 0, data: 0 } }); } }), /R18/],
  ])('a chip %s', (_what, change, rule) => {
    expect(findings(change).join('\n')).toMatch(rule);
  });

  test.each<[string, (ids: Map<number, string>, table: MessageTable) => Partial<IrqChip>, RegExp]>([
    ['unmasks before the id is there', (ids, table) => ({ ...identified(ids, table), *irqStartup(data) { table.entry(data.hwirq).masked = false; yield { kind: 'register', what: 'id' }; ids.set(data.hwirq, 'owner'); } }), /its message and id are in the hardware already/],
    ['leaves the id behind', (ids, table) => ({ ...identified(ids, table), irqShutdown: (data) => table.irqMask(data) }), /when free_irq\(\) returns/],
    ['changes the id while it runs', (ids, table) => {
      const unmask = table.irqUnmask.bind(table);
      return { ...identified(ids, table), *irqUnmask(data) { ids.set(data.hwirq, 'other'); yield* unmask(data); } };
    }, /R18/],
  ])('a chip that %s', (_what, chip, rule) => {
    expect(broken(() => identifiedRig(chip)).join('\n')).toMatch(rule);
  });

  test('one that hands out an entry as it was left', () => {
    expect(findings(() => ({}), ({ table }) => ({ soil: (hwirq) => Object.assign(table.entry(hwirq), { masked: false, message: RUBBISH }) })))
      .toContain('an entry just allocated is masked and holds nothing of an earlier owner');
  });
});
