import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { ModelError, ok } from '@siov/base';
import type { AccessPort } from '@siov/base';
import { ObservedState } from '@siov/base/testing';
import { PciDevice } from '@siov/device';
import { cpuMask, deviceMsi, freeIrq, IrqDomain, msiDomainOf, pciAllocIrqVectors, pciEnableMsix, pciMsixAllocIrqAt, pciMsixFreeIrq, requestIrq } from '../src/index.ts';
import { makeMachine } from './machine.ts';
import type { MachineOptions } from './machine.ts';

const [CAPABILITY, TABLE, VECTORS] = [0x50, 0x800, 3];

function window(bytes: Uint8Array, log: string[], name: string): AccessPort {
  const view = new DataView(bytes.buffer);
  return {
    *read(offset, size) {
      if (name === 'bar') log.push(`read ${name}+0x${offset.toString(16)}`);
      return size === 4 ? view.getUint32(offset, true) : size === 2 ? view.getUint16(offset, true) : view.getUint8(offset);
    },
    *write(offset, size, value) {
      log.push(`${name}+0x${offset.toString(16)} ${value.toString(16)}`);
      if (size === 4) view.setUint32(offset, value, true);
      else if (size === 2) view.setUint16(offset, value, true);
      else view.setUint8(offset, value);
    },
    *read64() { return 0n; },
    *write64() {},
  };
}

type Capability = readonly [at: number, id: number, next: number];

/** A function whose capability list is a PCIe capability and then MSI-X, its table in BAR 2. */
function makeFunction({ capabilities = [[0x40, 0x10, CAPABILITY], [CAPABILITY, 0x11, 0]] as readonly Capability[], ...options }: MachineOptions & { capabilities?: readonly Capability[] } = {}) {
  const state = new ObservedState();
  const machine = makeMachine({ state, ...options });
  const [config, bar] = [new Uint8Array(256), new Uint8Array(4096)];
  const view = new DataView(config.buffer);
  config[0x34] = capabilities[0]?.[0] ?? 0;
  for (const [at, id, next] of capabilities) { config[at] = id; config[at + 1] = next; }
  view.setUint16(CAPABILITY + 2, VECTORS - 1, true);
  view.setUint32(CAPABILITY + 4, TABLE | 2, true);
  const log: string[] = [];
  const resources = { config: window(config, log, 'config'), bars: { 2: window(bar, log, 'bar') } };
  const device = new PciDevice('dsa0', { state, requesterId: 0x6a01, resources });
  const table = new DataView(bar.buffer);
  return {
    ...machine, state, device, parent: machine.vectors.domain, log, config, table,
    writes: () => log.splice(0).filter((line) => !line.startsWith('read')),
    entry: (index: number) => [0, 4, 8, 12].map((at) => table.getUint32(TABLE + index * 16 + at, true)),
    control: () => view.getUint16(CAPABILITY + 2, true) >>> 14,
  };
}

const handler = () => 'handled' as const;

/** With all vectors of the table. */
function withVectors(options = {}) {
  const made = makeFunction();
  const vectors = made.run(pciAllocIrqVectors(made.core, made.device, made.parent, options));
  if (!vectors.ok) throw new Error(vectors.message);
  return { ...made, msix: vectors.value, virq: vectors.value.virqs[0] ?? 0 };
}

