import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { must } from '@siov/base';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { clientEventFd, sharedMemory } from '../src/index.ts';
import { COMMAND, DmaMap, encodeRequest, FLAG, IrqSetPayload, RegionAccess } from '../src/wire.ts';
import { openFds, ServerHarness, until } from './server-harness.ts';
import type { RawClient } from './server-harness.ts';

let harness: ServerHarness;
let before: number;

beforeEach(async () => {
  harness = new ServerHarness();
  // The first client loads and opens what is needed once.
  (await harness.attach()).close();
  await until('the first client to be gone', () => !harness.server.attached);
  harness.device.log.length = 0;
  before = openFds();
});
afterEach(() => harness.stop());

const map = DmaMap.encode({ argsz: 32, flags: 3, offset: 0n, address: 0x10000n, size: 0x10000n });
const arm = IrqSetPayload.encode({ argsz: 20, flags: 0x24, index: 2, start: 0, count: 1 });
const bigWrite = (() => {
  const payload = new Uint8Array(16 + 512 * 1024);
  payload.set(RegionAccess.encode({ offset: 0n, region: 0, count: 512 * 1024 }));
  return encodeRequest(1, COMMAND.REGION_WRITE, payload);
})();

async function withMemory(raw: RawClient, sealed: boolean, bytes = encodeRequest(1, COMMAND.DMA_MAP, map)): Promise<void> {
  const memory = sharedMemory(0x10000, { sealed });
  raw.send(bytes, [memory.fd]);
  memory.close();
}

async function negotiated(raw: RawClient): Promise<void> {
  raw.negotiate();
  await raw.reply();
}

const STAGES: [stage: string, released: boolean, act: (raw: RawClient) => Promise<void> | void][] = [
  ['connecting', false, () => {}],
  ['half a header', false, (raw) => void raw.send(Uint8Array.of(0, 0, 1))],
  ['VERSION, the answer unread', true, (raw) => raw.negotiate()],
  ['negotiating', true, negotiated],
  ['half a message that brought a descriptor', true, async (raw) => {
    await negotiated(raw);
    await withMemory(raw, true, encodeRequest(1, COMMAND.DMA_MAP, map).slice(0, 20));
  }],
  ['a mapping', true, async (raw) => {
    await negotiated(raw);
    await withMemory(raw, true);
    await raw.reply();
  }],
  ['a mapping of a file that may shrink', true, async (raw) => {
    await negotiated(raw);
    await withMemory(raw, false);
    await raw.reply();
  }],
  ['arming an interrupt', true, async (raw) => {
    await negotiated(raw);
    const irq = clientEventFd();
    raw.send(encodeRequest(1, COMMAND.DEVICE_SET_IRQS, arm), [irq.fd]);
    irq.close();
    await raw.reply();
  }],
  ['half of a 512 KiB write', true, async (raw) => {
    await negotiated(raw);
    raw.send(bigWrite.subarray(0, 100_000));
  }],
  ['a thousand posted writes', true, async (raw) => {
    await negotiated(raw);
    const write = encodeRequest(1, COMMAND.REGION_WRITE, Uint8Array.of(...RegionAccess.encode({ offset: 64n, region: 0, count: 1 }), 1), FLAG.NO_REPLY);
    raw.send(new Uint8Array(Buffer.concat(Array.from({ length: 1000 }, () => write))));
  }],
  ['replies it never read', true, async (raw) => {
    await negotiated(raw);
    const read = encodeRequest(1, COMMAND.REGION_READ, RegionAccess.encode({ offset: 0n, region: 0, count: 2 ** 20 }));
    for (let count = 0; count < 20; count++) raw.send(read);
    await until('the first replies to be sent', () => harness.server.counters.requests > 3);
  }],
];

describe('a client that is gone after', () => {
  test.each(STAGES)('%s', async (_stage, released, act) => {
    const raw = harness.raw();
    await act(raw);
    raw.close();
    await until('the client to be gone', () => harness.detached.length === 2);
    expect(openFds()).toBe(before);
    expect(harness.device.log.includes('release')).toBe(released);
    expect(harness.device.mappings).toEqual([]);
    // The next one is served.
    const next = await harness.attach();
    expect(await next.reset()).toMatchObject({ ok: true });
    next.close();
  });

  test('a thousand posted writes has them all done', async () => {
    const raw = harness.raw();
    await STAGES.find(([stage]) => stage === 'a thousand posted writes')?.[2](raw);
    raw.close();
    await until('the client to be gone', () => harness.detached.length === 2);
    expect(harness.device.log.filter((each) => each === 'write 0 64+1')).toHaveLength(1000);
  });

  test('being killed: memory and interrupts of another process are let go', async () => {
    const script = new URL('./killed-client.ts', import.meta.url).pathname;
    const child = spawn(process.execPath, ['--conditions=@siov/source', script, harness.socketPath], { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      await once(child.stdout, 'data');
      expect(harness.device.mappings).toHaveLength(1);
      expect(harness.device.armed.size).toBe(2);
    } finally {
      child.kill('SIGKILL');
      await once(child, 'close');
    }
    await until('the client to be gone', () => harness.detached.length === 2);
    await until('its descriptors to be closed', () => openFds() === before);
    expect(harness.device.log.at(-1)).toBe('release');
  });

  test('arming interrupts of a device that forgets them', async () => {
    const client = await harness.attach();
    const irq = clientEventFd();
    must(await client.setIrqs({ index: 2, start: 0, count: 1, action: 'trigger', eventfds: [irq.fd] }), 'arming');
    harness.device.armed.clear();
    irq.close();
    client.close();
    await until('the client to be gone', () => harness.detached.length === 2);
    expect(openFds()).toBe(before);
  });

  test('the server being closed: everything is let go, and the socket file is gone', async () => {
    const client = await harness.attach();
    const memory = sharedMemory(0x10000);
    must(await client.dmaMap({ iova: 0n, size: 0x10000n, fd: memory.fd }), 'mapping');
    harness.server.close();
    harness.server.close();
    expect(await client.reset()).toMatchObject({ ok: false, errno: 'ENOTCONN' });
    memory.close();
    client.close();
    // One fewer than before: the listening socket.
    expect(openFds()).toBe(before - 1);
    expect(harness.device.log.at(-1)).toBe('release');
  });
});
