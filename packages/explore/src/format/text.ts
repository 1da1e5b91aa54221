// A counterexample for a terminal, for somebody who has never seen one: what is broken, who did what before, how to replay it.
import type { Counterexample, ScheduleStep } from '../report.ts';
import { counted, cut, labelled, LINE, padTo, printable, widest, widthOf, wrap } from './line.ts';
import { accessesOf } from './accesses.ts';
import type { CellAccess } from './accesses.ts';
import { turnsOf } from './turns.ts';
import type { Turn } from './turns.ts';

export interface TextOptions {
  /** What the reader types to replay it: `siov replay lost.trace.json`. */
  readonly replay?: string;
}

/** Where texts of the head begin. */
const LABELS = 10;
const GAP = 2;
/** Steps stand below the name of their agent. */
const INDENT = 2;
const WHAT_AT_MOST = 40;
const CELL_AT_LEAST = 24;
const VALUE_AT_LEAST = 32;

/** Widths of the columns; the last ends where the line does. */
interface Columns {
  readonly gutter: number;
  readonly number: number;
  readonly kind: number;
  readonly what: number;
  readonly how: number;
  readonly cell: number;
  readonly value: number;
}

/** Lines of at most 120 characters. Long sentences go on below, long names and values are cut in the middle, where a `…` says so. */
export function counterexampleText(counterexample: Counterexample, options: TextOptions = {}): string {
  const lines = [...head(counterexample), '', ...schedule(counterexample), ...end(counterexample), '', ...replaying(options)];
  return `${lines.join('\n')}\n`;
}

function head(counterexample: Counterexample): string[] {
  const { model, property, violation } = counterexample;
  return [
    ...labelled('model', model, LABELS),
    ...labelled('property', property, LABELS),
    ...labelled('broken', violation, LABELS),
    ...labelled('schedule', extent(counterexample), LABELS),
  ];
}

/** How long it is, and whether a shorter one would do. */
export function extent({ steps, loop, shortest }: Counterexample): string {
  if (steps.length === 0) return 'no steps: it is broken where the model starts';
  const agents = counted(new Set(steps.map(({ agent }) => agent)).size, 'agent');
  const turns = counted(turnsOf(steps, null).length, 'turn');
  const least = shortest ? 'no schedule with fewer steps breaks the property' : 'there may be a shorter one';
  const forEver = loop === null ? '' : `; it never ends: after step ${steps.length} comes step ${loop + 1} again`;
  return `${counted(steps.length, 'step')} of ${agents} in ${turns}; ${least}${forEver}`;
}

const EXPLAINED =
  'Agents take turns. A step is the code of one agent from a point where others may run to its next; nobody else runs in between. ' +
  'Cells are what agents share; r: the step reads it, w: it writes it, rw: both.';

function schedule(counterexample: Counterexample): string[] {
  const { steps, loop } = counterexample;
  if (steps.length === 0) return [];
  const columns = columnsOf(counterexample);
  return [
    ...wrap(EXPLAINED, LINE),
    '',
    row(columns, '', { number: 'step', kind: 'kind', what: 'what it does', how: '', cell: 'cell', value: 'value, or before -> after' }),
    ...turnsOf(steps, loop).flatMap((turn) => turnLines(turn, loop, columns)),
    ...(loop === null ? [] : [`╰─ and so on for ever, from step ${loop + 1} again`]),
    '',
  ];
}

function turnLines({ agent, first, steps }: Turn, loop: number | null, columns: Columns): string[] {
  const gutter = loop !== null && first >= loop ? '│' : '';
  const name = padTo(gutter, columns.gutter) + cut(printable(agent), LINE - columns.gutter);
  return [
    ...(first === loop ? ['', '╭─ this comes again and again'] : [gutter]),
    name.trimEnd(),
    ...steps.flatMap((step, index) => stepLines(step, first + index + 1, gutter, columns)),
  ];
}

function stepLines(step: ScheduleStep, number: number, gutter: string, columns: Columns): string[] {
  const what = wrap(step.what, columns.what);
  const accesses = accessesOf(step);
  const count = Math.max(what.length, accesses.length);
  const lines = Array.from({ length: count }, (_, index) => {
    const access = accesses[index];
    return row(columns, gutter, {
      number: index === 0 ? String(number) : '',
      kind: index === 0 ? step.kind : '',
      what: what[index] ?? '',
      how: access?.how ?? '',
      cell: access === undefined ? '' : cut(access.cell, columns.cell),
      value: access === undefined ? '' : valueOf(access, columns.value),
    });
  });
  if (step.threw === undefined) return lines;
  const indent = columns.gutter + INDENT + columns.number + GAP + columns.kind + GAP;
  return [...lines, ...wrap(`throws ${step.threw}`, LINE - indent).map((line) => `${padTo(gutter, indent)}${line}`.trimEnd())];
}

/** Of a change that does not fit both sides are cut, the shorter one last. */
function valueOf({ before, after }: CellAccess, width: number): string {
  if (before === undefined) return cut(after, width);
  const room = width - ' -> '.length;
  const half = Math.floor(room / 2);
  const left = Math.max(half, room - widthOf(after));
  const first = cut(before, left);
  return `${first} -> ${cut(after, room - widthOf(first))}`;
}

type Row = Readonly<Record<Exclude<keyof Columns, 'gutter'>, string>>;

function row(columns: Columns, gutter: string, texts: Row): string {
  const padded = (['kind', 'what', 'how', 'cell', 'value'] as const).map((column) => padTo(texts[column], columns[column]));
  const parts = [texts.number.padStart(columns.number), ...padded];
  return `${padTo(gutter, columns.gutter + INDENT)}${parts.join(' '.repeat(GAP))}`.trimEnd();
}

function columnsOf({ steps, loop }: Counterexample): Columns {
  const cells = steps.flatMap((step) => accessesOf(step).map(({ cell }) => cell));
  const whats = steps.map((step) => printable(step.what));
  const gutter = loop === null ? 0 : GAP;
  const number = Math.max('step'.length, String(steps.length).length);
  const kind = widest(['kind', ...steps.map((step) => step.kind)]);
  const what = Math.min(WHAT_AT_MOST, widest(['what it does', ...whats]));
  const how = 'rw'.length;
  const rest = LINE - gutter - INDENT - number - kind - what - how - 5 * GAP;
  const cell = Math.min(widest(['cell', ...cells]), Math.max(CELL_AT_LEAST, rest - VALUE_AT_LEAST));
  return { gutter, number, kind, what, how, cell, value: rest - cell };
}

function end({ steps, loop, violation, waiting }: Counterexample): string[] {
  const last = steps.length === 0 ? 'At the start' : `After step ${steps.length}`;
  const here = loop === null ? last : 'In this run, for ever';
  const names = widest(waiting.map(({ agent }) => printable(agent)));
  const indent = Math.min(names, LINE / 3) + 2 * GAP;
  return [
    ...wrap(`${here}: ${violation}`, LINE),
    ...waiting.flatMap((each) => labelled(`  ${cut(printable(each.agent), indent - 2 * GAP)}`, `waits for ${each.for}`, indent)),
  ];
}

function replaying({ replay }: TextOptions): string[] {
  const how = replay === undefined ? 'give the trace file of this counterexample to `replay`' : replay;
  return labelled('replay', `${how} (runs these very steps in the real code, also under a debugger)`, LABELS);
}
