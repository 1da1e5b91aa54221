// The result of checks as a table, row by row as they come, and in words what it covers.
import { judgementText, strengthText } from '@siov/explore';
import type { Coverage } from '@siov/explore';
import { conclude, isMet } from './conclusion.ts';
import type { Checked } from './conclusion.ts';
import type { Subject } from './subject.ts';

const WIDTH = 140;
const GAP = '  ';
const NUMBERS = ['states', 'steps', 'runs', 'time'] as const;
/** At least as wide as what a minute's check counts. */
const NUMBER_WIDTH = 7;

export class ResultTable {
  readonly #names: readonly number[];

  constructor(subjects: readonly Subject[]) {
    const columns = [['scenario', 'design', 'window', 'VMM'], ...subjects.map(namesOf)];
    this.#names = [0, 1, 2, 3].map((column) => Math.max(...columns.map((row) => (row[column] ?? '').length)));
  }

  head(): string {
    return this.#line(['scenario', 'design', 'window', 'VMM'], [...NUMBERS], ['verdict']);
  }

  row(checked: Checked): string {
    const { subject, report } = checked;
    return this.#line(namesOf(subject), report === null ? NUMBERS.map(() => '') : numbersOf(report.coverage), verdictOf(checked));
  }

  #line(names: readonly string[], numbers: readonly string[], verdict: readonly string[]): string {
    const cells = [...names.map((name, column) => name.padEnd(this.#names[column] ?? 0)), ...numbers.map((number) => number.padStart(NUMBER_WIDTH))];
    const front = `${cells.join(GAP)}${GAP}`;
    const lines = verdict.flatMap((text) => wrapped(text, Math.max(30, WIDTH - front.length)));
    return `${lines.map((line, index) => `${index === 0 ? front : ' '.repeat(front.length)}${line}`.trimEnd()).join('\n')}\n`;
  }
}

function numbersOf({ states, transitions, schedules, seconds }: Coverage): string[] {
  return [count(states), count(transitions), count(schedules), `${seconds.toFixed(1)} s`];
}

function namesOf({ scenario, design, window, how }: Subject): string[] {
  return [scenario, design, window, how];
}

function count(number: number): string {
  return number.toLocaleString('en-US');
}

function verdictOf(checked: Checked): string[] {
  const { kind, groups, surprises } = conclude(checked);
  const shows = checked.subject.shows;
  switch (kind) {
    case 'proved':
      return ['proved'];
    case 'refuted':
      return [`refuted as expected: ${groups.join(', ')}`, ...(shows === null ? [] : [shows])];
    case 'unexpected':
      return ['UNEXPECTED', ...surprises.map((each) => `${each.property}: ${judgementText(each)}`)];
    case 'incomplete':
      return [`INCOMPLETE: ${checked.report === null ? '' : strengthText(checked.report.coverage)}`, ...(groups.length === 0 ? [] : [`refuted so far: ${groups.join(', ')}`])];
    case 'failed':
      return [`FAILED: ${checked.error}`];
    case 'not run':
      return ['not run'];
  }
}

/** What the table means: how many are as expected, and what was covered, with which bounds. */
export function summary(all: readonly Checked[], seconds: number): string {
  const met = all.filter((checked) => isMet(conclude(checked))).length;
  const coverages = all.flatMap(({ report }) => (report === null ? [] : [report.coverage]));
  const properties = all.flatMap(({ report }) => report?.verdicts ?? []).filter(({ outcome }) => outcome === 'proved').length;
  const largest = coverages.filter(({ complete }) => complete).toSorted((a, b) => b.states - a.states)[0];
  const lines = [
    `${met} of ${all.length} ${all.length === 1 ? 'check is' : 'checks are'} as expected, ${count(properties)} properties proved, in ${seconds.toFixed(0)} s.`,
    ...(largest === undefined ? [] : [`What was covered is ${strengthText(largest)}${largestOf(coverages, largest)}`]),
    ...(largest === undefined || all.every(({ subject }) => subject.recipe.module !== null) ? [] : [BOUNDS]),
  ];
  return `${lines.flatMap((line) => wrapped(line, WIDTH)).join('\n')}\n`;
}

const BOUNDS = 'Bounds are those of the windows: what is done in them, with how many CPUs, devices and vectors (siov check --list).';

/** The chance of a mistake is that of the largest: of the others it is less. */
function largestOf(coverages: readonly Coverage[], { merging }: Coverage): string {
  return coverages.length > 1 && merging === '128-bit fingerprints' ? ' (Of the largest; of each of the others it is less.)' : '';
}

export function wrapped(text: string, width: number): string[] {
  const lines: string[] = [''];
  for (const word of text.replaceAll(/\s+/gu, ' ').split(' ')) {
    const last = lines.at(-1) ?? '';
    if (last !== '' && last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
  }
  return lines;
}
