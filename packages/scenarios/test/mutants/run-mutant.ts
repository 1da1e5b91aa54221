// The child program of a mutant: runs one check on the code as the hook has changed it, up to the first refutation, and prints
// a line of JSON.
import { check } from '@siov/explore';
import { CHECKS, checkModel, nameOf } from '../../src/check/checks.ts';
import { mutantOfArguments } from './child.ts';
import type { Found } from './child.ts';
import { groupOf } from './mutant.ts';

/** Of the search; what is not found by then is not found. */
const SECONDS = 30;

const mutant = mutantOfArguments(process.argv);
const checked = CHECKS.find((each) => nameOf(each) === mutant.check);
if (checked === undefined) throw new RangeError(`${mutant.name}: there is no check ${mutant.check}`);
const { verdicts, coverage } = await check(checkModel(checked), {
  engine: 'lazy', first: true, limits: { seconds: SECONDS }, shorten: { seconds: 2, states: 50_000 },
});
const refuted = verdicts.filter(({ outcome }) => outcome === 'refuted');
const counterexample = refuted[0]?.counterexample;
const steps = counterexample?.steps ?? [];
const found: Found = {
  refuted: [...new Set(refuted.map(({ property }) => groupOf(property)))],
  violation: counterexample?.violation ?? '',
  steps: steps.length,
  turns: steps.filter(({ agent }, each) => agent !== steps[each - 1]?.agent).length,
  seconds: coverage.seconds,
  complete: coverage.complete,
};
process.stdout.write(`${JSON.stringify(found)}\n`);
