// Which checks the arguments ask for.
import { basename } from 'node:path';
import { CHECKS, POLICIES, WINDOWS } from '@siov/scenarios';
import type { Check } from '@siov/scenarios';
import { WrongUsage } from '../errors.ts';
import { subjectOf } from './subject.ts';
import type { Subject } from './subject.ts';
import { loadModule } from './user-module.ts';

export interface SelectionOptions {
  readonly design: 'review' | 'v6' | 'all';
  readonly window?: readonly string[];
  readonly vmm?: readonly string[];
}

export interface Selection {
  readonly subjects: readonly Subject[];
  /** Checks under policies that were not asked for. */
  readonly otherPolicies: number;
}

/** What most users have, and the quickest: the other policies differ in how vectors are taken. */
const USUAL = 'dynamic';

/** Throws {@link WrongUsage}. */
export async function select(names: readonly string[], options: SelectionOptions): Promise<Selection> {
  const scenarios = [...new Set(CHECKS.map(({ scenario }) => scenario as string))];
  const modules = names.filter((name) => !scenarios.includes(name));
  for (const name of modules) if (!isPath(name)) throw new WrongUsage(`scenario ${name}: there are ${scenarios.join(', ')}, or the path of a module with models (./my-flow.ts)`);
  const asked = listed('--window', options.window ?? [], WINDOWS.map(({ name }) => name));
  const policies = policiesOf(options.vmm ?? []);
  const wanted = names.length === 0 ? scenarios : names;
  const builtIn = CHECKS.filter(({ scenario, design, window }) =>
    wanted.includes(scenario) && (options.design === 'all' || design === options.design) && (asked.length === 0 || asked.includes(window.name)));
  // The refuted design under whichever policy shows what is wrong with it; what takes minutes only when it is asked for.
  const usual = options.vmm === undefined;
  const chosen = builtIn.filter(({ vmm, design, long }) =>
    vmm === undefined || (usual && design === 'v6') || (policies.includes(vmm) && !(usual && long === true && asked.length === 0)));
  if (chosen.length === 0 && modules.length < names.length + (names.length === 0 ? 1 : 0)) throw new WrongUsage(nothing(options, builtIn));
  const own = await Promise.all(modules.map(subjectsOf));
  return { subjects: [...chosen.map(subjectOf), ...own.flat()], otherPolicies: builtIn.length - chosen.length };
}

function isPath(name: string): boolean {
  return /[\\/]|\.[cm]?[jt]s$/u.test(name);
}

function policiesOf(given: readonly string[]): readonly string[] {
  if (given.includes('all')) return POLICIES;
  const policies = listed('--vmm', given, [...POLICIES, 'all']);
  return policies.length === 0 ? [USUAL] : policies;
}

/** Names may also be separated by commas, so that they can stand before the scenarios. */
function listed(option: string, given: readonly string[], known: readonly string[]): readonly string[] {
  const names = given.flatMap((each) => each.split(','));
  const wrong = names.find((name) => !known.includes(name));
  if (wrong !== undefined) throw new WrongUsage(`${option} ${wrong}: there are ${known.join(', ')}`);
  return names;
}

function nothing({ design, window, vmm }: SelectionOptions, otherwise: readonly Check[]): string {
  const asked = [`--design ${design}`, ...(window === undefined ? [] : [`--window ${window.join(' ')}`]), ...(vmm === undefined ? [] : [`--vmm ${vmm.join(' ')}`])].join(' ');
  const policies = [...new Set(otherwise.flatMap((check) => (check.vmm === undefined ? [] : [check.vmm])))];
  const hint = policies.length === 0 ? 'siov check --list --vmm all shows all there are' : `there is one under ${policies.join(', ')}: give --vmm`;
  return `${asked}: no check is all of that; ${hint}`;
}

async function subjectsOf(path: string): Promise<Subject[]> {
  const { models, expected } = await loadModule(path);
  return models.map(({ name }): Subject => ({
    recipe: { name, module: path },
    scenario: basename(path),
    design: '',
    window: name,
    how: '',
    what: `the model ${name} of ${path}`,
    refuted: [],
    expected: expected[name] ?? {},
    shows: null,
    engine: 'auto',
  }));
}
