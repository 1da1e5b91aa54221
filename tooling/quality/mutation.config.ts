// The tests as the mutation run sees them, in a copy of the workspace. There the packages find each other by path: the
// links in node_modules lead to the original sources, in which nothing is mutated.
import { readdirSync } from 'node:fs';
import { defineConfig } from 'vitest/config';
import { SLOW_TESTS, TEST_FOLDERS } from './src/run.ts';

const root = new URL('../..', import.meta.url).pathname;
const alias = readdirSync(`${root}packages`).flatMap((name) => [
  { find: new RegExp(`^@siov/${name}$`), replacement: `${root}packages/${name}/src/index.ts` },
  { find: new RegExp(`^@siov/${name}/testing$`), replacement: `${root}packages/${name}/src/testing.ts` },
]);

export default defineConfig({
  root,
  resolve: { alias },
  test: {
    include: (process.env[TEST_FOLDERS] ?? '').split(',').map((folder) => `${folder}/**/*.test.ts`),
    exclude: (process.env[SLOW_TESTS] ?? '').split(',').filter((file) => file !== ''),
    reporters: [],
  },
});
