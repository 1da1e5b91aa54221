// A guest's device moved from one function to another: what the guest sees stays, what the host gave is given anew, and the
// guest hears of it where it has to.
import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { COMMAND, DSA_SMALL, DSA_SPR, encodeDescriptor, INTCAUSE, PCICMD, Wqcfg } from '@siov/datasheet';
import type { DsaProfile } from '@siov/datasheet';
import type { VirtualDeviceOptions, VirtualDeviceState } from '../src/index.ts';
import { DEFAULT_QUEUE, MDEV_TYPE, MDEV_TYPE_SHARED } from '../src/index.ts';
import { addVirtual, makeHost, makeVirtual, SHARED_QUEUE } from './fake-function.ts';

const MODE = 0x400;
const REVOKED = 0x80000000;

/** Two functions of one host, the second with handles of other numbers; a device on the first, one as it on the second. */
function machine({ profile = DSA_SMALL, create = { pasid: true }, type = MDEV_TYPE, queue = DEFAULT_QUEUE, otherHandles = 0x200 }: {
  profile?: DsaProfile; create?: VirtualDeviceOptions; type?: string; queue?: typeof DEFAULT_QUEUE; otherHandles?: number;
} = {}) {
  const host = makeHost({ profile });
  const other = host.addFunction('dsa1', 0x6b00, otherHandles);
  const drivers = [host.probe(queue), other.probe(queue)];
  const [source, target] = drivers.map((driver, index) => {
    if (!driver.ok) throw new Error(driver.message);
    const fake = index === 0 ? host.fake : other.fake;
    return { ...addVirtual({ run: host.run, fake }, driver.value, type, create), fake, driver: driver.value };
  });
  if (source === undefined || target === undefined) throw new Error('two');
  const { run } = host;
  /** As it goes over the wire. */
  const save = () => JSON.parse(JSON.stringify(run(source.virtual.migration.saveState()))) as VirtualDeviceState;
  return { ...host, source, target, save, load: (state: VirtualDeviceState) => run(target.virtual.migration.loadState(state)), start: () => run(target.virtual.migration.start()) };
}

type Side = ReturnType<typeof machine>['source'];

/** A guest at work, with PASID 5 for its queue and PASID 6 for its interrupt. */
function atWork(guest: Side): number {
  guest.bind(5);
  guest.bind(6);
  guest.permit(1, { pasidEnable: 1, pasid: 6 });
  guest.setIrqs(0, [true, true]);
  guest.bar0.write(Wqcfg.Mode, Wqcfg.Mode.of({ pasidEnable: 1, pasid: 5 }), MODE);
  guest.config.write(PCICMD, 6);
  guest.command(COMMAND.ENABLE_DEVICE);
  guest.command(COMMAND.ENABLE_WQ);
  return guest.command(COMMAND.REQUEST_INTERRUPT_HANDLE, 1).result;
}

