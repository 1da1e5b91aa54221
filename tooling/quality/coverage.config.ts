// Coverage of the TypeScript sources by the unit tests. One threshold per package, so that none hides behind another.
import { defineConfig } from 'vitest/config';
import { BRANCHES_WANTED, MEASURED } from './src/measured.ts';

const root = new URL('../..', import.meta.url).pathname;
const conditions = ['@siov/source', 'node', 'import', 'default'];
const sources = (path: string) => `${path}/src/**/*.ts`;

export default defineConfig({
  root,
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: [...new Set(MEASURED.flatMap(({ tests }) => tests))].map((folder) => `${folder}/**/*.test.ts`),
    isolate: false,
    pool: 'forks',
    reporters: ['dot'],
    coverage: {
      enabled: true,
      provider: 'v8',
      include: MEASURED.map(({ path }) => sources(path)),
      reporter: ['text', 'json-summary'],
      reportsDirectory: new URL('./results/coverage', import.meta.url).pathname,
      thresholds: Object.fromEntries(MEASURED.map(({ path }) => [sources(path), { branches: BRANCHES_WANTED }])),
    },
  },
});
