// A counterexample as a story: who did what, in the model's own words, and what was wrong at the end. For a first look; the
// whole of it is in counterexampleText.
import type { Counterexample, ScheduleStep } from '../report.ts';
import { counted, labelled, LINE, padTo, wrap } from './line.ts';
import { extent } from './text.ts';
import type { TextOptions } from './text.ts';
import { turnsOf } from './turns.ts';

const LABELS = 10;
const NUMBER = 6;

/** Lines of at most 120 characters: each agent's turn with the notes of its steps; where the model has none, what the steps were. */
export function counterexampleStory(counterexample: Counterexample, { replay }: TextOptions = {}): string {
  const { model, property, violation, steps } = counterexample;
  const lines = [
    ...labelled('model', model, LABELS),
    ...labelled('property', property, LABELS),
    ...labelled('schedule', extent(counterexample), LABELS),
    '',
    ...turnsOf(steps, null).flatMap(turn),
    ...labelled('broken', violation, LABELS),
    ...(replay === undefined ? [] : labelled('replay', replay, LABELS)),
  ];
  return `${lines.join('\n')}\n`;
}

function turn({ agent, first, steps }: { readonly agent: string; readonly first: number; readonly steps: readonly ScheduleStep[] }): string[] {
  const where = steps.length === 1 ? `step ${first + 1}` : `steps ${first + 1} to ${first + steps.length}`;
  return [`${agent}, ${where}`, ...told(steps, first + 1), ''];
}

function told(steps: readonly ScheduleStep[], first: number): string[] {
  const noted = steps.flatMap(({ notes = [], threw }, index) => {
    const said = threw === undefined ? notes : [...notes, `throws ${threw}`];
    return said.map((note) => ({ step: first + index, note }));
  });
  if (noted.length > 0) return noted.flatMap(({ step, note }) => numbered(String(step), note));
  return numbered('', summary(steps));
}

/** `lock host/irq19, register access (3 times)` */
function summary(steps: readonly ScheduleStep[]): string {
  const times = new Map<string, number>();
  for (const { what } of steps) times.set(what, (times.get(what) ?? 0) + 1);
  return [...times].map(([what, count]) => (count === 1 ? what : `${what} (${counted(count, 'time')})`)).join(', ');
}

function numbered(number: string, text: string): string[] {
  const lines = wrap(text, LINE - NUMBER - 2);
  return lines.map((line, index) => `${padTo(index === 0 ? number.padStart(NUMBER) : '', NUMBER)}  ${line}`);
}
