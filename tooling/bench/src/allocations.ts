// Whether an interrupt allocates memory: bytes on the heap, and how often the collector had to come.
import { PerformanceObserver } from 'node:perf_hooks';
import type { PerformanceEntry } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { contestants } from './contestants.ts';
import type { Contestant } from './rounds.ts';
import { quantile } from './statistics.ts';

export interface Allocations {
  readonly name: string;
  readonly interrupts: number;
  /** Bytes an interrupt, median of the stretches no collection fell into. NaN when there was none. */
  readonly bytes: number;
  /** Collections of the young generation, and all others, during the run. */
  readonly scavenges: number;
  readonly others: number;
}

/** `perf_hooks.constants.NODE_PERFORMANCE_GC_MINOR` */
const MINOR = 1;

/** `interrupts` of each contestant in `stretches` equal parts, after a tenth of that to warm up. */
export async function allocations(interrupts: number, stretches: number): Promise<Allocations[]> {
  const results: Allocations[] = [];
  for (const each of contestants()) results.push(await allocationsOf(each, interrupts, stretches));
  return results;
}

async function allocationsOf({ name, run }: Contestant, interrupts: number, stretches: number): Promise<Allocations> {
  const batch = Math.ceil(interrupts / stretches);
  run(Math.ceil(interrupts / 10));
  await collected();
  const cost = readingCost();
  // Times and heap sizes at the ends of the stretches, in memory that is there already.
  const times = new Float64Array(stretches + 1);
  const heaps = new Float64Array(stretches + 1);
  const collections = await observed(() => {
    for (let stretch = 0; stretch <= stretches; stretch++) {
      if (stretch > 0) run(batch);
      heaps[stretch] = process.memoryUsage().heapUsed;
      times[stretch] = performance.now();
    }
  });
  const during = collections.filter(({ at }) => at >= times[0]! && at <= times[stretches]!);
  const perInterrupt: number[] = [];
  for (let stretch = 1; stretch <= stretches; stretch++) {
    if (during.some(({ at }) => at >= times[stretch - 1]! && at <= times[stretch]!)) continue;
    perInterrupt.push((heaps[stretch]! - heaps[stretch - 1]! - cost) / batch);
  }
  const scavenges = during.filter(({ kind }) => kind === MINOR).length;
  return { name, interrupts: batch * stretches, bytes: quantile(perInterrupt, 0.5), scavenges, others: during.length - scavenges };
}

/** Bytes that reading the clock and the heap's size allocates itself. */
function readingCost(): number {
  const readings = Array.from({ length: 64 }, () => 0);
  for (let index = 0; index < readings.length; index++) {
    readings[index] = process.memoryUsage().heapUsed;
    performance.now();
  }
  return quantile(readings.slice(1).map((reading, index) => reading - readings[index]!), 0.5);
}

/** What the collector reports; @types/node has no type for it. */
type CollectorEntry = PerformanceEntry & { readonly detail: { readonly kind: number } };

interface Collection {
  /** As performance.now() has it. */
  readonly at: number;
  readonly kind: number;
}

async function observed(body: () => void): Promise<Collection[]> {
  const collections: Collection[] = [];
  const note = (entries: readonly PerformanceEntry[]) => {
    for (const { startTime, detail } of entries as readonly CollectorEntry[]) collections.push({ at: startTime, kind: detail.kind });
  };
  const observer = new PerformanceObserver((list) => note(list.getEntries()));
  observer.observe({ entryTypes: ['gc'] });
  body();
  // The collector reports through the event loop.
  for (let turn = 0; turn < 3; turn++) await nextTurn();
  note(observer.takeRecords());
  observer.disconnect();
  return collections;
}

/** A full collection, and its report over before anything is observed. */
async function collected(): Promise<void> {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  for (let turn = 0; turn < 3; turn++) await nextTurn();
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
