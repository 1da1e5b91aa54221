import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { plainState, runToCompletion } from '@siov/base';
import type { Steps } from '@siov/base';
import { MsixTable } from '../src/index.ts';

const CONTROL = 12;

/** A table that writes down, in one list, what it tells its notifier and what it delivers. */
function recorded(size = 3, told = false) {
  const log: string[] = [];
  const table: MsixTable = new MsixTable(
    plainState,
    't',
    size,
    {
      *use(vector) {
        log.push(`use ${vector}`);
      },
      *release(vector) {
        log.push(`release ${vector}`);
      },
      *message(vector) {
        if (told) log.push(`message ${vector}`);
      },
    },
    function* (address, data): Steps<void> {
      log.push(`deliver ${address.toString(16)}:${data}`);
    },
  );
  const run = <T>(steps: Steps<T>): T => runToCompletion(steps);
  return {
    table,
    log,
    take: () => log.splice(0),
    set: (vector: number, word: number, value: number) => run(table.write(vector * 16 + word, 4, value)),
    mask: (vector: number, mask: number) => run(table.write(vector * 16 + CONTROL, 4, mask)),
    control: (enabled: boolean, masked = false) => run(table.control(enabled, masked)),
    notify: (vector: number) => run(table.notify(vector)),
  };
}

describe('an untouched table', () => {
  test('has every entry masked, whatever the function says', () => {
    const { table, control, take } = recorded();
    expect([0, 1, 2].map((vector) => table.read(vector * 16 + CONTROL, 4))).toEqual([1, 1, 1]);
    control(true);
    expect([0, 1, 2].map((vector) => table.masked(vector))).toEqual([true, true, true]);
    expect(take()).toEqual([]);
  });

  test('keeps address and data, without the two low address bits and without reserved control bits', () => {
    const { table, set } = recorded();
    for (const [word, value] of [[0, 0xfee01003], [4, 7], [8, 0xdeadbeef], [12, 0xffffffff]] as const) set(1, word, value);
    expect([0, 4, 8, 12].map((word) => table.read(16 + word, 4))).toEqual([0xfee01000, 7, 0xdeadbeef, 1]);
    expect(table.read(0, 4)).toBe(0);
  });
});

describe('the notifier', () => {
  test('is told of an entry’s mask only while the function is enabled and not masked', () => {
    const { control, mask, take } = recorded();
    mask(0, 0);
    expect(take()).toEqual([]);
    control(true, true);
    mask(0, 1);
    mask(0, 0);
    expect(take()).toEqual([]);
    control(true, false);
    expect(take()).toEqual(['use 0']);
    mask(0, 1);
    expect(take()).toEqual(['release 0']);
  });

  test('is told once: writing what is there already, or another word, is no transition', () => {
    const { control, mask, set, take } = recorded();
    control(true);
    mask(1, 0);
    mask(1, 0);
    set(1, 8, 5);
    control(true);
    expect(take()).toEqual(['use 1']);
    control(false);
    control(false, true);
    expect(take()).toEqual(['release 1']);
  });

  test('is told of every unmasked entry when the whole function changes, lowest first', () => {
    const { control, mask, take } = recorded();
    mask(2, 0);
    mask(0, 0);
    control(true);
    expect(take()).toEqual(['use 0', 'use 2']);
    control(true, true);
    expect(take()).toEqual(['release 0', 'release 2']);
  });
});

test('the notifier is told of a changed message while the vector can fire, not of its mask', () => {
  const { control, mask, set, take } = recorded(3, true);
  control(true);
  set(1, 8, 5);
  mask(1, 0);
  expect(take()).toEqual(['use 1']);
  set(1, 0, 0xfee00000);
  set(1, 8, 6);
  expect(take()).toEqual(['message 1', 'message 1']);
  mask(1, 0);
  mask(1, 1);
  set(1, 8, 7);
  expect(take()).toEqual(['release 1']);
});

