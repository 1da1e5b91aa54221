// What every message passes: measured by the heap, so a file of its own that runs of changed sources leave out.
import { describe, expect, test } from 'vitest';
import { noTrace } from '@siov/base';
import { composeRemappableMsg, InterruptRemapping, VALIDATION, writePosted, writeRemapped } from '../src/index.ts';
import { RID, value } from './machine.ts';
import { remapped, withTable } from './remapped.ts';

describe('the way of an interrupt', () => {
  /** Vectors that only count what is raised: what is measured is the remapping alone. */
  function raiser() {
    const { vectors, state } = remapped();
    let raised = 0;
    const counting = { domain: vectors.domain, raise: () => { raised += 1; }, targetOf: () => ({ cpu: 0, vector: 0x41 }), scheduleCleanup() {} };
    return { state, counting, raised: () => raised };
  }

  test.each([['to the host', false], ['posted', true]])('allocates nothing: %s', (_what, toGuest) => {
    const { table, state } = withTable();
    const { counting, raised } = raiser();
    const remapping = new InterruptRemapping({ state, trace: noTrace }, counting, { size: 8 });
    const descriptor = value(remapping.posted.alloc());
    const source = { sourceId: RID, qualifier: 0, validation: VALIDATION.requester };
    if (toGuest) writePosted(table(), 3, source, { descriptor: descriptor.address, vector: 0xff });
    else writeRemapped(table(), 3, source, { cpu: 0, vector: 0x41 });
    const { addressLo } = composeRemappableMsg(3);
    const rounds = 10_000;
    const grown: number[] = [];
    for (let round = 0; round < 60; round++) {
      const before = process.memoryUsage().heapUsed;
      for (let each = 0; each < rounds; each++) remapping.message(RID, 0, addressLo, 0);
      grown.push(process.memoryUsage().heapUsed - before);
    }
    expect([raised(), descriptor.pending]).toEqual([toGuest ? 1 : 60 * rounds, toGuest]);
    // The median of the later rounds; the smallest object is 16 bytes, one an interrupt would be 160,000.
    expect(grown.slice(20).sort((a, b) => a - b)[20]).toBeLessThan(40_000);
  });
});
