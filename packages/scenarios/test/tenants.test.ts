// Two guests on one function. Whatever one of them names that is the other's, it gets an error or nothing, and the other gets
// no interrupt and loses no byte.
import { describe, expect, test } from 'vitest';
import { must } from '@siov/base';
import type { Steps } from '@siov/base';
import {
  COMMAND, COMPLETION_STATUS, decodeCompletionRecord, DESCRIPTOR_FLAG, encodeDescriptor, GENCFG, layoutOf, OFFSETS, OPCODE, PORTAL_SIZE, portalOffset, TABLE_OFFSET_UNIT, Wqcfg,
} from '@siov/datasheet';
import { writeRegister } from '@siov/device';
import { GuestDriver } from '@siov/guest';
import { DEFAULT_QUEUE, PhysicalFunction, WorkQueue } from '@siov/idxd';
import { createImsDomain, ImsArray } from '@siov/ims';
import { requestIrq, setMsiDomain } from '@siov/irq';
import { buildHost, InvariantWatch, mediatedMachine } from '../src/index.ts';

const FLAGS = DESCRIPTOR_FLAG.COMPLETION_RECORD_ADDRESS_VALID | DESCRIPTOR_FLAG.REQUEST_COMPLETION_RECORD | DESCRIPTOR_FLAG.REQUEST_COMPLETION_INTERRUPT;
const [SOURCE, DESTINATION, RECORD] = [0x2000, 0x3000, 0x1000];
const SUCCESS = 1;

/** The attacker is the first; both have their queue enabled, with PASIDs of their own. */
function tenants(queue: 'dedicated' | 'shared') {
  const { watched, seats } = mediatedMachine({ queue, devices: 2, device: { pasid: true } });
  const { host } = watched;
  const watch = new InvariantWatch(watched);
  const guests = seats.map((seat) => {
    const guest = seat.start();
    const run = <T>(steps: Parameters<typeof host.executor.run<T>>[1]): T => watch.run(host.executor, guest.vcpu, steps);
    const driver = must(run(GuestDriver.probe(guest.core, guest.device, guest.interruptParent, { pasids: guest.first.pasids })), 'probe');
    must(run(driver.enable()), 'Enable Device');
    const [wq] = driver.queues;
    if (wq === undefined) throw new Error('no queue');
    must(run(wq.enable()), 'Enable WQ');
    guest.memory.fill(0x5a, SOURCE, SOURCE + 64);
    const gpasid = driver.systemPasid ?? -1;
    return { guest, run, driver, wq, gpasid, seat, hostPasid: host.silicon.imsEntry(must(seat.virtual.triggers.hwirq(1), 'an entry')).pasid };
  });
  const [mine, other] = guests;
  if (mine === undefined || other === undefined) throw new Error('two guests');
  return { host, watch, mine, other };
}

type Tenants = ReturnType<typeof tenants>;

/** Which of two tenants' something is named, or one that is nobody's. */
const WHOSE = ['mine', 'other', 'nobody'] as const;
type Whose = (typeof WHOSE)[number];

const handle = ({ mine, other }: Tenants, whose: Whose) => ({ mine: mine.wq.handle, other: other.wq.handle, nobody: 77 })[whose];

/** A guest's own numbers are small; the host's behind them are others, and no guest can say them. */
const pasids = ({ mine, other }: Tenants) => ({ mine: mine.gpasid, 'the host’s number of the other': other.hostPasid, 'the host’s number of mine': mine.hostPasid, nobody: 0x777 });

function descriptor(machine: Tenants, named: { handle: Whose; pasid: number }): Uint8Array {
  return encodeDescriptor({
    opcode: OPCODE.MEMMOVE, flags: FLAGS, source: BigInt(SOURCE), destination: BigInt(DESTINATION), size: 64, completionRecord: BigInt(RECORD),
    interruptHandle: handle(machine, named.handle), pasid: named.pasid, priv: true,
  });
}

/** What has reached either of them: interrupts, the destination, the record's status. */
function reached({ mine, other }: Tenants) {
  return [mine, other].map(({ guest, wq }) => ({
    interrupts: wq.interrupts,
    copied: guest.memory[DESTINATION] === 0x5a,
    status: decodeCompletionRecord(guest.memory.subarray(RECORD, RECORD + 32)).status & 0x3f,
  }));
}

