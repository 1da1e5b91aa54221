// What agents did, one step below the other: what a sequence diagram is drawn from.

export interface SequenceStep {
  /** Whose lane it is in. */
  readonly agent: string;
  readonly text: string;
  /** Who goes on because of it: the arrow's end. A step without is a note in its lane. */
  readonly wakes?: string;
  /** Worth looking at first, as where a rule is broken. */
  readonly marked?: boolean;
}

export interface Sequence {
  readonly title?: string;
  /** The order of the lanes; agents not named here follow in order of appearance. */
  readonly order?: readonly string[];
  readonly steps: readonly SequenceStep[];
}

/** The lanes of a diagram: agents that do something or are woken, each once. */
export function agentsOf({ order = [], steps }: Sequence): string[] {
  const there = new Set(steps.flatMap(({ agent, wakes }) => (wakes === undefined ? [agent] : [agent, wakes])));
  return [...new Set([...order, ...there])].filter((agent) => there.has(agent));
}
