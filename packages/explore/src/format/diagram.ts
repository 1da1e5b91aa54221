// A counterexample as a sequence diagram: a lane an agent, a row a step, an arrow to the agent that goes on because of it.
import { mermaid, svg } from '@siov/base/diagram';
import type { Sequence, SequenceStep } from '@siov/base/diagram';
import type { Counterexample, ScheduleStep } from '../report.ts';
import { cut, printable, widthOf, wrap } from './line.ts';
import { turnsOf } from './turns.ts';
import type { Turn } from './turns.ts';
import { valueText } from './value.ts';

/** Pixels that a page is wide. */
const PAGE = 1200;
/** A text that is cut further says nothing any more: with many agents the picture gets wider instead. */
const TEXT_AT_LEAST = 48;
const CHANGE_AT_MOST = 48;
/** Characters at either side of the title. */
const MARGIN = 4;
const SEPARATOR = ' · ';
/** Whose lane it is in when it is broken before anybody moves. */
const NOBODY = 'start';

/**
 * Rows have the numbers of their steps, unless the model says what happens (its notes): then steps of which it says
 * nothing are left out. An arrow goes from a step that writes a cell to the agent that moves next, if that
 * reads the cell in its turn. The step after which the property is broken is marked and says so, in rows below it if there
 * is no room; then comes who waits for what, or where a run that never ends goes on. Other texts are cut, in the middle, to
 * fit a page of 1200 pixels.
 */
export function counterexampleSequence(counterexample: Counterexample): Sequence {
  const { model, property, violation, loop } = counterexample;
  const steps = named(counterexample.steps);
  const below = rowsBelow({ ...counterexample, steps, waiting: named(counterexample.waiting) });
  const room = roomFor([...(steps.length === 0 ? [NOBODY] : []), ...[...steps, ...below].map(({ agent }) => agent)]);
  const rows = rowsOf(steps).map((row, index) => (index === loop ? { ...row, text: `↻ ${row.text}` } : row));
  const title = cut(printable(`${model}: ${property}`), Math.floor(PAGE / characterWidth()) - 2 * MARGIN);
  const last = rows.at(-1);
  const broken = `✗ ${printable(violation)}`;
  return {
    title,
    steps: [
      ...rows.slice(0, -1).map((row) => stepOf(row, room)),
      ...(last === undefined ? wrap(broken, room).map((text) => ({ agent: NOBODY, text, marked: true })) : brokenAt(last, broken, room)),
      ...below.map(({ agent, text }) => ({ agent, text: cut(text, room) })),
    ],
  };
}

/** Lanes are headed by names that a picture can hold. */
function named<T extends { readonly agent: string }>(moving: readonly T[]): T[] {
  return moving.map((each) => ({ ...each, agent: printable(each.agent) }));
}

/** For Markdown that renders it. */
export function counterexampleMermaid(counterexample: Counterexample): string {
  return mermaid(counterexampleSequence(counterexample));
}

/** One `<svg>` element, at most 1200 pixels wide unless the names of the agents need more. */
export function counterexampleSvg(counterexample: Counterexample): string {
  return svg(counterexampleSequence(counterexample));
}

/** What is drawn as a step, before it is known how much room there is. */
interface Row extends SequenceStep {
  /** Left out from the end where there is no room. */
  readonly details: readonly string[];
}

function rowsOf(steps: readonly ScheduleStep[]): Row[] {
  const turns = turnsOf(steps, null);
  const narrated = steps.some(({ notes }) => notes !== undefined);
  return turns.flatMap((turn, index) => {
    const woken = wokenBy(turn, turns[index + 1]);
    const rows = turn.steps.map((step, at) => rowOf(step, woken[at]));
    if (!narrated) return rows;
    // Of a model that says what happens, the rows that say it, and those that others go on because of; of each turn one.
    const told = rows.filter((row, at) => row.wakes !== undefined || turn.steps[at]?.notes !== undefined || turn.steps[at] === steps.at(-1));
    return told.length > 0 ? told : rows.slice(-1);
  });
}

