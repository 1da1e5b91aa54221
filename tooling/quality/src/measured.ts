// Which packages are measured, by whose tests, and what is asked of them.

export interface Measured {
  /** Folder below the workspace root. */
  readonly path: string;
  /** Folders whose tests count. A package's own: what only somebody else's tests find is found by luck. */
  readonly tests: readonly string[];
}

const own = (path: string): Measured => ({ path, tests: [`${path}/test`] });

export const MEASURED: readonly Measured[] = [own('packages/irq'), own('packages/iommu'), own('packages/ims')];

/** Per cent of branches that tests take, in each package. */
export const BRANCHES_WANTED = 95;
/** Per cent of mutants that tests find, in each package. */
export const MUTANTS_WANTED = 85;
