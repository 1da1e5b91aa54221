// Properties as decision trees over cells, learned where a state needs an answer that is not there: predicates are functions of
// what they read and nothing else.
import type { Model, Property } from '../../model.ts';
import type { Book } from './book.ts';
import { Trial } from './trial.ts';

/** One predicate of a property. */
export interface Question {
  readonly number: number;
  readonly property: Property;
  readonly part: 'holds' | 'when' | 'then';
  /** Cells it was seen to read. */
  readonly reads: Set<number>;
  /** Combinations of values that it was not asked with yet, to see what else it reads. */
  readonly untried: number[][];
}

export interface Judgement {
  readonly reads: readonly number[];
  readonly readCodes: readonly number[];
  /** Null: it holds. */
  readonly violation: string | null;
}

export class Judge {
  readonly questions: readonly Question[];
  readonly properties: readonly Property[];
  readonly #trial: Trial;
  readonly #book: Book;
  #mostLooked = LOOKED;

  constructor(model: Model, book: Book) {
    this.#book = book;
    this.#trial = new Trial(model, book);
    this.properties = this.#trial.properties;
    const parts = this.properties.flatMap((property) => partsOf(property).map((part) => ({ property, part })));
    this.questions = parts.map(({ property, part }, number) => ({ number, property, part, reads: new Set<number>(), untried: [[]] }));
    this.lookMore();
  }

  /** `codeOf`: what the cell holds. */
  ask(question: Question, codeOf: (cell: number) => number): Judgement {
    const judgement = this.#trial.judge(question.property, question.part, codeOf);
    for (const cell of judgement.reads) question.reads.add(cell);
    return judgement;
  }

  question(property: Property, part: Question['part']): Question {
    return this.questions.find((question) => question.property === property && question.part === part) as Question;
  }

  /** Asks with combinations of values, to see most of the cells that are read; each time with twice as many. */
  lookMore(): void {
    for (const question of this.questions) this.#look(question);
    this.#mostLooked *= 2;
  }

  #look(question: Question): void {
    const { untried } = question;
    for (let tried = 0; tried < this.#mostLooked && untried.length > 0; tried++) {
      const codes = untried.shift() as number[];
      let position = 0;
      const { reads, readCodes } = this.ask(question, () => codes[position++] ?? 0);
      for (let at = codes.length; at < reads.length; at++) {
        const size = this.#book.domains.size(reads[at] as number);
        for (let code = 1; code < size; code++) untried.push([...readCodes.slice(0, at), code]);
      }
    }
  }
}

/** At first. Cells that are seen later only cost a new start of the search. */
const LOOKED = 100;

function partsOf(property: Property): Question['part'][] {
  return property.kind === 'responds' ? ['when', 'then'] : ['holds'];
}
