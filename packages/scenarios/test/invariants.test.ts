// Each invariant on a machine at work, where it holds; and on one where it is broken by hand, of which it says so.
import { describe, expect, test } from 'vitest';
import { fail, ok } from '@siov/base';
import type { EventFd, Steps } from '@siov/base';
import { ImsEntry, layoutOf } from '@siov/datasheet';
import { createImsDomain } from '@siov/ims';
import { freeIrq, hierarchy } from '@siov/irq';
import type { IrqData } from '@siov/irq';
import {
  alongLayers, authorised, checkInvariants, edges, entryLive, entryState, freed, layerRules, order, owners, perform, ProgramMachine, runProgram, setIrqs, singleWriter, storedIds, TABLES,
  unchecked,
} from '../src/index.ts';
import type { Operation, Subject, Tables, Violation } from '../src/index.ts';
import { declaredLayers } from './declared-layers.ts';

const HK = { name: 'HK', layer: 'scenarios' };

/** A machine on which these were done, and whose invariants all hold. */
function after(...operations: readonly Operation[]): ProgramMachine {
  const machine = new ProgramMachine({ tables: TABLES[0] as Tables });
  for (const operation of operations) {
    perform(machine, operation);
    machine.host.executor.settle();
  }
  expect(checkInvariants(machine.subject)).toEqual([]);
  return machine;
}

/** Device 0 with its vector armed, and an interrupt of the host that is requested; entries 0 and 1. */
const RUNNING: readonly Operation[] = [
  { op: 'enableQueue', device: 0 },
  { op: 'arm', device: 0, vector: 1 },
  { op: 'allocate', device: 1, index: 1, id: 'default' },
  { op: 'request', device: 1, index: 1 },
  { op: 'submit', device: 0, names: { device: 0, index: 0 } },
];

function running(): ProgramMachine {
  const machine = after(...RUNNING);
  expect(machine.subject.history.submissions.counts.messages).toBe(1);
  return machine;
}

/** Behind everybody's back: to the hardware, past all who look at the BAR. */
function writeEntry(machine: ProgramMachine, slot: number, control: { mask: 0 | 1; pasidEnable?: 1; pasid?: number }): void {
  const at = layoutOf(machine.host.silicon.profile).offsets.ims + slot * 16 + ImsEntry.Control.offset;
  machine.host.executor.run(HK, machine.host.silicon.bar0.write(at, 4, ImsEntry.Control.of(control)));
}

function data(machine: ProgramMachine, slot: number): IrqData {
  const found = entryState(machine.subject, slot).irq?.state.data;
  if (!found) throw new Error(`entry ${slot} is nobody's`);
  return found;
}

function pasid(machine: ProgramMachine, seat: number): number {
  return machine.device(seat)?.iommu.pasid ?? -1;
}

/** What the trigger helper's handler signals. */
function triggerBehind(machine: ProgramMachine, slot: number): EventFd {
  const [action] = data(machine, slot).desc.state.actions;
  return (action ?? never()).devId as EventFd;
}

const run = <T>(machine: ProgramMachine, steps: Steps<T>): T => machine.host.executor.run(HK, steps);

type Invariant = (subject: Subject) => Violation[];

