// Mutation testing of one package with StrykerJS: all mutants are in the sources at once, each behind a switch; for each
// one only the tests that reach it are run, in a vitest that stays alive.
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { relative } from 'node:path';
import { Stryker } from '@stryker-mutator/core';
import { SUITES } from './measured.ts';
import type { Part } from './measured.ts';
import type { Mutant } from './mutant.ts';
import { textAt } from './mutant.ts';

/** Environment variable that tells `mutation.config.ts` the folders of the tests, separated by commas. */
export const TEST_FOLDERS = 'SIOV_MUTATION_TESTS';
/** And the test files to leave out. */
export const SLOW_TESTS = 'SIOV_MUTATION_SLOW';

export interface MutateOptions {
  /** Where Stryker keeps what it found, to go on from. */
  readonly record: string;
  /** Tries only what the record cannot answer: changed code, and mutants whose tests changed. Else all of them. */
  readonly changed: boolean;
}

/**
 * Mutates a copy of the workspace in the current directory; the sources themselves are not touched. Throws when the tests
 * fail without any change.
 */
export async function mutate({ path, part, tests, slow }: Part, { record, changed }: MutateOptions): Promise<Mutant[]> {
  process.env[TEST_FOLDERS] = tests.join(',');
  process.env[SLOW_TESTS] = slow.join(',');
  // By address: from the root of the workspace, where Stryker runs, it cannot be found by name.
  const plugins = [import.meta.resolve('@stryker-mutator/vitest-runner')];
  const sources = part === path ? `${path}/src/**/*.ts` : part.endsWith('.ts') ? part : `${part}/**/*.ts`;
  const stryker = new Stryker({
    configFile: 'tooling/quality/stryker.json',
    plugins,
    mutate: [sources, ...SUITES.map((suite) => `!${suite}`)],
    concurrency: availableParallelism(),
    incremental: true,
    incrementalFile: record,
    force: !changed,
  });
  const results = await stryker.runMutationTest();
  return results.map(({ fileName, location, mutatorName, replacement, status }) => ({
    file: relative(process.cwd(), fileName),
    line: location.start.line,
    mutator: mutatorName,
    ...textAt(readFileSync(fileName, 'utf8'), location),
    replacement: replacement ?? '',
    status,
  }));
}
