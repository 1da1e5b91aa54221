// Breadth-first search over packed states: what is found first is found by a shortest schedule.
import { DEADLOCK, NO_THROW } from '../../model.ts';
import type { Limit } from '../../report.ts';
import { BATCH, OUT } from '../compile/limits.ts';
import type { Choose } from '../compile/kernel-source.ts';
import type { Asking, Tables } from '../compile/tables.ts';
import { paysOff } from '../reduce/reduced-tables.ts';
import { get } from '../shape/layout.ts';
import type { Slot } from '../shape/layout.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { Clock } from './clock.ts';
import { StateTable } from './state-table.ts';

/** Where a property is broken. */
export interface Finding {
  readonly property: string;
  readonly state: number;
  /** The step from that state which breaks it; null: the state itself. */
  readonly slot: number | null;
}

export interface Searched {
  readonly table: StateTable;
  /** The number of the first state of each level. */
  readonly levels: readonly number[];
  /** The first state that was not gone on from. */
  readonly from: number;
  /** Where the level ends that it is in. */
  readonly end: number;
  readonly transitions: number;
  readonly findings: ReadonlyMap<string, Finding>;
  readonly leftOver: { readonly limit: Limit; readonly states: number } | null;
}

/** More agents of one family run at once than there are slots: tables are made again with more. */
export class SlotsFull extends Error {
  readonly family: number;

  constructor(family: number) {
    super(`more agents of one name run at once than there is room for`);
    this.family = family;
  }
}

/** Steps are reached that were not learned: they are, and tables are made again. */
export class NotKnown extends Error {
  readonly steps: readonly { readonly state: number; readonly slot: number }[];
  readonly searched: Pick<Searched, 'table' | 'levels'>;

  constructor(steps: NotKnown['steps'], searched: NotKnown['searched']) {
    super('steps are reached that were not learned');
    this.steps = steps;
    this.searched = searched;
  }
}

/** The reduction leaves out too little to be worth its time. */
export class NotWorthIt extends Error {}

export interface SearchOptions {
  /** Chooses the steps that are followed; absent: all are. */
  readonly choose?: Choose;
  /** The search ends when all these properties are refuted; absent: when all is seen. */
  readonly until?: ReadonlySet<string>;
}

export class BreadthFirst {
  readonly #options: SearchOptions;
  readonly #tables: Tables;
  readonly #clock: Clock;
  readonly #table: StateTable;
  readonly #levels: number[] = [1];
  readonly #findings = new Map<string, Finding>();
  /** Steps that were not learned, each of them once, by what the agent does and reads. */
  readonly #missing = new Map<string, { state: number; slot: number }>();
  #firstMissing = Infinity;
  #transitions = 0;
  /** Steps that were not chosen. */
  #left = 0;
  /** State after which it is looked whether the reduction pays. */
  #probe = 4096;
  #from = 1;
  /** The last state of the level is before it. */
  #end = 2;

  constructor(tables: Tables, clock: Clock, options: SearchOptions = {}) {
    this.#options = options;
    this.#tables = tables;
    this.#clock = clock;
    this.#table = new StateTable(tables.kernel, tables.layout.words);
    const first = this.#table.add(tables.layout.initial);
    this.#ask(first, -1);
  }

  /** Goes on where a search of the same tables ended. */
  resume({ header, states }: Checkpoint): void {
    this.#table.restore(states, header.taken);
    this.#levels.splice(0, 1, ...header.levels.filter((first) => first < header.end));
    this.#from = header.from;
    this.#end = header.end;
    this.#transitions = header.transitions;
    // Whether leaving steps out pays was decided then.
    this.#probe = Infinity;
    for (const finding of header.findings) this.#findings.set(finding.property, finding);
  }

