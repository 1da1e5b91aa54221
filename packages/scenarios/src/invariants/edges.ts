// How many edges came for each interrupt of the store since it was requested, and how many of them were handled.
import type { StatePort } from '@siov/base';
import type { IrqDesc } from '@siov/irq';
import type { EntryMessage } from './messages.ts';
import type { OperationHistory } from './operation-history.ts';

export interface EdgeCount {
  /** Messages since it was requested, but for those that were posted. */
  readonly messages: number;
  /** Runs of its handlers when it was requested, and when the last message came. */
  readonly handledBefore: number;
  readonly handledAtLast: number;
}

export class Edges {
  readonly #counts: Map<number, EdgeCount & { readonly irq: IrqDesc }>;

  constructor(state: StatePort, operations: OperationHistory) {
    this.#counts = state.map('history/edges');
    operations.onBegin(({ layer, name, values }) => {
      if (layer === 'irq' && name === 'request_irq') this.#counts.delete(Number(values['irq']));
    });
  }

  came({ irq, posted }: EntryMessage): void {
    if (posted) return;
    const there = this.of(irq);
    const now = handled(irq);
    this.#counts.set(irq.virq, { irq, messages: (there?.messages ?? 0) + 1, handledBefore: there?.handledBefore ?? now, handledAtLast: now });
  }

  /** Undefined while none has come. */
  of(irq: IrqDesc): EdgeCount | undefined {
    const there = this.#counts.get(irq.virq);
    return there?.irq === irq ? there : undefined;
  }
}

/** Interrupts of all CPUs that went to its handlers. */
export function handled({ counts }: IrqDesc): number {
  return counts.reduce((sum, count) => sum + count, 0);
}
