// What is explored in one process, as it is handed to it: a check of `siov check` by its name, or a size of a growing window.
import type { Model } from '@siov/explore';
import { checkModel, CHECKS, nameOf } from '@siov/scenarios';
import type { Check } from '@siov/scenarios';
import { growingModel } from './growing.ts';
import type { GrowthSize } from './growing.ts';

export type Subject = { readonly check: string } | { readonly size: GrowthSize };

/** One policy of the VMM, which is the default of `siov check`; all of the host and of the refuted design. */
export const MEASURED_CHECKS: readonly Check[] = CHECKS.filter(({ design, vmm = 'dynamic' }) => design === 'v6' || vmm === 'dynamic');

export function modelOfSubject(subject: Subject): Model {
  return 'size' in subject ? growingModel(subject.size) : checkModel(checkNamed(subject.check));
}

/** By what their names begin with. */
export function refutedOf(subject: Subject): readonly string[] {
  return 'size' in subject ? [] : checkNamed(subject.check).refuted;
}

function checkNamed(name: string): Check {
  const found = CHECKS.find((check) => nameOf(check) === name);
  if (found === undefined) throw new RangeError(`there is no check ${name}`);
  return found;
}
