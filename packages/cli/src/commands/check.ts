// siov check: every interleaving of a flow's agents, on the code that runs, and whether what is expected holds in all of them.
import { availableParallelism } from 'node:os';
import { Option } from 'commander';
import type { Command } from 'commander';
import { counterexampleStory } from '@siov/explore';
import type { Limits } from '@siov/explore';
import { CHECKS, POLICIES, WINDOWS } from '@siov/scenarios';
import { conclude, counterexamples, isMet } from '../check/conclusion.ts';
import type { Checked, Shown } from '../check/conclusion.ts';
import { formatted } from '../check/formats.ts';
import type { Format } from '../check/formats.ts';
import { runAll } from '../check/pool.ts';
import { ResultTable, summary, wrapped } from '../check/result-table.ts';
import { select } from '../check/selection.ts';
import type { Selection } from '../check/selection.ts';
import { checkWritable, writeTraces } from '../check/trace-out.ts';
import { verdictCommand } from '../errors.ts';
import { positiveNumber } from '../numbers.ts';
import { Progress } from '../progress.ts';

interface CheckCommandOptions {
  readonly design: 'review' | 'v6' | 'all';
  readonly window?: readonly string[];
  readonly vmm?: readonly string[];
  readonly format?: Format | 'text';
  readonly json?: true;
  readonly traceOut?: string;
  readonly seconds?: string;
  readonly states?: string;
  readonly memory?: string;
  readonly workers?: string;
  readonly list?: true;
}

const MIB = 2 ** 20;

export function addCheck(program: Command, version: string): void {
  const scenarios = [...new Set(CHECKS.map(({ scenario }) => scenario))].join(', ');
  verdictCommand(program.command('check'))
    .description('check every interleaving of the flows of the review, window by window, and of the design it refuted; or of models of your own')
    .argument('[scenario...]', `${scenarios}, or the path of a module that exports models (./my-flow.ts); all three flows unless given`)
    .addOption(new Option('--design <design>', 'as the review demands it, as it was proposed, or both').choices(['review', 'v6', 'all']).default('all'))
    .option('--window <name...>', `windows of a flow: ${WINDOWS.map(({ name }) => name).join(', ')}; all unless given`)
    .option('--vmm <policy...>', `when the VMM takes which vectors: ${POLICIES.join(', ')}, or all; dynamic unless given`)
    .addOption(new Option('--format <format>', 'of the result; text unless given').choices(['text', 'json', 'sarif', 'junit']))
    .addOption(new Option('--json', 'the same as --format json').conflicts('format'))
    .option('--trace-out <file>', 'write the counterexample that is shown, and beside it the others: for siov replay, or by the ending as .mmd, .svg, .itf.json')
    .option('--seconds <n>', 'time limit of each check')
    .option('--states <n>', 'limit of states of each check')
    .option('--memory <mb>', 'limit of the memory of the process, MiB')
    .option('--workers <n>', 'threads, each with a check of its own; as many as cores unless given; 1: in the main thread, for a debugger')
    .option('--list', 'say what would be checked, and what is expected of it, and check nothing')
    .addHelpText('after', '\nStatus: 0 all is as expected; 1 something is not, or was not explored wholly; 2 wrong arguments.')
    .action((names: readonly string[], options: CheckCommandOptions) => run(names, options, version));
}

async function run(names: readonly string[], options: CheckCommandOptions, version: string): Promise<void> {
  const limits = limitsOf(options);
  const workers = positiveNumber('--workers', options.workers, 'whole') ?? availableParallelism();
  const selection = await select(names, options);
  if (options.list === true) {
    process.stdout.write(listing(selection));
    return;
  }
  if (options.traceOut !== undefined) checkWritable(options.traceOut);
  const format = options.json === true ? 'json' : (options.format ?? 'text');
  const began = performance.now();
  const all = await explore(selection, { limits, workers, text: format === 'text' });
  const shown = counterexamples(all);
  const files = options.traceOut === undefined ? [] : writeTraces(options.traceOut, shown);
  if (options.traceOut !== undefined && files.length === 0) {
    process.stderr.write(`siov: nothing was refuted: ${options.traceOut} is not written\n`);
  }
  if (format === 'text') print(selection, all, shown, files, (performance.now() - began) / 1000);
  else process.stdout.write(formatted(format, all, version));
  if (!all.every((checked) => isMet(conclude(checked)))) process.exitCode = 1;
}

