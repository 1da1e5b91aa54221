import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { bufferMemory, Executor, noTrace, ok, plainState } from '@siov/base';
import type { StatePort, Steps } from '@siov/base';
import { Device } from '@siov/device';
import { freeIrq, IrqCore, MsiDomain, msiAllocIrq, msiFreeIrq, requestIrq, setMsiDomain, VectorDomain } from '@siov/irq';
import type { MsiChip, MsiMsg } from '@siov/irq';
import { composeRemappableMsg, InterruptRemapping, isInterruptAddress, PagingDomain, parseRemappableMsg } from '../src/index.ts';
import type { InterruptFault } from '../src/index.ts';

function machine(size = 8, state: StatePort = plainState) {
  const executor = new Executor();
  const core = new IrqCore({ state, trace: noTrace, spawn: (agent, steps) => executor.spawn(agent, steps) }, { name: 'h', cpus: 1, nrIrqs: 64, threadAgent: String });
  const vectors = new VectorDomain(core);
  const remapping = new InterruptRemapping({ state, trace: noTrace }, vectors, size);
  const messages = new Map<number, MsiMsg>();
  const chip: MsiChip = { name: 'T', *irqMask() {}, *irqUnmask() {}, *irqWriteMsiMsg({ hwirq }, message) { messages.set(hwirq, message); } };
  const pf = new Device('dsa0', { state, requesterId: 0x6a01 });
  const mdev = new Device('mdev0', { state, parent: pf });
  const domain = new MsiDomain(core, pf, remapping.domain, { name: 'T', chip, hwsize: 64, slots: 'any' });
  for (const device of [pf, mdev]) setMsiDomain(core, device, domain);
  executor.spawn({ name: 'cpu0', layer: 'irq' }, vectors.interrupts(0));
  const run = <T>(steps: Steps<T>) => executor.run({ name: 'task', layer: 'driver' }, steps);
  const handled: string[] = [];
  const request = (device: Device, index: number) => {
    const made = run(msiAllocIrq(core, device, index));
    if (!made.ok) throw new Error(made.message);
    const asked = run(requestIrq(core, made.value.virq, { name: device.name, devId: device, *handler() { handled.push(`${device.name} ${index}`); return 'handled'; } }));
    if (!asked.ok) throw new Error(asked.message);
    return made.value;
  };
  const send = (requesterId: number, { addressLo, addressHi, data }: MsiMsg) => {
    run(remapping.message(requesterId, (BigInt(addressHi) << 32n) | BigInt(addressLo), data));
    executor.settle();
  };
  const counters = () => ({ virqs: core.used, ...vectors.counters, ...remapping.counters, slots: domain.slots.used });
  return { executor, core, remapping, messages, pf, mdev, run, handled, request, send, counters };
}

describe('remappable messages', () => {
  test('every index comes back from its message, and the message is in the interrupt window', () => {
    fc.assert(fc.property(fc.nat(0xffff), (index) => {
      const { addressLo, addressHi, data } = composeRemappableMsg(index);
      expect(isInterruptAddress((BigInt(addressHi) << 32n) | BigInt(addressLo))).toBe(true);
      expect(parseRemappableMsg(BigInt(addressLo), data)).toEqual({ index });
    }));
  });

  test('handle and subhandle are added only when the subhandle is valid', () => {
    const { addressLo } = composeRemappableMsg(5);
    expect(parseRemappableMsg(BigInt(addressLo), 3)).toEqual({ index: 8 });
    expect(parseRemappableMsg(BigInt(addressLo - 8), 3)).toEqual({ index: 5 });
    expect(composeRemappableMsg(0x8001)).toEqual({ addressLo: 0xfee0003c, addressHi: 0, data: 0 });
  });

  test('the window is 1 MiB at 0xfee00000, below 4 GiB', () => {
    expect([0xfedfffffn, 0xfee00000n, 0xfeefffffn, 0xfef00000n, 0x1_fee00000n].map(isInterruptAddress)).toEqual([false, true, true, false, false]);
  });
});