describe('a device that moves', () => {
  test('is stopped first: what was submitted is done, and the function’s queue disabled', () => {
    const { source, save } = machine();
    atWork(source);
    source.fake.commands.length = 0;
    save();
    save();
    expect(source.fake.commands).toEqual(['DISABLE_WQ(1)']);
  });

  test('takes the guest’s PASIDs with it, none of the host’s, and the handles the guest has', () => {
    const { source, save } = machine();
    const handle = atWork(source);
    const state = save();
    expect(state.bar0['MSIXPERM[1]']).toBe('0x6008');
    expect(Number(state.bar0['WQCFG[0].MODE'])).toBe((1 | (5 << 8) | (1 << 28)) >>> 0);
    expect(state.handles).toEqual([[1, handle]]);
  });

  test('looks to the guest as before: every register and every byte of config space', () => {
    const { source, target, save, load } = machine();
    atWork(source);
    const before = [source.dump(0, 0x10000), source.dump(7, 4096)];
    expect(load(save())).toMatchObject({ ok: true });
    expect([target.dump(0, 0x10000), target.dump(7, 4096)]).toEqual(before);
  });

  test('works with what its PASIDs are there: the queue when it is started, the interrupt when it is set up', () => {
    const { source, target, save, load, start } = machine();
    atWork(source);
    const others = [target.bind(9), target.bind(5), target.bind(6)];
    load(save());
    expect(target.fake.mode().pasidEnable).toBe(0);
    expect(start()).toMatchObject({ ok: true });
    expect(target.fake.mode()).toMatchObject({ pasidEnable: 1, pasid: others[1] });
    target.setIrqs(0, [true, true]);
    expect(target.fake.ims(target.slot(1))).toMatchObject({ mask: 0, pasid: others[2] });
  });

  test('R17: its permission entries are used by the set-up there, and set-up fails where nothing is behind them', () => {
    const { source, target, save, load } = machine();
    atWork(source);
    load(save());
    expect(target.setIrqs(1, [true])).toMatchObject({ errno: 'ENXIO' });
    const host = target.bind(6);
    expect(target.setIrqs(1, [true])).toMatchObject({ ok: true });
    expect(target.fake.ims(target.slot(1)).pasid).toBe(host);
  });

  test('whose handles are others there is told so by vector 0, and gets them when it asks', () => {
    const { source, target, save, load } = machine();
    const before = atWork(source);
    target.bind(5);
    target.bind(6);
    load(save());
    expect(target.bar0.read(INTCAUSE)).toBe(0);
    target.setIrqs(0, [true, true]);
    expect([target.bar0.read(INTCAUSE), target.signals[0]]).toEqual([REVOKED, 1]);
    const now = target.command(COMMAND.REQUEST_INTERRUPT_HANDLE, 1);
    expect([now.error, now.result === before, now.result]).toEqual([0, false, 0x200]);
    target.setIrqs(1, [true]);
    expect(target.signals[0]).toBe(1);
  });

  test.each([['of the function', DSA_SMALL], ['of the store', DSA_SPR]])('whose handles, numbers %s, are the same there hears nothing', (_name, profile) => {
    const { source, target, save, load } = machine({ profile, otherHandles: 0x100 });
    const handle = atWork(source);
    target.bind(6);
    load(save());
    target.setIrqs(0, [true, true]);
    expect([target.bar0.read(INTCAUSE), target.signals[0]]).toEqual([0, 0]);
    expect(target.command(COMMAND.RELEASE_INTERRUPT_HANDLE, handle).error).toBe(0);
  });

  test('is told once all its handles have been compared, whichever came first', () => {
    const { source, target, save, load } = machine({ create: { pasid: true, vectors: 4 } });
    source.setIrqs(0, [true, true, true, true]);
    for (const vector of [1, 2, 3]) source.command(COMMAND.REQUEST_INTERRUPT_HANDLE, vector);
    load(save());
    target.setIrqs(0, [true, true, true, true]);
    expect([target.bar0.read(INTCAUSE), target.signals[0]]).toEqual([REVOKED, 1]);
  });

  test('on a shared queue has its use of it there: stores reach nothing before it is started', () => {
    const { source, target, save, load, start, run } = machine({ profile: DSA_SPR, queue: SHARED_QUEUE, type: MDEV_TYPE_SHARED });
    source.config.write(PCICMD, 6);
    source.command(COMMAND.ENABLE_DEVICE);
    source.command(COMMAND.ENABLE_WQ);
    const reaches = ({ vfio }: Side) => {
      const window = vfio.mmap?.(2, 0x1000, 0x1000);
      return window?.ok === true && run(window.value.enqueue(0, encodeDescriptor({})));
    };
    expect([reaches(source), reaches(target)]).toEqual([true, false]);
    const state = save();
    expect([load(state).ok, reaches(source), reaches(target)]).toEqual([true, false, false]);
    expect([start().ok, reaches(target)]).toEqual([true, true]);
  });

  test('that does not leave after all goes on where it was', () => {
    const { source, save, run } = machine();
    atWork(source);
    save();
    source.fake.commands.length = 0;
    expect(run(source.virtual.migration.start())).toMatchObject({ ok: true });
    expect([source.fake.commands, run(source.virtual.migration.start()).ok, source.fake.commands]).toEqual([['ENABLE_WQ(0)'], true, ['ENABLE_WQ(0)']]);
  });
});

