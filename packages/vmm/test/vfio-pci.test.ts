import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { Executor, fail, ModelError, noTrace, plainState, recordTrace, runToCompletion } from '@siov/base';
import type { TraceEvent } from '@siov/base';
import { VFIO_PCI_REGION } from '@siov/vfio';
import { VfioPci } from '../src/index.ts';
import { attach, CAPABILITY, CONTROL, ENABLE, MASK_ALL, PBA, RecordingDevice, TABLE } from './recording-device.ts';

const ports = { state: plainState, trace: noTrace, *inject() {} };
const realize = (device: RecordingDevice) => runToCompletion(VfioPci.realize(ports, { trapAgent: 'VC0/host' }, device));

describe('SET_IRQS', () => {
  test('follows the guest: enabling enters MSI-X with no vector, each unmask adds one, masking changes nothing, disabling takes all', () => {
    const device = new RecordingDevice(3);
    const guest = attach(device);
    const step = (what: () => void) => {
      what();
      return device.sets.splice(0);
    };
    expect(step(() => guest.control(ENABLE | MASK_ALL))).toEqual(['0+1:-1']);
    expect(step(() => guest.message(1, 0xfee00000, 33))).toEqual([]);
    expect(step(() => guest.setMask(1, 0))).toEqual([]);
    expect(step(() => guest.control(ENABLE))).toEqual(['1+1:fd']);
    expect(step(() => guest.setMask(0, 0))).toEqual(['0+1:fd']);
    expect(step(() => guest.setMask(1, 1))).toEqual([]);
    expect(step(() => guest.setMask(1, 0))).toEqual(['1+1:fd']);
    expect(step(() => guest.control(0))).toEqual(['0+0:none']);
    expect(step(() => guest.control(0))).toEqual([]);
    expect(device.triggers).toEqual([null, null, null]);
  });

  test('has completed when the guest’s unmasking write has: the trap is synchronous', () => {
    const device = new RecordingDevice(2);
    const guest = attach(device);
    guest.control(ENABLE);
    const steps = guest.bar0.write(TABLE + 12, 4, 0);
    const seen: string[] = [];
    for (let next = steps.next(); !next.done; next = steps.next()) seen.push(`${next.value.kind} armed=${device.triggers[0] !== null}`);
    expect(seen).toEqual(['trap armed=false', 'return armed=true']);
  });

  test('that fails is reported, and the guest goes on with a dead vector', () => {
    const device = new RecordingDevice(2);
    const guest = attach(device);
    guest.control(ENABLE);
    device.refuse = fail('ENOSPC', 'no slot is left');
    guest.setMask(1, 0);
    expect(guest.vmm.errors).toEqual(['SET_IRQS 1+1: -ENOSPC: no slot is left']);
    device.refuse = null;
    guest.setMask(0, 0);
    device.fire(1);
    device.fire(0);
    guest.settle();
    expect([guest.messages.length, guest.vmm.errors.length]).toEqual([1, 1]);
  });

  test('hands the device a duplicate: what it closes, the VMM can still listen to', () => {
    const device = new RecordingDevice(1);
    const guest = attach(device);
    guest.control(ENABLE);
    guest.setMask(0, 0);
    const [old] = device.triggers;
    guest.setMask(0, 1);
    guest.setMask(0, 0);
    old?.signal();
    guest.settle();
    expect(guest.messages).toEqual([]);
    device.fire(0);
    guest.settle();
    expect(guest.messages).toEqual(['0:0']);
  });
});

describe('an event of the device', () => {
  test('reaches the guest as the message of the entry, and as one pending bit while that is masked', () => {
    const device = new RecordingDevice(2);
    const guest = attach(device);
    guest.control(ENABLE);
    guest.message(1, 0xfee00000, 33);
    guest.setMask(1, 0);
    device.fire(1);
    guest.settle();
    expect(guest.messages.splice(0)).toEqual(['fee00000:33']);
    guest.setMask(1, 1);
    device.fire(1);
    guest.settle();
    device.fire(1);
    guest.settle();
    expect([guest.messages.length, guest.pending()]).toEqual([0, 2n]);
    guest.setMask(1, 0);
    expect([guest.messages, guest.pending()]).toEqual([['fee00000:33'], 0n]);
  });

  test('that nobody had looked at when MSI-X was disabled is none of the next use', () => {
    const device = new RecordingDevice(1);
    const guest = attach(device);
    guest.control(ENABLE);
    guest.setMask(0, 0);
    device.fire(0);
    guest.control(0);
    guest.control(ENABLE);
    guest.settle();
    expect(guest.messages).toEqual([]);
  });
});