describe('enabling MSI-X', () => {
  test('entries are masked under the function mask before the function is let go', () => {
    const { run, core, device, parent, writes, control } = makeFunction();
    expect(run(pciEnableMsix(core, device, parent))).toMatchObject({ ok: true, value: { size: VECTORS } });
    expect(writes()).toEqual(['config+0x52 c002', 'bar+0x80c 1', 'bar+0x81c 1', 'bar+0x82c 1', 'config+0x52 8002']);
    expect(control()).toBe(0b10);
  });

  test('with vectors, all messages are in the table before the function is let go, on masked entries', () => {
    const { writes, entry, vectors } = withVectors();
    const written = writes();
    expect([written[0], written.at(-1)]).toEqual(['config+0x52 c002', 'config+0x52 8002']);
    expect([0, 1, 2].map(entry)).toEqual([0, 1, 2].map(() => [0xfee00000, 0, 0xef, 1]));
    expect(vectors.counters).toEqual({ reserved: 3, assigned: 0, managed: 0 });
  });

  test('EINVAL: enabled already, which is not disturbed', () => {
    const { run, core, device, parent, control, entry, virq, state } = withVectors();
    run(requestIrq(core, virq, { name: 'a', devId: 1, handler }));
    const [running, before] = [entry(0), state.snapshot()];
    expect(run(pciEnableMsix(core, device, parent))).toMatchObject({ errno: 'EINVAL' });
    expect(run(pciAllocIrqVectors(core, device, parent))).toMatchObject({ errno: 'EINVAL' });
    expect([control(), entry(0), state.changes(before)]).toEqual([0b10, running, []]);
  });

  test('EINVAL: a parent that takes no MSI domains', () => {
    const { run, core, device, log } = makeFunction();
    const plain = new IrqDomain(new ObservedState(), 'plain', {});
    expect(run(pciEnableMsix(core, device, plain))).toMatchObject({ errno: 'EINVAL' });
    expect(log).toEqual([]);
  });

  test('disabled and enabled again it works as the first time', () => {
    const { run, core, device, parent, counters, control } = makeFunction();
    const before = counters();
    for (let each = 0; each < 2; each++) {
      const on = run(pciEnableMsix(core, device, parent));
      if (!on.ok) throw new Error(on.message);
      expect(run(on.value.msi.allocIrqAt(VECTORS, null))).toMatchObject({ errno: 'ERANGE' });
      run(on.value.disable());
      expect([counters(), control(), msiDomainOf(device)]).toEqual([before, 0, undefined]);
    }
  });

  test('disabling with a requested interrupt is a programmer’s mistake, and the interrupt goes on working', () => {
    const { run, core, control, entry, msix, virq } = withVectors();
    run(requestIrq(core, virq, { name: 'a', devId: 1, handler }));
    expect(() => run(msix.free())).toThrow(ModelError);
    expect([control(), entry(0)[3]]).toEqual([0b10, 0]);
  });

  test.each<[string, Capability[]]>([
    ['no capabilities', []],
    ['other capabilities only', [[0x40, 0x10, 0]]],
    ['a list that loops', [[0x40, 0x10, 0x60], [0x60, 0x05, 0x40]]],
  ])('EINVAL: a function with %s, and nothing is written', (_what, capabilities) => {
    const { run, core, device, parent, log } = makeFunction({ capabilities });
    expect(run(pciEnableMsix(core, device, parent))).toMatchObject({ errno: 'EINVAL' });
    expect(run(pciAllocIrqVectors(core, device, parent))).toMatchObject({ errno: 'EINVAL' });
    expect(log).toEqual([]);
  });

  test('ENOMEM: a table in a BAR that is not there', () => {
    const { run, core, device, parent, config, log } = makeFunction();
    config[CAPABILITY + 4] = 4;
    expect(run(pciEnableMsix(core, device, parent))).toMatchObject({ errno: 'ENOMEM' });
    expect(log).toEqual([]);
  });
});

