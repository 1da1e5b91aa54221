#!/usr/bin/env node
import { enableCompileCache } from 'node:module';

// Half of a run is loading; the cache saves most of that, but only for what is imported after it is switched on.
enableCompileCache();
const { run } = await import('./cli.ts');

// exitCode, not exit(): a report longer than a pipe's buffer is written to its end.
process.exitCode = run(process.argv.slice(2), {
  cwd: process.cwd(),
  out: (text) => process.stdout.write(`${text}\n`),
  err: (text) => process.stderr.write(`${text}\n`),
});
