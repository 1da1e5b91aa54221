// Where the search learns: a run of the real code that is brought to where the search is whenever a step or a predicate
// there is not known yet.
import type { Model, Predicate, Property } from '../model.ts';
import { Execution } from '../run/execution.ts';
import type { Decisions, Judgement, Knowledge, Outcome } from '../run/knowledge.ts';
import type { AbstractState } from './abstract-state.ts';

export class Guide {
  readonly #model: Model;
  readonly #knowledge: Knowledge;
  #execution: Execution;
  /** The agents whose steps the run has taken. */
  #taken: number[] = [];
  runs = 1;
  /** Steps and predicates that the real code was asked for. */
  learned = 0;

  constructor(model: Model, knowledge: Knowledge) {
    this.#model = model;
    this.#knowledge = knowledge;
    this.#execution = new Execution(model, knowledge);
  }

  /** A run at its start. */
  anew(): Execution {
    this.#goTo([]);
    return this.#execution;
  }

  get properties(): readonly Property[] {
    return this.#execution.machine.properties;
  }

  /** What `agent` does next in `state`, to which `path` leads. */
  outcome(state: AbstractState, path: readonly number[], agent: number): Outcome {
    const known = this.#knowledge.local(state.local(agent)).outcomes.find(state.valueOf);
    if (known !== null) return known;
    this.#goTo(path);
    this.learned += 1;
    const outcome = this.#execution.step(agent);
    if (!outcome.blocked) this.#taken.push(agent);
    return outcome;
  }

  /** Whether it can be told without the real code what an agent does next. */
  knows(state: AbstractState, agent: number): boolean {
    return this.#knowledge.local(state.local(agent)).outcomes.find(state.valueOf) !== null;
  }

  judgement(state: AbstractState, path: readonly number[], { name, predicate, known }: Judge): Judgement {
    const found = known.find(state.valueOf);
    if (found !== null) return found;
    this.#goTo(path);
    this.learned += 1;
    return known.add(this.#execution.judge(name, predicate(this.#execution.machine.properties)), (cell) => this.#knowledge.cells.name(cell));
  }

  /** Whether the run is where `path` leads, so that asking it costs little. */
  isAt(path: readonly number[]): boolean {
    return this.#taken.length <= path.length && this.#taken.every((agent, step) => agent === path[step]);
  }

  #goTo(path: readonly number[]): void {
    if (!this.isAt(path)) {
      if (!this.#execution.restart()) this.#execution = new Execution(this.#model, this.#knowledge);
      this.#taken = [];
      this.runs += 1;
    }
    for (let step = this.#taken.length; step < path.length; step++) {
      const agent = path[step] as number;
      const { blocked } = this.#execution.step(agent);
      if (blocked) throw new Error(`${this.#knowledge.agents[agent]} waits at step ${step} of a schedule on which it did not: the model is not deterministic`);
      this.#taken.push(agent);
    }
  }
}

/** A predicate of a property, and what is known of it. */
export interface Judge {
  readonly name: string;
  /** Of the run that is asked: each has predicates of its own machine. */
  readonly predicate: (properties: readonly Property[]) => Predicate;
  readonly known: Decisions<Judgement>;
}
