// Four guests on one function, two with a dedicated queue and two with a part in a shared one: whatever one of them does, it
// gets nothing of the others', and takes nothing from them.
import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { CMDCAP, COMMAND, DSA_SPR, GENCAP, PCICMD, Wqcfg } from '@siov/datasheet';
import type { DsaProfile } from '@siov/datasheet';
import { addVirtual, makeHost, SHARED_QUEUE } from './fake-function.ts';
import { DEFAULT_QUEUE, MDEV_TYPE, MDEV_TYPE_SHARED } from '../src/index.ts';

const TYPES = [MDEV_TYPE, MDEV_TYPE, MDEV_TYPE_SHARED, MDEV_TYPE_SHARED];
const QUEUES = [{ ...DEFAULT_QUEUE, size: 4 }, { ...DEFAULT_QUEUE, size: 4, index: 1, engine: 0 }, { ...SHARED_QUEUE, size: 4, threshold: 4, index: 2, engine: 0 }];
const GPASIDS = [1, 2, 3];
const WITH_HANDLES: DsaProfile = { ...DSA_SPR, GENCAP: GENCAP.commandCapabilities.set(DSA_SPR.GENCAP, 1), CMDCAP: CMDCAP.of({ commands: 0x7ffe }) };

function machine(profile: DsaProfile) {
  const host = makeHost({ profile });
  const before = host.counters();
  const driver = host.probe(...QUEUES);
  if (!driver.ok) throw new Error(driver.message);
  const guests = TYPES.map((type) => {
    const guest = addVirtual(host, driver.value, type, { pasid: true, vectors: 3 });
    guest.config.write(PCICMD, 6);
    return { ...guest, own: new Set<number>([guest.mdev.device.iommu.pasid]), bound: new Map<number, number>() };
  });
  return { ...host, driver: driver.value, guests, before };
}

type Machine = ReturnType<typeof machine>;
type Guest = Machine['guests'][number];

const acts = ['bind', 'unbind', 'permit', 'arm', 'disarm', 'request', 'release', 'command', 'choose', 'reset'] as const;
const step = fc.record({ who: fc.nat({ max: 3 }), act: fc.constantFrom(...acts), vector: fc.integer({ min: 1, max: 2 }), gpasid: fc.integer({ min: 1, max: 4 }), code: fc.integer({ min: 1, max: 12 }) });

function perform(made: Machine, guest: Guest, { act, vector, gpasid, code }: { act: (typeof acts)[number]; vector: number; gpasid: number; code: number }): void {
  const { pasids } = guest.vfio;
  if (pasids === undefined) throw new Error('no PASIDs');
  const { run } = made;
  switch (act) {
    case 'bind': {
      const bound = GPASIDS.includes(gpasid) ? run(pasids.bind(gpasid)) : undefined;
      if (bound?.ok === true) guest.bound.set(gpasid, bound.value);
      return;
    }
    case 'unbind':
      if (run(pasids.unbind(gpasid)).ok) guest.bound.delete(gpasid);
      return;
    case 'permit':
      return guest.permit(vector, gpasid > 3 ? {} : { pasidEnable: 1, pasid: gpasid });
    case 'arm':
      return void guest.setIrqs(0, vector === 2 ? [true, true, true] : [true, true]);
    case 'disarm':
      return void (gpasid > 2 ? guest.disable() : guest.setIrqs(vector, [false]));
    case 'request':
      return void guest.command(COMMAND.REQUEST_INTERRUPT_HANDLE, vector);
    case 'release':
      return void guest.command(COMMAND.RELEASE_INTERRUPT_HANDLE, vector);
    case 'command':
      return void guest.command(code, code >= COMMAND.DRAIN_PASID ? gpasid : code > COMMAND.ENABLE_WQ ? 1 : 0);
    case 'choose':
      return guest.bar0.write(Wqcfg.Mode, Wqcfg.Mode.of({ pasidEnable: 1, pasid: gpasid }), 0x400);
    case 'reset':
      return run(guest.vfio.reset());
  }
}

