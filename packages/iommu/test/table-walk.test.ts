// The tables word by word: what the driver writes, and what the hardware makes of words that a driver of this package does not write.
import { describe, expect, test } from 'vitest';
import { ModelError, plainState } from '@siov/base';
import type { StatePort } from '@siov/base';
import type { WalkFault, WalkTarget } from '../src/table-walk.ts';
import { walk } from '../src/table-walk.ts';
import { RemappingTables } from '../src/remapping-tables.ts';
import type { EntryTarget } from '../src/remapping-tables.ts';
import { RID, value } from './machine.ts';

const TARGET: EntryTarget = { type: 'second-level', address: 0x7_0000, domainId: 0x1234, supervisor: false };
const PASID_ENABLE = 1 << 3;
const FAULT_DISABLE = 2;

/** Tables with one requester, and the words of each by the order in which they were made. */
function tables(options: { scalable?: boolean; pasidWidth?: number; requesterId?: number } = {}) {
  const { scalable = true, pasidWidth = 8, requesterId = RID } = options;
  const made: Uint32Array[] = [];
  const state: StatePort = {
    ...plainState,
    words(name, length, initial) {
      const words = plainState.words(name, length, initial);
      if (/page\d+$/u.test(name)) made.push(words);
      return words;
    },
  };
  const it = new RemappingTables(state, 't', { scalable, pasidWidth });
  value(it.addRequester(requesterId));
  const change = (table: number, word: number, how: (old: number) => number) => {
    const words = made[table];
    if (words === undefined) throw new Error(`no table ${table}`);
    words[word] = how(words[word] ?? 0);
  };
  const reach = (pasid: number | null): WalkTarget | WalkFault => walk(it, requesterId, pasid);
  return { it, made, change, reach };
}

/** Order in which the tables of a requester are made. */
const [DIRECTORY, CONTEXT, ENTRIES] = [0, 1, 2];
const context = (RID & 0x7f) * 8;

describe('what the driver writes', () => {
  test.each<[EntryTarget['type'], boolean, number[]]>([
    ['second-level', false, [0x7_0089, 0, 0x80_1234, 0, 1]],
    ['pass-through', false, [0x7_0109, 0, 0x80_1234, 0, 1]],
    ['first-level', false, [0x49, 0, 0x80_1234, 0, 0x7_0000]],
    ['first-level', true, [0x49, 0, 0x80_1234, 0, 0x7_0011]],
  ])('a PASID entry, %s, supervisor %s, bit for bit as VT-d 9.6 has it, and nothing but FPD of it when it is torn down', (type, supervisor, words) => {
    const { it, made, reach } = tables();
    value(it.setEntry(RID, 5, { ...TARGET, type, supervisor }));
    value(it.setEntry(RID, 4, TARGET));
    expect([...(made[ENTRIES] as Uint32Array).subarray(5 * 16, 5 * 16 + 5)]).toEqual(words);
    expect(reach(5)).toEqual({ type, address: 0x7_0000, domainId: 0x1234, supervisor: supervisor || type !== 'first-level', silent: false });
    it.clearEntry(RID, 5, true);
    expect([...(made[ENTRIES] as Uint32Array).subarray(5 * 16, 6 * 16)]).toEqual([FAULT_DISABLE, ...Array.from({ length: 15 }, () => 0)]);
    expect([reach(5), reach(4)]).toEqual([{ fault: 'pasid-entry-not-present', silent: true }, expect.objectContaining({ type: 'second-level' })]);
  });

  test.each<[EntryTarget['type'], number]>([['second-level', 0], ['pass-through', 2]])('a context entry of legacy mode, %s, as VT-d 9.3 has it', (type, translation) => {
    const { it, made, reach } = tables({ scalable: false });
    value(it.setEntry(RID, 0, { ...TARGET, type }));
    const at = (RID & 0xff) * 4;
    expect([...(made[0] as Uint32Array).subarray(at - 4, at + 4)]).toEqual([0, 0, 0, 0, 0x7_0001 | (translation << 2), 0, 0x12_3402, 0]);
    expect(reach(null)).toEqual({ type, address: 0x7_0000, domainId: 0x1234, supervisor: false, silent: false });
    it.clearEntry(RID, 0);
    expect(reach(null)).toEqual({ fault: 'legacy-context-not-present', silent: false });
  });

  test.each([[true, 0x05ff], [true, 0x0580], [true, 0x057f], [false, 0x05ff], [false, 0xff00]])('any function of any bus has its own entry: scalable %s, requester %i', (scalable, requesterId) => {
    const { it, reach } = tables({ scalable, requesterId });
    value(it.addRequester(requesterId ^ 0x80));
    value(it.setEntry(requesterId, 0, TARGET));
    expect(reach(null)).toMatchObject({ type: 'second-level', address: TARGET.address });
    expect(walk(it, requesterId ^ 0x80, null)).toMatchObject({ fault: scalable ? 'directory-entry-not-present' : 'legacy-context-not-present' });
  });

  test.each([[14], [16], [20]])('a directory of %i bits of PASID has room for the highest, whose table goes with the requester', (pasidWidth) => {
    const { it, reach } = tables({ pasidWidth });
    value(it.setEntry(RID, 2 ** pasidWidth - 1, TARGET));
    expect(reach(2 ** pasidWidth - 1)).toMatchObject({ address: TARGET.address });
    expect([reach(2 ** pasidWidth), it.memory.used]).toEqual([{ fault: 'pasid-beyond-directory', silent: false }, 3]);
    it.removeRequester(RID);
    expect([reach(1), it.memory.used]).toEqual([{ fault: 'context-not-present', silent: false }, 1]);
  });
});

