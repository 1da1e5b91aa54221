// What allocating and freeing an interrupt costs while more and more are allocated.
import { allocationMachine } from './machine.ts';
import { slope, summarise } from './statistics.ts';
import type { Summary } from './statistics.ts';

export interface GrowthPoint {
  /** Interrupts allocated around the measured ones. */
  readonly allocated: number;
  /** Nanoseconds a call. */
  readonly alloc: Summary;
  readonly free: Summary;
}

export interface Growth {
  readonly points: readonly GrowthPoint[];
  /** Nanoseconds more each time the number doubles: the slope over its logarithm. */
  readonly perDoubling: { readonly alloc: number; readonly free: number };
  /** n in time ~ size^n: 0 is flat, 1 proportional. */
  readonly exponent: { readonly alloc: number; readonly free: number };
}

export interface GrowthOptions {
  readonly sizes: readonly number[];
  readonly rounds: number;
  /** Interrupts freed and allocated again in one measurement. */
  readonly batch: number;
}

/** 16, 64, 256 ... 65,536 */
export const SIZES: readonly number[] = Array.from({ length: 7 }, (_, power) => 4 ** (power + 2));

export function growth({ sizes, rounds, batch }: GrowthOptions): Growth {
  const random = randomNumbers();
  const subjects = sizes.map((size) => {
    const machine = allocationMachine(size);
    for (let index = 0; index < size; index++) machine.alloc(index);
    return { size, machine, alloc: [] as number[], free: [] as number[] };
  });
  // All sizes in turns, so that none has the quiet half of the run. The first fifth is for the compiler.
  const warmUp = Math.ceil(rounds / 5);
  for (let round = -warmUp; round < rounds; round++) {
    for (const { size, machine, alloc, free } of subjects) {
      const chosen = choose(Math.min(batch, size), size, random);
      const start = performance.now();
      for (const index of chosen) machine.free(index);
      const middle = performance.now();
      for (const index of chosen) machine.alloc(index);
      const end = performance.now();
      if (round < 0) continue;
      free.push(((middle - start) * 1e6) / chosen.length);
      alloc.push(((end - middle) * 1e6) / chosen.length);
    }
  }
  const points = subjects.map(({ size, alloc, free }) => ({ allocated: size, alloc: summarise(alloc), free: summarise(free) }));
  const fit = (which: 'alloc' | 'free', scale: (time: number) => number) => slope(points.map((point) => [Math.log2(point.allocated), scale(point[which].median)]));
  return {
    points,
    perDoubling: { alloc: fit('alloc', (time) => time), free: fit('free', (time) => time) },
    exponent: { alloc: fit('alloc', Math.log2), free: fit('free', Math.log2) },
  };
}

/** `count` different numbers below `limit`: freed where they happen to be, they leave holes as a running machine has them. */
function choose(count: number, limit: number, random: () => number): number[] {
  const chosen = new Set<number>();
  while (chosen.size < count) chosen.add(Math.floor(random() * limit));
  return [...chosen];
}

/** The same numbers below 1 in every run (mulberry32). */
function randomNumbers(): () => number {
  let state = 0x6a08;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
