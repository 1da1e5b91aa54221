// /proc/interrupts, as data and as the kernel prints it (show_interrupts() in kernel/irq/proc.c).
import type { FlowHandler } from './chip.ts';
import type { IrqCore } from './core.ts';
import { cpusOf } from './cpu-mask.ts';

export interface InterruptRow {
  readonly virq: number;
  /** Events on each possible CPU. */
  readonly counts: readonly number[];
  /** A per-device MSI domain's chip is named as the domain; so are all here. */
  readonly chip: string;
  readonly hwirq: number;
  /** How it is handled. */
  readonly flow: FlowHandler['name'];
  readonly actions: readonly string[];
}

/** One row for each interrupt that has a chip, in virq order. */
export function procInterrupts(core: IrqCore): InterruptRow[] {
  return core.descs().flatMap(({ virq, counts, state: { data, flow, actions } }) => {
    if (data === null || flow === null) return [];
    return [{ virq, counts: [...counts], chip: data.domain.name, hwirq: data.hwirq, flow: flow.name, actions: actions.map(({ name }) => name) }];
  });
}

/** The text: a column for each online CPU, a line for each interrupt that has an action or has ever come. */
export function procInterruptsText(core: IrqCore): string {
  const digits = Math.max(3, String(core.options.nrIrqs).length);
  const cpus = cpusOf(core.online);
  const head = `${' '.repeat(digits + 8)}${cpus.map((cpu) => `CPU${String(cpu).padEnd(8)}`).join('')}`;
  const lines = procInterrupts(core)
    .filter(({ actions, counts }) => actions.length > 0 || counts.some((count) => count > 0))
    .map(({ virq, counts, chip, hwirq, flow, actions }) => {
      const numbers = cpus.map((cpu) => `${String(counts[cpu] ?? 0).padStart(10)} `).join('');
      const names = actions.length > 0 ? `  ${actions.join(', ')}` : '';
      return `${String(virq).padStart(digits)}: ${numbers} ${chip.padStart(8)} ${String(hwirq).padStart(digits)}-${flow.padEnd(8)}${names}`;
    });
  return [head, ...lines].map((line) => `${line}\n`).join('');
}
