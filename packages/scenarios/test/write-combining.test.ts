import { expect, test } from 'vitest';
import fc from 'fast-check';
import { ok, plainState, runToCompletion } from '@siov/base';
import type { Steps } from '@siov/base';
import type { VfioDevice } from '@siov/vfio';
import { combineWrites } from '../src/index.ts';

const REGION = 2;

function recorded() {
  const writes: string[] = [];
  const inner = {
    name: 'device',
    *regionWrite(index: number, offset: number, from: Uint8Array) {
      writes.push(`${index}+${offset}:${[...from].join()}`);
      return ok();
    },
    *reset(): Steps<void> { writes.push('reset'); },
    *release(): Steps<void> { writes.push('release'); },
  } as unknown as VfioDevice;
  const device = combineWrites(plainState, inner, REGION);
  return { device, writes, write: (offset: number, from: readonly number[], region = REGION) => runToCompletion(device.regionWrite(region, offset, Uint8Array.from(from))) };
}

const word = (value: number) => [value, 0, 0, 0, 0, 0, 0, value];

test('eight quadwords in order from a multiple of 64 are one write of 64 bytes', () => {
  const { write, writes } = recorded();
  for (let each = 0; each < 8; each++) write(0x1040 + 8 * each, word(each));
  expect(writes).toEqual([`2+4160:${Array.from({ length: 8 }, (_, each) => word(each)).flat().join()}`]);
});

test('a descriptor whose bytes changed after the last store is delivered as it was stored', () => {
  const { device, writes } = recorded();
  const bytes = Uint8Array.from(word(1));
  for (let each = 0; each < 8; each++) {
    runToCompletion(device.regionWrite(REGION, 8 * each, bytes));
    bytes.fill(each);
  }
  expect(writes[0]?.split(':')[1]?.split(',').slice(0, 8)).toEqual(word(1).map(String));
});

test('a reset or a release in between forgets what was collected', () => {
  for (const call of ['reset', 'release'] as const) {
    const { device, write, writes } = recorded();
    for (let each = 0; each < 4; each++) write(8 * each, word(each));
    runToCompletion(device[call]());
    for (let each = 4; each < 8; each++) write(8 * each, word(each));
    expect(writes).toEqual([call]);
  }
});

/** The rule, said again: the last stores are those of one slot, from its first word on, without a gap. */
function reference(program: readonly { region: number; offset: number; from: readonly number[] }[]): string[] {
  const out: string[] = [];
  let run: { offset: number; from: readonly number[] }[] = [];
  for (const each of program) {
    if (each.region !== REGION || each.from.length !== 8) {
      out.push(`${each.region}+${each.offset}:${each.from.join()}`);
      continue;
    }
    const last = run.at(-1);
    run = last !== undefined && each.offset === last.offset + 8 && each.offset % 64 !== 0 ? [...run, each] : each.offset % 64 === 0 ? [each] : [];
    if (run.length < 8) continue;
    out.push(`${REGION}+${run[0]?.offset}:${run.flatMap(({ from }) => from).join()}`);
    run = [];
  }
  return out;
}

test('no sequence of writes, to any region and of any size, combines what was not one descriptor', () => {
  const store = fc.record({
    region: fc.constantFrom(REGION, REGION, REGION, 0),
    offset: fc.oneof(fc.nat({ max: 31 }).map((each) => each * 8), fc.nat({ max: 255 })),
    from: fc.oneof({ weight: 8, arbitrary: fc.nat({ max: 255 }).map(word) }, { weight: 1, arbitrary: fc.constantFrom([1], [1, 2, 3, 4], Array.from({ length: 64 }, () => 9)) }),
  });
  const descriptor = fc.tuple(fc.nat({ max: 3 }), fc.nat({ max: 255 })).map(([slot, value]) =>
    Array.from({ length: 8 }, (_, each) => ({ region: REGION, offset: slot * 64 + each * 8, from: word((value + each) & 0xff) })));
  const program = fc.array(fc.oneof(descriptor, descriptor.map((stores) => stores.slice(0, 5)), store.map((each) => [each])), { maxLength: 30, size: 'max' });
  fc.assert(
    fc.property(program, (parts) => {
      const { write, writes } = recorded();
      for (const { region, offset, from } of parts.flat()) write(offset, from, region);
      expect(writes).toEqual(reference(parts.flat()));
    }),
    { numRuns: 300 },
  );
});
