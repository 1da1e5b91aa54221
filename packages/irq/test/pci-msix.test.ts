import { describe, expect, test } from 'vitest';
import { ModelError, plainState } from '@siov/base';
import type { AccessPort } from '@siov/base';
import { PciDevice } from '@siov/device';
import { freeIrq, msiAllocIrq, msiDomainOf, pciAllocIrqVectors, pciEnableMsix, requestIrq } from '../src/index.ts';
import { makeMachine } from './machine.ts';

const [CAPABILITY, TABLE, VECTORS] = [0x50, 0x800, 3];

function window(bytes: Uint8Array, log: string[] = [], name = ''): AccessPort {
  const view = new DataView(bytes.buffer);
  return {
    *read(offset, size) { return size === 4 ? view.getUint32(offset, true) : size === 2 ? view.getUint16(offset, true) : view.getUint8(offset); },
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

/** A function whose capability list is a PCIe capability and then MSI-X, its table in BAR 2. */
function makeFunction(capabilities: readonly [at: number, id: number, next: number][] = [[0x40, 0x10, CAPABILITY], [CAPABILITY, 0x11, 0]], options = {}) {
  const machine = makeMachine(options);
  const [config, bar] = [new Uint8Array(256), new Uint8Array(4096)];
  const view = new DataView(config.buffer);
  config[0x34] = capabilities[0]?.[0] ?? 0;
  for (const [at, id, next] of capabilities) { config[at] = id; config[at + 1] = next; }
  view.setUint16(CAPABILITY + 2, VECTORS - 1, true);
  view.setUint32(CAPABILITY + 4, TABLE | 2, true);
  const log: string[] = [];
  const resources = { config: window(config, log, 'config'), bars: { 2: window(bar, log, 'bar') } };
  const device = new PciDevice('dsa0', { state: plainState, requesterId: 0x6a01, resources });
  const parent = machine.vectors.domain as never;
  const table = new DataView(bar.buffer);
  return {
    ...machine, device, parent, log, config,
    entry: (index: number) => [0, 4, 8, 12].map((at) => table.getUint32(TABLE + index * 16 + at, true)),
    control: () => view.getUint16(CAPABILITY + 2, true) >>> 14,
  };
}

const handler = function* () { return 'handled' as const; };

describe('MSI-X', () => {
  test('entries are masked under the function mask before the function is let go', () => {
    const { run, core, device, parent, log, control } = makeFunction();
    expect(run(pciEnableMsix(core, device, parent))).toMatchObject({ ok: true, value: { size: VECTORS } });
    expect(log).toEqual(['config+0x52 c002', 'bar+0x80c 1', 'bar+0x81c 1', 'bar+0x82c 1', 'config+0x52 8002']);
    expect(control()).toBe(0b10);
  });

  test('a vector’s message is in its entry before the entry is unmasked; freed, it is masked and zero', () => {
    const { run, core, device, parent, entry, log, vectors } = makeFunction();
    const made = run(pciAllocIrqVectors(core, device, parent));
    if (!made.ok) throw new Error(made.message);
    const [, virq = 0] = made.value.virqs;
    log.length = 0;
    run(requestIrq(core, virq, { name: 'a', devId: 1, handler }));
    expect(entry(1)).toEqual([0xfee00000, 0, 0x40, 0]);
    expect(log.map((each) => each.split(' ')[0])).toEqual(['bar+0x810', 'bar+0x814', 'bar+0x818', 'bar+0x81c']);
    run(freeIrq(core, virq, 1));
    expect(entry(1)).toEqual([0, 0, 0, 1]);
    run(made.value.free());
    expect(vectors.counters).toEqual({ reserved: 0, assigned: 0 });
  });

  test('R6: when the kernel runs out of interrupts in the middle, MSI-X is off again and nothing is left', () => {
    const { run, core, device, parent, control, counters } = makeFunction(undefined, { nrIrqs: 18 });
    const before = counters();
    expect(run(pciAllocIrqVectors(core, device, parent))).toMatchObject({ errno: 'ENOSPC' });
    expect([counters(), control(), msiDomainOf(device)]).toEqual([before, 0, undefined]);
  });

  test('enabling what is enabled is EEXIST and does not disturb it', () => {
    const { run, core, device, parent, control, entry } = makeFunction();
    const made = run(pciAllocIrqVectors(core, device, parent));
    if (!made.ok) throw new Error(made.message);
    run(requestIrq(core, made.value.virqs[0] ?? 0, { name: 'a', devId: 1, handler }));
    const running = entry(0);
    expect(run(pciEnableMsix(core, device, parent))).toMatchObject({ errno: 'EEXIST' });
    expect([control(), entry(0)]).toEqual([0b10, running]);
  });

  test('disabling with a requested interrupt is a programmer’s mistake, and the interrupt goes on working', () => {
    const { run, core, device, parent, control, entry } = makeFunction();
    const made = run(pciAllocIrqVectors(core, device, parent));
    if (!made.ok) throw new Error(made.message);
    const virq = made.value.virqs[0] ?? 0;
    run(requestIrq(core, virq, { name: 'a', devId: 1, handler }));
    expect(() => run(made.value.free())).toThrow(ModelError);
    expect([control(), entry(0)[3]]).toEqual([0b10, 0]);
  });

  test('disabled and enabled again it works as the first time', () => {
    const { run, core, device, parent, counters } = makeFunction();
    const before = counters();
    for (let each = 0; each < 2; each++) {
      const on = run(pciEnableMsix(core, device, parent));
      if (!on.ok) throw new Error(on.message);
      expect(run(msiAllocIrq(core, device, VECTORS))).toMatchObject({ errno: 'ERANGE' });
      run(on.value.disable());
      expect(counters()).toEqual(before);
    }
  });

  test.each<[string, [number, number, number][]]>([
    ['no capabilities', []],
    ['other capabilities only', [[0x40, 0x10, 0]]],
    ['a list that loops', [[0x40, 0x10, 0x60], [0x60, 0x05, 0x40]]],
  ])('%s: ENODEV, and nothing is written', (_what, capabilities) => {
    const { run, core, device, parent, log } = makeFunction(capabilities);
    expect(run(pciEnableMsix(core, device, parent))).toMatchObject({ errno: 'ENODEV' });
    expect(log).toEqual([]);
  });

  test('a table in a BAR that is not there: ENODEV', () => {
    const { run, core, device, parent, config, log } = makeFunction();
    config[CAPABILITY + 4] = 4;
    expect(run(pciEnableMsix(core, device, parent))).toMatchObject({ errno: 'ENODEV' });
    expect(log).toEqual([]);
  });
});