describe('how many vectors', () => {
  test.each([
    [{ minVectors: 2, maxVectors: 1 }, 'ERANGE'],
    [{ minVectors: 0, maxVectors: 1 }, 'EINVAL'],
    [{ maxVectors: 0 }, 'EINVAL'],
    [{ minVectors: 4, maxVectors: 8 }, 'ENOSPC'],
    [{ minVectors: 4 }, 'ENOSPC'],
  ] as const)('%o of a table of three: %s, and MSI-X stays off', (options, errno) => {
    const { run, core, device, parent, log } = makeFunction();
    expect(run(pciAllocIrqVectors(core, device, parent, options))).toMatchObject({ errno });
    expect(log).toEqual([]);
  });

  test.each([
    [{ minVectors: 1, maxVectors: 8 }, 3],
    [{ minVectors: 1, maxVectors: 2 }, 2],
    [{ maxVectors: 1 }, 1],
    [{}, 3],
  ])('%o of a table of three gives %d', (options, count) => {
    expect(withVectors(options).msix.virqs).toHaveLength(count);
  });

  test('the minimum is taken where the kernel runs out of interrupts between it and the maximum', () => {
    const { run, core, device, parent } = makeFunction({ nrIrqs: 18 });
    expect(run(pciAllocIrqVectors(core, device, parent, { minVectors: 1, maxVectors: 3 }))).toMatchObject({ ok: true, value: { virqs: [16, 17] } });
    expect(core.used).toBe(2);
  });

  test('R6, I4: whatever is refused on the way, MSI-X is off again and nothing is left', () => {
    const { run, core, device, parent, control, state } = makeFunction();
    const seen = new Set<string>();
    for (let nth = 1; ; nth++) {
      const before = state.snapshot();
      state.refuse(nth);
      const made = run(pciAllocIrqVectors(core, device, parent));
      if (made.ok) break;
      seen.add(made.errno);
      expect([state.changes(before), control(), msiDomainOf(device)]).toEqual([[], 0, undefined]);
    }
    expect([...seen].sort()).toEqual(['ENOMEM', 'ENOSPC']);
  });

  test('each vector can have its affinity', () => {
    const { core, msix } = withVectors({ affinities: [null, { mask: cpuMask(1), managed: true }] });
    expect(msix.virqs.map((virq) => core.desc(virq)?.state.managed)).toEqual([false, true, false]);
    expect(core.desc(msix.virqs[1] ?? 0)?.state.affinity).toBe(2n);
  });
});

describe('an entry', () => {
  test('has its message before it is unmasked, and is masked and zero when the interrupt is free', () => {
    const { run, core, entry, writes, vectors, msix } = withVectors();
    const [, virq = 0] = msix.virqs;
    writes();
    run(requestIrq(core, virq, { name: 'a', devId: 1, handler }));
    expect(entry(1)).toEqual([0xfee00000, 0, 0x40, 0]);
    expect(writes().at(-1)).toBe('bar+0x81c 0');
    run(freeIrq(core, virq, 1));
    expect(writes()[0]).toBe('bar+0x81c 1');
    expect(entry(1)).toEqual([0, 0, 0, 1]);
    run(msix.free());
    expect(vectors.counters).toEqual({ reserved: 0, assigned: 0, managed: 0 });
  });

  test('is read back after it was masked and after its message was written: then the device has it', () => {
    const { run, core, log, virq } = withVectors();
    run(requestIrq(core, virq, { name: 'a', devId: 1, handler }));
    log.length = 0;
    run(freeIrq(core, virq, 1));
    expect(log).toEqual(['bar+0x80c 1', 'read bar+0x800', 'bar+0x800 0', 'bar+0x804 0', 'bar+0x808 0', 'read bar+0x808']);
  });

  test('keeps its reserved bits', () => {
    const { run, core, device, parent, table, entry } = makeFunction();
    const on = run(pciEnableMsix(core, device, parent));
    table.setUint32(TABLE + 12, 0xff01, true);
    if (!on.ok) throw new Error(on.message);
    const made = run(on.value.msi.allocIrqAt(0, null));
    run(requestIrq(core, made.ok ? made.value.virq : 0, { name: 'a', devId: 1, handler }));
    expect(entry(0)[3]).toBe(0xff00);
  });

  test('is masked while its message changes, also when the interrupt runs', () => {
    const { run, core, device, log, virq, executor, vectors, entry } = withVectors({ affinities: [{ mask: cpuMask(0), managed: false }] });
    run(requestIrq(core, virq, { name: 'a', devId: 1, handler }));
    log.length = 0;
    const data = core.desc(virq)?.state.data;
    if (!data) throw new Error('no data');
    run(data.chip.irqSetAffinity?.(data, cpuMask(1), false) ?? missing());
    expect(log).toEqual(['bar+0x80c 1', 'bar+0x800 fee01000', 'bar+0x804 0', 'bar+0x808 40', 'bar+0x80c 0', 'read bar+0x808']);
    expect(deviceMsi(device)?.desc(0)?.message.addressLo).toBe(entry(0)[0]);
    vectors.raise(1, 0x40);
    executor.settle();
    expect([...(core.desc(virq)?.counts ?? [])]).toEqual([0, 1]);
  });

  const missing = (): never => { throw new Error('no setter'); };
});