describe('InterruptRemapping', () => {
  test('an interrupt goes through its entry to its handler; a mediated device’s carries the function’s id', () => {
    const { messages, request, send, handled, pf, mdev, counters } = machine();
    request(pf, 0);
    const { hwirq } = request(mdev, 0);
    expect(counters()).toMatchObject({ entries: 2, present: 2 });
    send(pf.requesterId, messages.get(hwirq) as MsiMsg);
    expect(handled).toEqual(['mdev0 0']);
    expect(counters().faults).toBe(0);
  });

  test('the message says nothing of vectors: it stays the same when the interrupt is requested again', () => {
    const { messages, request, run, core, pf } = machine();
    const { virq, hwirq } = request(pf, 0);
    const before = messages.get(hwirq);
    run(freeIrq(core, virq, pf));
    expect(messages.get(hwirq)).toEqual({ addressLo: 0, addressHi: 0, data: 0 });
    run(requestIrq(core, virq, { name: 'again', devId: 1, *handler() { return 'handled'; } }));
    expect(messages.get(hwirq)).toEqual(before);
  });

  test.each<[InterruptFault['reason'], number, MsiMsg]>([
    ['source-id', 0x6a02, composeRemappableMsg(0)],
    ['index-beyond-table', 0x6a01, composeRemappableMsg(8)],
    ['entry-not-present', 0x6a01, composeRemappableMsg(7)],
    ['compatibility-blocked', 0x6a01, { addressLo: 0xfee00000, addressHi: 0, data: 0x40 }],
  ])('%s: the message is dropped, recorded, and no CPU sees it', (reason, requesterId, message) => {
    const { request, pf, send, handled, remapping } = machine();
    request(pf, 0);
    send(requesterId, message);
    expect([handled, remapping.counters.faults, remapping.lastFault]).toEqual([[], 1, expect.objectContaining({ reason, requesterId })]);
  });

  test('an entry is present from activation to deactivation only', () => {
    const { core, run, pf, send, remapping, handled } = machine();
    const made = run(msiAllocIrq(core, pf, 0));
    if (!made.ok) throw new Error(made.message);
    expect(remapping.counters).toMatchObject({ entries: 1, present: 0 });
    run(requestIrq(core, made.value.virq, { name: 'a', devId: 1, *handler() { return 'handled'; } }));
    expect(remapping.counters.present).toBe(1);
    run(freeIrq(core, made.value.virq, 1));
    expect(remapping.counters).toMatchObject({ entries: 1, present: 0 });
    send(pf.requesterId, composeRemappableMsg(0));
    expect([handled, remapping.lastFault?.reason]).toEqual([[], 'entry-not-present']);
    run(msiFreeIrq(core, pf, 0));
    expect(remapping.counters.entries).toBe(0);
  });

  test('R6: a full table is ENOSPC to the device, and vector, virq and slot are given back', () => {
    const { core, run, pf, counters } = machine(2);
    for (const index of [0, 1]) expect(run(msiAllocIrq(core, pf, index)).ok).toBe(true);
    const before = counters();
    expect(run(msiAllocIrq(core, pf, 2))).toMatchObject({ errno: 'ENOSPC', message: expect.stringContaining('all 2 entries') });
    expect(counters()).toEqual(before);
  });

  test('entries are replaced through the state port, never changed behind its back', () => {
    const frozen: StatePort = {
      ...plainState,
      map: <K, V>(name: string) => {
        const map = new Map<K, V>();
        const set = map.set.bind(map);
        map.set = (key, value) => set(key, name === 'iommu/irte' ? Object.freeze(value) : value);
        return map;
      },
    };
    const { request, pf, run, core } = machine(8, frozen);
    const { virq } = request(pf, 0);
    expect(run(freeIrq(core, virq, pf))).toBe('dsa0');
  });

  test('the message of any index and requester reaches a handler only when both are the entry’s', () => {
    fc.assert(fc.property(fc.nat(9), fc.constantFrom(0x6a01, 0x6a02), fc.nat(0x3f), (index, requesterId, low) => {
      const { request, pf, send, handled } = machine();
      for (const each of [0, 1, 2]) request(pf, each);
      const message = composeRemappableMsg(index);
      send(requesterId, { ...message, data: low & 1 });
      const reached = index + (low & 1);
      expect(handled).toEqual(reached < 3 && requesterId === 0x6a01 ? [`dsa0 ${reached}`] : []);
    }));
  });
});

test('a write with PASID into the interrupt window is ordinary DMA: what is mapped there is memory (VT-d 3.14)', () => {
  const domain = new PagingDomain(plainState, 'd');
  const memory = bufferMemory(new Uint8Array(4096));
  expect(domain.map({ iova: 0xfee00000n, size: 4096n, readable: true, writable: true, memory })).toEqual(ok());
  expect(domain.translate(0xfee00000n, 'write')).toMatchObject({ memory, offset: 0 });
});
