import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { bufferMemory, fail, ok, plainState, runToCompletion } from '@siov/base';
import { VFIO_PCI_REGION, VFIO_REGION_INFO_FLAG } from '@siov/vfio';
import type { DmaMapping, GuestPasids, VfioDevice } from '@siov/vfio';
import { PasidTranslation } from '../src/index.ts';
import { attach, RecordingDevice } from './recording-device.ts';

const { BAR2 } = VFIO_PCI_REGION;
const mapping = (iova: bigint): DmaMapping => ({ iova, size: 4096n, readable: true, writable: true, memory: bufferMemory(new Uint8Array(4096)) });

/** Guest PASID g is the host's g + 1000; a mapping at 0 is refused; `held` are those that an interrupt carries. */
class PasidDevice extends RecordingDevice {
  readonly calls: string[] = [];
  readonly bound = new Map<number, Set<bigint>>();
  readonly held = new Set<number>();
  readonly commands: Uint8Array[] = [];
  first = 1000;
  readonly pasids: GuestPasids = this.#pasids();

  constructor() {
    super(1);
    this.shown.set(BAR2, { index: BAR2, size: 4096, flags: VFIO_REGION_INFO_FLAG.MMAP });
  }

  mmap: NonNullable<VfioDevice['mmap']> = () => {
    const { commands } = this;
    return ok({ *submit(_offset, command) { commands.push(command); }, *enqueue(_offset, command) { commands.push(command); return true; }, unmap() {} });
  };

  #pasids(): GuestPasids {
    const { calls, bound, held } = this;
    const first = () => this.first;
    return {
      *bind(gpasid) {
        calls.push(`bind ${gpasid}`);
        if (bound.has(gpasid)) return fail('EBUSY', `${gpasid} is bound`);
        bound.set(gpasid, new Set());
        return ok(gpasid + first());
      },
      *map(gpasid, { iova }) {
        calls.push(`map ${gpasid} ${iova}`);
        if (iova === 0n) return fail('EINVAL', 'not at 0');
        const space = bound.get(gpasid);
        if (space === undefined) return fail('ENOENT', `${gpasid} is not bound`);
        space.add(iova);
        return ok();
      },
      *unmap(gpasid, iova) {
        calls.push(`unmap ${gpasid} ${iova}`);
        return bound.get(gpasid)?.delete(iova) === true ? ok() : fail('ENOENT', 'no such mapping');
      },
      *unbind(gpasid) {
        calls.push(`unbind ${gpasid}`);
        if (!bound.has(gpasid)) return fail('ENOENT', `${gpasid} is not bound`);
        if (held.has(gpasid)) return fail('EBUSY', `an interrupt carries ${gpasid}`);
        bound.delete(gpasid);
        return ok();
      },
    };
  }
}

function command(pasid: number, flags = 0): Uint8Array {
  const bytes = Uint8Array.from({ length: 64 }, (_, index) => index);
  new DataView(bytes.buffer).setUint32(0, (flags | pasid) >>> 0, true);
  return bytes;
}
const head = (bytes: Uint8Array | undefined) => new DataView(bytes?.buffer ?? new ArrayBuffer(4)).getUint32(0, true);

function machine() {
  const device = new PasidDevice();
  const translation = new PasidTranslation(plainState, 'vm');
  const guest = attach(device, { mapPortals: true }, { pasids: translation });
  return { device, translation, vmm: guest.vmm, run: guest.run };
}

