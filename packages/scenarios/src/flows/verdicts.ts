// Looks at the invariants while a flow runs, and says at the end which of them held.
import type { Executor, Agent, Steps } from '@siov/base';
import { checkInvariants, layerRules } from '../invariants/index.ts';
import type { Layers } from '../invariants/index.ts';
import type { Moment, Subject, Violation } from '../invariants/subject.ts';
import type { Verdict } from './options.ts';

/** Those that are looked at while a flow runs: I4 is about single calls, I12 about all that was crossed. */
const LOOKED_AT = ['I1', 'I2', 'I3', 'I5', 'I6', 'I7', 'I8', 'I9', 'I10', 'I11'] as const;

export class InvariantWatch {
  readonly #subject: Subject;
  readonly #moment: Moment;
  readonly #found = new Map<string, Set<Violation>>(LOOKED_AT.map((each) => [each, new Set()]));

  /** `moment`: how often {@link run} looks. */
  constructor(subject: Subject, moment: Moment = 'between') {
    this.#subject = subject;
    this.#moment = moment;
  }

  look(moment: Moment): void {
    for (const violation of checkInvariants(this.#subject, moment)) {
      const [invariant = ''] = violation.split(':', 1);
      this.#found.get(invariant)?.add(violation);
    }
  }

  /** Runs `steps` as `agent`, with a look at rest, and unless that is all one after each of its points. */
  run<T>(executor: Executor, agent: Agent, steps: Steps<T>): T {
    const result = executor.run(agent, this.#moment === 'rest' ? steps : this.#watched(steps));
    executor.settle();
    this.look('rest');
    return result;
  }

  /** With `layers`, what each may use, also I12. */
  verdicts(layers?: Layers): Verdict[] {
    const looked = [...this.#found].map(([invariant, violations]) => ({ invariant, violations: [...violations] }));
    return layers === undefined ? looked : [...looked, { invariant: 'I12', violations: layerRules(this.#subject, layers) }];
  }

  *#watched<T>(steps: Steps<T>): Steps<T> {
    for (let next = steps.next(); ; next = steps.next()) {
      this.look('between');
      if (next.done) return next.value;
      yield next.value;
    }
  }
}
