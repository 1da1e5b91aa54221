// Whether handlers run when they must not: each is wrapped when it is requested, and told when free_irq() has returned.
import { isSteps } from '@siov/base';
import type { MaybeSteps, StatePort, Steps } from '@siov/base';
import type { IrqHandler, IrqReturn } from '@siov/irq';
import type { Violation } from './subject.ts';
import { Violations } from './violations.ts';

export interface WatchedHandler {
  readonly handler: IrqHandler;
  /** Times it ran. */
  readonly runs: number;
  /** free_irq() has returned. */
  freed(): void;
}

export class HandlerHistory {
  readonly #state: StatePort;
  readonly #violations: Violations;

  constructor(state: StatePort) {
    this.#state = state;
    this.#violations = new Violations(state, 'handlers');
  }

  get violations(): readonly Violation[] {
    return this.#violations.list;
  }

  /** `name` is for sentences. */
  watch(name: string, handler: IrqHandler = () => 'handled'): WatchedHandler {
    const state = this.#state.record(`history/handler/${name}`, { runs: 0, running: 0, freed: false });
    const entered = (virq: number) => {
      state.runs += 1;
      if (state.freed) this.#violations.push(`I6: the handler ${name} of irq ${virq} runs after free_irq() has returned`);
    };
    function* stepwise(steps: Steps<IrqReturn>): Steps<IrqReturn> {
      state.running += 1;
      try {
        return yield* steps;
      } finally {
        state.running -= 1;
      }
    }
    return {
      handler: (virq): MaybeSteps<IrqReturn> => {
        entered(virq);
        const result = handler(virq);
        return isSteps(result) ? stepwise(result) : result;
      },
      get runs() {
        return state.runs;
      },
      freed: () => {
        state.freed = true;
        if (state.running > 0) this.#violations.push(`I6: free_irq() returns while the handler ${name} runs`);
      },
    };
  }
}
