import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { must, runToCompletion } from '@siov/base';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { clientEventFd, connectVfioUser, serveVfioUser } from '../src/index.ts';
import type { VfioUserClient, VfioUserEvent, VfioUserServer } from '../src/index.ts';
import { TestDevice } from './test-device.ts';

let directory: string;
let socketPath: string;
let device: TestDevice;
let events: VfioUserEvent[];
let server: VfioUserServer;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'vu-'));
  socketPath = join(directory, 's');
  device = new TestDevice();
  events = [];
  server = must(serveVfioUser({ socketPath, device, run: runToCompletion, onEvent: (event) => events.push(event) }), 'serving');
});

afterEach(() => {
  server.close();
  rmSync(directory, { recursive: true });
});

async function attach(): Promise<VfioUserClient> {
  return must(await connectVfioUser({ socketPath }), 'connecting');
}

describe('a client', () => {
  test('learns what the device is', async () => {
    const client = await attach();
    expect(await client.deviceInfo()).toMatchObject({ ok: true, value: { flags: 3, numRegions: 9, numIrqs: 5 } });
    expect(await client.regionInfo(0)).toEqual({ ok: true, value: { index: 0, flags: 3, size: 2 ** 20 } });
    expect(await client.irqInfo(2)).toMatchObject({ ok: true, value: { index: 2, flags: 1, count: 8 } });
    client.close();
  });

  test('interrupts reach the eventfd', async () => {
    const client = await attach();
    const irq = clientEventFd();
    must(await client.setIrqs({ index: 2, start: 3, count: 1, action: 'trigger', eventfds: [irq.fd] }), 'arming');
    must(await client.regionWrite(0, 0, Uint8Array.of(3)), 'writing');
    expect(irq.take()).toBe(1);
    client.close();
  });
});
