// siov replay FILE: a counterexample on the real code once more, step by step, where a debugger can stop.
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { counterexampleStory, counterexampleText, parseTraceFile, replay } from '@siov/explore';
import type { CellValue, Counterexample, Replayed, Run, ScheduleStep, TraceFile } from '@siov/explore';
import { modelOf } from '../check/subject.ts';
import { recipeOf } from '../check/trace-out.ts';
import { verdictCommand, WrongUsage } from '../errors.ts';
import { positiveNumber } from '../numbers.ts';

interface ReplayOptions {
  readonly step?: string;
  readonly full?: true;
  readonly break?: true;
  readonly module?: string;
}

const HELP = `
In a debugger:
  node --inspect-brk $(command -v siov) replay trace.json --break --step 12
then open chrome://inspect or attach an editor: it stops before step 12 of the schedule, in the thread that runs all agents.
\`run.agents\` of the frame above is who is where; step into to follow the agent's own code.

Status: 0 the same end; 1 the code does something else, and at which step; 2 wrong arguments.`;

export function addReplay(program: Command): void {
  verdictCommand(program.command('replay'))
    .description('run a counterexample of siov check on the real code once more, step by step')
    .argument('<file>', 'what siov check --trace-out wrote')
    .option('--step <n>', 'show everything that step reads and writes; with --break: stop before this step only')
    .option('--full', 'show the whole schedule, with what each step reads and writes')
    .option('--break', 'execute a debugger statement before each step')
    .option('--module <file>', 'the module that exports the model, instead of the one that the file names')
    .addHelpText('after', HELP)
    .action(run);
}

async function run(path: string, options: ReplayOptions): Promise<void> {
  const { source, counterexample } = read(path);
  const { steps } = counterexample;
  const wanted = positiveNumber('--step', options.step, 'whole');
  if (wanted !== undefined && wanted > steps.length) throw new WrongUsage(`--step ${options.step}: the schedule has ${steps.length} steps`);
  const model = await modelOf(recipeOf(path, source, options.module));
  const breaks = (step: number) => options.break === true && (wanted === undefined || wanted === step + 1);
  const replayed = replay(model, counterexample, (step, machine) => {
    if (breaks(step)) stopHere(steps[step] as ScheduleStep, machine);
  });
  const shown = { ...counterexample, steps: replayed.steps };
  const command = { replay: `siov replay ${path}` };
  if (replayed.diverged === null) {
    process.stdout.write(options.full === true ? counterexampleText(shown, command) : counterexampleStory(shown, command));
  }
  const step = wanted === undefined ? undefined : replayed.steps[wanted - 1];
  if (step !== undefined) process.stdout.write(`\n${stepText(step, wanted ?? 0)}`);
  const { same, says } = endOf(counterexample, replayed);
  process.stdout.write(`\n${says}\n`);
  if (!same) process.exitCode = 1;
}

/** Throws {@link WrongUsage}. */
function read(path: string): TraceFile {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new WrongUsage(`cannot read ${path}: ${(error as NodeJS.ErrnoException).code ?? String(error)}`, { cause: error });
  }
  const parsed = parseTraceFile(text);
  if (!parsed.ok) throw new WrongUsage(`${path}: ${parsed.message}`);
  return parsed.value;
}

/** `step` is what comes next, `run` the machine: step into the caller's next statement to see the agent's code. */
function stopHere(step: ScheduleStep, run: Run): void {
  // oxlint-disable-next-line no-debugger -- that is what --break is for
  debugger;
  void step;
  void run;
}

function endOf({ steps, loop, violation }: Counterexample, { diverged, violation: now }: Replayed): { readonly same: boolean; readonly says: string } {
  if (diverged !== null) return { same: false, says: `Step ${diverged.step + 1} of ${steps.length} is another one: ${diverged.why}` };
  // What a run never does cannot be seen in its steps.
  if (loop !== null) {
    return { same: true, says: `the same end: after step ${steps.length} it goes on from step ${loop + 1}, for ever (${violation})` };
  }
  if (now === violation) return { same: true, says: `the same end: ${violation}` };
  return { same: false, says: `All ${steps.length} steps are the same, and the end is another one: ${now ?? 'nothing is broken'}; it was: ${violation}` };
}

function stepText({ agent, kind, what, reads, writes, notes = [], threw }: ScheduleStep, number: number): string {
  const lines = [
    `step ${number}: ${agent}, ${kind}: ${what}`,
    ...notes.map((note) => `  ${note}`),
    ...reads.map(({ cell, value }) => `  reads   ${cell}: ${text(value)}`),
    ...writes.map(({ cell, before, after }) => `  writes  ${cell}: ${text(before)} -> ${text(after)}`),
    ...(threw === undefined ? [] : [`  throws  ${threw}`]),
  ];
  return `${lines.join('\n')}\n`;
}

function text(value: CellValue): string {
  return JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? `${each}n` : each));
}
