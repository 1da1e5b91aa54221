// What is checked: one model and what is expected of it, and how a worker or a replay makes the model again from plain data.
import { checkModel, CHECKS, nameOf } from '@siov/scenarios';
import type { Check } from '@siov/scenarios';
import type { CellValue, CheckOptions, Model, Outcome } from '@siov/explore';
import { WrongUsage } from '../errors.ts';
import { loadModule } from './user-module.ts';

/** `module`: the file that exports the model; null: it is one of CHECKS. */
export interface Recipe {
  readonly name: string;
  readonly module: string | null;
}

export interface Subject {
  readonly recipe: Recipe;
  /** Columns of the table. */
  readonly scenario: string;
  readonly design: string;
  readonly window: string;
  readonly how: string;
  /** What runs against what, and within which bounds. */
  readonly what: string;
  /** Groups of properties that are expected to be refuted: what comes before the comma of their names. */
  readonly refuted: readonly string[];
  /** By the whole name of a property. */
  readonly expected: Readonly<Record<string, Outcome>>;
  /** What the refutation is an example of. */
  readonly shows: string | null;
  readonly engine: NonNullable<CheckOptions['engine']>;
}

export function subjectOf(check: Check): Subject {
  const { scenario, design, window, vmm, queuePasid, refuted, shows } = check;
  const how = [...(vmm === undefined ? [] : [vmm]), ...(queuePasid === false ? ['default PASID'] : [])].join(', ');
  return {
    recipe: { name: nameOf(check), module: null },
    scenario,
    design,
    window: window.name,
    how,
    what: `${window.what} (${boundsOf(check)})`,
    refuted,
    expected: {},
    shows: shows ?? null,
    // Shared state of whole machines is more than tables can hold.
    engine: 'lazy',
  };
}

function boundsOf({ scenario, window: { guestCpus = 1, devices = 1, vectors = 2 } }: Check): string {
  const counted = (count: number, what: string) => `${count} ${what}${count === 1 ? '' : 's'}`;
  if (scenario === 'host') return counted(guestCpus, 'CPU');
  return [counted(devices, 'device'), `${counted(guestCpus, 'CPU')} a guest`, `${vectors} vectors a device`].join(', ');
}

/** Throws {@link WrongUsage} when there is no such model any more. */
export async function modelOf({ name, module }: Recipe): Promise<Model> {
  if (module === null) {
    const check = CHECKS.find((each) => nameOf(each) === name);
    if (check === undefined) throw new WrongUsage(`there is no model ${name} among the checks: siov check --list --vmm all names them`);
    return checkModel(check);
  }
  const { models } = await loadModule(module);
  const found = models.find((each) => each.name === name);
  if (found === undefined) throw new WrongUsage(`${module} has no model ${name}; it has ${models.map((each) => each.name).join(', ')}`);
  return found;
}

/** What a trace file says of how the model was made, for people: the name makes it again. */
export function describedOptions({ recipe, scenario, design, window, how }: Subject): Readonly<Record<string, CellValue>> {
  return recipe.module === null ? { scenario, design, window, ...(how === '' ? {} : { how }) } : { model: window };
}
