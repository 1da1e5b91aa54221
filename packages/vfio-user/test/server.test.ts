import { setTimeout as sleep } from 'node:timers/promises';
import { Executor, must, recordTrace } from '@siov/base';
import type { TraceEvent } from '@siov/base';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { clientEventFd, connectVfioUser, sharedMemory } from '../src/index.ts';
import type { SmallWrite } from '../src/index.ts';
import { COMMAND, encodeRequest, FLAG, RegionAccess } from '../src/wire.ts';
import { ServerHarness, until } from './server-harness.ts';
import type { RawClient } from './server-harness.ts';

let harness: ServerHarness;

beforeEach(() => void (harness = new ServerHarness()));
afterEach(() => harness.stop());

describe('a client', () => {
  test('learns what the device is', async () => {
    const client = await harness.attach();
    expect(client.capabilities).toMatchObject({ max_msg_fds: 16, max_data_xfer_size: 2 ** 20, write_multiple: true });
    expect(await client.deviceInfo()).toMatchObject({ ok: true, value: { flags: 3, numRegions: 9, numIrqs: 5 } });
    expect(await client.regionInfo(0)).toEqual({ ok: true, value: { index: 0, flags: 3, size: 2 ** 20 } });
    expect(await client.regionInfo(6)).toMatchObject({ ok: true, value: { size: 0 } });
    expect(await client.regionInfo(9)).toMatchObject({ ok: false, errno: 'EINVAL' });
    expect(await client.irqInfo(2)).toMatchObject({ ok: true, value: { index: 2, flags: 1, count: 8 } });
    client.close();
  });

  test('reads and writes registers, and the whole of config space at once', async () => {
    const client = await harness.attach();
    harness.device.regions[7]?.set([0x86, 0x80, 0x25, 0x0b]);
    const config = must(await client.regionRead(7, 0, 4096), 'reading config space');
    expect([config.length, config[0], config[3]]).toEqual([4096, 0x86, 0x0b]);
    must(await client.regionWrite(0, 0x100, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)), 'writing');
    expect(harness.device.log.at(-1)).toBe('write 0 256+8');
    expect(await client.regionRead(0, 0x104, 2)).toEqual({ ok: true, value: Uint8Array.of(5, 6) });
    client.close();
  });

  test('posts writes, which are done in order before a later read', async () => {
    const client = await harness.attach();
    for (let at = 0; at < 500; at++) void client.regionWrite(0, 64 + at * 4, Uint8Array.of(at & 255, at >> 8, 0, 0), { noReply: true });
    const last = must(await client.regionRead(0, 64 + 499 * 4, 4), 'reading');
    expect([...last]).toEqual([499 & 255, 1, 0, 0]);
    expect(harness.device.log.slice(-3, -1)).toEqual([`write 0 ${64 + 498 * 4}+4`, `write 0 ${64 + 499 * 4}+4`]);
    expect(harness.server.counters).toMatchObject({ posted: 500, failures: 0 });
    client.close();
  });

  test('sends two hundred writes in one message', async () => {
    const client = await harness.attach();
    const writes: SmallWrite[] = Array.from({ length: 200 }, (_, at) => ({ index: 0, offset: 64 + at * 4, data: Uint8Array.of(at, 0, 0, 1) }));
    expect(await client.writeMulti(writes)).toEqual({ ok: true, value: 200 });
    void client.writeMulti([{ index: 0, offset: 64, data: Uint8Array.of(9) }], { noReply: true });
    expect(await client.regionRead(0, 64, 5)).toEqual({ ok: true, value: Uint8Array.of(9, 0, 0, 1, 1) });
    client.close();
  });

  test.each([512 * 1024, 2 ** 20])('writes and reads %d bytes at once', async (size) => {
    const client = await harness.attach();
    const data = Uint8Array.from({ length: size }, (_, at) => (at * 7) & 255);
    must(await client.regionWrite(0, 0, data), 'writing');
    const back = must(await client.regionRead(0, 0, size), 'reading');
    expect(Buffer.compare(back, data)).toBe(0);
    // All of it was payload; none of it was taken for requests.
    expect(harness.server.counters.requests).toBe(3);
    client.close();
  });

  test('hears interrupts on its eventfds, until it gives them up', async () => {
    const client = await harness.attach();
    const irqs = [clientEventFd(), clientEventFd(), clientEventFd()];
    const eventfds = irqs.map(({ fd }) => fd);
    must(await client.setIrqs({ index: 2, start: 2, count: 3, action: 'trigger', eventfds }), 'arming');
    for (const vector of [3, 3, 4]) must(await client.regionWrite(0, 0, Uint8Array.of(vector)), 'ringing');
    expect(irqs.map((irq) => irq.take())).toEqual([0, 2, 1]);
    must(await client.setIrqs({ index: 2, start: 3, count: 1, action: 'trigger', eventfds: [] }), 'giving one up');
    must(await client.setIrqs({ index: 2, start: 2, count: 3, action: 'trigger' }), 'triggering all');
    expect(irqs.map((irq) => irq.take())).toEqual([1, 0, 1]);
    client.close();
    for (const irq of irqs) irq.close();
  });

  test.each([{ sealed: true }, { sealed: false }])('shares memory the device copies in (%o)', async (options) => {
    const client = await harness.attach();
    const memory = sharedMemory(2 ** 20, options);
    const bytes = Uint8Array.from({ length: 64 }, (_, at) => 255 - at);
    memory.memory.write(0x3000, bytes);
    must(await client.dmaMap({ iova: 0x1_0000_0000n, size: 0x10000n, fd: memory.fd, offset: 0x2000n }), 'mapping');
    const addresses = new Uint8Array(new BigUint64Array([0x1_0000_1000n, 0x1_0000_2000n]).buffer);
    must(await client.regionWrite(0, 16, addresses), 'setting addresses');
    must(await client.regionWrite(0, 8, Uint8Array.of(1)), 'copying');
    const copied = new Uint8Array(64);
    memory.memory.read(0x4000, copied);
    expect(copied).toEqual(bytes);
    const held = harness.device.mappings[0]?.memory;
    must(await client.dmaUnmap(0x1_0000_0000n, 0x10000n), 'unmapping');
    expect(() => held?.read(0, copied)).toThrow(/unmapped/);
    memory.close();
    client.close();
  });

  test('has refused mappings explained', async () => {
    const client = await harness.attach();
    const memory = sharedMemory(0x10000);
    expect(await client.dmaMap({ iova: 0n, size: 0x20000n, fd: memory.fd })).toMatchObject({ ok: false, errno: 'EINVAL' });
    expect(harness.events.at(-1)).toMatchObject({ kind: 'request', command: 'DMA_MAP', fds: 1, errno: 'EINVAL', message: expect.stringMatching(/beyond the file's 65536/) });
    expect(await client.dmaUnmap(0n, 0x20000n)).toEqual({ ok: true, value: undefined });
    must(await client.dmaUnmapAll(), 'unmapping all');
    expect(harness.server.counters.emptyUnmaps).toBe(2);
    memory.close();
    client.close();
  });

  test('has its promises kept at once, not when the event loop next happens to turn', async () => {
    const client = await harness.attach();
    const begin = performance.now();
    for (let count = 0; count < 200; count++) await client.reset();
    expect((performance.now() - begin) / 200).toBeLessThan(2);
    client.close();
  });

  test('resets the device', async () => {
    const client = await harness.attach();
    must(await client.reset(), 'resetting');
    expect(harness.device.log).toEqual(['reset']);
    client.close();
  });
});

describe('one client at a time', () => {
  test('a second is told EBUSY; the first does not notice; the next attaches when the first has left', async () => {
    const first = await harness.attach();
    expect(await connectVfioUser({ socketPath: harness.socketPath })).toMatchObject({ ok: false, errno: 'EBUSY' });
    expect(harness.events.at(-1)).toEqual({ kind: 'refused' });
    expect(await first.reset()).toMatchObject({ ok: true });
    first.close();
    await until('the first to be gone', () => !harness.server.attached);
    const second = await harness.attach();
    expect(await second.reset()).toMatchObject({ ok: true });
    expect(harness.device.log).toEqual(['reset', 'release', 'reset']);
    second.close();
  });

  test('one that reconnects at once is not refused because of its former self', async () => {
    const first = await harness.attach();
    void first.regionWrite(0, 64, Uint8Array.of(5), { noReply: true });
    first.close();
    const second = await harness.attach();
    expect(harness.device.log).toEqual(['write 0 64+1', 'release']);
    expect(harness.events.some(({ kind }) => kind === 'refused')).toBe(false);
    second.close();
  });

  test('a crowd that says nothing does not pile up', async () => {
    const first = await harness.attach();
    const refused = () => harness.events.filter(({ kind }) => kind === 'refused').length;
    const crowd: RawClient[] = [];
    while (crowd.length < 30) {
      crowd.push(harness.raw());
      await until('it to be refused', () => refused() === crowd.length);
    }
    // Eight may still say VERSION, the others are gone.
    expect(await Promise.race([crowd[29]?.reply(), sleep(1000, 'nothing')])).toBeUndefined();
    crowd[3]?.negotiate();
    expect(await crowd[3]?.reply()).toMatchObject({ errno: 16 });
    for (const each of crowd) each.close();
    expect(await first.reset()).toMatchObject({ ok: true });
    first.close();
  });
});

describe('a client that misbehaves on the socket', () => {
  test('sends a byte at a time and is served', async () => {
    const raw = harness.raw();
    raw.negotiate();
    await raw.reply();
    for (const byte of encodeRequest(7, COMMAND.REGION_READ, RegionAccess.encode({ offset: 0n, region: 7, count: 4 }))) {
      raw.send(Uint8Array.of(byte));
      await sleep(0);
    }
    expect(await raw.reply()).toMatchObject({ id: 7, flags: 1, size: 36 });
    raw.close();
  });

  test('says something else than VERSION, is answered and dropped', async () => {
    const raw = harness.raw();
    raw.send(encodeRequest(3, COMMAND.DEVICE_RESET, new Uint8Array(0)));
    expect(await raw.reply()).toMatchObject({ id: 3, flags: 1 | FLAG.ERROR, errno: 22 });
    expect(await raw.reply()).toBeUndefined();
    expect(harness.detached).toEqual(['DEVICE_RESET before VERSION']);
    raw.close();
  });

  test('loses the framing and is dropped without an answer', async () => {
    const raw = harness.raw();
    raw.negotiate();
    await raw.reply();
    raw.send(new Uint8Array(32).fill(0xff));
    expect(await raw.reply()).toBeUndefined();
    expect(harness.detached).toEqual(['a message of impossible size']);
    raw.close();
  });

  test('sends a hundred thousand requests at once: all are answered, and others still run', async () => {
    const raw = harness.raw();
    raw.negotiate();
    await raw.reply();
    const one = encodeRequest(1, COMMAND.DEVICE_GET_IRQ_INFO, new Uint8Array(16).fill(0));
    const stream = new Uint8Array(Buffer.concat(Array.from({ length: 100_000 }, () => one)));
    let ticks = 0;
    const ticker = setInterval(() => void (ticks += 1), 1);
    let replies = 0;
    for (let at = 0; replies < 100_000; ) {
      while (at < stream.length) {
        const sent = raw.send(stream.subarray(at, at + 65536));
        at += sent;
        if (sent === 0) break;
      }
      if ((await raw.reply()) === undefined) throw new Error('the server closed the connection');
      replies += 1;
    }
    clearInterval(ticker);
    expect(ticks).toBeGreaterThan(5);
    raw.close();
  }, 30_000);
});

describe('a client that stalls', () => {
  const stalling = async (begin: (raw: RawClient, impatient: ServerHarness) => void | Promise<void>, reason: RegExp) => {
    const impatient = new ServerHarness({ idleLimit: 60 });
    const raw = impatient.raw();
    await begin(raw, impatient);
    await until('the client to be dropped', () => impatient.detached.length > 0);
    expect(impatient.detached).toEqual([expect.stringMatching(reason)]);
    raw.close();
    impatient.stop();
    return impatient.server.counters;
  };

  test('before VERSION is dropped', async () => {
    await stalling(() => {}, /owes VERSION/);
  });

  test('inside a message is dropped', async () => {
    await stalling(async (raw) => {
      raw.negotiate();
      await raw.reply();
      raw.send(new Uint8Array(7));
    }, /owes the rest of a message/);
  });

  test('without reading its replies is dropped, and nothing more of it is handled meanwhile', async () => {
    const read = encodeRequest(1, COMMAND.REGION_READ, RegionAccess.encode({ offset: 0n, region: 0, count: 2 ** 20 }));
    const counters = await stalling(async (raw, impatient) => {
      raw.negotiate();
      await raw.reply();
      for (let count = 0; count < 100; count++) raw.send(read);
      await until('the first to be handled', () => impatient.server.counters.requests > 1);
      raw.send(read);
    }, /owes reading replies/);
    expect(counters.requests).toBeLessThan(8);
  });

  test('but owes nothing is left alone', async () => {
    const impatient = new ServerHarness({ idleLimit: 20 });
    const client = await impatient.attach();
    await sleep(100);
    expect(await client.reset()).toMatchObject({ ok: true });
    client.close();
    impatient.stop();
  });
});

describe('the server', () => {
  test('answers a device that throws with EIO and goes on', async () => {
    const client = await harness.attach();
    harness.device.before = () => {
      throw new Error('broken hardware');
    };
    expect(await client.reset()).toMatchObject({ ok: false, errno: 'EIO' });
    expect(harness.events.find(({ kind }) => kind === 'device-error')).toMatchObject({ operation: 'DEVICE_RESET', error: { message: 'broken hardware' } });
    harness.device.before = () => {};
    expect(await client.reset()).toMatchObject({ ok: true });
    client.close();
  });

  test('closed by its own event handler in the middle of a request releases the device all the same', async () => {
    const closing: ServerHarness = new ServerHarness({ onEvent: (event) => event.kind === 'request' && event.command === 'DEVICE_RESET' && closing.server.close() });
    const client = await closing.attach();
    expect(await client.reset()).toMatchObject({ ok: true });
    expect(await client.reset()).toMatchObject({ ok: false, errno: 'ENOTCONN' });
    expect(closing.device.log).toEqual(['reset', 'release']);
    client.close();
    closing.stop();
  });

  test('whose event handler throws drops the client and stays', async () => {
    let angry = true;
    const throwing = new ServerHarness({
      onEvent: (event) => {
        if (angry && event.kind === 'request' && event.command === 'DEVICE_RESET') throw new Error('no');
      },
    });
    const client = await throwing.attach();
    expect(await client.reset()).toMatchObject({ ok: false, errno: 'ENOTCONN' });
    angry = false;
    const next = await throwing.attach();
    expect(await next.reset()).toMatchObject({ ok: true });
    next.close();
    throwing.stop();
  });

  test('runs device calls as layer vfio-user when it is given a trace', async () => {
    const executor = new Executor();
    const seen: TraceEvent[] = [];
    const agent = { name: 'vcpu 0', layer: 'qemu' };
    const traced = new ServerHarness({
      trace: recordTrace(executor, () => 0, (event) => seen.push(event)),
      run: (steps) => {
        const value = executor.run(agent, steps);
        executor.settle();
        return value;
      },
    });
    const client = await traced.attach();
    must(await client.reset(), 'resetting');
    expect(seen).toMatchObject([{ agent: 'vcpu 0', from: 'qemu', to: 'vfio-user', operation: 'RESET' }]);
    expect(agent.layer).toBe('qemu');
    client.close();
    traced.stop();
  });
});