  async run(): Promise<Searched> {
    const table = this.#table;
    let limit = await this.#level();
    while (this.#from < table.taken && limit === null && !this.#done) {
      this.#levels.push(this.#from);
      this.#end = table.taken;
      limit = await this.#level();
    }
    if (this.#missing.size > 0 && limit === null) this.#learnMissing();
    const leftOver = limit === null ? null : { limit, states: table.taken - this.#from };
    // What was found beyond the level is of the next one.
    const levels = table.taken > this.#end ? [...this.#levels, this.#end] : this.#levels;
    return { table, levels, from: this.#from, end: this.#end, transitions: this.#transitions, findings: this.#findings, leftOver };
  }

  /** Expands the states of the level that have not been. */
  async #level(): Promise<Limit | null> {
    const table = this.#table;
    const { kernel, layout } = this.#tables;
    const { choose } = this.#options;
    for (let batches = 0; this.#from < this.#end && !this.#done; batches++) {
      if ((batches & EVERY) === 0) {
        const limit = await this.#look();
        if (limit !== null) return limit;
      }
      const to = Math.min(this.#from + BATCH, this.#end);
      table.reserve(BATCH * layout.slots.length);
      if (choose === undefined) {
        table.taken = kernel.expand(table.states, table.index, this.#from, to, table.taken);
        this.#after();
      } else this.#reduced(to, choose);
      this.#from = to;
    }
    return null;
  }

  /** Where the steps that were chosen lead back only, the others could be put off for ever: all are followed. */
  #reduced(to: number, choose: Choose): void {
    const table = this.#table;
    const { kernel, layout } = this.#tables;
    const { reduced, again, out } = kernel;
    if (reduced === undefined || again === undefined) throw new Error('the inner loop has no steps to choose from');
    table.taken = reduced(table.states, table.index, this.#from, to, table.taken, choose);
    this.#left += out[OUT.left] as number;
    const repeated = [...again.subarray(0, out[OUT.again])];
    this.#after();
    for (const state of repeated) {
      table.reserve(layout.slots.length);
      table.taken = kernel.expand(table.states, table.index, state, state + 1, table.taken);
      this.#after();
    }
    if (to > this.#probe) {
      this.#probe *= 4;
      if (!paysOff(this.#left, this.#transitions)) throw new NotWorthIt();
    }
  }

  get #done(): boolean {
    const { until } = this.#options;
    return until !== undefined && [...until].every((property) => this.#findings.has(property));
  }

  async #look(): Promise<Limit | null> {
    const depth = this.#levels.length - 1;
    const standing = { states: this.#table.count, transitions: this.#transitions, frontier: this.#table.taken - this.#from, depth };
    this.#clock.tell({ phase: 'searching', ...standing });
    await this.#clock.breathe();
    return this.#clock.limit(standing);
  }

  /** What the inner loop left behind. */
  #after(): void {
    const { kernel } = this.#tables;
    const { out } = kernel;
    this.#transitions += out[OUT.transitions] as number;
    if (out[OUT.full] !== 0) {
      const family = (out[OUT.full] as number) - 1;
      out[OUT.full] = 0;
      throw new SlotsFull(family);
    }
    if (out[OUT.threwAt] !== 0) {
      this.#found({ property: NO_THROW, state: out[OUT.threwAt] as number, slot: out[OUT.threwSlot] as number });
      out[OUT.threwAt] = 0;
    }
    if ((out[OUT.missing] as number) > 0) this.#miss(out[OUT.missing] as number);
    for (let each = 0; each < (out[OUT.asked] as number); each++) this.#ask(kernel.asked[each] as number, kernel.askedWhat[each] as number);
    for (let each = 0; each < (out[OUT.resting] as number); each++) this.#rest(kernel.resting[each] as number);
  }

  #miss(count: number): void {
    const { kernel, blocks, layout } = this.#tables;
    const { states } = this.#table;
    for (let each = 0; each < count; each += 2) {
      const [state, slot] = [kernel.missing[each] as number, kernel.missing[each + 1] as number];
      const { family, field } = layout.slots[slot] as Slot;
      const block = get(states, field, state * layout.words);
      const path: number[] = [];
      let tree = blocks.ofFamily[family.number]?.[block]?.tree;
      while (tree?.kind === 'branch') {
        const at = layout.cells.get(tree.cell);
        const code = at === undefined ? 0 : get(states, at, state * layout.words);
        path.push(code);
        tree = tree.children[code];
      }
      this.#missing.set(`${family.number} ${block} ${path.join()}`, { state, slot });
    }
    this.#firstMissing = Math.min(this.#firstMissing, this.#table.count);
    if (this.#missing.size >= ENOUGH_MISSING || this.#table.count > this.#firstMissing + FAR_ENOUGH) this.#learnMissing();
  }

  #learnMissing(): never {
    throw new NotKnown([...this.#missing.values()], { table: this.#table, levels: [...this.#levels, this.#end] });
  }

  #ask(state: number, bits: number): void {
    for (const asking of this.#tables.always) if ((asking.bit & bits) !== 0) this.#askOne(asking, state);
  }

  #rest(state: number): void {
    const { layout, rest } = this.#tables;
    const { states } = this.#table;
    const somebody = layout.slots.some(({ family, field, ended }) => !family.daemon && get(states, field, state * layout.words) !== ended);
    if (somebody) this.#found({ property: DEADLOCK, state, slot: null });
    for (const asking of rest) this.#askOne(asking, state);
  }

  #askOne({ property, tree }: Asking, state: number): void {
    if (this.#findings.has(property.name)) return;
    if (!tree.holds(this.#table.states, state * this.#tables.layout.words)) this.#found({ property: property.name, state, slot: null });
  }

  #found(finding: Finding): void {
    if (!this.#findings.has(finding.property)) this.#findings.set(finding.property, finding);
  }
}

/** Batches between two looks at the clock, less one. */
const EVERY = 31;
/** Steps to learn at once, and states to look for them in. */
const ENOUGH_MISSING = 64;
const FAR_ENOUGH = 50_000;

