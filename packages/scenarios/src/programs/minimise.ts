// The shortest program in which something still happens: what can be left out is.
import type { Program } from './operation.ts';

/** Leaves out operations one by one until none can be; `happens` is asked of programs that are shorter than `program`. */
export function minimise(program: Program, happens: (shorter: Program) => boolean): Program {
  let shortest = program;
  for (let at = shortest.length - 1; at >= 0; at--) {
    const shorter = shortest.toSpliced(at, 1);
    if (!happens(shorter)) continue;
    shortest = shorter;
    // What comes after may have been needed for what is gone.
    at = shortest.length;
  }
  return shortest;
}