/** What a guest's own are: the function's queue it has to itself, PASIDs behind its names. */
function check({ fake, guests }: Machine): void {
  const slots = guests.flatMap((guest) => [1, 2].map((vector) => guest.slot(vector))).filter((slot) => slot >= 0);
  expect(new Set(slots).size).toBe(slots.length);
  for (const guest of guests) {
    const own = new Set([...guest.own, ...guest.bound.values()]);
    for (const vector of [1, 2]) {
      const slot = guest.slot(vector);
      if (slot >= 0) expect([fake.ims(slot).mask, own.has(fake.ims(slot).pasid)]).toEqual([0, true]);
    }
  }
  const all = guests.flatMap((guest) => [...guest.own, ...guest.bound.values()]);
  expect(new Set(all).size).toBe(all.length);
  for (const [index, guest] of guests.slice(0, 2).entries()) {
    const running = Wqcfg.Status.state.get(guest.bar0.read(Wqcfg.Status, 0x400)) === 1;
    if (running) expect(guest.own.has(fake.mode(index).pasid) || [...guest.bound.values()].includes(fake.mode(index).pasid)).toBe(true);
  }
}

/** Commands of one guest name its own queue, its own PASIDs and its own slots; `allowed` from before it acted, for what it gave up meanwhile. */
function checkCommands(made: Machine, guest: Guest, index: number, allowed: { pasids: ReadonlySet<number>; slots: ReadonlySet<number> }): void {
  for (const each of made.fake.commands.splice(0)) {
    const [, name = '', operand = ''] = /(\w+)\((\d+)\)/.exec(each) ?? [];
    if (name.endsWith('_PASID')) expect(allowed.pasids.has(Number(operand)) || [...guest.bound.values()].includes(Number(operand))).toBe(true);
    else if (name === 'ENABLE_WQ') expect(Number(operand)).toBe(index);
    else if (name.endsWith('_WQ')) expect([index < 2, Number(operand)]).toEqual([true, 1 << index]);
    else if (name.endsWith('_HANDLE')) expect(allowed.slots.has(Number(operand) & 0xffff) || [1, 2].some((vector) => guest.slot(vector) === (Number(operand) & 0xffff))).toBe(true);
    else throw new Error(`a guest made the function do ${each}`);
  }
}

describe.each([['slots as handles', DSA_SPR], ['handles of the function', WITH_HANDLES]])('four guests, %s', (_name, profile) => {
  test('never have an entry, a PASID, a queue or a command in common, whatever they do', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40, size: 'max' }), (steps) => {
        const made = machine(profile);
        made.fake.commands.length = 0;
        for (const each of steps) {
          const guest = made.guests[each.who];
          if (guest === undefined) throw new Error('four');
          const allowed = {
            pasids: new Set([...guest.own, ...guest.bound.values()]),
            slots: new Set([1, 2].map((vector) => guest.slot(vector))),
          };
          const seen = made.fake.commands;
          const { command } = guest;
          // What the user's command() takes away is looked at too.
          const watched = { ...guest, command: (code: number, operand = 0) => {
            const done = command(code, operand);
            seen.push(...done.physical);
            return done;
          } };
          perform(made, watched, each);
          checkCommands(made, guest, each.who, allowed);
          check(made);
        }
        made.run(made.driver.remove());
        made.executor.settle();
        expect(made.counters()).toEqual(made.before);
      }),
      { numRuns: 60 },
    );
  });
});

test('a guest that names another’s handle or PASID gets an error, or nothing happens', () => {
  const { guests } = machine(WITH_HANDLES);
  const [a, b] = guests;
  if (a === undefined || b === undefined) throw new Error('two');
  for (const guest of [a, b]) guest.setIrqs(0, [true, true, true]);
  const handle = b.command(COMMAND.REQUEST_INTERRUPT_HANDLE, 2).result;
  a.command(COMMAND.REQUEST_INTERRUPT_HANDLE, 1);
  const slot = b.slot(2);
  expect(a.command(COMMAND.RELEASE_INTERRUPT_HANDLE, handle)).toMatchObject({ error: 0x41, physical: [] });
  expect(b.slot(2)).toBe(slot);
  const host = b.bind(1);
  expect(a.command(COMMAND.ABORT_PASID, 1)).toMatchObject({ error: 0, physical: [] });
  expect(a.command(COMMAND.ABORT_PASID, host)).toMatchObject({ error: 0, physical: [] });
  a.permit(1, { pasidEnable: 1, pasid: 1 });
  expect(a.setIrqs(1, [true])).toMatchObject({ errno: 'ENXIO' });
});