describe('binding', () => {
  test('is a trap: host PASID, then mappings, then the virtual CPUs', () => {
    const { device, translation, vmm } = machine();
    const steps = vmm.bindPasid(5, [mapping(4096n), mapping(8192n)]);
    const seen: string[] = [];
    let next = steps.next();
    for (; !next.done; next = steps.next()) seen.push(`${next.value.kind} ${translation.get(5)}`);
    expect([seen, next.value.ok]).toEqual([['trap undefined', 'return 1005'], true]);
    expect(device.calls).toEqual(['bind 5', 'map 5 4096', 'map 5 8192']);
  });

  test('that fails leaves nothing bound: mappings and PASID are given back', () => {
    const { device, translation, run, vmm } = machine();
    expect(run(vmm.bindPasid(5, [mapping(4096n), mapping(0n)]))).toMatchObject({ errno: 'EINVAL' });
    expect(device.calls).toEqual(['bind 5', 'map 5 4096', 'map 5 0', 'unmap 5 4096', 'unbind 5']);
    expect([translation.size, device.bound.size, vmm.errors]).toEqual([0, 0, []]);
    run(vmm.bindPasid(5, []));
    expect(run(vmm.bindPasid(5, []))).toMatchObject({ errno: 'EBUSY' });
    expect(translation.get(5)).toBe(1005);
  });

  test('through two devices is one translation as long as one of them has it, and must be of one PASID', () => {
    const translation = new PasidTranslation(plainState, 'vm');
    const [one, two, odd] = [new PasidDevice(), new PasidDevice(), new PasidDevice()];
    odd.first = 2000;
    const [a, b, c] = [one, two, odd].map((device) => attach(device, {}, { pasids: translation }));
    if (a === undefined || b === undefined || c === undefined) return expect.unreachable();
    expect([a, b].map(({ run, vmm }) => run(vmm.bindPasid(5, [])).ok)).toEqual([true, true]);
    expect(c.run(c.vmm.bindPasid(5, [mapping(4096n)]))).toMatchObject({ errno: 'EBUSY', message: 'guest PASID 5 is translated to 1005 already, not to 2005' });
    expect(odd.bound.size).toBe(0);
    a.run(a.vmm.unbindPasid(5));
    expect(translation.get(5)).toBe(1005);
    b.run(b.vmm.unbindPasid(5));
    expect(translation.get(5)).toBeUndefined();
  });

  test('more and fewer mappings later go to the device', () => {
    const { device, run, vmm } = machine();
    expect(run(vmm.mapPasid(5, mapping(4096n)))).toMatchObject({ errno: 'ENOENT' });
    run(vmm.bindPasid(5, []));
    expect([run(vmm.mapPasid(5, mapping(4096n))).ok, run(vmm.unmapPasid(5, 4096n, 4096n)).ok]).toEqual([true, true]);
    expect(run(vmm.unmapPasid(5, 4096n, 4096n))).toMatchObject({ errno: 'ENOENT' });
    expect(device.calls.slice(-3)).toEqual(['map 5 4096', 'unmap 5 4096', 'unmap 5 4096']);
  });

  test('is EOPNOTSUPP on a device without guest PASIDs', () => {
    const { run, vmm } = attach(new RecordingDevice(1));
    const all = [vmm.bindPasid(5, []), vmm.mapPasid(5, mapping(4096n)), vmm.unmapPasid(5, 0n, 1n), vmm.unbindPasid(5)];
    expect(all.map((steps) => run<unknown>(steps))).toMatchObject([1, 2, 3, 4].map(() => ({ errno: 'EOPNOTSUPP' })));
  });
});

describe('unbinding', () => {
  test('takes the translation away before the host has its PASID back', () => {
    const { device, translation, run, vmm } = machine();
    run(vmm.bindPasid(5, []));
    const seen: (number | undefined)[] = [];
    const inner = device.pasids.unbind;
    Object.assign(device.pasids, { unbind: (gpasid: number) => (seen.push(translation.get(5)), inner(gpasid)) });
    expect([run(vmm.unbindPasid(5)).ok, seen, translation.size]).toEqual([true, [undefined], 0]);
    expect(run(vmm.unbindPasid(5))).toMatchObject({ errno: 'ENOENT' });
  });

  test('is EBUSY while an interrupt carries the PASID, and everything is as before', () => {
    const { device, translation, run, vmm } = machine();
    run(vmm.bindPasid(5, []));
    device.held.add(5);
    expect(run(vmm.unbindPasid(5))).toMatchObject({ errno: 'EBUSY' });
    expect([translation.get(5), run(vmm.enqcmd(BAR2, 0, command(5)))]).toEqual([1005, ok(true)]);
    device.held.clear();
    expect([run(vmm.unbindPasid(5)).ok, translation.size]).toEqual([true, 0]);
  });
});

