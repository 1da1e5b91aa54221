#!/usr/bin/env node
// The siov command.
import { Command } from 'commander';
import { addGuest } from './commands/guest.ts';
import { addRun } from './commands/run-mdev.ts';
import { addServe } from './commands/serve-dsa.ts';
import { explain } from './errors.ts';

const program = new Command('siov')
  .description('The interrupt plumbing of Scalable I/O Virtualization devices: run it, serve it, boot a guest on it')
  .showHelpAfterError('(--help shows the options)');
addRun(program);
addServe(program);
addGuest(program);

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`siov: ${explain(error)}\n`);
  process.exitCode = 1;
}
