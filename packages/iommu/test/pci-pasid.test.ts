import { expect, test } from 'vitest';
import { ok, plainState, runToCompletion } from '@siov/base';
import type { AccessPort } from '@siov/base';
import { PciDevice } from '@siov/device';
import { enablePciAts, enablePciPasid, enablePciPri, pciPasidWidth } from '../src/index.ts';

/** A function with extended capabilities [offset, id, next] and, at 0x140, a PASID capability's two registers. */
function makeFunction(capabilities: readonly [at: number, id: number, next: number][], supported = 0x1404) {
  const view = new DataView(new ArrayBuffer(4096));
  for (const [at, id, next] of capabilities) view.setUint32(at, (id | (1 << 16) | (next << 20)) >>> 0, true);
  view.setUint16(0x144, supported, true);
  const writes: [number, number, number][] = [];
  const config: AccessPort = {
    *read(offset, size) { return size === 4 ? view.getUint32(offset, true) : view.getUint16(offset, true); },
    *write(offset, size, value) { writes.push([offset, size, value]); },
    *read64() { return 0n; },
    *write64() {},
  };
  return { view, device: new PciDevice('dsa0', { state: plainState, requesterId: 1, resources: { config, bars: {} } }), writes };
}

test.each([[0x1400, 1], [0x1404, 5], [0x1406, 5]])('PASIDs are switched on, privileged ones where the function has them, execution never: %i gives %i', (supported, control) => {
  const { device, writes } = makeFunction([[0x100, 0x01, 0x140], [0x140, 0x1b, 0]], supported);
  expect(runToCompletion(enablePciPasid(device))).toEqual(ok());
  expect(writes).toEqual([[0x146, 2, control]]);
});

test.each<[string, [number, number, number][]]>([
  ['without extended capabilities', []],
  ['without that capability', [[0x100, 0x01, 0x160], [0x160, 0x0f, 0]]],
  ['whose list loops', [[0x100, 0x01, 0x160], [0x160, 0x0f, 0x100]]],
])('a function %s gets ENODEV, and nothing is written', (_what, capabilities) => {
  const { device, writes } = makeFunction(capabilities);
  expect(runToCompletion(enablePciPasid(device))).toMatchObject({ errno: 'ENODEV' });
  expect(runToCompletion(pciPasidWidth(device))).toMatchObject({ errno: 'ENODEV' });
  expect(writes).toEqual([]);
});

test('the width of its PASIDs is read where the capability is', () => {
  expect(runToCompletion(pciPasidWidth(makeFunction([[0x100, 0x01, 0x140], [0x140, 0x1b, 0]], 0x1004).device))).toEqual(ok(16));
});

/** A DSA's order: ATS, PASID, page requests. */
const DSA: [number, number, number][] = [[0x100, 0x0f, 0x140], [0x140, 0x1b, 0x160], [0x160, 0x13, 0]];

test('address translation is switched on once', () => {
  const { device, writes, view } = makeFunction(DSA);
  expect(runToCompletion(enablePciAts(device))).toEqual(ok());
  expect(writes).toEqual([[0x106, 2, 0x8000]]);
  view.setUint16(0x106, 0x8000, true);
  expect(runToCompletion(enablePciAts(device))).toMatchObject({ errno: 'EBUSY' });
  expect(runToCompletion(enablePciAts(makeFunction([]).device))).toMatchObject({ errno: 'EINVAL' });
  expect(writes).toHaveLength(1);
});

test.each([[0x200, 0x40, 0x40], [0x20, 0x40, 0x20]])('page requests: of a capacity of %i, %i are asked for and %i given, before it is switched on', (capacity, asked, given) => {
  const { device, writes, view } = makeFunction(DSA);
  view.setUint16(0x166, 0x8100, true);
  view.setUint32(0x168, capacity, true);
  expect(runToCompletion(enablePciPri(device, asked))).toEqual(ok(given));
  expect(writes).toEqual([[0x16c, 4, given], [0x164, 2, 1]]);
});

test('page requests are not switched on twice, nor while old ones are on their way, nor where there are none', () => {
  const { device, writes, view } = makeFunction(DSA);
  expect(runToCompletion(enablePciPri(device, 4))).toMatchObject({ errno: 'EBUSY' });
  view.setUint16(0x166, 0x8100, true);
  view.setUint16(0x164, 1, true);
  expect(runToCompletion(enablePciPri(device, 4))).toMatchObject({ errno: 'EBUSY' });
  expect(runToCompletion(enablePciPri(makeFunction([]).device, 4))).toMatchObject({ errno: 'EINVAL' });
  expect(writes).toEqual([]);
});
