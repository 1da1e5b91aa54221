// The states that runs come through which avoid a goal: from where it starts to be owed, in order of the length of the schedule.
import type { Graph } from './graph.ts';

export interface Avoiding {
  /** In the order they were found: by the length of the schedule. */
  readonly states: readonly number[] | Int32Array;
  /** By state: found. */
  readonly has: Uint8Array;
  /** By position in {@link states}: the position of the state it came from, -1: it is owed from here on; and whose step it was. */
  readonly from: Int32Array;
  readonly by: Int32Array;
}

/** `owed`: whether a run that is in this state owes the goal; `met`: whether the state is a goal. */
export function avoiding(graph: Graph, owed: (state: number) => boolean, met: (state: number) => boolean): Avoiding {
  const has = new Uint8Array(graph.end);
  const [states, from, by] = [new Growing(), new Growing(), new Growing()];
  const add = (state: number, parent: number, slot: number) => {
    if (has[state] !== 0 || met(state)) return;
    has[state] = 1;
    states.push(state);
    from.push(parent);
    by.push(slot);
  };
  let next = 0;
  for (let level = 0; level < graph.levels.length || next < states.length; level++) {
    const end = states.length;
    for (; next < end; next++) {
      for (let slot = 0; slot < graph.slots; slot++) {
        const to = graph.edge(states.at(next), slot);
        if (to > 0) add(to, next, slot);
      }
    }
    const last = graph.levels[level + 1] ?? graph.end;
    for (let state = graph.levels[level] ?? graph.end; state < last; state++) if (owed(state)) add(state, -1, -1);
  }
  return { states: states.all, has, from: from.all, by: by.all };
}

/** Numbers in a row that gets longer. */
export class Growing {
  #numbers = new Int32Array(1024);
  length = 0;

  get all(): Int32Array {
    return this.#numbers.subarray(0, this.length);
  }

  at(index: number): number {
    return this.#numbers[index] as number;
  }

  push(number: number): void {
    if (this.length === this.#numbers.length) {
      const larger = new Int32Array(2 * this.length);
      larger.set(this.#numbers);
      this.#numbers = larger;
    }
    this.#numbers[this.length++] = number;
  }

  pop(): number {
    return this.#numbers[--this.length] as number;
  }
}
