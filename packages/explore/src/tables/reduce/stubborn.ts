// Stubborn sets: agents of which it is enough to follow the steps in a state, as nothing that the others may ever do before one of
// them interferes with it. An agent that waits brings in those who can end its wait.
import type { Slot } from '../shape/layout.ts';
import type { Access, Accesses, StepAccess } from './accesses.ts';

export class Stubborn {
  readonly #accesses: Accesses;
  readonly #slots: readonly Slot[];
  readonly #steps: StepAccess[] = [];
  /** By slot: where its blocks are in a line of {@link #meets}. */
  readonly #offsets: Int32Array;
  readonly #line: number;
  /** By step, then block of another agent: whether the step meets what that agent may do. */
  #meets = new Uint8Array(0);
  #everybody = new Uint8Array(0);
  readonly #rows: Int32Array;

  constructor(accesses: Accesses, slots: readonly Slot[]) {
    this.#accesses = accesses;
    this.#slots = slots;
    this.#rows = new Int32Array(slots.length);
    this.#offsets = new Int32Array(slots.length);
    let line = 0;
    for (const { number, ended } of slots) {
      this.#offsets[number] = line;
      line += ended + 1;
    }
    this.#line = line;
  }

  /** Returns the number of the step. */
  add(step: StepAccess): number {
    return this.#steps.push(step) - 1;
  }

  /** All steps were added. */
  ready(): void {
    const line = this.#line;
    this.#everybody = Uint8Array.from(this.#steps, ({ all }) => (all ? 1 : 0));
    this.#meets = new Uint8Array(this.#steps.length * line);
    for (const [number, step] of this.#steps.entries()) {
      for (const slot of this.#slots) {
        for (const [block, future] of (this.#accesses.future[slot.family.number] ?? []).entries()) {
          this.#meets[number * line + (this.#offsets[slot.number] as number) + block] = meets(step, future);
        }
      }
    }
  }

  /**
   * Slots to go on with, as bits. `moving`: those that can; `present`: those that somebody is in. `steps`: by slot, what it would
   * do; `blocks`: by slot, where it is.
   */
  choose(moving: number, present: number, steps: Int32Array, blocks: Int32Array): number {
    // One that can move alone.
    if ((moving & (moving - 1)) === 0) return moving;
    this.#rows.fill(-1);
    // The same agents as long as they can move, not now these and then those: what is independent is not interleaved at all.
    for (let seeds = present; seeds !== 0; seeds &= seeds - 1) {
      const members = this.#close(seeds & -seeds, moving, present, steps, blocks);
      const chosen = members & moving;
      if (chosen !== 0 && chosen !== moving) return this.#smallest(chosen, moving, present, steps, blocks);
    }
    return moving;
  }

  /** The fewest of these that are enough. */
  #smallest(chosen: number, moving: number, present: number, steps: Int32Array, blocks: Int32Array): number {
    let best = chosen;
    let size = bitCount(chosen);
    for (let seeds = chosen; seeds !== 0 && size > 1; seeds &= seeds - 1) {
      const fewer = this.#close(seeds & -seeds, moving, present, steps, blocks) & moving;
      const count = bitCount(fewer);
      if (count >= size) continue;
      best = fewer;
      size = count;
    }
    return best;
  }

  /** With all that have to come with them. */
  #close(seeds: number, moving: number, present: number, steps: Int32Array, blocks: Int32Array): number {
    const rows = this.#rows;
    let members = seeds;
    for (let open = members; open !== 0; ) {
      const slot = 31 - Math.clz32(open & -open);
      open &= open - 1;
      let row = rows[slot] as number;
      if (row === -1) {
        row = this.#row(slot, moving, present, steps, blocks);
        rows[slot] = row;
      }
      open |= row & ~members;
      members |= row;
      if ((moving & ~members) === 0) break;
    }
    return members;
  }

  /** Slots that have to come with this one. */
  #row(slot: number, moving: number, present: number, steps: Int32Array, blocks: Int32Array): number {
    const step = steps[slot] as number;
    if (this.#everybody[step] === 1) return present;
    const meets = this.#meets;
    const offsets = this.#offsets;
    const least = (moving >>> slot & 1) !== 0 ? 1 : 2;
    const line = step * this.#line;
    let row = 0;
    for (let others = present & ~(1 << slot); others !== 0; others &= others - 1) {
      const other = 31 - Math.clz32(others & -others);
      if ((meets[line + (offsets[other] as number) + (blocks[other] as number)] as number) >= least) row |= 1 << other;
    }
    return row;
  }
}

const NOT = 0;
const WHEN_IT_MOVES = 1;
const ALWAYS = 2;

/** What would write what is there already can move when somebody else has written something else. */
function meets(step: StepAccess, future: Access): number {
  let met: number = NOT;
  for (const [word, writes] of future.writes.entries()) {
    const ownWrites = step.writes[word] as number;
    if ((((step.reads[word] as number) | ownWrites) & writes) !== 0) return ALWAYS;
    if ((ownWrites & (future.reads[word] as number)) !== 0) met = WHEN_IT_MOVES;
  }
  return met;
}

function bitCount(bits: number): number {
  let count = 0;
  for (let rest = bits; rest !== 0; rest &= rest - 1) count += 1;
  return count;
}