/** What breaks which invariant, and what it says. */
const BROKEN: readonly (readonly [string, Invariant, (machine: ProgramMachine) => void, RegExp])[] = [
  ['I1: an entry that nobody has is unmasked', entryLive, (machine) => writeEntry(machine, 5, { mask: 0 }), /^I1: entry 5 \(nobody's\) is unmasked/],
  ['I1: an entry holds another id than the one bound', entryLive, (machine) => writeEntry(machine, 0, { mask: 0, pasidEnable: 1, pasid: 7 }), /^I1: entry 0 \(dsa0-mdev0\/0\) is unmasked with PASID 7, and PASID \d is bound/],
  ['I1: an open entry has no action', entryLive, (machine) => { Object.assign(data(machine, 0).desc.state, { actions: [] }); }, /^I1: entry 0 .* has 0 actions, is activated and started/],
  ['I1: an open entry is not started', entryLive, (machine) => { Object.assign(data(machine, 1).desc.state, { started: false }); }, /^I1: entry 1 .* has 1 actions, is activated and not started/],

  ['I2: a driver writes an entry over its BAR', singleWriter, (machine) => { run(machine, machine.host.device.resources.bars[0]?.write(0x4000, 4, 0xfee00000) ?? never()); }, /^I2: scenarios \(in no operation of the chip\) writes 0xfee00000 at byte 0 of entry 0/],
  ['I2: the chip unmasks while it masks', singleWriter, (machine) => { run(machine, asChip(machine, 'irq_mask', 0x400c, 0)); }, /^I2: ims \(irq_mask\) writes 0x0 at byte 12 of entry 0: it is not what the operation is for/],
  ['I2: the chip writes the message while it unmasks', singleWriter, (machine) => { run(machine, asChip(machine, 'irq_unmask', 0x4008, 1)); }, /^I2: .*at byte 8 of entry 0: it has no business with the message/],
  ['I2: part of a word', singleWriter, (machine) => { run(machine, asChip(machine, 'irq_mask', 0x400c, 1, 2)); }, /^I2: .*2 bytes are no word/],

  ['I3: a message without a descriptor', authorised, (machine) => machine.host.silicon.raiseIms(0), /^I3: entry 0 \(dsa0-mdev0\/0\) sends its message, and no descriptor of PASID \d/],
  ['I3: the hardware lets a foreign PASID through', authorised, (machine) => {
    writeEntry(machine, 0, { mask: 0, pasidEnable: 1, pasid: 7 });
    perform(machine, { op: 'submitShared', pasid: 7, names: { device: 0, index: 0 } });
    machine.host.executor.settle();
  }, /^I3: entry 0/],

  ['I3: an entry that does not hold the id that was intended for it', authorised, (machine) => {
    const { subject } = machine;
    const ids = { now: () => 7, at: () => 7 } as unknown as Subject['history']['ids'];
    subject.history.submissions.attach({ ...subject, history: { ...subject.history, ids } });
    perform(machine, { op: 'submit', device: 0, names: { device: 0, index: 0 } });
    machine.host.executor.settle();
  }, /^I3: entry 0 .* sends its message, and no descriptor of PASID 7 that names it was submitted/],

  ['I5: remapping is given up below an entry that holds its message', order, (machine) => {
    const remapped = [...hierarchy(data(machine, 0))][1] as IrqData;
    run(machine, remapped.domain.ops.deactivate?.(remapped) ?? never());
  }, /^I5: entry 0 .* remapping entry \d is not there.*\n.*INTEL-IR is active no more for irq \d+ before IR-IMS-dsa0/],
  ['I5: an entry holds the message of another', order, (machine) => {
    const at = layoutOf(machine.host.silicon.profile).offsets.ims;
    const message = machine.host.silicon.imsEntry(1).address;
    run(machine, machine.host.silicon.bar0.write(at, 4, Number(message & 0xffffffffn)));
  }, /^I5: entry 0 .* holds the message of remapping entry (\d), and its interrupt has entry (?!\1)\d/],

  ['I6: free_irq() wipes nothing', freed, (machine) => {
    perform(machine, { op: 'freeIrq', device: 1, index: 1 });
    writeEntry(machine, 1, { mask: 1, pasidEnable: 1, pasid: pasid(machine, 1) });
  }, /^I6: irq \d+ has no action, and entry 1 .* holds pasidEnable 1, pasid \d/],
  ['I6: a handler runs after free_irq()', freed, (machine) => {
    const held = machine.requested.get('1/1');
    perform(machine, { op: 'freeIrq', device: 1, index: 1 });
    held?.handler.handler(held.desc.virq);
  }, /^I6: the handler 1\/1 of irq \d+ runs after free_irq\(\) has returned/],
  ['I6: free_irq() returns in the middle of a handler', freed, (machine) => {
    const endless = machine.subject.history.handlers.watch('endless', function* handler() { yield { kind: 'device', what: 'for ever' }; return 'handled'; });
    const steps = endless.handler(1);
    if (typeof steps === 'string') throw new Error('at once');
    steps.next();
    endless.freed();
  }, /^I6: free_irq\(\) returns while the handler endless runs/],

  ['I7: the id is not what was stored', storedIds, (machine) => writeEntry(machine, 0, { mask: 0, pasidEnable: 1, pasid: 7 }), /^I7: entry 0 \(dsa0-mdev0\/0\) holds PASID 7, and PASID \d was stored for it/],

  ['I8: a trigger without an action', setIrqs, (machine) => {
    const irq = entryState(machine.subject, 0).irq;
    run(machine, freeIrq(machine.host.core, irq?.virq ?? 0, irq?.state.actions[0]?.devId));
  }, /^I8: vector 1 of dsa0-mdev0 has a trigger and entry 0, whose interrupt has 0 actions/],
  ['I8: an interrupt without a trigger', setIrqs, (machine) => triggerBehind(machine, 0).close(), /^I8: dsa0-mdev0 says that 1 vectors are armed, and 0 have a trigger that is open\nI8: vector 1 of dsa0-mdev0 has entry 0 and no trigger/],
  ['I8: SET_IRQS fails and keeps what came with it', setIrqs, (machine) => { run(machine, vectorsOf(machine, () => fail('EBUSY', 'no')).setIrqs(arming)); }, /^I8: SET_IRQS of broken failed, and vector 0 keeps the trigger/],
  ['I8: a disable that leaves a vector', setIrqs, (machine) => {
    const broken = vectorsOf(machine, () => ok(0));
    run(machine, broken.setIrqs(arming));
    run(machine, broken.setIrqs({ ...arming, count: 0, data: { kind: 'none' } }));
  }, /I8: vector 0 of broken has a trigger after all were disabled/],

  ['I9: an edge is forgotten while the interrupt is disabled', edges, (machine) => {
    perform(machine, { op: 'disable', device: 0, index: 0 });
    perform(machine, { op: 'submit', device: 0, names: { device: 0, index: 0 } });
    machine.host.executor.settle();
    expect(edges(machine.subject)).toEqual([]);
    data(machine, 0).desc.state.pending = false;
  }, /^I9: irq \d+ of entry 0 .* is disabled, and the last edge is neither handled nor latched/],
  ['I9: an edge is latched and nobody replays it', edges, (machine) => { data(machine, 0).desc.state.pending = true; }, /^I9: .* is enabled, and an edge is latched that nobody replays/],
  ['I9: an edge is handled twice', edges, (machine) => { const { counts } = data(machine, 0).desc; counts[0] = (counts[0] ?? 0) + 1; }, /^I9: .* was handled 2 times, and 1 messages came/],
  ['I9: an edge is not handled', edges, (machine) => { data(machine, 0).desc.counts.fill(0); }, /^I9: .* is enabled, and the last edge was not handled/],

  ['I10: the id of another device', owners, (machine) => writeEntry(machine, 0, { mask: 1, pasidEnable: 1, pasid: pasid(machine, 1) }), /^I10: entry 0 \(dsa0-mdev0\/0\) holds PASID \d, which is that of dsa0-mdev1/],
  ['I10: a free id', owners, (machine) => writeEntry(machine, 0, { mask: 1, pasidEnable: 1, pasid: 7 }), /^I10: entry 0 .* holds PASID 7, which is free/],
  ['I10: an id that nothing holds', owners, (machine) => machine.device(0)?.iommu.witness?.release(), /^I10: entry 0 .* nothing keeps dsa0-mdev0 from being detached/],
  ['I10: an entry that nobody has is not reset', owners, (machine) => writeEntry(machine, 5, { mask: 1, pasidEnable: 1, pasid: pasid(machine, 0) }), /^I10: entry 5 \(nobody's\) holds pasidEnable 1, pasid \d/],

  ['I11: an entry is open without a PASID', unchecked, (machine) => writeEntry(machine, 0, { mask: 0 }), /^I11: 4 portals of dsa0 are mapped for others than the host kernel, and entry 0 .* is open without a PASID/],
];

/** A write to the store as somebody in the middle of an operation of the chip. */
function* asChip({ host }: ProgramMachine, operation: string, offset: number, value: number, size: 2 | 4 = 4): Steps<void> {
  yield* host.trace.cross('ims', operation, {}, host.device.resources.bars[0]?.write(offset, size, value) ?? never());
}

function never(): never {
  throw new Error('it is there');
}

const trigger = { name: 'trigger', signal() {}, close() {} };
const arming = { index: 2, start: 0, count: 1, action: 'trigger', data: { kind: 'eventfd', fds: [trigger] } } as const;

/** A device that answers SET_IRQS with `answer` and does nothing. */
function vectorsOf({ subject }: ProgramMachine, answer: () => ReturnType<typeof ok> | ReturnType<typeof fail<'EBUSY'>>) {
  const device = { name: 'broken', *setIrqs() { return answer(); } };
  return subject.history.vectors.watch(device as never, { armed: 1, hwirq: () => fail('EINVAL', 'none') }, 1);
}

describe('an invariant that holds on a machine at work', () => {
  test.each(BROKEN)('and not after this: %s', (_what, invariant, breakIt, says) => {
    const machine = running();
    expect(invariant(machine.subject)).toEqual([]);
    breakIt(machine);
    expect(invariant(machine.subject).join('\n')).toMatch(says);
  });

  test('I11: unchecked entries and portals exclude each other also in the books, whichever comes first', () => {
    const { host, subject } = running();
    const storage = { size: 4, *writeControl() {}, *writeMessage() {} };
    expect(createImsDomain(host.core, host.device, host.remapping.domain, storage, { validatePasid: false })).toMatchObject({ errno: 'EPERM' });
    const books = { ...subject, host: { ...host, device: { name: 'dsa0', get: host.device.get.bind(host.device), submitters: { portals: 1, unchecked: 1 } } as never } };
    expect(unchecked(books)).toEqual(['I11: 1 portals of dsa0 are mapped for others than the host kernel, and 1 of its interrupt domains check no PASID']);
  });

  test('I4: a call that fails and changes something all the same is told with what it changed', () => {
    const machine = running();
    const record = machine.state.record('counter', { taken: 0 });
    const call = (changes: boolean) => machine.call('a call', () => { if (changes) record.taken += 1; return fail('ENOSPC', 'nothing left'); });
    call(false);
    expect(machine.unclean).toEqual([]);
    call(true);
    expect(machine.unclean).toEqual(['I4: a call, which failed with -ENOSPC: nothing left, has changed counter']);
    machine.call('another call', () => { record.taken += 1; return ok(); });
    expect(machine.unclean).toHaveLength(1);
  });

  test('I12: crossings along the declared edges only, or over the bus', () => {
    const machine = running();
    const layers = declaredLayers();
    expect(layerRules(machine.subject, layers)).toEqual([]);
    const event = { time: 0, agent: 'HK', values: {} };
    expect(alongLayers([{ ...event, from: 'vfio-mdev', to: 'ims', operation: 'irq_mask' }], layers)).toEqual(['I12: HK crosses from vfio-mdev to ims (irq_mask), and neither may use the other']);
    expect(alongLayers([{ ...event, from: 'vfio', to: 'hw', operation: 'write32' }], layers)).toHaveLength(1);
    expect(alongLayers([{ ...event, from: 'ims', to: 'hw', operation: 'write32' }], layers)).toEqual([]);
  });

  test('I3: an edge that the former owner left pending comes out for the next one, once: the bit is the hardware’s', () => {
    const own = { device: 0, index: 0 };
    const program: Operation[] = [
      { op: 'enableQueue', device: 0 }, { op: 'arm', device: 0, vector: 1 }, { op: 'disable', ...own },
      { op: 'submit', device: 0, names: own }, { op: 'submit', device: 0, names: own }, { op: 'disarm', device: 0, vector: 1 },
    ];
    const machine = after(...program);
    expect(machine.host.silicon.imsEntry(0).pending).toBe(true);
    perform(machine, { op: 'arm', device: 1, vector: 1 });
    machine.host.executor.settle();
    expect(machine.subject.history.submissions.counts).toMatchObject({ messages: 2, inherited: 1 });
    expect(runProgram(program).violations).toEqual([]);
  });

  test('I8: a second disable that changes something', () => {
    const sabotage = (machine: ProgramMachine) => {
      const calls = machine.state.record('calls', { count: 0 });
      const virtual = machine.seats.get(0) ?? never();
      const { vfio } = virtual;
      machine.seats.set(0, { ...virtual, vfio: { ...vfio, setIrqs(set) { calls.count += 1; return vfio.setIrqs(set); } } });
    };
    expect(runProgram([{ op: 'disarmAll', device: 0 }], { sabotage }).violations).toEqual(['I8: disabling all vectors again has changed calls']);
    expect(runProgram([{ op: 'disarmAll', device: 0 }]).violations).toEqual([]);
  });

  test('each of those that are asked of a subject has been broken', () => {
    expect([...new Set(BROKEN.map(([what]) => what.split(':')[0]))].toSorted()).toEqual(['I1', 'I10', 'I11', 'I2', 'I3', 'I5', 'I6', 'I7', 'I8', 'I9']);
  });
});
