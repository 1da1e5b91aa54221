// Every reachable state of a model, the plain way: runs the real code again for every schedule that may lead somewhere new.
// Against this the searches that are fast are compared.
import { plainState } from '@siov/base';
import type { Point, StatePort } from '@siov/base';
import { DEADLOCK } from '@siov/explore';
import type { Model, ModelAgent } from '@siov/explore';

export interface Enumeration {
  readonly states: number;
  readonly transitions: number;
  /** Names of the properties that do not hold everywhere. */
  readonly broken: ReadonlySet<string>;
}

/** Takes the point an agent is at for its local state: points of one agent need different texts. No liveness. */
export function enumerate(model: Model): Enumeration {
  const seen = new Set<string>();
  const broken = new Set<string>();
  const schedules: (readonly number[])[] = [[]];
  let transitions = 0;
  for (let schedule = schedules.pop(); schedule !== undefined; schedule = schedules.pop()) {
    const run = new Run(model, schedule);
    // Goes on with the run at hand as long as what it comes to is new; the other ways are for later.
    for (let path = schedule; !seen.has(run.key()); ) {
      seen.add(run.key());
      const ready = run.ready();
      for (const name of run.broken(ready.length === 0)) broken.add(name);
      transitions += ready.length;
      const [first, ...others] = ready;
      if (first === undefined) break;
      for (const other of others) schedules.push([...path, other]);
      run.step(first);
      path = [...path, first];
    }
  }
  return { states: seen.size, transitions, broken };
}

class Run {
  readonly #records: object[] = [];
  readonly #agents: readonly { readonly agent: ModelAgent; at: Point | null }[];
  readonly #properties;

  constructor(model: Model, schedule: readonly number[]) {
    const record: StatePort['record'] = (name, initial) => {
      const made = plainState.record(name, initial);
      this.#records.push(made);
      return made;
    };
    const spawn = () => {
      throw new Error(`${model.name} starts agents on its way`);
    };
    const { agents, properties } = model.make({ state: { ...plainState, interleaved: true, record }, spawn, narrated: false });
    this.#properties = properties;
    this.#agents = agents.map((agent) => ({ agent, at: agent.steps.next().value as Point }));
    for (const each of schedule) this.step(each);
  }

  step(index: number): void {
    const one = this.#agents[index]!;
    const next = one.agent.steps.next();
    one.at = next.done === true ? null : next.value;
  }

  ready(): number[] {
    return [...this.#agents.keys()].filter((index) => {
      const { at } = this.#agents[index]!;
      return at !== null && (at.ready === undefined || at.ready());
    });
  }

  key(): string {
    return JSON.stringify([this.#records.map((each) => Object.values(each)), this.#agents.map(({ at }) => at?.what)]);
  }

  broken(rest: boolean): string[] {
    const asked = this.#properties.filter(({ kind }) => kind === 'always' || (kind === 'rest' && rest));
    const names = asked.filter((each) => 'holds' in each && each.holds() !== true).map(({ name }) => name);
    const stuck = rest && this.#agents.some(({ agent, at }) => at !== null && agent.daemon !== true);
    return stuck ? [...names, DEADLOCK] : names;
  }
}
