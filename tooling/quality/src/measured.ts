// Which packages are measured, by whose tests, and what is asked of them.

export interface Measured {
  /** Folder below the workspace root. */
  readonly path: string;
  /** Folders whose tests count. A package's own: what only somebody else's tests find is found by luck. */
  readonly tests: readonly string[];
  /** Test files that a mutation run leaves out because they take too long for each mutant: what only they would notice counts as unnoticed. */
  readonly slow: readonly string[];
}

const own = (path: string, slow: readonly string[] = []): Measured => ({ path, tests: [`${path}/test`], slow: slow.map((name) => `${path}/test/${name}.test.ts`) });

export const MEASURED: readonly Measured[] = [
  own('packages/irq', ['msi-scale', 'hot-path', 'random-programs', 'readme']),
  own('packages/iommu', ['hot-path']),
  own('packages/ims'),
];

/** Sources that are suites of tests themselves: broken implementations show what they notice, mutants of them show nothing. */
export const SUITES = ['packages/*/src/testing*.ts', 'packages/*/src/*-contract.ts'];

/** Per cent of branches that tests take, in each package. */
export const BRANCHES_WANTED = 95;
/** Per cent of mutants that tests find, in each package. */
export const MUTANTS_WANTED = 85;

/** A package, or a file, a pattern of files or a folder of it: what is mutated; the tests are the package's in any case. */
export interface Part extends Measured {
  readonly part: string;
}

/** The parts that are meant; all packages when none is named. */
export function choose(wanted: readonly string[]): { chosen: Part[]; unknown: string[] } {
  const of = (path: string) => MEASURED.find((each) => path === each.path || path.startsWith(`${each.path}/src/`));
  const named = wanted.length === 0 ? MEASURED.map(({ path }) => path) : wanted;
  return {
    chosen: named.flatMap((part) => {
      const measured = of(part);
      return measured === undefined ? [] : [{ ...measured, part }];
    }),
    unknown: named.filter((part) => of(part) === undefined),
  };
}
