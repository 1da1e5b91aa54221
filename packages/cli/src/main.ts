#!/usr/bin/env node
// The siov command.
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { addAudit } from './commands/audit.ts';
import { addCheck } from './commands/check.ts';
import { addGuest } from './commands/guest.ts';
import { addReplay } from './commands/replay.ts';
import { addRun } from './commands/run.ts';
import { addServe } from './commands/serve-dsa.ts';
import { explain, statusOfError } from './errors.ts';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };

// A reader that has seen enough (head, a closed pager) is no failure of ours, and ends what waits for it.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') process.stderr.write(`siov: cannot write the output: ${error.code}\n`);
  process.exitCode = error.code === 'EPIPE' ? 0 : 1;
  if (!process.emit('SIGTERM', 'SIGTERM')) process.exit();
});

const program = new Command('siov')
  .version(version)
  .description('The interrupt plumbing of Scalable I/O Virtualization devices: check it, run it, serve it, boot a guest on it')
  .showHelpAfterError('(--help shows the options)');
addCheck(program, version);
addReplay(program);
addRun(program);
addServe(program);
addGuest(program);
addAudit(program);

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`siov: ${explain(error)}\n`);
  process.exitCode = statusOfError(error);
}