function limitsOf({ seconds, states, memory }: CheckCommandOptions): Limits {
  const time = positiveNumber('--seconds', seconds, 'any');
  const most = positiveNumber('--states', states, 'whole');
  const mebibytes = positiveNumber('--memory', memory, 'any');
  return {
    ...(time === undefined ? {} : { seconds: time }),
    ...(most === undefined ? {} : { states: most }),
    ...(mebibytes === undefined ? {} : { memory: mebibytes * MIB }),
  };
}

interface ExploreOptions {
  readonly limits: Limits;
  readonly workers: number;
  readonly text: boolean;
}

/** Rows are printed as they come. The first SIGINT ends the search with what is known, the second the process. */
async function explore({ subjects }: Selection, { limits, workers, text }: ExploreOptions): Promise<readonly Checked[]> {
  const progress = new Progress(process.stderr.isTTY);
  const table = new ResultTable(subjects);
  const controller = new AbortController();
  const stop = () => controller.abort();
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const signal of signals) process.once(signal, stop);
  let done = 0;
  if (text) process.stdout.write(table.head());
  try {
    return await runAll(subjects, {
      workers,
      limits,
      signal: controller.signal,
      onProgress: ({ model, phase, transitions, seconds }) =>
        progress.say(`${done} of ${subjects.length} checked; ${model}: ${phase}, ${transitions.toLocaleString('en-US')} steps, ${seconds.toFixed(0)} s`),
      onChecked(checked) {
        done += 1;
        progress.done();
        if (text) process.stdout.write(table.row(checked));
      },
    });
  } finally {
    progress.done();
    for (const signal of signals) process.removeListener(signal, stop);
  }
}

function print({ otherPolicies }: Selection, all: readonly Checked[], shown: readonly Shown[], files: readonly string[], seconds: number): void {
  process.stdout.write(`\n${summary(all, seconds)}`);
  if (otherPolicies > 0) {
    process.stdout.write(`${otherPolicies} more checks are of other VMM policies: --vmm all, or one of ${POLICIES.join(', ')}.\n`);
  }
  const [first] = shown;
  if (first === undefined) return;
  const { shows } = first.subject;
  const title = first.surprising ? 'Nobody expected this counterexample' : `The refutation${shows === null ? '' : `: ${shows}`}`;
  const story = counterexampleStory(first.counterexample, files[0] === undefined ? {} : { replay: `siov replay ${files[0]}` });
  process.stdout.write(`\n${title}\n\n${story}`);
  process.stdout.write(`\n${restOf(shown.length - 1, files)}\n`);
}

function restOf(more: number, files: readonly string[]): string {
  const others = more === 0 ? 'No other property is refuted' : `${more} more ${more === 1 ? 'property is' : 'properties are'} refuted`;
  if (files.length > 0) {
    return `${others}${more === 0 ? '' : `; each has a file beside ${files[0]}`}. siov replay FILE runs one on the real code once more.`;
  }
  return `${others}. siov check ... --trace-out FILE writes the counterexamples, siov replay FILE runs one on the real code once more.`;
}

function listing({ subjects, otherPolicies }: Selection): string {
  const lines = subjects.flatMap(({ recipe, what, refuted, shows }) => [
    recipe.name,
    ...wrapped(what, 130).map((line) => `    ${line}`),
    ...(refuted.length === 0 ? [] : wrapped(`refuted: ${refuted.join(', ')}${shows === null ? '' : `; ${shows}`}`, 130).map((line) => `    ${line}`)),
  ]);
  const others = otherPolicies === 0 ? [] : [`${otherPolicies} more are of other VMM policies: --vmm all.`];
  return `${[...lines, ...others].join('\n')}\n`;
}
