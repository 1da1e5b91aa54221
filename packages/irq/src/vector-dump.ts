// What debugfs shows of vectors: the matrix (irq_matrix_debug_show()) and one interrupt's (x86_vector_debug_show()).
import type { ApicData } from './vector-data.ts';
import type { VectorMatrix } from './vector-matrix.ts';

export function matrixLines(matrix: VectorMatrix, online: readonly number[]): string[] {
  const { onlineMaps, globalAvailable, globalReserved, totalAllocated } = matrix.counters;
  const system = matrix.systemVectors;
  return [
    `Online bitmaps:   ${pad(onlineMaps, 6)}`,
    `Global available: ${pad(globalAvailable, 6)}`,
    `Global reserved:  ${pad(globalReserved, 6)}`,
    `Total allocated:  ${pad(totalAllocated, 6)}`,
    `System: ${system.length}: ${ranges(system)}`,
    '| CPU | avl | man | mac | act | vectors',
    ...online.map((cpu) => {
      const { available, managed, managedAllocated, allocated, vectors } = matrix.cpu(cpu);
      return ` ${pad(cpu, 4)}  ${pad(available, 4)}  ${pad(managed, 4)}  ${pad(managedAllocated, 4)} ${pad(allocated, 4)}  ${ranges(vectors)}`;
    }),
  ];
}

export function vectorLines(data: ApicData): string[] {
  const previous = [`Previous vector: ${pad(data.prevVector, 5)}`, `Previous target: ${pad(data.prevCpu, 5)}`];
  return [
    `Vector: ${pad(data.vector, 5)}`,
    `Target: ${pad(data.cpu, 5)}`,
    ...(data.prevVector === 0 ? [] : previous),
    `move_in_progress: ${Number(data.moveInProgress)}`,
    `is_managed:       ${Number(data.isManaged)}`,
    `can_reserve:      ${Number(data.canReserve)}`,
    `has_reserved:     ${Number(data.hasReserved)}`,
    `cleanup_pending:  ${Number(data.cleanupPending)}`,
  ];
}

function pad(value: number, width: number): string {
  return String(value).padStart(width);
}

/** As %*pbl prints a bitmap: `64-66,70`. Numbers ascend. */
function ranges(numbers: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const each of numbers) {
    const last = runs.at(-1);
    if (last !== undefined && last[1] === each - 1) last[1] = each;
    else runs.push([each, each]);
  }
  return runs.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(',');
}
