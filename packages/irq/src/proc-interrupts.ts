// What /proc/interrupts shows, as data: who prints it decides the format.
import type { IrqCore } from './core.ts';

export interface InterruptRow {
  readonly virq: number;
  /** Events on each CPU. */
  readonly counts: readonly number[];
  readonly chip: string;
  readonly hwirq: number;
  /** How it is handled: all interrupts here are edges. */
  readonly flow: 'edge';
  readonly actions: readonly string[];
}

/** One row for each interrupt that has a chip, in virq order. */
export function procInterrupts(core: IrqCore): InterruptRow[] {
  return core.descs().flatMap((desc) => {
    const { data, counts, actions } = desc.state;
    if (data === null) return [];
    return [{ virq: desc.virq, counts, chip: data.domain.name, hwirq: data.hwirq, flow: 'edge', actions: actions.map((action) => action.name) }];
  });
}
