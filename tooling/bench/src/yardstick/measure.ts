// What a program costs as a whole process: wall time, and processor time and peak memory as GNU time reports them. Every contestant
// is measured so.
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

export interface Cost {
  /** Of the clock on the wall. */
  readonly seconds: number;
  /** Seconds of all processors together: what others run meanwhile matters less to it. */
  readonly cpu: number;
  /** Most bytes resident at a time in one process of it. */
  readonly memory: number;
}

export interface Measured extends Cost {
  readonly output: string;
}

const run = promisify(execFile);

/**
 * Runs `command` in `directory`, which also takes what GNU time says, with `variables` added to the environment. Rejects if the
 * command fails.
 */
export async function measured(
  directory: string,
  command: string,
  args: readonly string[],
  variables?: Readonly<Record<string, string>>,
): Promise<Measured> {
  const report = join(directory, 'time');
  const start = performance.now();
  const timed = ['--quiet', '--format=%U %S %M', `--output=${report}`, command, ...args];
  const env = { ...process.env, ...variables };
  const { stdout } = await run('time', timed, { cwd: directory, env, maxBuffer: Number.POSITIVE_INFINITY });
  const seconds = (performance.now() - start) / 1000;
  const [user, system, kilobytes] = (await readFile(report, 'utf8')).split(' ').map(Number) as [number, number, number];
  return { seconds, cpu: user + system, memory: kilobytes * 1024, output: stdout };
}
