// The programs that the comparison with Spin needs, and what to install where they are missing.
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Program to Debian packages. gcc compiles what Spin generates; GNU time tells peak memory. */
const PACKAGES: Readonly<Record<string, string>> = { spin: 'spin', gcc: 'gcc libc6-dev', time: 'time' };

/** Those not found in the directories of `path`. */
export function missingTools(path = process.env['PATH'] ?? ''): string[] {
  const directories = path.split(delimiter).filter((each) => each !== '');
  return Object.keys(PACKAGES).filter((name) => !directories.some((directory) => isExecutable(join(directory, name))));
}

/** Says what to do about it. */
export class MissingTools extends Error {
  constructor(missing: readonly string[]) {
    const packages = missing.map((name) => PACKAGES[name] ?? name);
    super(`The yardstick needs ${missing.join(', ')}. On Debian: apt-get install ${packages.join(' ')}`);
  }
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
