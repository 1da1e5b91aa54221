// What a property sees, in parts: where a predicate says that several things hold at once, steps that touch different ones of them
// need not keep their order.
import { MoreIsRead } from '../compile/tables.ts';
import type { Judge, Question } from '../learn/judge.ts';
import type { Domains } from '../learn/domains.ts';

/** Cells of each part. It holds exactly where all parts hold; one part with all cells where that cannot be shown. */
export function partsSeen(question: Question, judge: Judge, domains: Domains): ReadonlySet<number>[] {
  const whole = [question.reads];
  const cells = [...question.reads].filter((cell) => domains.size(cell) > 1);
  const combinations = cells.reduce((product, cell) => product * domains.size(cell), 1);
  if (combinations > MOST_COMBINATIONS) return whole;
  const known = question.reads.size;
  const truth = new Truth(question, judge, domains, cells, combinations);
  if (question.reads.size > known) throw new MoreIsRead(question.property.name);
  const parts = new Map<string, number[]>();
  for (let number = 0; number < combinations; number++) {
    if (truth.holds(number)) continue;
    const part = truth.reason(number);
    parts.set(part.join(), part);
  }
  // It does not hold where one of the reasons is there, and nowhere else.
  return [...parts.values()].map((part) => new Set(part.map((index) => cells[index] as number)));
}

const MOST_COMBINATIONS = 1024;

/** What the predicate says of every combination of values. */
class Truth {
  readonly #sizes: readonly number[];
  /** By combination: the code of each cell, and whether it holds. */
  readonly #combinations: readonly (readonly number[])[];
  readonly #holds: readonly boolean[];

  constructor(question: Question, judge: Judge, domains: Domains, cells: readonly number[], combinations: number) {
    this.#sizes = cells.map((cell) => domains.size(cell));
    const position = new Map(cells.map((cell, index) => [cell, index]));
    this.#combinations = Array.from({ length: combinations }, (_, number) => this.#codes(number));
    this.#holds = this.#combinations.map((codes) => judge.ask(question, (cell) => codes[position.get(cell) ?? -1] ?? 0).violation === null);
  }

  holds(number: number): boolean {
    return this.#holds[number] === true;
  }

  /** Positions of cells whose values are enough for it not to hold, whatever the others are. */
  reason(number: number): number[] {
    let part = this.#sizes.map((_, index) => index);
    for (const index of this.#sizes.keys()) {
      const without = part.filter((each) => each !== index);
      if (this.#isEnough(number, without)) part = without;
    }
    return part;
  }

  #isEnough(number: number, part: readonly number[]): boolean {
    const codes = this.#combinations[number] as readonly number[];
    return this.#combinations.every((others, other) => !this.holds(other) || part.some((index) => others[index] !== codes[index]));
  }

  #codes(number: number): number[] {
    let rest = number;
    return this.#sizes.map((size) => {
      const code = rest % size;
      rest = (rest - code) / size;
      return code;
    });
  }
}
