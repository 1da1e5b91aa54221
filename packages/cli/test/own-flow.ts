// A folder outside of the workspace, as a user's project is, with the packages linked and the example of docs/checking.md.
import { mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PACKAGES = { base: import.meta.resolve('@siov/base/package.json'), explore: import.meta.resolve('@siov/explore/package.json') };
const DOCUMENT = new URL('../../../docs/checking.md', import.meta.url);

export function example(): string {
  return /```ts\n(.*?)```/su.exec(readFileSync(DOCUMENT, 'utf8'))?.[1] ?? '';
}

export function userProject(): string {
  const folder = mkdtempSync(join(tmpdir(), 'siov-own-'));
  mkdirSync(join(folder, 'node_modules', '@siov'), { recursive: true });
  for (const [name, manifest] of Object.entries(PACKAGES)) symlinkSync(join(fileURLToPath(manifest), '..'), join(folder, 'node_modules', '@siov', name));
  writeFileSync(join(folder, 'my-flow.ts'), example());
  return folder;
}