describe('vectors one by one', () => {
  test('are added and removed while MSI-X is on; EOPNOTSUPP while it is off', () => {
    const { run, core, device, parent } = makeFunction();
    expect(run(pciMsixAllocIrqAt(device, 0))).toMatchObject({ errno: 'EOPNOTSUPP' });
    run(pciEnableMsix(core, device, parent));
    expect(run(pciMsixAllocIrqAt(device, 1))).toMatchObject({ ok: true, value: { index: 1 } });
    expect(run(pciMsixAllocIrqAt(device, 'any'))).toMatchObject({ ok: true, value: { index: 0 } });
    expect(run(pciMsixAllocIrqAt(device, 1))).toMatchObject({ errno: 'EBUSY' });
    expect(run(pciMsixAllocIrqAt(device, 3))).toMatchObject({ errno: 'ERANGE' });
    expect(run(pciMsixAllocIrqAt(device, 'any'))).toMatchObject({ ok: true, value: { index: 2 } });
    expect(run(pciMsixAllocIrqAt(device, 'any'))).toMatchObject({ errno: 'EBUSY' });
    expect(run(pciMsixFreeIrq(device, 1))).toEqual(ok());
    expect(run(pciMsixFreeIrq(device, 1))).toMatchObject({ errno: 'EINVAL' });
    expect(run(pciMsixAllocIrqAt(device, 'any'))).toMatchObject({ ok: true, value: { index: 1 } });
  });

  test('any sequence of adding, requesting, freeing and removing leaves every entry masked that nobody requested', () => {
    const step = fc.record({ verb: fc.constantFrom('add', 'remove', 'request', 'free'), index: fc.nat(VECTORS) });
    fc.assert(fc.property(fc.array(step, { maxLength: 30, size: 'max' }), (steps) => {
      const { run, core, device, parent, entry, counters } = makeFunction();
      const before = counters();
      const on = run(pciEnableMsix(core, device, parent));
      if (!on.ok) throw new Error(on.message);
      const { msi } = on.value;
      const requested = new Set<number>();
      for (const { verb, index } of steps) {
        if (verb === 'add') expect(run(pciMsixAllocIrqAt(device, index)).ok).toBe(index < VECTORS && !live(index));
        else if (verb === 'remove') expect(run(pciMsixFreeIrq(device, index)).ok).toBe(live(index) && !requested.has(index));
        else if (verb === 'request') { if (run(requestIrq(core, msi.virq(index), { name: 'a', devId: index, handler })).ok) requested.add(index); }
        else if (run(freeIrq(core, msi.virq(index), index)) !== null) requested.delete(index);
        for (let each = 0; each < VECTORS; each++) expect(entry(each)[3]).toBe(requested.has(each) ? 0 : 1);
        model.clear();
        for (const each of msi.descs.keys()) model.add(each);
      }
      for (const index of requested) run(freeIrq(core, msi.virq(index), index));
      run(msi.freeIrqsAll());
      model.clear();
      run(on.value.disable());
      expect(counters()).toEqual(before);
    }));
  });

  const model = new Set<number>();
  const live = (index: number) => model.has(index);
});