describe('I4: loading', () => {
  test('is EBUSY where vectors are set up, or the queue is enabled', () => {
    const { source, target, save, load } = machine();
    atWork(source);
    const state = save();
    target.setIrqs(0, [true]);
    const before = target.dump(0, 0x10000);
    expect([load(state), target.dump(0, 0x10000)]).toMatchObject([{ errno: 'EBUSY' }, before]);
    target.disable();
    target.config.write(PCICMD, 6);
    target.command(COMMAND.ENABLE_DEVICE);
    target.command(COMMAND.ENABLE_WQ);
    expect(load(state)).toMatchObject({ errno: 'EBUSY' });
  });

  test.each([
    ['with fewer vectors', { pasid: true, vectors: 3 }, 'MSIXPERM[2]'],
    ['without PASIDs', {}, 'PASID_HEADER'],
  ])('is EINVAL on a device %s, and changes nothing', (_name, create, register) => {
    const { save } = machine({ create: { pasid: true, vectors: 2 } });
    const state = save();
    const other = makeVirtual({ profile: DSA_SMALL, create });
    const before = other.dump(0, 0x10000);
    expect(other.run(other.virtual.migration.loadState(state))).toMatchObject({ errno: 'EINVAL', message: expect.stringContaining(register) });
    expect([other.dump(0, 0x10000), other.virtual.migration.stopped]).toEqual([before, false]);
  });

  test.each<[string, (state: VirtualDeviceState) => VirtualDeviceState]>([
    ['of other capabilities', (state) => ({ ...state, bar0: { ...state.bar0, GENCAP: '0x10' } })],
    ['of a larger queue', (state) => ({ ...state, bar0: { ...state.bar0, 'WQCFG[0].SIZE': '0x20' } })],
    ['of another group', (state) => ({ ...state, bar0: { ...state.bar0, 'GRPCFG[0].ENGINES': '0x3' } })],
    ['of a shared queue', (state) => ({ ...state, bar0: { ...state.bar0, 'WQCFG[0].MODE': '0x10000500' } })],
    ['with a value that is none', (state) => ({ ...state, bar0: { ...state.bar0, 'MSIXPERM[1]': 'six' } })],
    ['with a register too few', ({ bar0: { INTCAUSE: _gone, ...bar0 }, ...state }) => ({ ...state, bar0 })],
    ['with a handle of vector 0', (state) => ({ ...state, handles: [[0, 5]] })],
    ['with a handle of no vector', (state) => ({ ...state, handles: [[2, 5]] })],
    ['with a handle of 17 bits', (state) => ({ ...state, handles: [[1, 0x10000]] })],
  ])('is EINVAL of a state %s, and changes nothing', (_name, change) => {
    const { source, target, save, load } = machine();
    atWork(source);
    const state = save();
    const before = [target.dump(0, 0x10000), target.dump(7, 4096)];
    expect(load(change(state))).toMatchObject({ errno: 'EINVAL' });
    expect([target.dump(0, 0x10000), target.dump(7, 4096)]).toEqual(before);
    expect(load(state).ok).toBe(true);
  });

  test('and starting: ENXIO where nothing is behind the queue’s PASID, EIO where the function refuses; both can be done again', () => {
    const { source, target, save, load, start } = machine();
    atWork(source);
    load(save());
    expect(start()).toMatchObject({ errno: 'ENXIO' });
    target.bind(5);
    target.fake.errors.set(COMMAND.ENABLE_WQ, 0x28);
    expect(start()).toMatchObject({ errno: 'EIO', message: expect.stringContaining('0x28') });
    target.fake.errors.clear();
    expect([start().ok, target.virtual.migration.stopped]).toEqual([true, false]);
  });

  test('a reset ends it: the device runs with power-on values', () => {
    const { source, target, save, load, run } = machine();
    const before = target.dump(0, 0x10000);
    atWork(source);
    load(save());
    run(target.vfio.reset());
    expect([target.virtual.migration.stopped, target.dump(0, 0x10000)]).toEqual([false, before]);
    target.setIrqs(0, [true, true]);
    expect(target.bar0.read(INTCAUSE)).toBe(0);
  });
});

test('whatever a guest wrote, what is loaded saves as it was', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom(0, 7), fc.nat({ max: 0x4ff }), fc.uint8Array({ minLength: 1, maxLength: 8 })), { maxLength: 20 }), (writes) => {
      const { source, target, save, load, run } = machine();
      for (const [region, offset, bytes] of writes) {
        // A command or a reset is no write to a register.
        if (region === 0 ? offset < 0xa4 && offset + bytes.length > 0xa0 : offset > 0x40) continue;
        run(source.vfio.regionWrite(region, offset, bytes));
      }
      const state = save();
      expect(load(state).ok).toBe(true);
      expect(JSON.parse(JSON.stringify(run(target.virtual.migration.saveState())))).toEqual(state);
    }),
    { numRuns: 40 },
  );
});