describe('config space', () => {
  test('shows the VMM’s enable and function mask, not the device’s', () => {
    const device = new RecordingDevice(3);
    const guest = attach(device);
    guest.control(ENABLE | MASK_ALL);
    device.config.fill(0, CONTROL, CONTROL + 2);
    expect(guest.run(guest.config.read(CONTROL, 2))).toBe(ENABLE | MASK_ALL | 2);
    expect(guest.run(guest.config.read(CAPABILITY, 4))).toBe((((ENABLE | MASK_ALL | 2) << 16) | 0x11) >>> 0);
    expect(guest.run(guest.config.read64(CAPABILITY))).toBe((BigInt(TABLE) << 32n) | (BigInt(ENABLE | MASK_ALL | 2) << 16n) | 0x11n);
  });

  test('takes message control byte by byte too, as PCI has it', () => {
    const device = new RecordingDevice(3);
    const guest = attach(device);
    guest.run(guest.config.write(CONTROL + 1, 1, 0xc0));
    expect(device.sets).toEqual(['0+1:-1']);
    device.config.fill(0, CONTROL, CONTROL + 2);
    expect([guest.run(guest.config.read(CONTROL + 1, 1)), guest.run(guest.config.read(CONTROL, 1))]).toEqual([0xc0, 2]);
    guest.run(guest.config.write(CONTROL, 1, 0));
    expect(guest.run(guest.config.read(CONTROL + 1, 1))).toBe(0xc0);
    guest.run(guest.config.write(CAPABILITY, 4, 0x8000_0000));
    expect(guest.run(guest.config.read(CONTROL, 2))).toBe(ENABLE | 2);
  });

  test('and registers are the device’s own everywhere else', () => {
    const device = new RecordingDevice(3);
    const guest = attach(device);
    device.accesses.length = 0;
    guest.run(guest.config.write(4, 2, 6));
    expect(guest.run(guest.config.read(4, 2))).toBe(6);
    expect(guest.run(guest.bar0.read(0x10, 4))).toBe(0x5a5a5a5a);
    guest.run(guest.bar0.write64(0x18, 1n));
    expect(device.accesses).toEqual(['write 7+0x4:2', 'read 7+0x4:2', 'read 0+0x10:4', 'write 0+0x18:8']);
    expect(device.sets).toEqual([]);
  });
});

describe('the table and the pending bits', () => {
  test('never reach the device', () => {
    const device = new RecordingDevice(3);
    const guest = attach(device);
    device.accesses.length = 0;
    guest.message(2, 0xfee00000, 9);
    expect(guest.run(guest.bar0.read64(TABLE + 40))).toBe(0x1_0000_0009n);
    expect(guest.run(guest.bar0.read(TABLE + 32, 4))).toBe(0xfee00000);
    guest.run(guest.bar0.write64(PBA, ~0n & 0xffffffffffffffffn));
    expect([guest.pending(), guest.run(guest.bar0.read(PBA + 4, 4))]).toEqual([0n, 0]);
    expect(device.accesses).toEqual([]);
  });

  test('answer 4 and 8 bytes only: smaller accesses read 0 and write nothing', () => {
    const device = new RecordingDevice(1);
    const guest = attach(device);
    guest.message(0, 0xfee00000, 0x11223344);
    guest.run(guest.bar0.write(TABLE + 8, 1, 0xff));
    guest.run(guest.bar0.write(TABLE + 12, 2, 0));
    expect([guest.run(guest.bar0.read(TABLE + 9, 1)), guest.run(guest.bar0.read(TABLE + 8, 2))]).toEqual([0, 0]);
    expect(guest.run(guest.bar0.read64(TABLE + 8))).toBe(0x1_1122_3344n);
  });

  test('end where they end: the registers behind them are the device’s', () => {
    const device = new RecordingDevice(3);
    const guest = attach(device);
    expect([guest.run(guest.bar0.read(TABLE + 48, 4)), guest.run(guest.bar0.read(PBA + 8, 4))]).toEqual([0x5a5a5a5a, 0x5a5a5a5a]);
  });
});

