// The command: arguments in, text and an exit code out. 0 kept, 1 violated or out of date, 2 nothing to judge against.
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command, CommanderError } from 'commander';
import { check } from './check.ts';
import { loadLayers, loadWorkspace, locate } from './load.ts';
import { formatReport } from './report.ts';
import { layersTable, withTable } from './table.ts';
import { ConfigError } from './violation.ts';

export interface Terminal {
  readonly cwd: string;
  out(text: string): void;
  err(text: string): void;
}

interface TableOptions {
  readonly config?: string;
  readonly check?: string;
  readonly write?: string;
}

/** Runs one command line (without node and script) and returns the exit code. */
export function run(args: readonly string[], terminal: Terminal): number {
  let code = 0;
  const program = new Command('layers')
    .description('judges the imports of a workspace by its declared layers')
    .exitOverride()
    .configureOutput({ writeOut: (text) => terminal.out(text.trimEnd()), writeErr: (text) => terminal.err(text.trimEnd()) });
  program.command('check').description('report every import and manifest that the layers do not allow')
    .option('--config <path>', 'the declaration (default: layers.json or tooling/layering/layers.json of the workspace)')
    .option('--json', 'print the report as JSON')
    .action((options: { config?: string; json?: boolean }) => { code = runCheck(options, terminal); });
  program.command('table').description('print the layers as a markdown table')
    .option('--config <path>', 'the declaration')
    .option('--check <file>', 'verify the table between <!-- layers:begin --> and <!-- layers:end --> in a document')
    .option('--write <file>', 'bring that table up to date')
    .action((options: TableOptions) => { code = runTable(options, terminal); });
  try {
    program.parse([...args], { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (!(error instanceof ConfigError)) throw error;
    terminal.err(`layers: ${error.message}`);
    return 2;
  }
  return code;
}

function runCheck({ config, json }: { config?: string; json?: boolean }, terminal: Terminal): number {
  const report = check(loadWorkspace(locate(terminal.cwd, config)));
  terminal.out(json === true ? JSON.stringify(report, null, 2) : formatReport(report));
  return report.violations.length === 0 ? 0 : 1;
}

function runTable(options: TableOptions, terminal: Terminal): number {
  const table = layersTable(loadLayers(locate(terminal.cwd, options.config).config));
  const file = options.check ?? options.write;
  if (file === undefined) {
    terminal.out(table);
    return 0;
  }
  const document = readDocument(resolve(terminal.cwd, file), file);
  const updated = withTable(document, table);
  if (updated === undefined) throw new ConfigError(file, ['needs one <!-- layers:begin --> and one <!-- layers:end --> after it']);
  if (updated === document) return 0;
  if (options.check !== undefined) {
    terminal.err(`layers: the table in ${file} is out of date; run "layers table --write ${file}"`);
    return 1;
  }
  writeFileSync(resolve(terminal.cwd, file), updated);
  return 0;
}

function readDocument(path: string, name: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    throw new ConfigError(name, ['cannot be read']);
  }
}
