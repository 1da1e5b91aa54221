import { expect, test } from 'vitest';
import { ok, plainState, runToCompletion } from '@siov/base';
import type { AccessPort } from '@siov/base';
import { PciDevice } from '@siov/device';
import { enablePciPasid } from '../src/index.ts';

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
  return { device: new PciDevice('dsa0', { state: plainState, requesterId: 1, resources: { config, bars: {} } }), writes };
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
  expect(writes).toEqual([]);
});