describe('errors', () => {
  test('of region accesses are reported; the guest reads all ones, as from a bus nobody answers on', () => {
    const guest = attach(new RecordingDevice(1));
    expect(guest.run(guest.bar0.read(0x8000, 2))).toBe(0xffff);
    expect(guest.run(guest.bar0.read64(0x8000))).toBe(0xffff_ffff_ffff_ffffn);
    guest.run(guest.bar0.write(0x8000, 4, 1));
    guest.run(guest.vmm.submit(VFIO_PCI_REGION.BAR2, 0, new Uint8Array(64)));
    expect(guest.vmm.errors.map((error) => error.slice(0, 17))).toEqual(['-EINVAL: region 0', '-EINVAL: region 0', '-EINVAL: region 0', '-EINVAL: region 2']);
  });

  test('that a guest causes without end do not fill memory: the last ones are kept', () => {
    const guest = attach(new RecordingDevice(1));
    for (let count = 0; count < 200; count++) guest.run(guest.bar0.write(0x8000 + 4 * count, 4, 1));
    expect(guest.vmm.errors.length).toBe(64);
    expect(guest.vmm.errors.at(-1)).toContain(String(0x8000 + 4 * 199));
  });

  test('a device without MSI-X, or whose config space cannot be read, is refused with ENODEV', () => {
    const without = new RecordingDevice(1);
    without.config.fill(0, 0x34, 0x35);
    const none = new RecordingDevice(0);
    const mute = new RecordingDevice(1);
    mute.regionRead = function* () { return fail('EINVAL', 'no config'); };
    expect([without, none, mute].map((device) => realize(device))).toMatchObject([{ errno: 'ENODEV' }, { errno: 'ENODEV' }, { errno: 'ENODEV' }]);
  });

  test('no content of config space makes attaching throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 256, maxLength: 256 }), fc.nat({ max: 255 }), (bytes, pointer) => {
        const device = new RecordingDevice(1);
        device.config.set(bytes);
        // A capability at the pointer, so that the walk gets somewhere; possibly where it has no room.
        device.config[0x34] = pointer;
        device.config[pointer & 0xfc] = 0x11;
        const realized = realize(device);
        expect(realized.ok || realized.errno === 'ENODEV').toBe(true);
      }),
    );
  });

  test('a capability that leaves the first 256 bytes is none', () => {
    const device = new RecordingDevice(1);
    device.config[0x34] = 0xfc;
    device.config[0xfc] = 0x11;
    expect(realize(device)).toMatchObject({ errno: 'ENODEV' });
  });

  test('the reserved low bits of a capability pointer are ignored', () => {
    const device = new RecordingDevice(1);
    device.config[0x34] = CAPABILITY + 3;
    expect(realize(device).ok).toBe(true);
  });
});

test('a trap is recorded as the guest’s crossing into vmm, and what it does in the vCPU’s host thread', () => {
  const executor = new Executor();
  const events: TraceEvent[] = [];
  const trace = recordTrace(executor, () => 0, (event) => events.push(event));
  const device = new RecordingDevice(1);
  const inner = device.regionRead.bind(device);
  device.regionRead = (index, offset, into) => trace.cross('vfio', 'read', {}, inner(index, offset, into));
  const vcpu = { name: 'VC0', layer: 'guest' };
  const realized = executor.run({ name: 'QM', layer: 'vmm' }, VfioPci.realize({ state: plainState, trace, *inject() {} }, { trapAgent: 'VC0/host' }, device));
  if (!realized.ok) throw new ModelError(realized.message);
  events.length = 0;
  executor.run(vcpu, realized.value.region(VFIO_PCI_REGION.BAR0).read(0, 4));
  expect(events.map(({ agent, from, to, operation }) => `${agent}: ${from} > ${to} ${operation}`)).toEqual(['VC0: guest > vmm guest_read', 'VC0/host: vmm > vfio read']);
  expect(vcpu).toEqual({ name: 'VC0', layer: 'guest' });
});

