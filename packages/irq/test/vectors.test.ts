import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { runToCompletion } from '@siov/base';
import { composeMsiMsg, composeVectorMsg, disableIrqNosync, enableIrq, freeIrq, MSI_ADDRESS_BASE, msiAllocIrq, msiFreeIrq, parseVectorMsg, requestIrq } from '../src/index.ts';
import { makeMachine } from './machine.ts';

describe('MSI messages', () => {
  test('every CPU and vector comes back from its message', () => {
    fc.assert(fc.property(fc.nat(255), fc.nat(255), (cpu, vector) => {
      const { addressLo, addressHi, data } = composeVectorMsg({ cpu, vector });
      expect(addressLo >>> 20).toBe(MSI_ADDRESS_BASE);
      expect(parseVectorMsg((BigInt(addressHi) << 32n) | BigInt(addressLo), data)).toEqual({ cpu, vector });
    }));
  });

  test('the words are those of the SDM', () => {
    expect(composeVectorMsg({ cpu: 3, vector: 0x41 })).toEqual({ addressLo: 0xfee03000, addressHi: 0, data: 0x41 });
  });

  test.each([
    ['an address above 4 GiB', 0x1_fee00000n],
    ['an address outside of the window', 0xfed00000n],
    ['the remappable format', 0xfee00010n],
    ['zero', 0n],
  ])('%s is no compatibility-format message', (_what, address) => {
    expect(parseVectorMsg(address, 0x41)).toBeNull();
  });
});

describe('VectorDomain', () => {
  const handler = function* () { return 'handled' as const; };
  const allocated = (options = {}) => {
    const machine = makeMachine({ hwsize: 8, ...options });
    const virqs = [0, 1, 2].map((index) => {
      const made = machine.run(msiAllocIrq(machine.core, machine.owner, index));
      if (!made.ok) throw new Error(made.message);
      return made.value.virq;
    });
    return { ...machine, virqs };
  };

  test('allocation reserves, activation assigns, deactivation gives the vector back', () => {
    const { run, core, vectors, virqs, owner } = allocated();
    const [virq = 0] = virqs;
    expect(vectors.counters).toEqual({ reserved: 3, assigned: 0 });
    run(requestIrq(core, virq, { name: 'a', devId: 1, handler }));
    expect(vectors.counters).toEqual({ reserved: 3, assigned: 1 });
    run(freeIrq(core, virq, 1));
    expect(vectors.counters).toEqual({ reserved: 3, assigned: 0 });
    run(msiFreeIrq(core, owner, 0));
    expect(vectors.counters).toEqual({ reserved: 2, assigned: 0 });
  });

  test('interrupts are spread: each goes to the CPU with most vectors free', () => {
    const { run, core, vectors, virqs } = allocated();
    for (const virq of virqs) run(requestIrq(core, virq, { name: 'a', devId: virq, handler }));
    const targets = virqs.map((virq) => vectors.targetOf(core.desc(virq)?.state.data as never));
    expect(targets).toEqual([{ cpu: 0, vector: 0x40 }, { cpu: 1, vector: 0x40 }, { cpu: 0, vector: 0x41 }]);
  });

  test('the message in the table names the vector that was assigned', () => {
    const { run, core, virqs, table } = allocated();
    const [virq = 0] = virqs;
    run(requestIrq(core, virq, { name: 'a', devId: 1, handler }));
    const data = core.desc(virq)?.state.data;
    if (!data) throw new Error('no data');
    expect(composeMsiMsg(data)).toEqual({ ok: true, value: table.entry(0).message });
    expect(parseVectorMsg(BigInt(table.entry(0).message.addressLo), table.entry(0).message.data)).toEqual({ cpu: 0, vector: 0x40 });
  });

  test('ENOSPC: more interrupts than there are vectors on all CPUs, and nothing is left of the one too many', () => {
    const { run, core, owner, counters } = makeMachine({ cpus: 1, hwsize: 300, nrIrqs: 400 });
    const vectors = 0xec - 0x40;
    for (let index = 0; index < vectors; index++) expect(run(msiAllocIrq(core, owner, index)).ok).toBe(true);
    const before = counters();
    expect(run(msiAllocIrq(core, owner, vectors))).toMatchObject({ errno: 'ENOSPC', message: 'all 172 vectors are reserved' });
    expect(counters()).toEqual(before);
    for (const desc of core.descs()) expect(run(requestIrq(core, desc.virq, { name: 'a', devId: desc, handler })).ok).toBe(true);
    expect(counters()).toEqual({ ...before, assigned: vectors });
  });

  test('a vector nobody owns is counted as spurious and runs nothing', () => {
    const { vectors, executor, run, core, virqs, table } = allocated({ cpus: 1 });
    const [virq = 0] = virqs;
    const handled: number[] = [];
    run(requestIrq(core, virq, { name: 'a', devId: 1, *handler(irq) { handled.push(irq); return 'handled'; } }));
    table.fire(0);
    // In the request register, not taken yet, when the interrupt is freed.
    run(freeIrq(core, virq, 1));
    handled.length = 0;
    runToCompletion(vectors.raise(0, 0x90));
    executor.settle();
    expect([handled, vectors.spurious(0)]).toEqual([[], 2]);
    expect(() => vectors.spurious(1)).toThrow(/CPU 1 is not one of 1/);
  });

  test('edges on one vector before the CPU takes it are one: the request register has one bit for it', () => {
    const { run, core, virqs, table, executor } = allocated();
    let handled = 0;
    run(requestIrq(core, virqs[0] ?? 0, { name: 'a', devId: 1, *handler() { handled += 1; return 'handled'; } }));
    table.fire(0);
    table.fire(0);
    executor.settle();
    expect(handled).toBe(1);
  });

  test('the replay after a disabled period goes through the vector, to the CPU that owns it', () => {
    const { run, core, virqs, table, executor } = allocated();
    const virq = virqs[1] ?? 0;
    run(requestIrq(core, virqs[0] ?? 0, { name: 'other', devId: 1, handler }));
    run(requestIrq(core, virq, { name: 'a', devId: 1, handler }));
    run(disableIrqNosync(core, virq));
    table.fire(1);
    executor.settle();
    run(enableIrq(core, virq));
    executor.settle();
    expect(core.desc(virq)?.state.counts).toEqual([0, 1]);
  });
});
