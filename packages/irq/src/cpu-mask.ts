// struct cpumask: a set of CPUs, bit n for CPU n. A bigint, so that any number of CPUs is one plain value.

export type CpuMask = bigint;

export function cpuMask(...cpus: readonly number[]): CpuMask {
  return cpus.reduce((mask, cpu) => mask | (1n << BigInt(cpu)), 0n);
}

/** CPUs 0 to `count` - 1. */
export function allCpus(count: number): CpuMask {
  return (1n << BigInt(count)) - 1n;
}

export function hasCpu(mask: CpuMask, cpu: number): boolean {
  return ((mask >> BigInt(cpu)) & 1n) === 1n;
}

/** Lowest first. */
export function cpusOf(mask: CpuMask): number[] {
  const cpus: number[] = [];
  for (let left = mask, cpu = 0; left !== 0n; left >>= 1n, cpu++) if ((left & 1n) === 1n) cpus.push(cpu);
  return cpus;
}

/** As /proc/irq/N/smp_affinity_list prints it: `0-3,7`. */
export function cpuList(mask: CpuMask): string {
  const runs: [number, number][] = [];
  for (const cpu of cpusOf(mask)) {
    const last = runs.at(-1);
    if (last !== undefined && last[1] === cpu - 1) last[1] = cpu;
    else runs.push([cpu, cpu]);
  }
  return runs.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(',');
}

/** -1 for an empty set. */
export function lowestCpu(mask: CpuMask): number {
  return cpusOf(mask)[0] ?? -1;
}
