// What one interrupt costs, from the device's entry to the end of its action.
import { BY_HAND, contestants, OURS } from './contestants.ts';
import { inTurns } from './rounds.ts';
import type { RoundOptions } from './rounds.ts';
import { summarise } from './statistics.ts';
import type { Summary } from './statistics.ts';

export interface InterruptCost {
  /** Nanoseconds an interrupt. */
  readonly ours: Summary;
  readonly byHand: Summary;
  /** Ours to by hand, of the same round. */
  readonly ratio: Summary;
}

export function interruptCost(options: RoundOptions): InterruptCost {
  const times = inTurns(contestants(), options);
  const ours = times.get(OURS) ?? [];
  const byHand = times.get(BY_HAND) ?? [];
  return { ours: summarise(ours), byHand: summarise(byHand), ratio: summarise(ours.map((time, round) => time / (byHand[round] ?? Number.NaN))) };
}
