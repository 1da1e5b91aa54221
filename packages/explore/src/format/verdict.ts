// What an exploration found, as a table, and how far that goes: a proof, a search that was cut short, or a sample.
import type { Counterexample, Coverage, Engine, Limit, PropertyVerdict, Report } from '../report.ts';
import { counted, cut, labelled, LINE, padTo, printable, widest, wrap } from './line.ts';

const LABELS = 10;
const GAP = 2;
const NAME_AT_MOST = 60;

/** A line a property, then what was covered and what follows from that. Lines of at most 120 characters. */
export function verdictText(report: Report): string {
  const { model, verdicts, coverage } = report;
  const name = Math.min(NAME_AT_MOST, widest(['property', ...verdicts.map(({ property }) => printable(property))]));
  const outcome = widest(['outcome', ...verdicts.map((verdict) => verdict.outcome)]);
  const row = (first: string, second: string, note: string) => {
    const indent = GAP + name + GAP + outcome + GAP;
    const front = `${' '.repeat(GAP)}${padTo(cut(printable(first), name), name)}  ${padTo(second, outcome)}  `;
    return wrap(note, LINE - indent).map((line, index) => `${padTo(index === 0 ? front : '', indent)}${line}`.trimEnd());
  };
  const lines = [
    ...labelled('model', model, LABELS),
    '',
    ...row('property', 'outcome', ''),
    ...verdicts.flatMap((verdict) => row(verdict.property, verdict.outcome, noteOf(verdict))),
    '',
    ...labelled('covered', coverageText(coverage), LABELS),
    ...labelled('which is', strengthText(coverage), LABELS),
  ];
  return `${lines.join('\n')}\n`;
}

function noteOf({ outcome, counterexample }: PropertyVerdict): string {
  if (outcome === 'proved') return 'in every schedule';
  if (outcome === 'not refuted') return 'in what was covered; not proved';
  return counterexample === null ? 'no schedule is given' : brokenBy(counterexample);
}

function brokenBy({ steps, loop, shortest }: Counterexample): string {
  if (steps.length === 0) return 'where the model starts';
  const forEver = loop === null ? '' : `, the last ${steps.length - loop} of them for ever`;
  return `by ${counted(steps.length, 'step')}${forEver}${shortest ? ', no fewer' : ''}`;
}

const ENGINES: Readonly<Record<Engine, string>> = {
  tables: 'agents learned before the search',
  lazy: 'agents learned during the search',
  random: 'random schedules',
  pct: 'random schedules by priorities (PCT)',
};

function isSample({ engine }: Coverage): boolean {
  return engine === 'random' || engine === 'pct';
}

/** Figures only, for one line: `agents learned before the search; 76,548 states; …; complete; 0.53 s; 216 MiB`. */
export function coverageText(coverage: Coverage): string {
  const { engine, states, transitions, learned, schedules, depth, reduction, merging, seed, seconds, memory } = coverage;
  const figures = [
    ENGINES[engine],
    ...(isSample(coverage) ? [`seed ${seed ?? 'unknown'}`] : [counted(states, 'state')]),
    counted(transitions, 'transition'),
    counted(schedules, 'whole schedule'),
    `depth ${depth.toLocaleString('en-US')}`,
    ...(learned === 0 ? [] : [`code run for ${counted(learned, 'step')}`]),
    ...(isSample(coverage) ? [] : [`reduction: ${reduction}`, `merging: ${merging}`]),
    ...(isSample(coverage) ? stopOf(coverage) : [endOf(coverage)]),
    `${seconds.toFixed(seconds < 10 ? 2 : 1)} s`,
    `${Math.round(memory / 2 ** 20).toLocaleString('en-US')} MiB`,
  ];
  return figures.join('; ');
}

const LIMITS: Readonly<Record<Limit, string>> = {
  states: 'the limit of states',
  memory: 'the limit of memory',
  time: 'the limit of time',
  depth: 'the limit of depth',
  interrupted: 'an interruption',
  refuted: 'the first refutation, as was asked for,',
};

function endOf({ complete, leftOver }: Coverage): string {
  if (leftOver !== null) return `${LIMITS[leftOver.limit]} left ${counted(leftOver.states, 'state')}`;
  return complete ? 'complete' : 'ended early';
}

/** A sample ends when as many were picked as were asked for: that is not worth saying. */
function stopOf({ leftOver }: Coverage): string[] {
  return leftOver === null ? [] : [`stopped by ${LIMITS[leftOver.limit]}`];
}

const ELSEWHERE = 'What is not refuted holds in what was covered, and may be broken elsewhere.';

/** What may be concluded from the coverage, and what not. */
export function strengthText(coverage: Coverage): string {
  const { complete, leftOver, schedules, depth } = coverage;
  if (isSample(coverage)) {
    return `a sample: ${counted(schedules, 'schedule')} picked at random. Nothing is proved: any other may break what these did not.`;
  }
  if (complete) return `a proof of what is called proved, up to the bounds that the model itself sets: ${exactly(coverage)}`;
  if (leftOver === null) return `no proof: the search ended before everything was seen. ${ELSEWHERE}`;
  const left = `${LIMITS[leftOver.limit]} left ${counted(leftOver.states, 'known state')} that the search did not go on from`;
  const deep = leftOver.limit === 'depth' ? `, and nothing after ${counted(depth, 'step')} was looked at` : '';
  return `no proof: ${left}${deep}. ${ELSEWHERE}`;
}

function exactly({ reduction, merging, states }: Coverage): string {
  const alike = ', of those that differ only in the order of steps that have nothing to do with each other, one';
  const schedules = `every schedule of its agents was covered${reduction === 'none' ? '' : alike}.`;
  return merging === '128-bit fingerprints' ? `${schedules} ${collisions(states)}` : schedules;
}

/** Of the birthday bound: pairs of states by fingerprints. */
function collisions(states: number): string {
  const chance = (states * Math.max(0, states - 1)) / 2 / 2 ** 128;
  const about = chance === 0 ? '0' : `about ${chance.toExponential(0)}`;
  return `It is wrong if two different states have the same fingerprint: a chance of ${about}.`;
}