test('where several virtual CPUs trap, each does it as its own host thread', () => {
  const executor = new Executor();
  const agents: string[] = [];
  const trace = recordTrace(executor, () => 0, () => {});
  const device = new RecordingDevice(1);
  const inner = device.regionRead.bind(device);
  device.regionRead = (index, offset, into) => (agents.push(executor.current.name), inner(index, offset, into));
  const options = { trapAgent: () => `${executor.current.name}/host` };
  const realized = executor.run({ name: 'QM', layer: 'vmm' }, VfioPci.realize({ state: plainState, trace, *inject() {} }, options, device));
  if (!realized.ok) throw new ModelError(realized.message);
  for (const name of ['VC0', 'VC1']) executor.run({ name, layer: 'guest' }, realized.value.region(VFIO_PCI_REGION.BAR0).read(0, 4));
  expect(agents).toEqual(['QM', 'VC0/host', 'VC1/host']);
});

// The same against the device: events, masks and control in any order. What the guest must get follows from what the
// device could signal (armed since the last unmask) and from how often the main loop has looked.
type Operation = readonly ['control', boolean, boolean] | readonly ['mask', number, 0 | 1] | readonly ['fire', number] | readonly ['settle'];

test('no program of the guest and the device loses, invents or doubles an interrupt', () => {
  const VECTORS = 2;
  const vector = fc.nat({ max: VECTORS - 1 });
  const operation: fc.Arbitrary<Operation> = fc.oneof(
    fc.tuple(fc.constant('control' as const), fc.boolean(), fc.boolean()),
    fc.tuple(fc.constant('mask' as const), vector, fc.constantFrom(0 as const, 1 as const)),
    fc.tuple(fc.constant('fire' as const), vector),
    fc.tuple(fc.constant('settle' as const)),
  );
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 60, size: 'max' }), (program) => {
      const device = new RecordingDevice(VECTORS);
      const guest = attach(device);
      for (let each = 0; each < VECTORS; each++) guest.message(each, 0xfee00000, each);
      const model = Array.from({ length: VECTORS }, () => ({ mask: true, armed: false, signalled: false, pending: false }));
      let [enabled, functionMask] = [false, false];
      const expected: string[] = [];
      const open = (entry: { mask: boolean }) => enabled && !functionMask && !entry.mask;
      const changed = (change: () => void) => {
        const before = model.map(open);
        change();
        for (const [index, entry] of model.entries()) {
          if (!open(entry) || before[index] === true) continue;
          entry.armed = true;
          if (entry.pending) expected.push(`fee00000:${index}`);
          entry.pending = false;
        }
      };
      for (const each of [...program, ['settle'] as const]) {
        if (each[0] === 'control') {
          guest.control((each[1] ? ENABLE : 0) | (each[2] ? MASK_ALL : 0));
          changed(() => {
            // Entering MSI-X mode gives vector 0 up, as it is; leaving it gives up everything.
            if (!each[1] && enabled) for (const entry of model) Object.assign(entry, { armed: false, signalled: false, pending: false });
            [enabled, functionMask] = [each[1], each[2]];
          });
        } else if (each[0] === 'mask') {
          guest.setMask(each[1], each[2]);
          changed(() => Object.assign(model[each[1]] ?? {}, { mask: each[2] === 1 }));
        } else if (each[0] === 'fire') {
          device.fire(each[1]);
          const entry = model[each[1]];
          if (entry?.armed === true) entry.signalled = true;
        } else {
          guest.settle();
          for (const [index, entry] of model.entries()) {
            if (!entry.signalled) continue;
            entry.signalled = false;
            if (open(entry)) expected.push(`fee00000:${index}`);
            else entry.pending = true;
          }
        }
        expect(device.triggers.map((trigger) => trigger !== null)).toEqual(model.map((entry) => entry.armed));
      }
      expect([...guest.messages].sort()).toEqual([...expected].sort());
      expect(guest.pending()).toBe(model.reduce((bits, entry, index) => bits | (entry.pending ? 1n << BigInt(index) : 0n), 0n));
      expect(guest.vmm.errors).toEqual([]);
    }),
    { numRuns: 300 },
  );
});