describe('what the hardware makes of other words', () => {
  test('a request without PASID is one with the PASID of the context entry (RID_PASID), and is served where others are not', () => {
    const { it, change, reach } = tables();
    value(it.setEntry(RID, 5, TARGET));
    change(CONTEXT, context + 2, () => 5);
    change(CONTEXT, context, (low) => low & ~PASID_ENABLE);
    expect([reach(null), reach(5)]).toEqual([expect.objectContaining({ address: TARGET.address }), { fault: 'pasid-not-enabled', silent: false }]);
    change(CONTEXT, context, (low) => low | FAULT_DISABLE);
    expect(reach(5)).toEqual({ fault: 'pasid-not-enabled', silent: true });
  });

  test.each([['context', CONTEXT, context], ['directory', DIRECTORY, 0], ['PASID', ENTRIES, 5 * 16]])('fault processing disable in the %s entry keeps that level quiet and those below it', (_level, table, word) => {
    const { it, change, reach } = tables();
    value(it.setEntry(RID, 5, TARGET));
    change(table, word, (low) => low | FAULT_DISABLE);
    expect([reach(5), reach(6), reach(70), reach(1 << 20)].map(({ silent }) => silent)).toEqual(
      { [CONTEXT]: [true, true, true, true], [DIRECTORY]: [true, true, false, false], [ENTRIES]: [true, false, false, false] }[table],
    );
    change(table, word, () => FAULT_DISABLE);
    expect(reach(5)).toEqual({ fault: ['directory-entry-not-present', 'context-not-present', 'pasid-entry-not-present'][table], silent: true });
  });

  test('so it does in legacy mode', () => {
    const { it, change, reach } = tables({ scalable: false });
    value(it.setEntry(RID, 0, TARGET));
    change(0, (RID & 0xff) * 4, (low) => low | FAULT_DISABLE);
    expect(reach(null)).toMatchObject({ type: 'second-level', silent: true });
    change(0, (RID & 0xff) * 4, () => FAULT_DISABLE);
    expect(reach(null)).toEqual({ fault: 'legacy-context-not-present', silent: true });
  });
});

test('the memory of tables has room for the largest directory and no larger table, and knows where none is', () => {
  const { memory } = tables().it;
  expect(memory.at(value(memory.alloc(2 ** 15)))).toHaveLength(2 ** 15);
  for (const broken of [() => memory.alloc(2 ** 15 + 1), () => memory.at(0x40_0000)]) expect(broken).toThrow(ModelError);
});
