// A schedule as turns: an agent moves until another one does.
import type { ScheduleStep } from '../report.ts';

export interface Turn {
  readonly agent: string;
  /** Where its first step is in the schedule. */
  readonly first: number;
  readonly steps: readonly ScheduleStep[];
}

/** A turn that a loop goes back into is two: its second part is what comes again. */
export function turnsOf(steps: readonly ScheduleStep[], loop: number | null): Turn[] {
  const starts = steps.flatMap(({ agent }, index) => (index === 0 || index === loop || steps[index - 1]?.agent !== agent ? [index] : []));
  return starts.map((first, turn) => ({ agent: (steps[first] as ScheduleStep).agent, first, steps: steps.slice(first, starts[turn + 1]) }));
}
