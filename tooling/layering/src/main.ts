#!/usr/bin/env node
import { run } from './cli.ts';

// exitCode, not exit(): a report longer than a pipe's buffer is written to its end.
process.exitCode = run(process.argv.slice(2), {
  cwd: process.cwd(),
  out: (text) => process.stdout.write(`${text}\n`),
  err: (text) => process.stderr.write(`${text}\n`),
});