const NOTHING = { interrupts: 0, copied: false, status: 0 };

describe('a dedicated queue each: the descriptor’s PASID counts for nothing', () => {
  test.each(WHOSE.flatMap((whose) => ['mine', 'the host’s number of the other', 'nobody'].map((pasid) => [whose, pasid] as const)))('the handle is %s, the PASID %s', (whose, which) => {
    const machine = tenants('dedicated');
    const { mine } = machine;
    const { portals } = mine.guest.device.resources;
    mine.run(portals?.submit(PORTAL_SIZE, descriptor(machine, { handle: whose, pasid: pasids(machine)[which as 'mine'] })) ?? (function* () {})());
    const [own, others] = reached(machine);
    expect(others).toEqual(NOTHING);
    if (whose === 'mine') expect(own).toEqual({ interrupts: 1, copied: true, status: SUCCESS });
    else expect([own?.interrupts, own?.status]).not.toEqual([1, SUCCESS]);
    expect(own?.interrupts).toBe(whose === 'mine' ? 1 : 0);
    expect(machine.watch.verdicts().filter(({ violations }) => violations.length > 0)).toEqual([]);
  });

  test.each([['the other guest’s portal, behind its own', 4 * PORTAL_SIZE + PORTAL_SIZE], ['an IMS page of the host', 2 * PORTAL_SIZE], ['the limited one', 3 * PORTAL_SIZE]])('%s leads nowhere', (_what, offset) => {
    const machine = tenants('dedicated');
    const { mine } = machine;
    const { portals } = mine.guest.device.resources;
    mine.run(portals?.submit(offset, descriptor(machine, { handle: 'mine', pasid: mine.gpasid })) ?? (function* () {})());
    expect(reached(machine)).toEqual([NOTHING, NOTHING]);
    const mapped = mine.seat.vfio.mmap?.(2, offset, PORTAL_SIZE);
    expect(mapped).toMatchObject({ ok: false, errno: 'EINVAL' });
  });
});

describe('one shared queue: the virtual CPU translates the descriptor’s PASID', () => {
  test.each(WHOSE.flatMap((whose) => Object.keys(pasids({ mine: {}, other: {} } as Tenants)).map((pasid) => [whose, pasid] as const)))('the handle is %s, the PASID %s', (whose, which) => {
    const machine = tenants('shared');
    const { mine, other } = machine;
    // Both guests call their PASID by the same number, and have different ones behind it.
    expect([mine.gpasid, mine.hostPasid === other.hostPasid]).toEqual([other.gpasid, false]);
    const { portals } = mine.guest.device.resources;
    const taken = mine.run(portals?.enqueue(PORTAL_SIZE, descriptor(machine, { handle: whose, pasid: pasids(machine)[which as 'mine'] })) ?? (function* () { return false; })());
    const [own, others] = reached(machine);
    expect(others).toEqual(NOTHING);
    // A PASID that is not the guest's is a fault of its CPU: nothing reaches the device.
    expect([taken, mine.guest.faults.count]).toEqual(which === 'mine' ? [true, 0] : [false, 1]);
    if (which !== 'mine') expect(own).toEqual(NOTHING);
    else expect(own?.interrupts).toBe(whose === 'mine' ? 1 : 0);
    expect(machine.watch.verdicts().filter(({ violations }) => violations.length > 0)).toEqual([]);
  });
});

