// Whether the real code does what was learned of it: a few schedules picked at random, each on a machine of its own. What
// agents share behind the state port's back shows here, if the search has not met it already.
import type { Model } from '../model.ts';
import { Execution } from '../run/execution.ts';
import type { Knowledge } from '../run/knowledge.ts';
import { randomNumbers } from '../run/random.ts';

const SEED = 0x5107;
/** Steps of a schedule that does not end. */
const DEPTH = 3000;

/** Throws {@link Nondeterministic} where a step is another one than before. */
export function verify(model: Model, knowledge: Knowledge, runs: number): void {
  const next = randomNumbers(SEED);
  for (let run = 0; run < runs; run++) {
    const execution = new Execution(model, knowledge);
    for (let step = 0; step < DEPTH; step++) {
      const ready = execution.agents.filter((agent) => execution.ready(agent));
      const agent = ready[Math.floor(next() * ready.length)];
      if (agent === undefined || execution.step(agent).threw !== null) break;
    }
  }
}