function rowsBelow({ steps, loop, waiting }: Counterexample): SequenceStep[] {
  const waits = waiting.map((each) => ({ agent: each.agent, text: `waits for ${printable(each.for)}` }));
  const again = loop === null ? [] : [{ agent: (steps[loop] as ScheduleStep).agent, text: `↻ from ${loop + 1} again, for ever` }];
  return [...waits, ...again];
}

/** The sentence is never cut: what does not fit beside the step goes below it. */
function brokenAt(row: Row, broken: string, room: number): SequenceStep[] {
  const marked = { ...row, marked: true };
  const beside = widthOf([row.text, broken].join(SEPARATOR)) <= room;
  if (beside) return [stepOf({ ...marked, details: [broken, ...row.details] }, room)];
  return [stepOf(marked, room), ...wrap(broken, room).map((text) => ({ agent: row.agent, text, marked: true }))];
}

function stepOf({ details, ...step }: Row, room: number): SequenceStep {
  return { ...step, text: fit(step.text, details, room) };
}

function rowOf(step: ScheduleStep, wakes: string | undefined): Row {
  const { agent, what, notes, threw } = step;
  const changes = changesOf(step).map(({ cell, before, after }) => cut(`${printable(cell)}: ${before} → ${after}`, CHANGE_AT_MOST));
  const thrown = threw === undefined ? [] : [`throws ${printable(threw)}`];
  const text = notes === undefined ? what : notes.join('; ');
  return { agent, text: printable(text), details: [...thrown, ...(notes === undefined ? changes : [])], ...(wakes === undefined ? {} : { wakes }) };
}

/** Not the cells that get the value they have. */
function changesOf({ writes }: ScheduleStep): { readonly cell: string; readonly before: string; readonly after: string }[] {
  return writes
    .map(({ cell, before, after }) => ({ cell, before: valueText(before), after: valueText(after) }))
    .filter(({ before, after }) => before !== after);
}

/** For each step of a turn whoever moves next, if it reads what the step leaves behind. */
function wokenBy({ steps }: Turn, next: Turn | undefined): (string | undefined)[] {
  const read = new Set<string>();
  const own = new Set<string>();
  for (const { reads, writes } of next?.steps ?? []) {
    for (const { cell } of reads) if (!own.has(cell)) read.add(cell);
    for (const { cell } of writes) own.add(cell);
  }
  // From the last step to the first: what is written twice is left by the later one.
  return steps
    .toReversed()
    .map((step) => {
      const wakes = changesOf(step).some(({ cell }) => read.has(cell));
      for (const { cell } of step.writes) read.delete(cell);
      return wakes ? next?.agent : undefined;
    })
    .toReversed();
}

/** Details as far as there is room; how many are left out is said. */
function fit(text: string, details: readonly string[], room: number): string {
  for (let shown = details.length; shown > 0; shown--) {
    const left = details.length - shown;
    const line = [text, ...details.slice(0, shown), ...(left === 0 ? [] : [`+${left} more`])].join(SEPARATOR);
    if (widthOf(line) <= room) return line;
  }
  const [first] = details;
  if (first === undefined) return cut(text, room);
  const more = details.length === 1 ? [] : [`+${details.length - 1} more`];
  const rest = room - widthOf(['', '', ...more].join(SEPARATOR));
  const short = cut(text, Math.max(Math.floor(rest / 2), rest - widthOf(first)));
  return [short, cut(first, rest - widthOf(short)), ...more].join(SEPARATOR);
}

/** Characters that fit beside the lanes: the renderer alone knows how wide those are. */
function roomFor(agents: readonly string[]): number {
  const lanes = widthOfSvg({ steps: agents.map((agent) => ({ agent, text: '' })) });
  // One less: rows that are added for the sentence may need a digit more.
  return Math.max(TEXT_AT_LEAST, Math.floor((PAGE - lanes) / characterWidth()) - 1);
}

function characterWidth(): number {
  const many = 1000;
  const of = (text: string) => widthOfSvg({ steps: [{ agent: 'a', text }] });
  return (of('x'.repeat(many)) - of('')) / many;
}

function widthOfSvg(drawn: Sequence): number {
  return Number(/ width="(\d+)"/u.exec(svg(drawn))?.[1]);
}
