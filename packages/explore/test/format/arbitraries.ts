// Any counterexample: texts that terminals, XML and JSON trip over, values of every type, loops and schedules without a step.
import fc from 'fast-check';
import type { CellValue, Counterexample, ScheduleStep } from '../../src/report.ts';

const NASTY = [
  '',
  ' ',
  '\n',
  '\u001b[2J',
  '\u0000',
  '\ud800',
  '\u202e',
  '\uffff',
  '\r\n',
  '__proto__',
  'constructor',
  '#bigint',
  '#record',
  '#meta',
  'tag',
  'agent',
  'what',
  'cell:what',
  ']]>',
  '<&">',
  '{0}',
  '[a](b)',
  ';#',
  '😀',
  'x'.repeat(300),
];

export const anyText = fc.oneof(fc.constantFrom(...NASTY), fc.string({ unit: 'binary', maxLength: 60 }), fc.lorem({ maxCount: 30 }));

export const anyValue: fc.Arbitrary<CellValue> = fc.letrec<{ value: CellValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.oneof(
      anyText,
      fc.double(),
      fc.integer(),
      fc.boolean(),
      fc.bigInt(),
      fc.constantFrom<CellValue>(null, -0, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 60),
    ),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.array(fc.tuple(anyText, tie('value')), { maxLength: 4 }).map((entries): CellValue => Object.fromEntries(entries)),
  ),
})).value;

const KINDS = ['register', 'memory', 'lock', 'unlock', 'wait', 'trap', 'return', 'device', 'poll'] as const;
const agent = fc.oneof({ weight: 3, arbitrary: fc.constantFrom('guest', 'vmm', 'device') }, anyText);
const cell = fc.oneof({ weight: 3, arbitrary: fc.constantFrom('lock.held', 'queue.done', 'flag.up') }, anyText);

const anyStep: fc.Arbitrary<ScheduleStep> = fc.record(
  {
    agent,
    kind: fc.constantFrom(...KINDS),
    what: anyText,
    reads: fc.array(fc.record({ cell, value: anyValue }), { maxLength: 3 }),
    writes: fc.array(fc.record({ cell, before: anyValue, after: anyValue }), { maxLength: 3 }),
    threw: anyText,
  },
  { requiredKeys: ['agent', 'kind', 'what', 'reads', 'writes'] },
);

export const anyCounterexample: fc.Arbitrary<Counterexample> = fc.array(anyStep, { maxLength: 12 }).chain((steps) =>
  fc.record({
    model: anyText,
    property: anyText,
    violation: anyText,
    steps: fc.constant(steps),
    loop: steps.length === 0 ? fc.constant(null) : fc.option(fc.nat({ max: steps.length - 1 })),
    shortest: fc.boolean(),
    waiting: fc.array(fc.record({ agent, for: anyText }), { maxLength: 3 }),
  }),
);