describe('ENQCMD', () => {
  test('leaves the virtual CPU with the host’s PASID, everything else as the guest wrote it, without an exit', () => {
    const { device, run, vmm } = machine();
    run(vmm.bindPasid(5, []));
    const written = command(5, 0xfff0_0000);
    expect([...vmm.enqcmd(BAR2, 0, written)]).toEqual([]);
    expect(head(device.commands[0])).toBe(0xfff0_03ed);
    expect(device.commands[0]?.subarray(4)).toEqual(written.subarray(4));
    expect(head(written)).toBe(0xfff0_0005);
  });

  test('with a PASID that has no translation exits to the VMM: EFAULT, and nothing reaches the device', () => {
    const { device, run, vmm } = machine();
    run(vmm.bindPasid(5, []));
    run(vmm.unbindPasid(5));
    expect([...vmm.enqcmd(BAR2, 0, command(5))].map(({ kind }) => kind)).toEqual(['trap', 'return']);
    expect(run(vmm.enqcmd(BAR2, 0, command(6)))).toMatchObject({ errno: 'EFAULT', message: 'ENQCMD: guest PASID 6 has no translation' });
    expect(device.commands).toEqual([]);
  });

  test('is translated, MOVDIR64B is not', () => {
    const { device, run, vmm } = machine();
    run(vmm.bindPasid(5, []));
    run(vmm.submit(BAR2, 0, command(5)));
    expect(head(device.commands[0])).toBe(5);
  });
});

test('no program of binding and unbinding leaves a translation the guest has not, or loses one it has', () => {
  type Operation = readonly ['load', number, number] | readonly ['unload', number] | readonly ['translate', number, number];
  const gpasid = fc.constantFrom(0, 1, 5, 0xfffff);
  const operation: fc.Arbitrary<Operation> = fc.oneof(
    fc.tuple(fc.constant('load' as const), gpasid, fc.constantFrom(1000, 1001, 0xfffff)),
    fc.tuple(fc.constant('unload' as const), gpasid),
    fc.tuple(fc.constant('translate' as const), gpasid, fc.nat({ max: 0xfff })),
  );
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 40 }), (operations) => {
      const translation = new PasidTranslation(plainState, 'vm');
      const model: { gpasid: number; pasid: number }[] = [];
      for (const each of operations) {
        const there = model.find((entry) => entry.gpasid === each[1]);
        if (each[0] === 'load') {
          const possible = there === undefined || there.pasid === each[2];
          expect(translation.load(each[1], each[2]).ok).toBe(possible);
          if (possible) model.push({ gpasid: each[1], pasid: each[2] });
        } else if (each[0] === 'unload') {
          if (there === undefined) expect(() => translation.unload(each[1])).toThrow('not translated');
          else {
            translation.unload(each[1]);
            model.splice(model.indexOf(there), 1);
          }
        } else {
          const stored = translation.translate(command(each[1], each[2] << 20));
          expect(stored.ok ? head(stored.value) : stored.errno).toBe(there === undefined ? 'EFAULT' : ((each[2] << 20) | there.pasid) >>> 0);
        }
        expect(translation.size).toBe(new Set(model.map((entry) => entry.gpasid)).size);
      }
    }),
  );
});

test('a command that is not 64 bytes is a mistake of the machine', () => {
  expect(() => new PasidTranslation(plainState, 'vm').translate(new Uint8Array(32))).toThrow('64 bytes, not 32');
  expect(() => runToCompletion(machine().vmm.enqcmd(BAR2, 0, new Uint8Array(63)))).toThrow('64 bytes, not 63');
});