describe.each(['dedicated', 'shared'] as const)('what has no completion record to be told in, on a %s queue', (queue) => {
  /** Without a record's address, and so with an error that only SWERROR can tell. */
  const silent = (machine: Tenants) => encodeDescriptor({
    opcode: OPCODE.NOOP, flags: DESCRIPTOR_FLAG.REQUEST_COMPLETION_INTERRUPT, interruptHandle: handle(machine, 'other'), pasid: machine.mine.gpasid, priv: true,
  });
  const submit = (machine: Tenants) => {
    const { portals } = machine.mine.guest.device.resources;
    if (queue === 'dedicated') machine.mine.run(portals?.submit(PORTAL_SIZE, silent(machine)) ?? (function* () {})());
    else expect(machine.mine.run(portals?.enqueue(PORTAL_SIZE, silent(machine)) ?? (function* () { return false; })())).toBe(true);
  };

  test('is told to the guest whose it is, in its own numbers, and to nobody else', () => {
    const machine = tenants(queue);
    const { mine, other } = machine;
    submit(machine);
    submit(machine);
    const error = { error: COMPLETION_STATUS.INTERRUPT_HANDLE, wq: 0, descriptor: { operation: OPCODE.NOOP, pasid: mine.gpasid } };
    expect(mine.driver.function.lastSoftwareErrors).toMatchObject([error, error]);
    expect(mine.driver.function.lastSoftwareErrors.map(({ info }) => (info ?? 0) & 0xffff)).toEqual([other.wq.handle, other.wq.handle]);
    expect([mine.driver.function.softwareErrors, other.driver.function.softwareErrors]).toEqual([2, 0]);
    expect(reached(machine)).toEqual([NOTHING, NOTHING]);
    expect(machine.watch.verdicts().filter(({ violations }) => violations.length > 0)).toEqual([]);
  });
});

describe('R3: why a store that checks nothing is for the host kernel alone', () => {
  /** The host kernel's own interrupt in such a store, and a queue without PASID. */
  function unchecked() {
    const host = buildHost();
    const { executor, core, device, interruptParent } = host;
    const HK = { name: 'HK', layer: 'idxd' };
    const run = <T>(steps: Steps<T>): T => { const result = executor.run(HK, steps); executor.settle(); return result; };
    const physical = must(run(PhysicalFunction.probe(core, device, interruptParent)), 'probe');
    const { registers, capabilities } = physical;
    const layout = layoutOf(host.silicon.profile);
    const array = new ImsArray({ port: registers, offset: layout.offsets.ims, size: layout.imsEntries });
    const domain = must(createImsDomain(core, device, interruptParent, array, { validatePasid: false }), 'a store that checks nothing');
    const msi = must(setMsiDomain(core, device, domain, 'secondary'), 'of the function');
    const taken = { count: 0 };
    const { virq, hwirq } = must(run(msi.allocIrqAt('any', null)), 'an entry');
    must(run(requestIrq(core, virq, { name: 'host work', devId: taken, handler() { taken.count += 1; return 'handled'; } })), 'request_irq()');
    must(run(WorkQueue.configure(physical, DEFAULT_QUEUE)), 'a queue');
    run(writeRegister(registers, Wqcfg.Mode, Wqcfg.Mode.of({ dedicated: 1, priority: 10 }), OFFSETS.wqcfg.get(capabilities.offsets) * TABLE_OFFSET_UNIT));
    run(writeRegister(registers, Wqcfg.Limits, Wqcfg.Limits.of({ maxTransferShift: 12, maxBatchShift: 4 }), OFFSETS.wqcfg.get(capabilities.offsets) * TABLE_OFFSET_UNIT));
    run(writeRegister(registers, GENCFG, GENCFG.of({ userInterruptsEnable: 1 })));
    must(run(physical.mustSucceed(COMMAND.ENABLE_DEVICE)), 'Enable Device');
    must(run(physical.mustSucceed(COMMAND.ENABLE_WQ, 0)), 'Enable WQ');
    return { device, run, hwirq, taken };
  }

  test('whoever reaches a portal and names the entry has its owner interrupted', () => {
    const { device, run, hwirq, taken } = unchecked();
    // A store to the page, as anybody can make it who has it mapped: no PASID is asked for.
    const forged = encodeDescriptor({ opcode: OPCODE.NOOP, flags: DESCRIPTOR_FLAG.REQUEST_COMPLETION_INTERRUPT, interruptHandle: hwirq });
    run(device.resources.portals?.submit(portalOffset({ wq: 0, limited: true, ims: true }), forged) ?? (function* () {})());
    expect(taken.count).toBe(1);
  });

  test('so that no portal is given to anybody while there is such a store', () => {
    expect(unchecked().device.submitters.exposePortal()).toMatchObject({ errno: 'EPERM' });
  });
});
