// Two or more ways to do the same, measured side by side: in one process, in turns, so that whatever else the machine does
// meanwhile hits all of them.
import { Bench } from 'tinybench';

export interface Contestant {
  readonly name: string;
  /** Does the work once, `count` times over. */
  run(count: number): void;
}

export interface RoundOptions {
  readonly rounds: number;
  /** Times the work is done for one measurement; long against the clock's resolution. */
  readonly batch: number;
  /** Measurements a round, of which the median is the round's. */
  readonly samples: number;
}

/** Nanoseconds for doing the work once, of every contestant in every round. One more round goes before, for the compiler. */
export function inTurns(contestants: readonly Contestant[], { rounds, batch, samples }: RoundOptions): ReadonlyMap<string, readonly number[]> {
  const times = new Map(contestants.map(({ name }): [string, number[]] => [name, []]));
  for (let round = -1; round < rounds; round++) {
    const bench = new Bench({ iterations: samples, time: 0, warmup: false, throws: true, timestampProvider: 'hrtimeNow' });
    // Every other round the other way round: who comes second finds other things in the caches.
    const order = round % 2 === 0 ? contestants : contestants.toReversed();
    for (const { name, run } of order) bench.add(name, () => run(batch), { async: false });
    bench.runSync();
    if (round < 0) continue;
    for (const { name, result } of bench.tasks) {
      if (!('latency' in result)) throw new Error(`${name} was not measured: ${result.state}`);
      times.get(name)?.push((result.latency.p50 * 1e6) / batch);
    }
  }
  return times;
}
