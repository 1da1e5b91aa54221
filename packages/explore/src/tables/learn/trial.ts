// One machine made to learn from: an agent takes steps in it, and whatever it reads is answered from outside.
import { ModelError } from '@siov/base';
import type { Point, Steps } from '@siov/base';
import type { Model, ModelAgent, Predicate, Property } from '../../model.ts';
import { TrackedState } from '../../track/tracked-state.ts';
import { NotPlain } from '../../track/values.ts';
import type { Book } from './book.ts';
import { TrialStore } from './trial-store.ts';
import type { Accesses, Answer } from './trial-store.ts';

export interface Running {
  readonly name: string;
  readonly daemon: boolean;
  readonly steps: Steps<unknown>;
  /** Where it is; null: it has ended. */
  point: Point | null;
}

export interface StepSeen extends Accesses {
  /** Its guard does not hold: nothing happened. */
  readonly blocked: boolean;
  /** Where it is now; null: it has ended. */
  readonly point: Point | null;
  readonly threw: string | null;
  readonly spawned: readonly Running[];
}

export class Trial {
  readonly roots: readonly Running[];
  readonly properties: readonly Property[];
  readonly #store: TrialStore;
  #spawned: ModelAgent[] = [];

  constructor(model: Model, book: Book) {
    const store = new TrialStore(book);
    this.#store = store;
    const state = new TrackedState(book.cells, store, {
      made: (piece, name) => store.named(piece, name),
      recording: () => !store.making,
      nameOf: (object) => store.nameOf(object),
    });
    const machine = model.make({ state, narrated: false, spawn: (agent) => void this.#spawned.push(agent) });
    this.roots = [...machine.agents.map((agent) => start(agent)), ...this.#startSpawned()];
    this.properties = machine.properties;
    store.made();
  }

  step(running: Running, answer: Answer): StepSeen {
    const { point } = running;
    if (point === null) throw new ModelError(`${running.name} has ended`);
    let threw: string | null = null;
    let blocked = false;
    const spawned: Running[] = [];
    const accesses = this.#store.record(answer, () => {
      try {
        blocked = point.ready !== undefined && !point.ready();
        if (blocked) return;
        const next = running.steps.next();
        running.point = next.done === true ? null : next.value;
        spawned.push(...this.#startSpawned());
      } catch (error) {
        if (error instanceof NotPlain) throw error;
        threw = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
        running.point = null;
      }
    });
    return { ...accesses, blocked, point: running.point, threw, spawned };
  }

  /** What a predicate says of the state that is answered; a text where it does not hold. */
  judge(property: Property, part: 'holds' | 'when' | 'then', answer: Answer): Accesses & { readonly violation: string | null } {
    let violation: string | null = null;
    const accesses = this.#store.record(answer, () => {
      const said = predicateOf(property, part)();
      violation = said === true ? null : said === false ? `${property.name} does not hold` : said;
    });
    const written = accesses.writes[0];
    if (written !== undefined) throw new ModelError(`property ${property.name} writes shared state: a predicate changes nothing`);
    return { ...accesses, violation };
  }

  #startSpawned(): Running[] {
    const started: Running[] = [];
    for (let agent = this.#spawned.shift(); agent !== undefined; agent = this.#spawned.shift()) started.push(start(agent));
    return started;
  }
}

function predicateOf(property: Property, part: 'holds' | 'when' | 'then'): Predicate {
  if (property.kind !== 'responds') return property.holds;
  return part === 'when' ? property.when : property.then;
}

function start({ name, daemon, steps }: ModelAgent): Running {
  const first = steps.next();
  return { name, daemon: daemon ?? false, steps, point: first.done === true ? null : first.value };
}
