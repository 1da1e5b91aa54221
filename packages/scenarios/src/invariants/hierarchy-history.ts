// In which order the levels of an interrupt are allocated, activated, deactivated and freed: every domain's callbacks are
// looked at when they have done their work.
import type { IrqData, IrqDomain } from '@siov/irq';
import type { Violation } from './subject.ts';

type Level = IrqDomain<never>;
type State = 'allocated' | 'active';

export class HierarchyHistory {
  readonly violations: Violation[] = [];
  /** How many allocations, activations, deactivations and frees were looked at. */
  looked = 0;
  readonly #levels: Readonly<Record<State, Map<number, ReadonlySet<unknown>>>> = { allocated: new Map(), active: new Map() };

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
    const there = this.#levels[state].get(virq) ?? new Set();
    if (domain.parent !== null && !there.has(domain.parent)) this.violations.push(`I5: ${domain.name} is ${state} for irq ${virq} before ${domain.parent.name}`);
    this.#levels[state].set(virq, new Set([...there, domain]));
  }

  #down(domain: Level, { virq }: IrqData, state: State): void {
    this.looked += 1;
    const there = this.#levels[state].get(virq) ?? new Set();
    const above = [...there].find((each) => (each as Level).parent === domain);
    if (above !== undefined) this.violations.push(`I5: ${domain.name} is ${state} no more for irq ${virq} before ${(above as Level).name}`);
    this.#levels[state].set(virq, new Set([...there].filter((each) => each !== domain)));
  }
}
