// pnpm run mutation [--changed] [packages/ims packages/irq/src/flow ...]: how many small changes of the sources the unit
// tests notice, in whole packages or in parts of them; with --changed only what the last such run cannot answer. Exit code
// 1 when one has less than is asked, or an explanation of a whole package explains nothing; 2 when a package is not one
// that is measured.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { judge, parseExplanations } from './explained.ts';
import { choose, MEASURED, MUTANTS_WANTED } from './measured.ts';
import { report, score } from './report.ts';
import { mutate } from './run.ts';

const here = (path: string) => new URL(`../${path}`, import.meta.url);

async function main(wanted: readonly string[], changed: boolean): Promise<number> {
  const { chosen, unknown } = choose(wanted);
  if (unknown.length > 0) {
    process.stderr.write(`${unknown.join(', ')}: not measured; these are: ${MEASURED.map(({ path }) => path).join(', ')}\n`);
    return 2;
  }
  const explanations = parseExplanations(readFileSync(here('explained.json'), 'utf8'));
  mkdirSync(here('results/'), { recursive: true });
  // Stryker copies the current directory.
  process.chdir(here('../..').pathname);
  let exitCode = 0;
  const reports: string[] = [];
  for (const measured of chosen) {
    const started = performance.now();
    const name = measured.part.replaceAll(/[/*]/gu, '-');
    const mutants = await mutate(measured, { record: here(`results/stryker-${name}.json`).pathname, changed }).catch((error: unknown) => String(error));
    if (typeof mutants === 'string') {
      reports.push(`${measured.part}: not measured: ${mutants}`);
      exitCode = 1;
      continue;
    }
    const verdicts = judge(mutants, explanations);
    // In a part, what is explained may be elsewhere.
    const whole = measured.part === measured.path ? verdicts : { ...verdicts, idle: [] };
    const seconds = Math.round((performance.now() - started) / 1000);
    writeFileSync(here(`results/mutation-${name}.json`), `${JSON.stringify({ seconds, mutants }, null, 1)}\n`);
    reports.push(...report(measured.part, mutants, whole), `  ${mutants.length} mutants in ${seconds} s`);
    if (score(mutants) < MUTANTS_WANTED || whole.idle.length > 0) exitCode = 1;
  }
  process.stdout.write(`${reports.join('\n')}\n`);
  return exitCode;
}

const { positionals, values } = parseArgs({ allowPositionals: true, options: { changed: { type: 'boolean', default: false } } });
process.exitCode = await main(positionals.map((path) => path.replace(/\/$/u, '')), values.changed);
