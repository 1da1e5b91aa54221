// A counterexample in the Informal Trace Format, which viewers and tools for TLA+ and Quint read:
// https://apalache-mc.org/docs/adr/015adr-trace.html
import type { CellValue, Counterexample } from '../report.ts';
import { statesOf } from './states.ts';
import type { Json } from './plain-json.ts';
import { isList } from './value.ts';

/**
 * JSON text: a variable for each cell that a step reads or writes, and two more: `agent`, who made the step that led to the
 * state, and `what` it did; both empty in the first state. A cell whose name is one of those, or begins with `#`, gets
 * `cell:` before its name, and so does one that begins so already.
 *
 * Whole numbers that JSON holds exactly are numbers, a bigint is `#bigint`, other numbers are `#unserializable`. A list of
 * values of different types is a `#tup`; a record with a field that the format has a meaning for is a `#map`. `null` is the
 * variant `None`.
 */
export function itf(counterexample: Counterexample): string {
  const { model, property, violation, steps, loop } = counterexample;
  const states = statesOf(steps);
  const cells = [...(states[0] ?? new Map<string, CellValue>()).keys()];
  const trace = {
    '#meta': {
      format: 'ITF',
      'format-description': 'https://apalache-mc.org/docs/adr/015adr-trace.html',
      source: model,
      status: 'violation',
      description: `${property}: ${violation}`,
    },
    vars: ['agent', 'what', ...cells.map(variable)],
    states: states.map((state, index) => ({
      '#meta': { index },
      agent: steps[index - 1]?.agent ?? '',
      what: steps[index - 1]?.what ?? '',
      ...variables(state),
    })),
    // The last state is the one before the loop's first step, but for who led to it: the next is the one after that step.
    ...(loop === null ? {} : { loop: loop + 1 }),
  };
  return `${JSON.stringify(trace, null, 1)}\n`;
}

function variables(state: ReadonlyMap<string, CellValue>): { readonly [name: string]: Json } {
  return Object.fromEntries([...state].map(([cell, value]) => [variable(cell), expression(value)]));
}

function variable(cell: string): string {
  return cell === 'agent' || cell === 'what' || cell.startsWith('#') || cell.startsWith('cell:') ? `cell:${cell}` : cell;
}

function expression(value: CellValue): Json {
  if (value === null) return { tag: 'None', value: { '#tup': [] } };
  if (typeof value === 'bigint') return { '#bigint': String(value) };
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value : { '#unserializable': String(value) };
  if (typeof value !== 'object') return value;
  if (isList(value)) {
    const items = value.map(expression);
    return new Set(value.map(typeOf)).size > 1 ? { '#tup': items } : items;
  }
  const entries = Object.entries(value).map(([field, each]): [string, Json] => [field, expression(each)]);
  return entries.some(([field]) => field === 'tag' || field.startsWith('#')) ? { '#map': entries } : Object.fromEntries(entries);
}

/** As far as the format tells types apart: a list has elements of one. */
function typeOf(value: CellValue): string {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? 'integer' : 'other';
  if (typeof value === 'bigint') return 'integer';
  if (typeof value !== 'object') return typeof value;
  if (value === null) return 'none';
  return isList(value) ? 'list' : 'record';
}
