// One preset for every package. Declarations come from tsc (tsconfig.build.json): tsup's own cannot use TypeScript 7.
// Relative to the package folder it runs in; a package with a command adds src/main.ts and gets it as a second entry.
import { existsSync } from 'node:fs';
import { defineConfig } from 'tsup';

export default defineConfig({
  entry: ['src/index.ts', 'src/main.ts', 'src/testing.ts', 'src/diagram.ts'].filter((file) => existsSync(file)),
  format: 'esm',
  target: 'node20',
  platform: 'node',
  dts: false,
  sourcemap: true,
  clean: true,
  silent: true,
});
