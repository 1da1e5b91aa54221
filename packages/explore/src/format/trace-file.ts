// The file that `replay` takes: which model, made how, which schedule, and what each of its steps is expected to do, so that
// a replay can tell the first step in which the code does something else.
import { fail, ok } from '@siov/base';
import type { PointKind, Result } from '@siov/base';
import type { CellRead, CellValue, CellWrite, Counterexample, ScheduleStep } from '../report.ts';
import { count, fields, list, oneOf, orNull, plain, text, truth } from './decode.ts';
import type { Decoder } from './decode.ts';
import { printable } from './line.ts';
import { toJson } from './plain-json.ts';
import type { Json } from './plain-json.ts';

/** What the file says it is, so that no other JSON is taken for one. */
export const TRACE_FILE = 'siov explore trace';
/** Of the format. Another one is not read. */
export const TRACE_VERSION = 1;

/** How the model is made again: the name that whoever replays knows it by, and the options it was made with. */
export interface TraceSource {
  readonly model: string;
  /** Opaque here. */
  readonly options: CellValue;
}

export interface TraceFile {
  readonly source: TraceSource;
  readonly counterexample: Counterexample;
}

interface Content extends Counterexample {
  readonly kind: typeof TRACE_FILE;
  readonly version: typeof TRACE_VERSION;
  readonly source: TraceSource;
}

/** The text of the file: JSON, a line a step, so that two of them can be compared by eye and by diff. */
export function traceFile(counterexample: Counterexample, source: TraceSource): string {
  const { model, property, violation, shortest, loop, waiting, steps } = counterexample;
  const head: Readonly<Record<string, Json>> = {
    kind: TRACE_FILE,
    version: TRACE_VERSION,
    source: { model: source.model, options: toJson(source.options) },
    model,
    property,
    violation,
    shortest,
    loop,
    waiting: waiting.map((each) => ({ agent: each.agent, for: each.for })),
  };
  const lines = Object.entries(head).map(([name, value]) => `  ${JSON.stringify(name)}: ${JSON.stringify(value)},`);
  const schedule = steps.map((step) => `    ${JSON.stringify(stepJson(step))}`).join(',\n');
  return ['{', ...lines, steps.length === 0 ? '  "steps": []' : `  "steps": [\n${schedule}\n  ]`, '}', ''].join('\n');
}

function stepJson({ agent, kind, what, reads, writes, notes, threw }: ScheduleStep): Json {
  return {
    agent,
    kind,
    what,
    reads: reads.map(({ cell, value }) => ({ cell, value: toJson(value) })),
    writes: writes.map(({ cell, before, after }) => ({ cell, before: toJson(before), after: toJson(after) })),
    ...(notes === undefined ? {} : { notes }),
    ...(threw === undefined ? {} : { threw }),
  };
}

const KINDS: Readonly<Record<PointKind, true>> = {
  register: true,
  memory: true,
  lock: true,
  unlock: true,
  wait: true,
  trap: true,
  return: true,
  device: true,
  poll: true,
};

const step: Decoder<ScheduleStep> = fields<ScheduleStep>(
  {
    agent: text,
    kind: oneOf(Object.keys(KINDS) as PointKind[]),
    what: text,
    reads: list(fields<CellRead>({ cell: text, value: plain })),
    writes: list(fields<CellWrite>({ cell: text, before: plain, after: plain })),
    notes: list(text),
    threw: text,
  },
  ['notes', 'threw'],
);

/** In this order, so that a file of another kind or version is told before anything else that is wrong with it. */
const identity = { kind: oneOf([TRACE_FILE]), version: oneOf([TRACE_VERSION]) } as const;

const content: Decoder<Content> = fields<Content>({
  ...identity,
  source: fields<TraceSource>({ model: text, options: plain }),
  model: text,
  property: text,
  violation: text,
  shortest: truth,
  loop: orNull(count),
  waiting: list(fields<Counterexample['waiting'][number]>({ agent: text, for: text })),
  steps: list(step),
});

/**
 * `EINVAL`: not JSON, another kind or version, a field that is missing, unknown or of another type, a loop to a step that is
 * not there.
 */
export function parseTraceFile(json: string): Result<TraceFile, 'EINVAL'> {
  const parsed = parseJson(json);
  if (!parsed.ok) return parsed;
  const foreign = identityOf(parsed.value);
  if (!foreign.ok) return foreign;
  const decoded = content(parsed.value, '');
  if (!decoded.ok) return inTraceFile(decoded.message);
  const { kind: _kind, version: _version, source, ...counterexample } = decoded.value;
  const { loop, steps } = counterexample;
  if (loop !== null && loop >= steps.length) return inTraceFile(`loop: ${loop} is not the index of a step; there are ${steps.length}`);
  return ok({ source, counterexample });
}

function inTraceFile(message: string): Result<never, 'EINVAL'> {
  return fail('EINVAL', `trace file: ${printable(message)}`);
}

function parseJson(json: string): Result<Json, 'EINVAL'> {
  try {
    return ok(JSON.parse(json) as Json);
  } catch (error) {
    return inTraceFile(`no JSON: ${(error as SyntaxError).message}`);
  }
}

/** Files of a later version may have fields that are unknown here: that is not what to complain of. */
function identityOf(json: Json): Result<void, 'EINVAL'> {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return ok();
  for (const [name, decoder] of Object.entries(identity)) {
    const value = decoder(Object.hasOwn(json, name) ? (json as { readonly [field: string]: Json })[name] : undefined, name);
    if (!value.ok) return inTraceFile(value.message);
  }
  return ok();
}
