// Explores a subject in a process of its own, so that no run finds what another one has compiled or left in memory.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Explored, Impossible } from './explored.ts';
import type { Subject } from './subject.ts';

export interface Request {
  readonly subject: Subject;
  /** Limit of the search. */
  readonly seconds: number;
}

const run = promisify(execFile);
const EXPLORE_ONE = fileURLToPath(new URL('explore-one.ts', import.meta.url));

/** With Node's options of this process unless said, and so the same sources. `directory` keeps them compiled. */
export async function exploreFresh(directory: string, request: Request, options = process.execArgv): Promise<Explored | Impossible> {
  const env = { ...process.env, NODE_COMPILE_CACHE: join(directory, 'compiled') };
  const args = [...options, EXPLORE_ONE, JSON.stringify(request)];
  const { stdout } = await run(process.execPath, args, { env, maxBuffer: Number.POSITIVE_INFINITY });
  return JSON.parse(stdout) as Explored | Impossible;
}
