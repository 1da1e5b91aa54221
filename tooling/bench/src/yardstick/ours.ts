// @siov/explore on the yardstick: one check in a process of its own, from its start to its end.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Checked, CheckOne } from './check-one.ts';
import { measured } from './measure.ts';
import type { Cost } from './measure.ts';

export interface OurRun extends Checked {
  readonly whole: Cost;
}

const CHECK_ONE = fileURLToPath(new URL('check-one.ts', import.meta.url));

/**
 * Runs with the options of this process, and so the same sources. `directory` keeps them compiled: without that each run would
 * strip their types anew, which the built package does not have to.
 */
export async function runOurs(directory: string, what: CheckOne): Promise<OurRun> {
  const args = [...process.execArgv, CHECK_ONE, JSON.stringify(what)];
  const variables = { NODE_COMPILE_CACHE: join(directory, 'compiled') };
  const { output, ...whole } = await measured(directory, process.execPath, args, variables);
  return { ...(JSON.parse(output) as Checked), whole };
}
