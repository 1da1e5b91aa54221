// pnpm run bench [interrupt] [allocations] [growth] [yardstick] [explore]: prints ratios and figures, and writes them with plots to
// results/. Without arguments all but the last two, which take minutes; the yardstick needs Spin as well.
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { allocations } from './allocations.ts';
import { measureExploration } from './explore/bench.ts';
import { AXES } from './explore/growing.ts';
import { explorationPlot } from './explore/plots.ts';
import { explorationReport } from './explore/report.ts';
import { MEASURED_CHECKS } from './explore/subject.ts';
import { growth, SIZES } from './growth.ts';
import type { Growth } from './growth.ts';
import { interruptCost } from './interrupt.ts';
import { linePlot } from './plot.ts';
import { allocationsReport, growthReport, interruptReport } from './report.ts';
import { measureYardstick, YARDSTICK_SIZES } from './yardstick/bench.ts';
import { yardstickReport } from './yardstick/report.ts';
import { MissingTools } from './yardstick/tools.ts';

const results = new URL('../results/', import.meta.url);
const save = (name: string, text: string) => writeFileSync(new URL(name, results), text);
const machine = () => ({ node: process.version, cpu: cpus()[0]?.model ?? 'unknown', cpus: cpus().length, load: loadavg()[0] ?? Number.NaN });

const BENCHES: Readonly<Record<string, () => Promise<{ data: unknown; text: string }>>> = {
  async interrupt() {
    const data = interruptCost({ rounds: 25, batch: 10_000, samples: 5 });
    return { data, text: interruptReport(data) };
  },
  async allocations() {
    const data = await allocations(2_000_000, 1000);
    return { data, text: allocationsReport(data) };
  },
  async growth() {
    const data = growth({ sizes: SIZES, rounds: 200, batch: 16 });
    save('growth.svg', growthPlot(data));
    return { data, text: growthReport(data) };
  },
  async yardstick() {
    const data = await measureYardstick({ sizes: YARDSTICK_SIZES, rounds: 3, note: (what) => process.stderr.write(`${what}\n`) });
    return { data, text: yardstickReport(data) };
  },
  async explore() {
    const note = (what: string) => process.stderr.write(`${what}\n`);
    const data = await measureExploration({ checks: MEASURED_CHECKS, axes: AXES, limit: 60, rounds: 3, note });
    save('explore.svg', explorationPlot(data));
    return { data, text: explorationReport(data) };
  },
};
const ON_REQUEST: ReadonlySet<string> = new Set(['yardstick', 'explore']);

function growthPlot({ points }: Growth): string {
  const line = (which: 'alloc' | 'free') => ({ name: which, points: points.map((point) => ({ x: point.allocated, y: point[which] })) });
  return linePlot([line('alloc'), line('free')], { title: 'Allocating and freeing one interrupt', x: 'interrupts allocated', y: 'nanoseconds a call: median, and half of the rounds' });
}

async function main(wanted: readonly string[]): Promise<number> {
  const unknown = wanted.filter((name) => !(name in BENCHES));
  if (unknown.length > 0) {
    process.stderr.write(`${unknown.join(', ')}: no such bench; there are ${Object.keys(BENCHES).join(', ')}\n`);
    return 2;
  }
  mkdirSync(results, { recursive: true });
  for (const [name, run] of Object.entries(BENCHES)) {
    if (wanted.length > 0 ? !wanted.includes(name) : ON_REQUEST.has(name)) continue;
    const before = machine();
    const { data, text } = await run();
    const after = machine();
    save(`${name}.json`, `${JSON.stringify({ machine: { ...before, loadAfter: after.load }, data }, null, 1)}\n`);
    process.stdout.write(`${text}\n${before.cpu}, ${before.cpus} CPUs, Node ${before.node}; load ${before.load.toFixed(2)} before, ${after.load.toFixed(2)} after\n\n`);
  }
  return 0;
}

const { positionals } = parseArgs({ allowPositionals: true });
try {
  process.exitCode = await main(positionals);
} catch (error) {
  if (!(error instanceof MissingTools)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
