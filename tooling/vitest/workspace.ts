// All tests of the repository in one vitest process: models keep no module state, so files can share a worker.
import { defineConfig } from 'vitest/config';

const root = new URL('../..', import.meta.url).pathname;
const conditions = ['@siov/source', 'node', 'import', 'default'];
const shared = {
  resolve: { conditions },
  ssr: { resolve: { conditions } },
};
const GUEST = '**/*.guest.test.ts';
/**
 * What explores freezes the data it compares states by, and so constants that others share; and what measures the heap depends on
 * what else the engine has seen. Each such file has a process of its own.
 */
const ALONE = [
  'packages/explore/test/**/*.test.ts',
  'packages/scenarios/test/check.test.ts',
  'packages/cli/test/{check,replay}.test.ts',
  'tooling/bench/test/{explore,yardstick}.test.ts',
  'packages/*/test/hot-path.test.ts',
];

export default defineConfig({
  ...shared,
  root,
  test: {
    reporters: ['default', new URL('./summary-reporter.ts', import.meta.url).pathname],
    projects: [
      {
        ...shared,
        root,
        test: {
          name: 'model',
          include: ['packages/*/test/**/*.test.ts', 'tooling/*/test/**/*.test.ts'],
          exclude: [GUEST, ...ALONE, '**/node_modules/**'],
          isolate: false,
          pool: 'forks',
          // Against hanging only: a machine that does other things as well makes tests slow, not wrong.
          testTimeout: 60_000,
        },
      },
      {
        ...shared,
        root,
        test: {
          name: 'alone',
          include: ALONE,
          exclude: ['**/node_modules/**'],
          isolate: true,
          pool: 'forks',
          testTimeout: 120_000,
        },
      },
      {
        ...shared,
        root,
        test: {
          // Each of these boots a QEMU: one at a time, never against the others for two cores.
          name: 'guest',
          include: [`packages/*/test/${GUEST}`, `tooling/*/test/${GUEST}`],
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 240_000,
          hookTimeout: 900_000,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
