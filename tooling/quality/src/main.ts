// pnpm run mutation [packages/ims ...]: how many small changes of the sources the unit tests notice. Exit code 1 when a
// package has less than is asked, or an explanation explains nothing; 2 when a package is not one that is measured.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { judge, parseExplanations } from './explained.ts';
import { MEASURED, MUTANTS_WANTED } from './measured.ts';
import { report, score } from './report.ts';
import { mutate } from './run.ts';

const here = (path: string) => new URL(`../${path}`, import.meta.url);

async function main(wanted: readonly string[]): Promise<number> {
  const unknown = wanted.filter((path) => !MEASURED.some((each) => each.path === path));
  if (unknown.length > 0) {
    process.stderr.write(`${unknown.join(', ')}: not measured; these are: ${MEASURED.map(({ path }) => path).join(', ')}\n`);
    return 2;
  }
  const explanations = parseExplanations(readFileSync(here('explained.json'), 'utf8'));
  const chosen = MEASURED.filter(({ path }) => wanted.length === 0 || wanted.includes(path));
  mkdirSync(here('results/'), { recursive: true });
  // Stryker copies the current directory.
  process.chdir(here('../..').pathname);
  let exitCode = 0;
  const reports: string[] = [];
  for (const measured of chosen) {
    const started = performance.now();
    const mutants = await mutate(measured).catch((error: unknown) => String(error));
    if (typeof mutants === 'string') {
      reports.push(`${measured.path}: not measured: ${mutants}`);
      exitCode = 1;
      continue;
    }
    const verdicts = judge(mutants, explanations);
    const seconds = Math.round((performance.now() - started) / 1000);
    writeFileSync(here(`results/mutation-${measured.path.replaceAll('/', '-')}.json`), `${JSON.stringify({ seconds, mutants }, null, 1)}\n`);
    reports.push(...report(measured.path, mutants, verdicts), `  ${mutants.length} mutants in ${seconds} s`);
    if (score(mutants) < MUTANTS_WANTED || verdicts.idle.length > 0) exitCode = 1;
  }
  process.stdout.write(`${reports.join('\n')}\n`);
  return exitCode;
}

const { positionals } = parseArgs({ allowPositionals: true });
process.exitCode = await main(positionals.map((path) => path.replace(/\/$/u, '')));
