// In which order the levels of an interrupt are allocated, activated, deactivated and freed: every domain's callbacks are
// looked at when they have done their work.
import type { StatePort } from '@siov/base';
import type { IrqData, IrqDomain } from '@siov/irq';
import type { Violation } from './subject.ts';
import { Violations } from './violations.ts';

type Level = IrqDomain<never>;
type State = 'allocated' | 'active';

export class HierarchyHistory {
  readonly #violations: Violations;
  /** How many allocations, activations, deactivations and frees were looked at. */
  looked = 0;
  /** By virq, the domains whose level is. */
  readonly #levels: Readonly<Record<State, Map<number, readonly Level[]>>>;

  constructor(state: StatePort) {
    this.#violations = new Violations(state, 'hierarchy');
    this.#levels = { allocated: state.map('history/allocated'), active: state.map('history/active') };
  }

  get violations(): readonly Violation[] {
    return this.#violations.list;
  }

  /** Looks at `domain` from now on; each domain of a hierarchy once, before it has interrupts. */
  watch(domain: Level): void {
    const { ops } = domain as unknown as IrqDomain;
    const { alloc, free, activate, deactivate } = ops;
    const up = (virq: number, state: State) => this.#up(domain, virq, state);
    const down = (data: IrqData, state: State) => this.#down(domain, data, state);
    if (alloc !== undefined) {
      ops.alloc = function* watched(of, virq, argument, desc) {
        const made = yield* alloc.call(ops, of, virq, argument, desc);
        if (made.ok) up(virq, 'allocated');
        return made;
      };
    }
    ops.free = function* watched(data) {
      down(data, 'allocated');
      if (free !== undefined) yield* free.call(ops, data);
    };
    if (activate !== undefined) {
      ops.activate = function* watched(data, reserve) {
        const made = yield* activate.call(ops, data, reserve);
        if (made.ok && !reserve) up(data.virq, 'active');
        return made;
      };
    }
    ops.deactivate = function* watched(data) {
      down(data, 'active');
      if (deactivate !== undefined) yield* deactivate.call(ops, data);
    };
  }

  #up(domain: Level, virq: number, state: State): void {
    this.looked += 1;
    const there = this.#levels[state].get(virq) ?? [];
    if (domain.parent !== null && !there.includes(domain.parent)) this.#violations.push(`I5: ${domain.name} is ${state} for irq ${virq} before ${domain.parent.name}`);
    this.#levels[state].set(virq, [...there.filter((each) => each !== domain), domain]);
  }

  #down(domain: Level, { virq }: IrqData, state: State): void {
    this.looked += 1;
    const there = this.#levels[state].get(virq) ?? [];
    const above = there.find((each) => (each.parent as unknown) === domain);
    if (above !== undefined) this.#violations.push(`I5: ${domain.name} is ${state} no more for irq ${virq} before ${above.name}`);
    this.#levels[state].set(virq, there.filter((each) => each !== domain));
  }
}