describe('a vector that fires', () => {
  test('is delivered with the entry as it is now', () => {
    const { control, mask, set, notify, take } = recorded();
    control(true);
    set(1, 0, 0xfee00000);
    set(1, 4, 1);
    set(1, 8, 33);
    mask(1, 0);
    take();
    notify(1);
    expect(take()).toEqual(['deliver 1fee00000:33']);
  });

  test('becomes pending while masked, and is delivered once, after the notifier was told to use it', () => {
    const { table, control, mask, notify, take } = recorded();
    control(true);
    notify(0);
    notify(0);
    expect([table.pending(0), table.readPending(0)]).toEqual([true, 1]);
    mask(0, 0);
    expect(take()).toEqual(['use 0', 'deliver 0:0']);
    expect([table.pending(0), table.readPending(0)]).toEqual([false, 0]);
  });

  test('stays pending while the function is masked, whatever its entry says', () => {
    const { table, control, mask, notify, take } = recorded();
    mask(2, 0);
    control(true, true);
    notify(2);
    expect(table.readPending(0)).toBe(4);
    control(true, false);
    expect(take()).toEqual(['use 2', 'deliver 0:0']);
  });

  test('is forgotten when MSI-X is disabled: the next use does not begin with an interrupt of the last one', () => {
    const { table, control, mask, notify, take } = recorded();
    control(true);
    notify(1);
    control(false);
    expect(table.pending(1)).toBe(false);
    notify(1);
    control(true);
    mask(1, 0);
    expect(take()).toEqual(['use 1']);
  });

  test('has its pending bit in word vector / 32', () => {
    const { table, control, notify } = recorded(70);
    control(true);
    for (const vector of [0, 31, 32, 69]) notify(vector);
    expect([table.pendingBytes, ...[0, 4, 8, 12].map((offset) => table.readPending(offset))]).toEqual([16, 0x80000001, 1, 1 << 5, 0]);
  });
});

// A program is what a guest and its device do to the table; the reference is a few booleans a vector.
type Operation =
  | { readonly kind: 'control'; readonly enabled: boolean; readonly masked: boolean }
  | { readonly kind: 'mask'; readonly vector: number; readonly mask: 0 | 1 }
  | { readonly kind: 'data'; readonly vector: number; readonly data: number }
  | { readonly kind: 'notify'; readonly vector: number };

const VECTORS = 3;
const vector = fc.nat({ max: VECTORS - 1 });
const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({ kind: fc.constant('control' as const), enabled: fc.boolean(), masked: fc.boolean() }),
  fc.record({ kind: fc.constant('mask' as const), vector, mask: fc.constantFrom(0 as const, 1 as const) }),
  fc.record({ kind: fc.constant('data' as const), vector, data: fc.nat({ max: 255 }) }),
  fc.record({ kind: fc.constant('notify' as const), vector }),
);

class Reference {
  readonly entries = Array.from({ length: VECTORS }, () => ({ mask: true, data: 0, pending: false }));
  readonly log: string[] = [];
  enabled = false;
  functionMask = false;

  deaf(entry: { mask: boolean }): boolean {
    return !this.enabled || this.functionMask || entry.mask;
  }

  apply(each: Operation): void {
    const before = this.entries.map((entry) => this.deaf(entry));
    const entry = 'vector' in each ? this.entries[each.vector] : undefined;
    if (each.kind === 'control') {
      this.enabled = each.enabled;
      this.functionMask = each.masked;
      if (!each.enabled) for (const every of this.entries) every.pending = false;
    } else if (entry !== undefined) {
      if (each.kind === 'mask') entry.mask = each.mask === 1;
      else if (each.kind === 'data') entry.data = each.data;
      else if (!this.enabled) return;
      else if (this.deaf(entry)) entry.pending = true;
      else this.log.push(`deliver 0:${entry.data}`);
    }
    for (const [index, every] of this.entries.entries()) {
      if (this.deaf(every) === before[index]) continue;
      this.log.push(`${this.deaf(every) ? 'release' : 'use'} ${index}`);
      if (this.deaf(every) || !every.pending) continue;
      every.pending = false;
      this.log.push(`deliver 0:${every.data}`);
    }
  }
}

test('no program of table writes, control writes and events loses, invents or doubles a message or a notification', () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 60, size: 'max' }), (program) => {
      const { table, log, set, mask, control, notify } = recorded(VECTORS);
      const reference = new Reference();
      for (const each of program) {
        if (each.kind === 'control') control(each.enabled, each.masked);
        else if (each.kind === 'mask') mask(each.vector, each.mask);
        else if (each.kind === 'data') set(each.vector, 8, each.data);
        else notify(each.vector);
        reference.apply(each);
        expect(reference.entries.map((entry) => entry.pending)).toEqual(Array.from({ length: VECTORS }, (_, index) => table.pending(index)));
      }
      expect(log).toEqual(reference.log);
    }),
    { numRuns: 500 },
  );
});
