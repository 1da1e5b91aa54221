// /proc/interrupts, as the kernel prints it: number, counts by CPU, chip with hardware number and flow, names.
import type { InterruptRow } from '@siov/irq';

export function interruptTable(title: string, rows: readonly InterruptRow[]): string {
  const cpus = rows[0]?.counts.length ?? 0;
  const head = `${title.padEnd(8)}${Array.from({ length: cpus }, (_, cpu) => `CPU${cpu}`.padStart(10)).join('')}`;
  const chips = Math.max(0, ...rows.map((row) => row.chip.length));
  const lines = rows.map((row) => {
    const counts = row.counts.map((count) => String(count).padStart(10)).join('');
    const source = `${String(row.hwirq).padStart(5)}-${row.flow}`;
    return `${`${row.virq}:`.padStart(7)} ${counts}  ${row.chip.padEnd(chips)} ${source}  ${row.actions.join(', ')}`.trimEnd();
  });
  return `${[head, ...lines].join('\n')}\n`;
}
